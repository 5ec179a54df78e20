// Our own programs, those of others that we start, the engine, and limits of the host.

#include <cerrno>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../paths.h"
#include "../user_network.h"
#include "base/parse.h"
#include "base/text.h"
#include "findings.h"
#include "os/file.h"
#include "os/process.h"
#include "os/socket.h"

namespace estiba::engine {
namespace {

constexpr std::size_t kMostWords = 4096;

// Its first line about itself: that it can be started, and which it is.
Result<std::string> VersionOf(const std::string& program) {
  const std::string path = TRY(os::FindProgram(program));
  os::Pipe out = TRY(os::MakePipe());
  os::SpawnOptions spawn;
  spawn.program = path;
  spawn.argv = {program, "--version"};
  spawn.env = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C"};
  spawn.fds = {{out.write.get(), 1}, {out.write.get(), 2}};
  os::Process process = TRY(os::Spawn(spawn));
  out.write.Reset();
  const std::string text = TRY(os::ReadAll(out.read.get(), kMostWords));
  const os::ExitStatus status = TRY(process.Wait());
  if (status.code != 0 || status.signal != 0)
    return Error(Code::kFailedPrecondition, "'" + path + " --version' fails");
  return path + ": " + std::string(Trim(text.substr(0, text.find('\n'))));
}

void TellProgram(const Feature& feature, const std::string& program, Findings& findings) {
  const auto version = VersionOf(program);
  Tell(findings, feature, version.ok(), version.ok() ? *version : version.error().Message(),
       FindingState::kLimited);
}

void ExamineOwn(const DoctorOptions& options, Findings& findings) {
  struct Own {
    const char* name;
    bool needed;
    const char* lost;
  };
  constexpr Own kOwn[] = {{"estiba-monitor", true, "no container starts"},
                          {"estiba-transfer", true, "pull, push, load, save, cp"},
                          {"estiba-init", false, "--init"},
                          {"estiba-netd", true, "names of containers"},
                          {"estiba-uplink", false, "networks of users, relayed ports"},
                          {"estiba-cni", false, "networks of CNI plugins"},
                          {"estiba-tls", false, "engines elsewhere by TLS, and TLS for clients from there"}};
  for (const Own& own : kOwn) {
    auto found = FindProgram(options.program_directory, own.name);
    const Status there = !found.ok() ? Status(found.error().Clone())
                         : ::access(found->c_str(), X_OK) == 0
                             ? Ok()
                             : Status(Error::Errno(errno, "run '" + *found + "'"));
    Tell(findings, {"Programs", own.name, own.needed, own.lost, "install Estiba again"}, there,
         there.ok() ? *found : "", own.needed ? FindingState::kMissing : FindingState::kLimited);
  }
}

std::uint64_t Setting(const std::string& path) {
  const auto text = os::ReadFile(path, 256);
  if (!text.ok()) return 0;
  const auto words = Split(std::string(Trim(*text)), '\t');
  const auto value = ParseUint(words.front());
  return value.ok() ? *value : ~std::uint64_t{0};
}

struct Limit {
  const char* path;
  const char* name;
  std::uint64_t enough;
  const char* lost;
  const char* mend;
};
constexpr Limit kLimits[] = {
    {"/proc/sys/fs/inotify/max_user_instances", "inotify instances", 512,
     "many containers that watch files (\"too many open files\")",
     "sysctl fs.inotify.max_user_instances=1024"},
    {"/proc/sys/fs/inotify/max_user_watches", "inotify watches", 65'536,
     "containers that watch many files (\"no space left on device\")",
     "sysctl fs.inotify.max_user_watches=524288"},
    {"/proc/sys/kernel/keys/maxkeys", "keys of a user", 200, "session keyrings of more containers of a user",
     "sysctl kernel.keys.maxkeys=2000 kernel.keys.maxbytes=2000000"},
    {"/proc/sys/kernel/pid_max", "process ids", 32'768, "many processes", "sysctl kernel.pid_max=4194304"},
    {"/proc/sys/kernel/threads-max", "threads", 8'192, "many processes", "sysctl kernel.threads-max=65536"},
    {"/proc/sys/fs/file-max", "open files of the host", 65'536, "many containers",
     "sysctl fs.file-max=1000000"},
    {"/proc/sys/net/ipv4/neigh/default/gc_thresh3", "neighbours", 1024, "many containers on a network",
     "sysctl net.ipv4.neigh.default.gc_thresh3=8192"},
};

}  // namespace

void ExaminePrograms(const DoctorOptions& options, Findings& findings) {
  ExamineOwn(options, findings);
  TellProgram({"Programs", "ps", false, "estiba top", "apt install procps"}, "ps", findings);
  TellProgram({"Programs", "criu", false, "estiba-oci checkpoint and restore", "apt install criu"}, "criu",
              findings);
  if (!options.config.rootless) return;
  const auto way_out = FindWayOut(options.config);
  const std::string name = way_out.ok() ? way_out->substr(way_out->rfind('/') + 1) : "pasta";
  TellProgram({"Programs", "way out (pasta, slirp4netns)", false, "a user's containers reach no other host",
               "apt install passt (or slirp4netns)"},
              name, findings);
}

void ExamineLimits(const Config& config, Findings& findings) {
  for (const Limit& limit : kLimits) {
    const std::uint64_t value = Setting(limit.path);
    Tell(findings, {"Limits", limit.name, false, limit.lost, limit.mend}, value >= limit.enough,
         std::to_string(value), FindingState::kLimited);
  }
  struct rlimit files{};
  constexpr rlim_t kEnough = 4096;
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  const std::string detail = files.rlim_max == RLIM_INFINITY ? "any number" : std::to_string(files.rlim_max);
  Tell(findings,
       {"Limits", "open files of a process", false, "an engine of more than some thousand containers",
        config.rootless ? "raise nofile in /etc/security/limits.conf" : "ulimit -Hn 524288"},
       files.rlim_max >= kEnough, detail, FindingState::kLimited);
}

void ExamineEngine(const Config& config, Findings& findings) {
  const Feature socket{"Engine", "socket", true, "commands reach no engine",
                       "join the group that the socket belongs to, or take an engine of your own"};
  const auto connection = os::ConnectUnix(config.socket, SOCK_STREAM);
  const int err = connection.ok() ? 0 : connection.error().errnum();
  const bool silent = err == ENOENT || err == ECONNREFUSED;
  Tell(
      findings, socket, connection.ok() || silent ? Ok() : Status(connection.error().Clone()),
      config.socket + (connection.ok() ? ": an engine answers" : ": none runs, the next command starts one"));
  Tell(findings, {"Engine", "configuration", true, "", ""}, true,
       config.file.empty() ? "defaults" : config.file);
  const std::string database = config.data_root + "/estiba.db";
  const auto opened = os::OpenAt({AT_FDCWD}, database, O_RDONLY);
  const bool none = !opened.ok() && (opened.error().errnum() == ENOENT || opened.error().errnum() == ENOTDIR);
  Tell(findings,
       {"Engine", "state", true, "no engine starts", "chown it back to who runs the engine, or restore it"},
       opened.ok() || none ? Ok() : Status(opened.error().Clone()), none ? "none yet" : database);
}

}  // namespace estiba::engine
