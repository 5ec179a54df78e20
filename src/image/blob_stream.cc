#include "blob_stream.h"

#include <algorithm>
#include <utility>

namespace estiba::image {
namespace {

constexpr std::size_t kPieces = 4;  // between the two registries

}  // namespace

void BlobStream::Begin(std::uint64_t at) {
  next_ = at;
  stop_.store(false);
  pipe_ = std::make_unique<BytePipe>(pool_, kPieces);
  fetcher_ = std::thread([this, at] {
    const auto sink = [this](std::string_view bytes) { return pipe_->Write(bytes); };
    pipe_->CloseWriter(from_.GetBlob(repository_, blob_, sink, {at, &stop_}));
  });
}

void BlobStream::End() {
  if (pipe_ == nullptr) return;
  stop_.store(true);
  pipe_->CloseReader();
  fetcher_.join();
  piece_ = {};
  pipe_.reset();
}

Error BlobStream::Fail(Error error) {
  failure_.emplace(std::move(error));
  return Error(Code::kAborted, "the blob does not come");
}

Status BlobStream::Check(std::uint64_t at, std::string_view bytes) {
  const std::uint64_t known = std::min<std::uint64_t>(hashed_ - at, bytes.size());
  bytes.remove_prefix(static_cast<std::size_t>(known));
  hash_.Update(bytes);
  hashed_ += bytes.size();
  if (bytes.empty() || hashed_ < blob_.size) return Ok();
  const std::string digest = hash_.Digest();
  if (digest == blob_.digest) return Ok();
  return Fail(Error(Code::kDataLoss, "blob '" + blob_.digest + "' comes with digest '" + digest + "'"));
}

Result<std::size_t> BlobStream::Read(std::uint64_t at, char* out, std::size_t room) {
  if (pipe_ == nullptr || at != next_) {
    End();
    Begin(at);
  }
  if (piece_.empty()) {
    auto piece = pipe_->Read();
    if (!piece.ok()) return Fail(std::move(piece).error());
    piece_ = *piece;
  }
  if (piece_.empty()) return Fail(Error(Code::kDataLoss, "blob '" + blob_.digest + "' ends too early"));
  const std::size_t taken = piece_.copy(out, room);
  TRY(Check(at, {out, taken}));
  piece_.remove_prefix(taken);
  next_ += taken;
  return taken;
}

}  // namespace estiba::image
