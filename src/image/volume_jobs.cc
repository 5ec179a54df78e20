#include "volume_jobs.h"

#include <cerrno>

#include <unistd.h>

#include "container_tree.h"
#include "os/file.h"
#include "plain_archive.h"

namespace estiba::image {

Status Pack(int directory, int archive) {
  return WriteDirectory(directory, [archive](std::string_view bytes) -> Status {
    return TRY_CTX(os::WriteAll(archive, bytes), "write the archive");
  });
}

Status Fill(const TransferJob& job, int directory, int archive) {
  const auto to = MakePlainDestination({directory}, job.user_xattrs);
  TRY(UnpackPlainArchive(*to, archive));
  // What is acknowledged is there after a power failure too.
  if (::syncfs(directory) < 0) return Error::Errno(errno, "write the files to disk");
  return Ok();
}

}  // namespace estiba::image
