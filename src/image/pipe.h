#pragma once
// Bytes from one thread to the next in blocks that are handed on instead of copied: bounded, with the reason when
// either end gives up.

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/stream.h"

namespace estiba::image {

inline constexpr std::size_t kPieceBytes = 512U << 10;

class PiecePool;

// A block that is being filled or read. One of the pool's; returns there when dropped, so the pool must outlive it.
class Piece {
 public:
  Piece() = default;  // none
  Piece(Piece&& other) noexcept;
  Piece& operator=(Piece&& other) noexcept;
  ~Piece() { Drop(); }

  std::span<char> room() { return std::span<char>(bytes_.get(), capacity()).subspan(size_); }
  void Fill(std::size_t bytes) { size_ += bytes; }
  std::string_view bytes() const { return {bytes_.get(), size_}; }
  bool full() const { return size_ == capacity(); }

 private:
  friend class PiecePool;
  Piece(PiecePool* pool, std::unique_ptr<char[]> bytes) : pool_(pool), bytes_(std::move(bytes)) {}
  std::size_t capacity() const { return bytes_ == nullptr ? 0 : kPieceBytes; }
  void Drop() noexcept;

  PiecePool* pool_ = nullptr;
  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
};

// Memory that goes round: what malloc would give back to the kernel and take again for every block costs more than
// filling it.
class PiecePool {
 public:
  Piece Get();

 private:
  friend class Piece;
  void Return(std::unique_ptr<char[]> bytes) noexcept;
  std::mutex mutex_;
  std::vector<std::unique_ptr<char[]>> free_;
};

class BytePipe final : public codec::ByteRoom {
 public:
  // Holds at most `pieces` besides the one being filled and the one being read.
  BytePipe(PiecePool& pool, std::size_t pieces) : pool_(pool), capacity_(pieces) {}

  // All wait for room, and answer kCancelled when the reader has gone. Bytes are handed on a whole block at a time.
  Status Write(std::string_view bytes);
  Result<std::span<char>> Room() override;
  Status Filled(std::size_t bytes) override;
  // A block as it is; not to be mixed with the others.
  Status Give(Piece piece);
  // No more will come: after what is left, Read() answers an empty piece, or why there is none.
  void CloseWriter(const Status& ended = Ok());

  // The next piece, valid until the next call; empty at the end.
  Result<std::string_view> Read();
  // The same, to keep or to hand on.
  Result<Piece> Take();
  void CloseReader();

 private:
  PiecePool& pool_;
  const std::size_t capacity_;
  Piece filling_;  // the writer's
  Piece reading_;  // the reader's
  std::mutex mutex_;
  std::condition_variable more_;
  std::condition_variable less_;
  std::deque<Piece> pieces_;
  bool writer_closed_ = false;
  bool reader_closed_ = false;
  std::optional<Error> why_;
};

// Reads on to the end: whoever writes wants that.
Status Drain(BytePipe& from);

}  // namespace estiba::image
