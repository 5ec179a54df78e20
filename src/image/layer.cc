#include "layer.h"

#include <algorithm>
#include <memory>
#include <thread>
#include <utility>

#include "codec/sha256.h"
#include "limit.h"
#include "pipe.h"

namespace estiba::image {
namespace {

constexpr std::size_t kPipeBytes = 2U << 20;

// Finds out the format from the first bytes, whatever the media type says: registries label things wrongly.
class Inflater {
 public:
  Inflater(codec::ByteSink sink, std::uint64_t limit) : sink_(std::move(sink)), limit_(limit) {}

  Status Write(std::string_view bytes) {
    if (stream_ != nullptr) return stream_->Write(bytes);
    head_.append(bytes);
    return head_.size() < kHead ? Ok() : Start();
  }
  Status Finish() {
    if (stream_ == nullptr) TRY(Start());
    return stream_->Finish();
  }
  std::string Digest() { return hash_.Digest(); }

 private:
  static constexpr std::size_t kHead = 6;

  Status Start() {
    const codec::Compression format = TRY(codec::DetectCompression(head_));
    stream_ = codec::MakeDecompressor(format, [this](std::string_view bytes) { return Pass(bytes); });
    return stream_->Write(std::exchange(head_, {}));
  }
  Status Pass(std::string_view bytes) {
    total_ += bytes.size();
    if (total_ > limit_) return Bomb("the layer", limit_);
    hash_.Update(bytes);
    return sink_(bytes);
  }

  codec::ByteSink sink_;
  std::uint64_t limit_;
  std::uint64_t total_ = 0;
  std::string head_;
  std::unique_ptr<codec::Decompressor> stream_;
  codec::Sha256 hash_;
};

Status InflateAll(BytePipe& from, BytePipe& to, std::uint64_t limit, std::string* diff_id) {
  Inflater inflater([&to](std::string_view bytes) { return to.Write(bytes); }, limit);
  while (true) {
    const std::string_view piece = TRY(from.Read());
    if (piece.empty()) break;
    TRY(inflater.Write(piece));
  }
  TRY(inflater.Finish());
  *diff_id = inflater.Digest();
  return Ok();
}

// Unpacks, then reads on: what follows the archive's end counts for the diff id.
Result<Unpacked> UnpackAll(Destination& to, BytePipe& from, const UnpackOptions& options) {
  Unpacked out = TRY(UnpackLayer(to, [&from] { return from.Read(); }, options));
  while (true) {
    const std::string_view piece = TRY(from.Read());
    if (piece.empty()) return out;
  }
}

std::optional<Error> ErrorOf(const Status& status) {
  if (status.ok()) return std::nullopt;
  return status.error().Clone();
}

}  // namespace

Result<Unpacked> RunLayer(Destination& to, const LayerInput& input) {
  BytePipe packed(kPipeBytes);
  BytePipe plain(kPipeBytes);
  UnpackOptions options;
  const std::uint64_t limit = UnpackedLimit(input.blob_size);
  options.limits.max_total = limit;

  Status inflated = Ok();
  std::string diff_id;
  std::thread inflating([&] {
    inflated = InflateAll(packed, plain, limit, &diff_id);
    packed.CloseReader();
    plain.CloseWriter(ErrorOf(inflated));
  });
  Result<Unpacked> unpacked = Error(Code::kUnknown, "");
  std::thread unpacking([&] {
    unpacked = UnpackAll(to, plain, options);
    plain.CloseReader();
  });
  Status fetched = input.fetch([&packed](std::string_view bytes) { return packed.Write(bytes); });
  packed.CloseWriter(ErrorOf(fetched));
  if (fetched.ok() && input.fetched) input.fetched();
  inflating.join();
  unpacking.join();

  // Whoever stopped because the next in line had gone is not the cause.
  if (!fetched.ok() && fetched.error().code() != Code::kCancelled) return std::move(fetched).error();
  if (!inflated.ok() && inflated.error().code() != Code::kCancelled) return std::move(inflated).error();
  if (!unpacked.ok()) return unpacked;
  if (!inflated.ok()) return std::move(inflated).error();
  if (!fetched.ok()) return std::move(fetched).error();
  if (diff_id != input.diff_id)
    return Error(Code::kDataLoss,
                 "the layer's content has digest '" + diff_id + "', its image says '" + input.diff_id + "'");
  return unpacked;
}

}  // namespace estiba::image
