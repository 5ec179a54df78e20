// An EROFS image that may be damaged in any way, read by all that can be asked of it. The superblock's checksum is put
// right, so that the rest is reached.
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include "codec/crc32.h"
#include "erofs/reader.h"
#include "os/fd.h"

namespace {

using estiba::erofs::Kind;
using estiba::erofs::Reader;

constexpr std::size_t kSuper = 1024;
constexpr std::size_t kBlock = 4096;

std::string Repaired(const std::uint8_t* data, std::size_t size) {
  std::string image(reinterpret_cast<const char*>(data), size);
  image.resize((std::max(size, kBlock) + kBlock - 1) / kBlock * kBlock);
  const auto blocks = static_cast<std::uint32_t>(image.size() / kBlock);
  std::memcpy(image.data() + kSuper + 36, &blocks, sizeof blocks);
  std::memset(image.data() + kSuper + 4, 0, 4);
  const std::uint32_t checksum = ~estiba::codec::Crc32c(std::string_view(image).substr(kSuper, kBlock - kSuper));
  std::memcpy(image.data() + kSuper + 4, &checksum, sizeof checksum);
  return image;
}

void Visit(const Reader& reader) {
  std::vector<Reader::Number> todo = {reader.root()};
  std::string buffer;
  for (std::size_t i = 0; i < todo.size() && i < 200; ++i) {
    const Reader::Number number = todo[i];
    (void)reader.Get(number).ok();
    (void)reader.AttributesOf(number).ok();
    (void)reader.LinkOf(number).ok();
    (void)reader.Find(number, "a").ok();
    (void)reader.Read(number, 0, buffer, 1U << 16).ok();
    (void)reader.Read(number, 100'000, buffer, 1U << 16).ok();
    (void)reader
        .List(number,
              [&](std::string_view, Reader::Number child, Kind) {
                if (todo.size() < 400) todo.push_back(child);
                return estiba::Ok();
              })
        .ok();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string image = Repaired(data, size);
  const estiba::os::UniqueFd file(::memfd_create("image", MFD_CLOEXEC));
  if (::pwrite(file.get(), image.data(), image.size(), 0) != static_cast<ssize_t>(image.size())) return 0;
  const auto reader = Reader::Open(file.get());
  if (reader.ok()) Visit(*reader);
  return 0;
}
