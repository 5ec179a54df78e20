// What an engine of a plain user stands on.

#include <cerrno>

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/text.h"
#include "findings.h"
#include "os/file.h"
#include "os/process.h"
#include "os/userns.h"

namespace estiba::engine {
namespace {

constexpr Feature kHelpers{"Users", "newuidmap, newgidmap", true, "no engine of this user starts",
                           "apt install uidmap"};
constexpr Feature kIds{"Users", "subordinate ids", true, "no engine of this user starts",
                       "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER"};
constexpr Feature kRuntime{"Users", "XDG_RUNTIME_DIR", false,
                           "sockets are in /tmp, and what systemd has of the user is not found",
                           "log in by a session of its own (ssh, machinectl shell), not by su or sudo"};
constexpr Feature kLinger{"Users", "lingering", false,
                          "containers end with the user's last session, and none starts with the host",
                          "loginctl enable-linger USER"};
constexpr Feature kPorts{"Users", "ports below 1024", false, "publishing them",
                         "sysctl net.ipv4.ip_unprivileged_port_start=80"};

std::string UserName(unsigned uid) {
  const passwd* entry = ::getpwuid(uid);  // NOLINT(concurrency-mt-unsafe): one thread
  return entry == nullptr ? std::to_string(uid) : entry->pw_name;
}

Status TryHelpers() {
  for (const char* name : {"newuidmap", "newgidmap"}) {
    const std::string path = TRY(os::FindProgram(name));
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return Error::Errno(errno, "look at '" + path + "'");
    // Debian gives it setuid, others file capabilities, which a plain user cannot see: whether it maps ids is
    // tried inside.
    if ((info.st_mode & S_IXOTH) == 0)
      return Error(Code::kPermissionDenied, "'" + path + "' may not be run by everybody");
  }
  return Ok();
}

Status TryIds(const DoctorOptions& options, std::string& detail) {
  const std::string user = UserName(options.uid);
  for (const char* file : {"/etc/subuid", "/etc/subgid"}) {
    const auto text = os::ReadFile(file, 4 << 20);
    const auto map =
        TRY_CTX(os::MapFromSubordinateIds(text.ok() ? *text : "", user, options.uid, options.uid),
                std::string("read '") + file + "'");
    std::uint64_t count = 0;
    for (const os::IdRange& range : map) count += range.count;
    detail += (detail.empty() ? "" : ", ") + std::to_string(count - 1) + " in " + file;
    constexpr std::uint64_t kEnough = 65'536;
    if (count - 1 < kEnough)
      return Error(Code::kResourceExhausted, detail + ": images may have owners beyond them");
  }
  return Ok();
}

}  // namespace

void ExamineUsers(const DoctorOptions& options, Findings& findings) {
  Tell(findings, kHelpers, TryHelpers(), "there");
  std::string detail;
  Status ids = TryIds(options, detail);
  const bool few = !ids.ok() && ids.error().code() == Code::kResourceExhausted;
  Tell(findings, kIds, ids, detail, few ? FindingState::kLimited : FindingState::kMissing);
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  Tell(findings, kRuntime, runtime != nullptr && *runtime == '/', runtime == nullptr ? "not set" : runtime,
       FindingState::kLimited);
  if (::access("/run/systemd/system", F_OK) == 0) {
    const bool lingers = ::access(("/var/lib/systemd/linger/" + UserName(options.uid)).c_str(), F_OK) == 0;
    Tell(findings, kLinger, lingers, lingers ? "on" : "off", FindingState::kLimited);
  }
  const auto text = os::ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start", 64);
  const auto first = ParseUint(text.ok() ? Trim(*text) : "1024");
  Tell(findings, kPorts, first.ok() && *first <= 80,
       "the first that users may have is " + (first.ok() ? std::to_string(*first) : "?"),
       FindingState::kLimited);
}

}  // namespace estiba::engine
