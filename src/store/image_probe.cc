#include "store/image_probe.h"

#include <fcntl.h>
#include <sys/mount.h>

#include "erofs/writer.h"
#include "os/mount.h"

namespace estiba::store {

Status ProbeImages(os::DirFd directory) {
  const os::UniqueFd file = TRY(os::OpenAt(directory, ".", O_TMPFILE | O_RDWR, 0600));
  erofs::Writer writer(file.get());
  TRY(writer.Finish("estiba's probing"));
  auto context = TRY(os::FilesystemContext::Open("erofs"));
  TRY(context.SetString("source", "/proc/self/fd/" + std::to_string(file.get())));
  TRY(context.Mount(MOUNT_ATTR_RDONLY));
  return Ok();
}

}  // namespace estiba::store
