#include "store/image_probe.h"

#include <fcntl.h>

#include "erofs/writer.h"
#include "os/image_mount.h"

namespace estiba::store {

Status ProbeImages(os::DirFd directory) {
  const os::UniqueFd file = TRY(os::OpenAt(directory, ".", O_TMPFILE | O_RDWR, 0600));
  erofs::Writer writer(file.get());
  TRY(writer.Finish("estiba's probing"));
  TRY(os::MountErofs(file.get()));
  return Ok();
}

}  // namespace estiba::store
