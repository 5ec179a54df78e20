#include "processes.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/parse.h"
#include "os/file.h"
#include "os/process.h"

namespace estiba::lab {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kGrace{2};
constexpr unsigned kRounds = 16;  // who forks while being ended is met again

struct Identity {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const Identity&) const = default;
};

struct Found {
  pid_t pid = 0;
  os::UniqueFd pidfd;
};

bool LivesIn(int proc, const std::string& pid, const std::vector<Identity>& places) {
  struct stat found{};
  // Gone meanwhile, or a zombie: it lives nowhere.
  if (::fstatat(proc, (pid + "/ns/net").c_str(), &found, 0) < 0) return false;
  return std::ranges::find(places, Identity{found.st_dev, found.st_ino}) != places.end();
}

// The descriptor is taken before the last look, so that it cannot be of a successor with the same number.
Result<std::vector<Found>> Find(int proc, const std::vector<Identity>& places) {
  std::vector<Found> found;
  for (const std::string& name : TRY(os::ListDirectory({proc}, "."))) {
    const auto pid = ParseUint(name, INT32_MAX);
    if (!pid.ok() || !LivesIn(proc, name, places)) continue;
    auto pidfd = os::OpenPidfd(static_cast<pid_t>(*pid));
    if (!pidfd.ok() || !LivesIn(proc, name, places)) continue;
    found.push_back({static_cast<pid_t>(*pid), std::move(*pidfd)});
  }
  return found;
}

// Until all have ended or the time is over.
void WaitFor(const std::vector<Found>& processes, steady_clock::time_point deadline) {
  for (const Found& process : processes) {
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
      pollfd one{process.pidfd.get(), POLLIN, 0};
      if (::poll(&one, 1, static_cast<int>(std::max<long>(left, 0))) >= 0 || errno != EINTR) break;
    }
  }
}

}  // namespace

Status EndProcessesIn(const std::vector<int>& namespaces) {
  std::vector<Identity> places;
  for (const int ns : namespaces) {
    struct stat found{};
    if (::fstat(ns, &found) < 0) return Error::Errno(errno, "look at a network namespace");
    places.push_back({found.st_dev, found.st_ino});
  }
  const os::UniqueFd proc = TRY(os::OpenAt({AT_FDCWD}, "/proc", O_RDONLY | O_DIRECTORY));
  if (LivesIn(proc.get(), std::to_string(::getpid()), places))
    return Error(Code::kFailedPrecondition, "this shell is inside of the lab").Hint("leave it first");
  for (unsigned round = 0; round < kRounds; ++round) {
    const std::vector<Found> found = TRY(Find(proc.get(), places));
    if (found.empty()) return Ok();
    for (const int signal : {SIGTERM, SIGKILL}) {
      for (const Found& process : found) {
        auto sent = os::SendSignal(process.pidfd.get(), signal);
        if (!sent.ok() && sent.error().code() != Code::kNotFound) return sent;
      }
      WaitFor(found, steady_clock::now() + kGrace);
    }
  }
  return Error(Code::kUnavailable, "processes in the lab do not end");
}

}  // namespace estiba::lab
