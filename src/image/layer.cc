#include "layer.h"

#include <atomic>
#include <memory>
#include <span>
#include <thread>
#include <utility>

#include "codec/sha256.h"
#include "limit.h"
#include "pipe.h"

namespace estiba::image {
namespace {

constexpr std::size_t kPackedPieces = 4;
constexpr std::size_t kPlainPieces = 3;  // before and after the hash

// Finds out the format from the first bytes, whatever the media type says: registries label things wrongly.
class Inflater final : public codec::ByteRoom {
 public:
  Inflater(BytePipe& to, std::uint64_t limit) : to_(to), limit_(limit) {}

  Status Run(BytePipe& from) {
    while (true) {
      const std::string_view piece = TRY(from.Read());
      if (piece.empty()) break;
      TRY(Write(piece));
    }
    if (stream_ == nullptr) TRY(Start());
    return stream_->Finish();
  }
  bool plain() const { return plain_; }

  Result<std::span<char>> Room() override { return to_.Room(); }
  Status Filled(std::size_t bytes) override {
    total_ += bytes;
    return total_ > limit_ ? Bomb("the layer", limit_) : to_.Filled(bytes);
  }

 private:
  static constexpr std::size_t kHead = 6;

  Status Write(std::string_view bytes) {
    if (stream_ != nullptr) return stream_->Write(bytes);
    head_.append(bytes);
    return head_.size() < kHead ? Ok() : Start();
  }
  Status Start() {
    const codec::Compression format = codec::DetectCompression(head_);
    plain_ = format == codec::Compression::kNone;
    stream_ = codec::MakeDecompressor(format, *this);
    return stream_->Write(std::exchange(head_, {}));
  }

  BytePipe& to_;
  std::uint64_t limit_;
  std::uint64_t total_ = 0;
  std::string head_;
  std::unique_ptr<codec::Decompressor> stream_;
  std::atomic<bool> plain_{false};  // read by the thread of the next stage, once it has a piece
};

// One layer's stages, a thread each: the pieces move through, whoever is behind holds up those before.
class Stages {
 public:
  Stages(Destination& to, const LayerInput& input)
      : to_(to), input_(input), limit_(UnpackedLimit(input.blob_size)),
        inflater_(plain_, limit_) {}

  Result<Unpacked> Run() {
    std::thread inflating([this] { Inflate(); });
    std::thread hashing([this] { Hash(); });
    std::thread unpacking([this] { Unpack(); });
    fetched_ = input_.fetch([this](std::string_view bytes) { return packed_.Write(bytes); });
    packed_.CloseWriter(fetched_);
    if (fetched_.ok() && input_.fetched) input_.fetched();
    inflating.join();
    hashing.join();
    unpacking.join();
    TRY(FirstCause());
    TRY(CheckDigest());
    return std::move(unpacked_);
  }

  const std::string& diff_id() const { return diff_id_; }

 private:
  void Inflate() {
    inflated_ = inflater_.Run(packed_);
    packed_.CloseReader();
    plain_.CloseWriter(inflated_);
  }

  void Hash() {
    const Status hashed = HashAll();
    plain_.CloseReader();
    hashed_.CloseWriter(hashed);
  }
  Status HashAll() {
    codec::Sha256 hash;
    while (true) {
      Piece piece = TRY(plain_.Take());
      if (piece.bytes().empty()) break;
      if (!SentAsIs()) hash.Update(piece.bytes());
      TRY(hashed_.Give(std::move(piece)));
    }
    if (!SentAsIs()) diff_id_ = hash.Digest();
    return Ok();
  }
  // A layer that is not compressed was hashed already, as a blob.
  bool SentAsIs() const { return input_.sent_digest && inflater_.plain(); }

  // Unpacks, then reads on: what follows the archive's end counts for the diff id.
  void Unpack() {
    UnpackOptions options;
    options.limits.max_total = limit_;
    unpacked_ = UnpackLayer(to_, [this] { return hashed_.Read(); }, options);
    if (unpacked_.ok()) drained_ = Drain(hashed_);
    hashed_.CloseReader();
  }

  // Whoever stopped because the next in line had gone is not the cause.
  Status FirstCause() {
    for (Status* status : {&fetched_, &inflated_})
      if (!status->ok() && status->error().code() != Code::kCancelled) return std::move(*status).error();
    if (!unpacked_.ok()) return std::move(unpacked_).error();
    for (Status* status : {&drained_, &inflated_, &fetched_})
      if (!status->ok()) return std::move(*status).error();
    return Ok();
  }

  Status CheckDigest() {
    if (SentAsIs()) diff_id_ = input_.sent_digest();
    if (input_.diff_id.empty() || diff_id_ == input_.diff_id) return Ok();
    return Error(Code::kDataLoss,
                 "the layer's content has digest '" + diff_id_ + "', its image says '" + input_.diff_id + "'");
  }

  Destination& to_;
  const LayerInput& input_;
  const std::uint64_t limit_;
  PiecePool pool_;
  BytePipe packed_{pool_, kPackedPieces};
  BytePipe plain_{pool_, kPlainPieces};
  BytePipe hashed_{pool_, kPlainPieces};
  Inflater inflater_;
  Status fetched_ = Ok();
  Status inflated_ = Ok();
  Status drained_ = Ok();
  Result<Unpacked> unpacked_ = Error(Code::kUnknown, "");
  std::string diff_id_;
};

}  // namespace

Result<Unpacked> RunLayer(Destination& to, const LayerInput& input, std::string* diff_id) {
  Stages stages(to, input);
  Unpacked unpacked = TRY(stages.Run());
  if (diff_id != nullptr) *diff_id = stages.diff_id();
  return unpacked;
}

}  // namespace estiba::image
