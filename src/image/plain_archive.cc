#include "plain_archive.h"

#include <thread>

#include "archive_input.h"
#include "pipe.h"

namespace estiba::image {
namespace {

Status UnpackAll(Destination& to, BytePipe& from, const UnpackOptions& options) {
  TRY(UnpackLayer(to, [&from] { return from.Read(); }, options));
  TRY(Drain(from));  // so that whoever writes the archive sees no broken pipe
  return to.Finish(/*diff_id=*/"");
}

}  // namespace

Status UnpackPlainArchive(Destination& to, int archive, std::function<Result<bool>(codec::TarEntry&)> admit) {
  constexpr std::size_t kPieces = 8;
  UnpackOptions options;
  options.plain = true;
  options.admit = std::move(admit);
  PiecePool pool;
  BytePipe pipe(pool, kPieces);
  std::thread inflating([&] {
    const SendBytes packed = [archive](const codec::ByteSink& sink) { return ReadToEnd(archive, sink); };
    pipe.CloseWriter(InflateArchive(packed, pipe));
  });
  Status done = UnpackAll(to, pipe, options);
  pipe.CloseReader();
  inflating.join();
  return done;
}

}  // namespace estiba::image
