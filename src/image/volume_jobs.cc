#include "volume_jobs.h"

#include <cerrno>
#include <thread>

#include <unistd.h>

#include "archive_input.h"
#include "container_tree.h"
#include "image/unpack.h"
#include "os/file.h"
#include "pipe.h"

namespace estiba::image {
namespace {

Status UnpackAll(Destination& to, BytePipe& from) {
  UnpackOptions options;
  options.plain = true;
  TRY(UnpackLayer(to, [&from] { return from.Read(); }, options));
  TRY(Drain(from));  // so that whoever writes the archive sees no broken pipe
  return to.Finish(/*diff_id=*/"");
}

}  // namespace

Status Pack(int directory, int archive) {
  return WriteDirectory(directory, [archive](std::string_view bytes) -> Status {
    return TRY_CTX(os::WriteAll(archive, bytes), "write the archive");
  });
}

Status Fill(const TransferJob& job, int directory, int archive) {
  constexpr std::size_t kPieces = 8;
  PiecePool pool;
  BytePipe pipe(pool, kPieces);
  std::thread inflating([&] {
    const SendBytes packed = [archive](const codec::ByteSink& sink) { return ReadToEnd(archive, sink); };
    pipe.CloseWriter(InflateArchive(packed, pipe));
  });
  const auto to = MakePlainDestination({directory}, job.user_xattrs);
  Status filled = UnpackAll(*to, pipe);
  pipe.CloseReader();
  inflating.join();
  TRY(std::move(filled));
  // What is acknowledged is there after a power failure too.
  if (::syncfs(directory) < 0) return Error::Errno(errno, "write the files to disk");
  return Ok();
}

}  // namespace estiba::image
