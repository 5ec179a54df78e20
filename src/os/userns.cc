#include "os/userns.h"

#include <array>
#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/text.h"
#include "os/clone.h"
#include "os/file.h"
#include "os/process.h"

namespace estiba::os {
namespace {

constexpr std::size_t kMaxRanges = 300;  // the kernel takes 340 lines (user_namespaces(7))

// newuidmap or newgidmap, waiting in the old namespace until we are in the new one: set-user-ID programs have no
// power inside it.
struct Mapper {
  std::string name;
  pid_t pid = -1;
  UniqueFd go;         // a byte here starts it
  UniqueFd complaint;  // what it printed
};

// The numbers of a map: three a line.
std::vector<std::string> NumbersOf(std::string_view map) {
  std::vector<std::string> numbers;
  for (const std::string& line : Split(map, '\n'))
    for (std::string& number : Split(line, ' '))
      if (!number.empty()) numbers.push_back(std::move(number));
  return numbers;
}

// In the child: one thread, so exec's search along PATH is safe.
[[noreturn]] void RunMapper(int go, int complaint, const std::vector<std::string>& arguments) {
  char byte = 0;
  if (::read(go, &byte, 1) != 1) ::_exit(1);
  ::dup2(complaint, STDERR_FILENO);
  ::dup2(complaint, STDOUT_FILENO);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  const std::string path = "/usr/bin/" + arguments[0];
  ::execv(path.c_str(), argv.data());
  ::_exit(127);
}

Result<Mapper> StartMapper(const std::string& name, pid_t target, std::string_view map) {
  Pipe go = TRY(MakePipe());
  Pipe complaint = TRY(MakePipe());
  std::vector<std::string> arguments = {name, std::to_string(target)};
  for (std::string& number : NumbersOf(map)) arguments.push_back(std::move(number));
  const pid_t pid = ::fork();
  if (const int err = errno; pid < 0) return Error::Errno(err, "start " + name);
  if (pid == 0) {
    go.write.Reset();
    RunMapper(go.read.get(), complaint.write.get(), arguments);
  }
  return Mapper{name, pid, std::move(go.write), std::move(complaint.read)};
}

int WaitFor(pid_t pid) {
  int status = -1;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Status Finish(Mapper& mapper, bool go) {
  if (go) TRY(WriteAll(mapper.go.get(), "x"));
  else ::kill(mapper.pid, SIGKILL);  // it waits for a byte that does not come; our child, so the number is its own
  mapper.go.Reset();
  auto words = ReadAll(mapper.complaint.get(), 4096);
  const int code = WaitFor(mapper.pid);
  if (!go || code == 0) return Ok();
  if (code == 127)
    return Error(Code::kFailedPrecondition, "run " + mapper.name + ": not found")
        .Hint("rootless needs newuidmap and newgidmap: install the package uidmap");
  const std::string said = words.ok() ? std::string(Trim(words.value())) : std::string();
  return Error(Code::kFailedPrecondition, "map ids: " + (said.empty() ? mapper.name + " refused" : said));
}

bool Refused(const Status& done) { return !done.ok() && done.error().errnum() == EPERM; }

Status MapByProgram(const std::string& name, pid_t pid, const std::string& map) {
  Mapper mapper = TRY(StartMapper(name, pid, map));
  return Finish(mapper, /*go=*/true);
}

// Who has no power over ids may map only the own one; the rest is newuidmap's to decide, by /etc/subuid.
Status MapUsers(DirFd process, pid_t pid, const std::string& map) {
  Status done = WriteExisting(process, "uid_map", map);
  if (Refused(done)) return MapByProgram("newuidmap", pid, map);
  return done.ok() ? Ok() : std::move(done).error().Context("map user ids");
}

// The own group alone may be mapped once setgroups(2) is given up: it could else drop a group that is there to deny
// something (user_namespaces(7)).
Status MapGroups(DirFd process, pid_t pid, const std::string& map) {
  Status done = WriteExisting(process, "gid_map", map);
  if (Refused(done)) {
    const std::vector<std::string> numbers = NumbersOf(map);
    const bool own = numbers.size() == 3 && numbers[1] == std::to_string(::getegid()) && numbers[2] == "1";
    if (!own) return MapByProgram("newgidmap", pid, map);
    TRY_CTX(WriteExisting(process, "setgroups", "deny"), "map group ids");
    done = WriteExisting(process, "gid_map", map);
  }
  return done.ok() ? Ok() : std::move(done).error().Context("map group ids");
}

}  // namespace

Error UserNamespaceRefused(int err) {
  return Error::Errno(err, "make a user namespace")
      .Hint("the host may forbid it: sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone or "
            "kernel.apparmor_restrict_unprivileged_userns");
}

Result<std::vector<IdRange>> MapFromSubordinateIds(std::string_view text, const std::string& user, uid_t uid,
                                                   std::uint32_t own) {
  std::vector<IdRange> map{{0, own, 1}};
  std::uint64_t next = 1;
  for (const std::string& line : Split(text, '\n')) {
    const std::vector<std::string> fields = Split(Trim(line), ':');
    if (fields.size() != 3 || (fields[0] != user && fields[0] != std::to_string(uid))) continue;
    const auto start = ParseUint(fields[1], UINT32_MAX);
    const auto count = ParseUint(fields[2], UINT32_MAX);
    if (!start.ok() || !count.ok() || count.value() == 0) continue;
    if (start.value() + count.value() > UINT32_MAX || next + count.value() > UINT32_MAX || map.size() > kMaxRanges)
      return Error(Code::kFailedPrecondition, "subordinate ids of user '" + user + "' do not fit: '" + line + "'");
    map.push_back({static_cast<std::uint32_t>(next), static_cast<std::uint32_t>(start.value()),
                   static_cast<std::uint32_t>(count.value())});
    next += count.value();
  }
  if (map.size() == 1) return Error(Code::kFailedPrecondition, "user '" + user + "' has no subordinate ids");
  return map;
}

std::string MapText(const std::vector<IdRange>& ranges) {
  std::string text;
  for (const IdRange& range : ranges)
    text += std::to_string(range.inside) + " " + std::to_string(range.outside) + " " + std::to_string(range.count) +
            "\n";
  return text;
}

Status MapIds(pid_t pid, const std::string& uids, const std::string& gids) {
  const UniqueFd process = TRY(OpenAt({AT_FDCWD}, "/proc/" + std::to_string(pid), O_PATH | O_DIRECTORY));
  TRY(MapUsers({process.get()}, pid, uids));
  return MapGroups({process.get()}, pid, gids);
}

Status EnterNewUserNamespace(const std::vector<IdRange>& uids, const std::vector<IdRange>& gids) {
  if (!SingleThreaded()) return Error(Code::kInternal, "enter a user namespace: the process has several threads");
  std::array<Mapper, 2> mappers;
  mappers[0] = TRY(StartMapper("newuidmap", ::getpid(), MapText(uids)));
  auto second = StartMapper("newgidmap", ::getpid(), MapText(gids));
  if (!second.ok()) {
    (void)Finish(mappers[0], /*go=*/false).ok();
    return std::move(second).error();
  }
  mappers[1] = std::move(second).value();
  const int err = ::unshare(CLONE_NEWUSER) < 0 ? errno : 0;
  Status first = Finish(mappers[0], err == 0);
  Status last = Finish(mappers[1], err == 0);
  if (err != 0) return UserNamespaceRefused(err);
  if (!first.ok()) return first;
  return last;
}

Result<UniqueFd> CreateUserNamespace(const std::string& uids, const std::string& gids) {
  if (!SingleThreaded()) return Error(Code::kInternal, "make a user namespace: the process has several threads");
  Pipe hold = TRY(MakePipe());
  clone_args arguments{};
  arguments.flags = CLONE_NEWUSER;
  arguments.exit_signal = SIGCHLD;
  const long pid = Clone3(arguments);
  if (pid < 0) return UserNamespaceRefused(errno);
  if (pid == 0) {
    ::close(hold.write.get());
    char byte = 0;
    (void)!::read(hold.read.get(), &byte, 1);  // until the parent has what it wants, or is gone
    ::_exit(0);
  }
  const Status mapped = MapIds(static_cast<pid_t>(pid), uids, gids);
  auto made = OpenAt({AT_FDCWD}, "/proc/" + std::to_string(pid) + "/ns/user", O_RDONLY);
  hold.write.Reset();
  while (::waitpid(static_cast<pid_t>(pid), nullptr, 0) < 0 && errno == EINTR) {}
  if (!mapped.ok()) return mapped.error().Clone();
  return made;
}

Status JoinUserNamespace(int pidfd) {
  if (!SingleThreaded()) return Error(Code::kInternal, "join a user namespace: the process has several threads");
  if (::setns(pidfd, CLONE_NEWUSER) < 0) return Error::Errno(errno, "join user namespace");  // pidfds: kernel 5.8
  return Ok();
}

Status EnterNewMountNamespace() {
  if (::unshare(CLONE_NEWNS) < 0) return Error::Errno(errno, "make a mount namespace");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) < 0)
    return Error::Errno(errno, "keep mounts to ourselves");
  return Ok();
}

Result<bool> InFirstUserNamespace() {
  const std::string map = TRY(ReadFile("/proc/self/uid_map", 64 * 1024));
  std::vector<std::string> words;
  for (std::string& word : Split(Trim(map), ' '))
    if (!word.empty()) words.push_back(std::move(word));
  return words == std::vector<std::string>{"0", "0", "4294967295"};
}

Result<NamespaceId> UserNamespaceOf(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/ns/user";
  struct stat info{};
  if (::stat(path.c_str(), &info) < 0) return Error::Errno(errno, "look at '" + path + "'");
  return NamespaceId{info.st_dev, info.st_ino};
}

}  // namespace estiba::os
