// A layer's tar from anybody, unpacked into a folder of its own; nothing may appear beside it.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "image/unpack.h"

namespace {

std::size_t Count(const std::string& folder) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
  return count;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  char path[] = "/dev/shm/estiba-fuzz.XXXXXX";
  if (::mkdtemp(path) == nullptr) std::abort();
  const std::string folder = path;
  std::filesystem::create_directory(folder + "/layer");
  {
    const estiba::os::UniqueFd root(::open((folder + "/layer").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    estiba::image::UnpackOptions options;
    options.limits.max_entries = 1000;
    options.limits.max_total = 1U << 20;
    // As in a user namespace: no devices of other machines' choice.
    const auto to = estiba::image::MakeDirectoryDestination({root.get()}, /*user_xattrs=*/true);
    bool given = false;
    const auto unpacked = estiba::image::UnpackLayer(
        *to,
        [&]() -> estiba::Result<std::string_view> {
          if (given) return std::string_view();
          given = true;
          return std::string_view(reinterpret_cast<const char*>(data), size);
        },
        options);
    if (unpacked.ok()) (void)to->Finish("sha256:00").ok();
  }
  if (Count(folder) != 1) {
    std::fprintf(stderr, "the archive wrote beside its folder\n");
    std::abort();
  }
  std::filesystem::remove_all(folder);
  return 0;
}
