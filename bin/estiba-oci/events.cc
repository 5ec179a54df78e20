// events: statistics, once or again and again, and the OOM killer's work.

#include <cerrno>
#include <chrono>

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/duration.h"
#include "cgroup/cgroup.h"
#include "commands.h"
#include "os/file.h"
#include "state_dir.h"
#include "stats_json.h"

namespace estiba::ocicli {
namespace {

using std::chrono::nanoseconds;

Result<nanoseconds> ParseInterval(const std::string& text) {
  const nanoseconds interval = TRY_CTX(ParseGoDuration(text), "--interval");
  if (interval.count() > 0) return interval;
  return Error(Code::kInvalidArgument, "duration interval must be greater than 0");
}

Status TellStats(const std::string& id, const cgroup::Cgroup& group) {
  const cgroup::Stats stats = TRY(cgroup::ReadStats(group));
  return os::WriteAll(1, StatsEvent(id, stats, cgroup::ReadDetails(group)) + "\n");
}

// A notification of v1 is one; v2's file tells of other things too.
Result<bool> OomStruck(const cgroup::Cgroup& group, const cgroup::OomWatch& watch, std::uint64_t& kills) {
  std::array<char, 512> text;
  if (::lseek(watch.fd.get(), 0, SEEK_SET) < 0 && errno != ESPIPE) return Error::Errno(errno, "watch for OOM kills");
  if (::read(watch.fd.get(), text.data(), text.size()) < 0 && errno != EAGAIN)
    return Error::Errno(errno, "watch for OOM kills");
  if (watch.kept.valid()) return true;
  const std::uint64_t now = TRY(group.OomKills());
  return std::exchange(kills, now) < now;
}

// Until the container's process ends.
Status Follow(const Snapshot& now, const cgroup::Cgroup& group, nanoseconds interval) {
  using Clock = std::chrono::steady_clock;
  const cgroup::OomWatch watch = TRY(group.WatchOom());
  std::uint64_t kills = TRY(group.OomKills());
  auto next = Clock::now() + interval;
  for (;;) {
    std::array<pollfd, 2> watched{{{.fd = now.pidfd.get(), .events = POLLIN, .revents = 0},
                                   {.fd = watch.fd.get(), .events = watch.events, .revents = 0}}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now()).count();
    const int patience = static_cast<int>(std::clamp<std::int64_t>(left, 0, INT32_MAX));
    if (::poll(watched.data(), watched.size(), patience) < 0 && errno != EINTR)
      return Error::Errno(errno, "wait for events");
    if (watched[0].revents != 0) return Ok();
    if (watched[1].revents != 0) {
      const bool struck = TRY(OomStruck(group, watch, kills));
      if (struck) TRY(os::WriteAll(1, OomEvent(now.record.id) + "\n"));
    }
    if (Clock::now() < next) continue;
    TRY(TellStats(now.record.id, group));
    next += interval;
  }
}

}  // namespace

Result<int> EventsCommand(const Context& context) {
  const std::string given = context.flags.Get("interval");
  const nanoseconds interval = TRY(ParseInterval(given.empty() ? "5s" : given));
  const StateDir dir = TRY(StateDir::Open(context.globals.root, context.flags.rest().front()));
  const Snapshot now = TRY(Look(dir));
  if (!now.Alive())
    return Error(Code::kFailedPrecondition, "container with id " + dir.id() + " is not running");
  const auto group = TRY(OpenCgroup(now));
  TRY(context.flags.On("stats") ? TellStats(dir.id(), group) : Follow(now, group, interval));
  return 0;
}

}  // namespace estiba::ocicli
