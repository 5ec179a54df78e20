#include "follower.h"

#include <fcntl.h>

#include "base/clock.h"

namespace estiba::monitor {
namespace {
constexpr std::size_t kBuffered = 64U << 10;
constexpr std::size_t kPiece = 32U << 10;
}  // namespace

Follower::Follower(os::Loop& loop, LogWriter& log, monitorapi::LogReader reader,
                   const monitorapi::LogOptions& options, std::function<void()> over)
    : loop_(loop),
      log_(log),
      reader_(std::move(reader)),
      options_(options),
      over_(std::move(over)),
      ends_(!options.follow) {
  log_.AddListener(this);
}

Follower::~Follower() {
  log_.RemoveListener(this);
  loop_.Cancel(until_timer_);
}

Result<std::unique_ptr<Follower>> Follower::Start(os::Loop& loop, LogWriter& log, os::UniqueFd socket,
                                                  const monitorapi::LogOptions& options,
                                                  std::function<void()> over) {
  auto reader = TRY(monitorapi::LogReader::Open(log.dir(), options));
  std::unique_ptr<Follower> follower(new Follower(loop, log, std::move(reader), options, std::move(over)));
  Follower* self = follower.get();
  Connection::Events events;
  events.gone = [self] { self->End(); };
  events.drained = [self] { self->Pump(); };
  follower->connection_ = std::make_unique<Connection>(loop, std::move(socket), std::move(events));
  TRY(follower->connection_->Start());
  if (options.follow && options.until > 0) {
    const std::int64_t left = options.until - WallNow().time_since_epoch().count();
    follower->until_timer_ = loop.After(std::chrono::nanoseconds(left), [self] {
      self->until_timer_ = 0;
      self->LogEnds();
    });
  }
  // Deferred: the caller has not kept it yet.
  loop.Defer([self] { self->Pump(); });
  return follower;
}

void Follower::OnLogRotated() {
  auto file = os::OpenAt(log_.dir(), monitorapi::kLogName, O_RDONLY | O_NOFOLLOW);
  // A client that is so far behind would keep deleted files on the disk: it is let go.
  if (!file.ok() || !reader_.Rotated(std::move(*file))) End();
}

void Follower::LogEnds() {
  ends_ = true;
  Pump();
}

void Follower::Pump() {
  while (!ended_ && !connection_->gone() && connection_->pending() < kBuffered) {
    std::string bytes;
    const auto more = reader_.Read(bytes, kPiece);
    if (!bytes.empty() && options_.chunked) {
      std::string chunk;
      monitorapi::AppendChunk(chunk, bytes);
      bytes = std::move(chunk);
    }
    if (!bytes.empty()) connection_->Write(bytes);
    if (more.ok() && *more) continue;
    if (more.ok() && !ends_ && !reader_.Ended()) return;
    if (options_.chunked && more.ok()) connection_->Write(monitorapi::kLastChunk);
    connection_->Finish();
    return;
  }
}

void Follower::End() {
  if (std::exchange(ended_, true)) return;
  loop_.Defer(over_);
}

}  // namespace estiba::monitor
