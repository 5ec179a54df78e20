#include "stored_blob.h"

#include <cerrno>

#include <unistd.h>

namespace estiba::image {
namespace {

constexpr std::size_t kRead = 256U << 10;

}  // namespace

Status SendBlob(const store::ContentStore& content, const std::string& digest, const codec::ByteSink& sink) {
  const os::UniqueFd blob = TRY(content.OpenBlob(digest));
  std::string buffer(kRead, '\0');
  while (true) {
    const ssize_t n = ::read(blob.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::Errno(errno, "read blob '" + digest + "'");
    if (n == 0) return Ok();
    TRY(sink(std::string_view(buffer).substr(0, static_cast<std::size_t>(n))));
  }
}

}  // namespace estiba::image
