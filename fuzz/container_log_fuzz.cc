// A container's log as it may be after crashes, and the tail of it.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "monitorapi/detach_keys.h"
#include "monitorapi/log.h"
#include "os/file.h"

namespace m = estiba::monitorapi;

namespace {

// One folder for the whole run, removed at its end.
class Folder {
 public:
  Folder() {
    if (::mkdtemp(path_) == nullptr) std::abort();
    auto opened = estiba::os::OpenAt({AT_FDCWD}, path_, O_RDONLY | O_DIRECTORY);
    if (!opened.ok()) std::abort();
    fd_ = std::move(*opened);
  }
  ~Folder() {
    ::unlinkat(fd_.get(), m::kLogName, 0);
    ::rmdir(path_);
  }
  estiba::os::DirFd dir() const { return {fd_.get()}; }

 private:
  char path_[32] = "/tmp/estiba-fuzz.XXXXXX";
  estiba::os::UniqueFd fd_;
};

void Read(estiba::os::DirFd dir, const m::LogOptions& options, std::size_t bound) {
  auto reader = m::LogReader::Open(dir, options);
  if (!reader.ok()) return;
  std::string out;
  for (std::size_t i = 0; i < bound; ++i) {
    const auto more = reader->Read(out, out.size() + 100);
    if (!more.ok() || !*more) return;
  }
  __builtin_trap();  // it never ends
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Folder folder;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  if (!estiba::os::ReplaceFile(folder.dir(), m::kLogName, bytes, 0600).ok()) return 0;
  m::LogOptions options;
  options.timestamps = size % 2 == 0;
  Read(folder.dir(), options, size + 10);
  options.tail = size > 0 ? data[0] : 0;
  options.raw = true;
  Read(folder.dir(), options, size + 10);
  const auto keys = m::ParseDetachKeys(bytes.substr(0, 40));
  if (keys.ok()) {
    m::DetachMatcher matcher(*keys);
    std::string out;
    matcher.Feed(bytes, out);
    if (out.size() > bytes.size()) __builtin_trap();
  }
  return 0;
}
