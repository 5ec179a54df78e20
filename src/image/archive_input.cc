#include "archive_input.h"

#include <cerrno>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "limit.h"

namespace estiba::image {
namespace {

constexpr std::size_t kRead = 256U << 10;
constexpr std::size_t kHead = 6;  // what DetectCompression wants

// Memory whose content goes to a sink.
class SinkRoom final : public codec::ByteRoom {
 public:
  explicit SinkRoom(const codec::ByteSink& to) : to_(to), bytes_(kRead) {}
  Result<std::span<char>> Room() override { return std::span<char>(bytes_); }
  Status Filled(std::size_t bytes) override { return bytes == 0 ? Ok() : to_({bytes_.data(), bytes}); }

 private:
  const codec::ByteSink& to_;
  std::vector<char> bytes_;
};

class ArchiveInflater final : public codec::ByteRoom {
 public:
  explicit ArchiveInflater(codec::ByteRoom& to) : to_(to) {}

  Result<std::span<char>> Room() override { return to_.Room(); }
  Status Filled(std::size_t bytes) override {
    inflated_ += bytes;
    return inflated_ > UnpackedLimit(packed_) ? Bomb("the archive", UnpackedLimit(packed_)) : to_.Filled(bytes);
  }

  Status Write(std::string_view bytes) {
    packed_ += bytes.size();
    if (stream_ != nullptr) return stream_->Write(bytes);
    head_.append(bytes);
    return head_.size() < kHead ? Ok() : Start();
  }
  Status Finish() {
    if (stream_ == nullptr) TRY(Start());
    return stream_->Finish();
  }

 private:
  Status Start() {
    stream_ = codec::MakeDecompressor(codec::DetectCompression(head_), *this);
    return stream_->Write(std::exchange(head_, {}));
  }

  codec::ByteRoom& to_;
  std::string head_;
  std::unique_ptr<codec::Decompressor> stream_;
  std::uint64_t packed_ = 0;
  std::uint64_t inflated_ = 0;
};

}  // namespace

Status InflateArchive(const SendBytes& packed, const codec::ByteSink& to) {
  SinkRoom room(to);
  return InflateArchive(packed, room);
}

Status InflateArchive(const SendBytes& packed, codec::ByteRoom& to) {
  ArchiveInflater inflater(to);
  TRY(packed([&inflater](std::string_view bytes) { return inflater.Write(bytes); }));
  return inflater.Finish();
}

Status ReadToEnd(int fd, const codec::ByteSink& to) {
  std::string buffer(kRead, '\0');
  while (true) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::Errno(errno, "read the archive");
    if (n == 0) return Ok();
    TRY(to(std::string_view(buffer).substr(0, static_cast<std::size_t>(n))));
  }
}

}  // namespace estiba::image
