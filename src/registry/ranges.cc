#include "ranges.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "client_impl.h"

namespace estiba::registry {
namespace {

constexpr std::uint64_t kHeld = 16U << 20;  // bytes of one blob that wait for their turn
constexpr std::uint64_t kMaxPart = 4U << 20;

std::uint64_t PartOf(unsigned ranges) { return std::min(kMaxPart, kHeld / ranges); }

class RangeFetcher {
 public:
  RangeFetcher(const RangeSource& source, std::uint64_t size)
      : source_(source), size_(size), part_(PartOf(source.options.parallel_ranges)),
        count_((size + part_ - 1) / part_) {}

  Status Run(const codec::ByteSink& sink, std::uint64_t* received) {
    std::vector<std::thread> threads;
    const std::uint64_t width = std::min<std::uint64_t>(source_.options.parallel_ranges, count_);
    for (std::uint64_t i = 0; i < width; ++i) threads.emplace_back([this] { Fetch(); });
    Status passed = PassOn(sink, received);
    ended_.store(true);
    room_.notify_all();
    for (std::thread& thread : threads) thread.join();
    return passed;
  }

 private:
  struct Part {
    std::string bytes;
    bool whole = false;
  };

  // Parts in order, until one could not be had.
  Status PassOn(const codec::ByteSink& sink, std::uint64_t* received) {
    for (std::uint64_t i = 0; i < count_; ++i) {
      std::string bytes;
      {
        std::unique_lock lock(mutex_);
        more_.wait(lock, [&] { return failed_ <= i || (!parts_.empty() && parts_.front().whole); });
        if (cancelled_) return Error(Code::kCancelled, "the transfer was stopped");
        if (failed_ <= i) return Ok();
        bytes = std::move(parts_.front().bytes);
      }
      TRY(sink(bytes));
      *received += bytes.size();
      const std::lock_guard lock(mutex_);
      parts_.pop_front();
      ++passed_;
      room_.notify_one();
    }
    return Ok();
  }

  // A thread's: the next part, as long as there is room for it.
  void Fetch() {
    while (true) {
      std::uint64_t index = 0;
      {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [&] {
          return ended_.load() || next_ == count_ || failed_ < count_ ||
                 next_ < passed_ + source_.options.parallel_ranges;
        });
        if (ended_.load() || next_ == count_ || failed_ < count_) return;
        index = next_++;
        parts_.emplace_back();
      }
      std::string bytes;
      Status status = FetchPart(index, bytes);
      const std::lock_guard lock(mutex_);
      if (status.ok()) {
        Part& part = parts_[static_cast<std::size_t>(index - passed_)];
        part.bytes = std::move(bytes);
        part.whole = true;
      } else {
        cancelled_ = cancelled_ || (status.error().code() == Code::kCancelled && !ended_.load());
        failed_ = std::min(failed_, index);
      }
      more_.notify_one();
      room_.notify_all();
      if (!status.ok()) return;
    }
  }

  Status FetchPart(std::uint64_t index, std::string& bytes) {
    const std::uint64_t start = index * part_;
    const std::uint64_t end = std::min(start + part_, size_);
    bytes.reserve(static_cast<std::size_t>(end - start));
    for (unsigned failures = 0; start + bytes.size() < end;) {
      const std::size_t before = bytes.size();
      const Status status = Attempt(start + before, end, bytes);
      // What only the sole request can tell from a refusal, it will say; of a range that goes on past its end, too.
      if (!status.ok() && status.error().code() != Code::kUnavailable) return status.error().Clone();
      if (start + bytes.size() == end) break;
      failures = bytes.size() > before ? 1 : failures + 1;
      if (failures >= source_.options.attempts) return Error(Code::kUnavailable, "a range did not come");
      TRY(source_.wait(failures));
    }
    return Ok();
  }

  // Bytes from `start` on, up to `end`, appended to those that came.
  Status Attempt(std::uint64_t start, std::uint64_t end, std::string& bytes) {
    Request request;
    request.url = source_.path;
    request.range_start = start;
    request.range_end = end;
    request.stop = &ended_;
    const std::uint64_t wanted = bytes.size() + (end - start);
    request.body = [&](const Response& head, std::string_view piece) -> Status {
      const std::string from = "bytes " + std::to_string(start) + "-";
      if (head.status != 206 || !head.content_range.starts_with(from))
        return Error(Code::kFailedPrecondition, "not the range that was asked for");
      if (piece.size() > wanted - bytes.size()) return Error(Code::kDataLoss, "more than the range that was asked for");
      bytes.append(piece);
      return Ok();
    };
    const Response answered = TRY(source_.send(std::move(request)));
    if (answered.status == 206 || IsTransient(answered.status)) return Ok();
    return Error(Code::kFailedPrecondition, "status " + std::to_string(answered.status));
  }

  const RangeSource& source_;
  const std::uint64_t size_;
  const std::uint64_t part_;
  const std::uint64_t count_;
  std::atomic<bool> ended_{false};
  std::mutex mutex_;
  std::condition_variable more_;
  std::condition_variable room_;
  std::deque<Part> parts_;  // from passed_ on
  std::uint64_t next_ = 0;
  std::uint64_t passed_ = 0;
  std::uint64_t failed_ = UINT64_MAX;  // the first part that cannot be had
  bool cancelled_ = false;
};

}  // namespace

bool IsForRanges(const ClientOptions& options, std::uint64_t size) {
  return options.parallel_ranges > 1 && size >= 2 * PartOf(options.parallel_ranges);
}

Status GetRanges(const RangeSource& source, std::uint64_t size, const codec::ByteSink& sink, std::uint64_t* received) {
  return RangeFetcher(source, size).Run(sink, received);
}

}  // namespace estiba::registry
