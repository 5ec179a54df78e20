#include "make_layer.h"

#include <thread>

#include "base/rollback.h"
#include "codec/sha256.h"
#include "image/unpack.h"
#include "limit.h"
#include "pipe.h"
#include "stored_layer.h"

namespace estiba::image {
namespace {

constexpr std::size_t kPieces = 8;

Status Pack(BytePipe& from, store::Ingest& to) {
  codec::GzipWriter gzip([&to](std::string_view bytes) { return to.Write(bytes); });
  while (true) {
    const std::string_view piece = TRY(from.Read());
    if (piece.empty()) return gzip.Finish();
    TRY(gzip.Write(piece));
  }
}

Result<Unpacked> UnpackAll(Destination& to, BytePipe& from) {
  Unpacked out = TRY(UnpackLayer(to, [&from] { return from.Read(); }, {}));
  TRY(Drain(from));  // what follows the archive's end counts for the diff id
  if (!out.links.empty())
    return Error(Code::kInvalidArgument, "hard link '" + out.links.front().path + "' to '" + out.links.front().target +
                                             "': there is no such file in the archive");
  return out;
}

struct Streams {
  Status sent = Ok();
  Status packed = Ok();
  Result<Unpacked> unpacked = Error(Code::kUnknown, "");
  std::string diff_id;
  std::uint64_t size = 0;  // of the tar
};

// Three threads: whoever sends and hashes, whoever compresses, whoever unpacks.
Streams Run(Destination& tree, store::Ingest& blob, const SendTar& send) {
  Streams out;
  PiecePool pool;
  BytePipe to_pack(pool, kPieces);
  BytePipe to_unpack(pool, kPieces);
  std::thread packing([&] {
    out.packed = Pack(to_pack, blob);
    to_pack.CloseReader();
  });
  std::thread unpacking([&] {
    out.unpacked = UnpackAll(tree, to_unpack);
    to_unpack.CloseReader();
  });
  codec::Sha256 hash;
  out.sent = send([&](std::string_view bytes) -> Status {
    TRY(to_pack.Write(bytes));
    TRY(to_unpack.Write(bytes));
    hash.Update(bytes);
    out.size += bytes.size();
    return Ok();
  });
  to_pack.CloseWriter(out.sent);
  to_unpack.CloseWriter(out.sent);
  packing.join();
  unpacking.join();
  out.diff_id = hash.Digest();
  return out;
}

// Whoever stopped because another had gone is not the cause.
Status FirstCause(Streams& streams) {
  const bool cancelled = !streams.sent.ok() && streams.sent.error().code() == Code::kCancelled;
  if (!streams.sent.ok() && !cancelled) return std::move(streams.sent);
  if (!streams.packed.ok()) return std::move(streams.packed);
  if (!streams.unpacked.ok()) return std::move(streams.unpacked).error();
  return std::move(streams.sent);
}

}  // namespace

Result<MadeLayer> MakeLayer(const Stores& stores, const SendTar& send, const MakeLayerOptions& options) {
  MadeLayer out;
  store::Ingest blob = TRY(stores.content.CreateIngest(options.lease));
  out.tree = TRY(stores.snapshots.CreateUnfinished(options.lease, FormOfNew(options.erofs)));
  Rollback rollback;
  // What cannot be deleted now is cleared by its lease.
  rollback.Add([&] { (void)stores.snapshots.DeleteUnfinished(out.tree).ok(); });
  const auto tree = MakeDestination(out.tree, options.user_xattrs);
  Streams streams = Run(*tree, blob, send);
  TRY(FirstCause(streams));
  if (streams.size > UnpackedLimit(blob.size()))
    return Error(Code::kResourceExhausted, "the layer has " + std::to_string(streams.size) +
                                               " bytes and compresses to " + std::to_string(blob.size()) +
                                               ": who pulled it would take it for a decompression bomb")
        .Hint("layers hold sparse files with all their zeros: delete large ones, or keep them on a volume");
  TRY_CTX(tree->Finish(streams.diff_id), "unpack the layer");
  out.size = blob.size();
  out.digest = TRY(blob.Commit());
  out.diff_id = std::move(streams.diff_id);
  out.unpacked_size = streams.unpacked->bytes;
  rollback.Commit();
  return out;
}

}  // namespace estiba::image
