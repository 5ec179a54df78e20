#include "os/event.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace estiba::os {
namespace {

Status Control(int epoll, int op, int fd, std::uint32_t events, std::uint64_t token) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = token;
  if (::epoll_ctl(epoll, op, fd, &event) < 0)
    return Error::Errno(errno, "watch descriptor " + std::to_string(fd));
  return Ok();
}

void Drain(int fd) {
  std::uint64_t count = 0;
  while (::read(fd, &count, sizeof count) > 0) {
  }
}

}  // namespace

Result<bool> WaitReadable(int fd, std::optional<std::chrono::milliseconds> patience) {
  pollfd watched{.fd = fd, .events = POLLIN, .revents = 0};
  int rc = 0;
  do {
    rc = ::poll(&watched, 1, patience ? static_cast<int>(patience->count()) : -1);
  } while (rc < 0 && errno == EINTR);
  if (rc < 0) return Error::Errno(errno, "poll");
  return rc > 0;
}

Result<Epoll> Epoll::Create() {
  const int fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (const int err = errno; fd < 0) return Error::Errno(err, "make an epoll");
  return Epoll(UniqueFd(fd));
}

Status Epoll::Add(int fd, std::uint32_t events, std::uint64_t token) {
  return Control(fd_.get(), EPOLL_CTL_ADD, fd, events, token);
}

Status Epoll::Change(int fd, std::uint32_t events, std::uint64_t token) {
  return Control(fd_.get(), EPOLL_CTL_MOD, fd, events, token);
}

Status Epoll::Remove(int fd) {
  if (::epoll_ctl(fd_.get(), EPOLL_CTL_DEL, fd, nullptr) < 0 && errno != ENOENT && errno != EBADF)
    return Error::Errno(errno, "stop watching descriptor " + std::to_string(fd));
  return Ok();
}

Result<std::vector<Epoll::Ready>> Epoll::Wait(std::optional<std::chrono::milliseconds> timeout) {
  std::array<epoll_event, 64> events;
  int milliseconds = -1;
  if (timeout) milliseconds = static_cast<int>(std::clamp<std::int64_t>(timeout->count(), 0, 1'000'000'000));
  const int n = ::epoll_wait(fd_.get(), events.data(), static_cast<int>(events.size()), milliseconds);
  if (n < 0 && errno != EINTR) return Error::Errno(errno, "wait for events");
  std::vector<Ready> ready;
  for (int i = 0; i < n; ++i) {
    const auto& event = events[static_cast<std::size_t>(i)];
    ready.push_back({event.data.u64, event.events});
  }
  return ready;
}

Result<EventFd> EventFd::Create() {
  const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (const int err = errno; fd < 0) return Error::Errno(err, "make an eventfd");
  return EventFd(UniqueFd(fd));
}

void EventFd::Set() const {
  const std::uint64_t one = 1;
  // EAGAIN: already set to the brim, the reader will wake.
  [[maybe_unused]] const auto n = ::write(fd_.get(), &one, sizeof one);
}

void EventFd::Clear() const { Drain(fd_.get()); }

Result<TimerFd> TimerFd::Create() {
  const int fd = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (const int err = errno; fd < 0) return Error::Errno(err, "make a timer");
  return TimerFd(UniqueFd(fd));
}

Status TimerFd::Arm(std::chrono::nanoseconds delay) {
  // Zero would disarm it.
  const auto nanos = std::max<std::int64_t>(delay.count(), 1);
  itimerspec spec{};
  spec.it_value.tv_sec = nanos / 1'000'000'000;
  spec.it_value.tv_nsec = nanos % 1'000'000'000;
  if (::timerfd_settime(fd_.get(), 0, &spec, nullptr) < 0) return Error::Errno(errno, "arm a timer");
  return Ok();
}

Status TimerFd::Disarm() {
  const itimerspec spec{};
  if (::timerfd_settime(fd_.get(), 0, &spec, nullptr) < 0) return Error::Errno(errno, "disarm a timer");
  return Ok();
}

void TimerFd::Clear() const { Drain(fd_.get()); }

Result<SignalFd> SignalFd::Create(std::initializer_list<int> signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) ::sigaddset(&set, signal);
  if (const int err = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); err != 0)
    return Error::Errno(err, "block signals");
  const int fd = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (const int err = errno; fd < 0) return Error::Errno(err, "make a signalfd");
  return SignalFd(UniqueFd(fd));
}

int SignalFd::Next() const {
  signalfd_siginfo info{};
  if (::read(fd_.get(), &info, sizeof info) != sizeof info) return 0;
  return static_cast<int>(info.ssi_signo);
}

}  // namespace estiba::os
