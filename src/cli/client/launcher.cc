#include "client/launcher.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "client/siblings.h"
#include "os/process.h"
#include "os/socket.h"

namespace estiba::cli {
namespace {

using Clock = std::chrono::steady_clock;

// A cold start takes tens of milliseconds; recovering many containers after a crash takes longer.
constexpr std::chrono::seconds kStartTimeout{30};
constexpr std::chrono::seconds kRivalTimeout{10};
constexpr std::size_t kMaxComplaint = 8192;
constexpr int kReadyFd = 3;

// What an engine needs of our environment; the rest is the caller's business.
std::vector<std::string> ShortEnvironment() {
  std::vector<std::string> environment;
  for (const char* name : {"PATH", "HOME", "USER", "LANG", "TZ", "XDG_RUNTIME_DIR", "XDG_DATA_HOME",
                           "XDG_CONFIG_HOME", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy",
                           "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "CONTAINERS_REGISTRIES_CONF"}) {
    if (const char* value = std::getenv(name)) environment.push_back(std::string(name) + "=" + value);
  }
  return environment;
}

Result<std::string> FindEngine() {
  auto found = FindSibling("estibad");
  if (found.ok()) return found;
  return std::move(found).error().Hint("install estibad, or point -H or ESTIBA_HOST at a running engine");
}

int MillisecondsTo(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return left < 0 ? 0 : static_cast<int>(left);
}

enum class Outcome : unsigned char { kReady, kEnded, kTimeout };

// The engine writes one byte to its --ready-fd when it serves; an end without it means that it gave up.
Outcome AwaitReady(int ready, int complaints, std::string* text) {
  const auto deadline = Clock::now() + kStartTimeout;
  std::array<pollfd, 2> polled{{{ready, POLLIN, 0}, {complaints, POLLIN, 0}}};
  std::array<char, 1024> bytes{};
  for (;;) {
    const int count = ::poll(polled.data(), polled.size(), MillisecondsTo(deadline));
    if (count == 0) return Outcome::kTimeout;
    if (count < 0 && errno != EINTR) return Outcome::kEnded;
    if (count < 0) continue;
    if (polled[1].revents != 0) {
      const ssize_t got = ::read(complaints, bytes.data(), bytes.size());
      if (got > 0 && text->size() < kMaxComplaint) text->append(bytes.data(), static_cast<std::size_t>(got));
      if (got <= 0) polled[1].fd = -1;
    }
    if (polled[0].revents == 0) continue;
    if (::read(ready, bytes.data(), 1) == 1) return Outcome::kReady;
    if (polled[1].fd < 0) return Outcome::kEnded;
    polled[0].fd = -1;  // it ended; read its last words first
    if (const ssize_t got = ::read(complaints, bytes.data(), bytes.size()); got > 0)
      text->append(bytes.data(), static_cast<std::size_t>(got));
    return Outcome::kEnded;
  }
}

// Two commands may start an engine at once; the one that lost the lock ends, and the other's will answer
// soon.
bool RivalServes(const Endpoint& endpoint, Clock::time_point deadline) {
  for (;;) {
    if (os::ConnectUnix(endpoint.socket, SOCK_STREAM).ok()) return true;
    if (MillisecondsTo(deadline) == 0) return false;
    ::poll(nullptr, 0, 5);
  }
}

Error StartFailed(const Endpoint& endpoint, const std::string& what, const std::string& complaints) {
  std::string message = "start the engine for " + endpoint.Display() + ": " + what;
  if (const auto words = Trim(complaints); !words.empty()) message += ": " + std::string(words);
  return Error(Code::kUnavailable, std::move(message)).Hint("its log is '" + endpoint.log + "'");
}

}  // namespace

Status StartEngine(const Endpoint& endpoint) {
  os::SpawnOptions spawn;
  spawn.program = TRY(FindEngine());
  spawn.argv = {"estibad", "--spawned", "--ready-fd", std::to_string(kReadyFd)};
  if (!endpoint.config.empty()) spawn.argv.insert(spawn.argv.end(), {"--config", endpoint.config});
  spawn.env = ShortEnvironment();
  os::Pipe ready = TRY(os::MakePipe());
  os::Pipe complaints = TRY(os::MakePipe());
  spawn.fds = {{ready.write.get(), kReadyFd}, {complaints.write.get(), 2}};
  spawn.new_session = true;
  os::Process engine = TRY(os::Spawn(spawn));
  ready.write.Reset();
  complaints.write.Reset();
  TRY(os::SetNonBlocking(complaints.read.get(), true));
  std::string text;
  const Outcome outcome = AwaitReady(ready.read.get(), complaints.read.get(), &text);
  if (outcome == Outcome::kReady) {
    engine.Detach();
    return Ok();
  }
  if (outcome == Outcome::kTimeout) return StartFailed(endpoint, "it did not answer in time", text);
  const bool locked = text.find("another engine") != std::string::npos || text.empty();
  if (RivalServes(endpoint, Clock::now() + (locked ? kRivalTimeout : std::chrono::seconds(0)))) return Ok();
  return StartFailed(endpoint, "it ended", text);
}

}  // namespace estiba::cli
