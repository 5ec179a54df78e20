// A layer's tar from anybody, unpacked into a folder of its own; nothing may appear beside it.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "image/unpack.h"

namespace {

std::size_t Count(const std::string& folder) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
  return count;
}

// The bytes as an archive into a new folder's only entry.
void Unpack(std::string_view bytes, bool plain) {
  char path[] = "/dev/shm/estiba-fuzz.XXXXXX";
  if (::mkdtemp(path) == nullptr) std::abort();
  const std::string folder = path;
  std::filesystem::create_directory(folder + "/layer");
  {
    const estiba::os::UniqueFd root(::open((folder + "/layer").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    estiba::image::UnpackOptions options;
    options.limits.max_entries = 1000;
    options.limits.max_total = 1U << 20;
    options.plain = plain;
    // As in a user namespace: no devices of other machines' choice.
    const auto to = plain ? estiba::image::MakePlainDestination({root.get()}, /*in_user_namespace=*/true)
                          : estiba::image::MakeDirectoryDestination({root.get()}, /*user_xattrs=*/true);
    const auto unpacked = estiba::image::UnpackLayer(
        *to,
        [&]() -> estiba::Result<std::string_view> { return std::exchange(bytes, std::string_view()); },
        options);
    if (unpacked.ok()) (void)to->Finish("sha256:00").ok();
  }
  if (Count(folder) != 1) {
    std::fprintf(stderr, "the archive wrote beside its folder\n");
    std::abort();
  }
  std::filesystem::remove_all(folder);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Unpack(bytes, /*plain=*/false);
  Unpack(bytes, /*plain=*/true);
  return 0;
}
