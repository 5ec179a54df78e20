#include "apparmor.h"

#include <chrono>

#include <poll.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "os/file.h"
#include "os/memfd.h"
#include "os/process.h"
#include "security/apparmor.h"

namespace estiba::engine {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// A host that is busy booting included.
constexpr auto kPatience = 60s;
constexpr std::size_t kMaxComplaint = 4096;
constexpr std::size_t kMaxList = 16U << 20;

// What the program says until it ends.
Result<std::string> Listen(int fd) {
  std::string text;
  const auto deadline = Clock::now() + kPatience;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return Error(Code::kDeadlineExceeded, "it did not end in time");
    struct pollfd polled{fd, POLLIN, 0};
    const int count = ::poll(&polled, 1, static_cast<int>(left));
    if (count < 0 && errno != EINTR) return Error::Errno(errno, "wait for its output");
    if (count <= 0) continue;
    char bytes[1024];
    const ssize_t got = ::read(fd, bytes, sizeof bytes);
    if (got < 0 && errno != EINTR) return Error::Errno(errno, "read its output");
    if (got == 0) return text;
    if (got > 0 && text.size() < kMaxComplaint) text.append(bytes, static_cast<std::size_t>(got));
  }
}

}  // namespace

AppArmor::AppArmor(bool privileged, std::function<void()> before_spawn, Places places)
    : privileged_(privileged), before_spawn_(std::move(before_spawn)), places_(std::move(places)) {}

std::string AppArmor::Parser() const {
  for (const std::string& path : places_.parsers) {
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return {};
}

Result<std::string> AppArmor::Listed() const { return os::ReadFile(places_.profiles, kMaxList); }

AppArmor::Use AppArmor::Look() const {
  Use use;
  const auto enabled = os::ReadFile(places_.enabled, 64);
  use.on = enabled.ok() && enabled->starts_with('Y');
  if (!use.on) {
    use.lacks = "AppArmor is not on here";
    return use;
  }
  if (!privileged_) {
    use.lacks = "AppArmor's profiles are for containers of root with CAP_MAC_ADMIN";
    return use;
  }
  if (::access(places_.profiles.c_str(), R_OK) != 0) {
    use.lacks = "'" + places_.profiles + "' cannot be read: securityfs is not mounted";
    return use;
  }
  use.named = true;
  use.by_default = !Parser().empty();
  if (!use.by_default) use.lacks = "apparmor_parser is not installed";
  return use;
}

Status AppArmor::Ensure(const std::string& profile) {
  if (profile.empty() || profile == "unconfined") return Ok();
  if (profile == security::kDefaultAppArmorProfile) {
    const std::lock_guard lock(loading_);
    const std::string listed = TRY_CTX(Listed(), "look for AppArmor profile '" + profile + "'");
    if (loaded_ && security::ListsAppArmorProfile(listed, profile)) return Ok();
    TRY_CTX(Load(profile), "load AppArmor profile '" + profile + "'");
    loaded_ = true;
    return Ok();
  }
  const std::string listed = TRY_CTX(Listed(), "look for AppArmor profile '" + profile + "'");
  if (security::ListsAppArmorProfile(listed, profile)) return Ok();
  return Error(Code::kFailedPrecondition, "AppArmor profile '" + profile + "' is not loaded")
      .Hint("load it with apparmor_parser -r FILE, or name another: --security-opt apparmor=PROFILE");
}

Status AppArmor::Load(const std::string& profile) {
  const std::string parser = Parser();
  if (parser.empty()) return Error(Code::kFailedPrecondition, "apparmor_parser is not installed");
  security::AppArmorProfileOptions text;
  text.name = profile;
  text.abi = ::access(places_.abi.c_str(), R_OK) == 0;
  if (const auto current = os::ReadFile(places_.current, 4096); current.ok() && !current->empty())
    text.runtime = security::AppArmorLabelName(*current);
  // All of it at once: a parser that outlives us must not take half a profile for one.
  const os::UniqueFd input = TRY(os::MakeSealedMemfd("estiba-apparmor", security::AppArmorProfile(text)));
  os::Pipe output = TRY(os::MakePipe());
  os::SpawnOptions options;
  options.program = parser;
  options.argv = {"apparmor_parser", "-Kr"};  // replaced if it is there, and kept in no cache on disk
  options.env = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"};
  options.fds = {{input.get(), STDIN_FILENO}, {output.write.get(), STDOUT_FILENO},
                 {output.write.get(), STDERR_FILENO}};
  if (before_spawn_) before_spawn_();
  os::Process process = TRY_CTX(os::Spawn(options), "start '" + parser + "'");
  output.write.Reset();
  const std::string said = TRY_CTX(Listen(output.read.get()), "run '" + parser + "'");
  const os::ExitStatus status = TRY_CTX(process.Wait(), "run '" + parser + "'");
  if (status.ToShell() == 0) return Ok();
  return Error(Code::kFailedPrecondition, "'" + parser + " -Kr' ended with status " +
                                              std::to_string(status.ToShell()) + ": " + std::string(Trim(said)))
      .Hint("--security-opt apparmor=unconfined runs a container without a profile");
}

}  // namespace estiba::engine
