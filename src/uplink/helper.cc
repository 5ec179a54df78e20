#include "helper.h"

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "net/user_network.h"
#include "os/fd.h"

namespace estiba::uplink {
namespace {

constexpr int kReady = 3;  // where slirp4netns tells that it is there
// The standard input: what else is given to it pasta closes before it looks (since 2024-08).
constexpr int kNetns = 0;
constexpr const char* kNetnsPath = "/proc/self/fd/0";
constexpr int kPatience = 10'000;  // milliseconds
constexpr std::size_t kMostSaid = 16 * 1024;

bool IsSlirp(const std::string& program) { return program.ends_with("/slirp4netns"); }

// Neither opens a port of the host's, nor leads to the host's loopback. pasta goes to the background when it is ready,
// slirp4netns says so.
std::vector<std::string> Arguments(const std::string& program) {
  if (IsSlirp(program))
    return {"slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", "--enable-sandbox", "--enable-ipv6",
            "--ready-fd=3", "--netns-type=path", kNetnsPath, net::kWayOutLink};
  return {"pasta", "--config-net", "--no-map-gw", "-t", "none", "-u", "none", "-T", "none", "-U", "none",
          "--ns-ifname", net::kWayOutLink, "--netns-only", "--netns", kNetnsPath, "--no-netns-quit", "--quiet"};
}

struct Pipe {
  os::UniqueFd read;
  os::UniqueFd write;
};

Result<Pipe> MakePipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return Error::Errno(errno, "make a pipe");
  return Pipe{os::UniqueFd(ends[0]), os::UniqueFd(ends[1])};
}

void Drain(int fd, std::string& said) {
  char buffer[1024];
  for (ssize_t n = 0; (n = ::read(fd, buffer, sizeof buffer)) > 0;)
    if (said.size() < kMostSaid) said.append(buffer, static_cast<std::size_t>(n));
}

// True when it is ready, false when it has ended without.
Result<bool> AwaitSlirp(os::Process& process, int ready, int hangup) {
  pollfd wait[] = {{ready, POLLIN, 0}, {process.pidfd(), POLLIN, 0}, {hangup, 0, 0}};
  if (::poll(wait, 3, kPatience) <= 0 || wait[2].revents != 0)
    return Error(Code::kDeadlineExceeded, "wait for slirp4netns");
  return (wait[0].revents & POLLIN) != 0;
}

Result<bool> AwaitPasta(os::Process& process, int hangup) {
  pollfd wait[] = {{process.pidfd(), POLLIN, 0}, {hangup, 0, 0}};
  if (::poll(wait, 2, kPatience) <= 0 || wait[1].revents != 0)
    return Error(Code::kDeadlineExceeded, "wait for pasta");
  const os::ExitStatus ended = TRY(process.Wait());
  return ended.ToShell() == 0;
}

}  // namespace

std::string LastLine(const std::string& said) {
  std::string last;
  for (const std::string& line : Split(said, '\n')) {
    const std::string_view words = Trim(line);
    // It cannot know that nobody listens there.
    if (!words.empty() && words.find("to syslog") == std::string_view::npos) last = words;
  }
  return last;
}

Status StartHelper(const std::string& program, int netns, int hangup) {
  Pipe said = TRY(MakePipe());
  Pipe ready = TRY(MakePipe());
  os::SpawnOptions options;
  options.program = program;
  options.argv = Arguments(program);
  options.fds = {{said.write.get(), 2}, {ready.write.get(), kReady}, {netns, kNetns}};
  os::Process process = TRY(os::Spawn(options));
  said.write.Reset();
  ready.write.Reset();
  auto up = IsSlirp(program) ? AwaitSlirp(process, ready.read.get(), hangup) : AwaitPasta(process, hangup);
  if (up.ok() && *up) {
    process.Detach();
    return Ok();
  }
  std::string text;
  Drain(said.read.get(), text);
  if (!up.ok()) return std::move(up).error();
  const std::string last = LastLine(text);
  return Error(Code::kFailedPrecondition, last.empty() ? "it has ended" : last);
}

}  // namespace estiba::uplink
