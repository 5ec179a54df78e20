// What is done to a living cgroup: settings, devices, signals, freezing, and reading who is in it.

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/parse.h"
#include "base/text.h"
#include "cgroup/cgroup.h"
#include "keyed.h"
#include "os/bpf.h"
#include "os/file.h"
#include "os/process.h"

namespace estiba::cgroup {
namespace {

constexpr int kRounds = 200;  // of killing, freezing and waiting: about two seconds
constexpr auto kPause = std::chrono::milliseconds(10);

// systemd removes a unit's cgroup as soon as its last process is gone: in one that is open, nothing is found any more.
bool Removed(const Error& error) { return error.errnum() == ENOENT || error.errnum() == ENODEV; }

// pids of `dir` and of everything below.
Status CollectProcesses(os::DirFd dir, unsigned depth, std::vector<pid_t>& pids) {
  constexpr unsigned kDeepest = 64;
  if (depth > kDeepest) return Error(Code::kOutOfRange, "cgroups nested too deep");
  auto text = os::ReadFileAt(dir, "cgroup.procs");
  if (!text.ok()) return Removed(text.error()) ? Ok() : Status(std::move(text).error());
  for (const std::string& line : Split(*text, '\n')) {
    if (line.empty() || line == "0") continue;  // 0: of another pid namespace
    const auto pid = TRY(ParseUint(line, INT32_MAX));
    pids.push_back(static_cast<pid_t>(pid));
  }
  const auto names = os::ListDirectory(dir, ".");
  if (!names.ok()) return Removed(names.error()) ? Ok() : Status(names.error().Clone());
  for (const std::string& name : *names) {
    struct stat info {};
    if (::fstatat(dir.fd, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(info.st_mode)) continue;
    auto child = os::OpenAt(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!child.ok() && child.error().code() == Code::kNotFound) continue;
    if (!child.ok()) return std::move(child).error();
    TRY(CollectProcesses({child->get()}, depth + 1, pids));
  }
  return Ok();
}

// Refuses a limit below what is in use (memory.checkBeforeUpdate).
Status CheckUsage(os::DirFd dir, const Write& write) {
  for (const char* file : {"memory.usage_in_bytes", "memory.current"}) {
    auto text = os::ReadFileAt(dir, file);
    if (!text.ok()) continue;
    const auto usage = TRY(ParseUint(Trim(*text)));
    const auto limit = TRY(ParseUint(write.value));
    if (usage > limit)
      return Error(Code::kFailedPrecondition, write.field + ": " + std::to_string(usage) +
                                                  " bytes are in use, more than the new limit " + write.value);
  }
  return Ok();
}

bool Missing(const Error& error) { return error.errnum() == ENOENT; }

}  // namespace

Status Cgroup::ApplyOne(const Write& write) const {
  const Directory* directory = Find(write.controller);
  if (directory == nullptr) {
    if (write.optional) return Ok();
    return Error(Code::kPermissionDenied, write.field + ": the '" + write.controller +
                                              "' cgroup controller is not available to this user");
  }
  const os::DirFd dir{directory->fd.get()};
  if (write.check_usage) TRY(CheckUsage(dir, write));
  Status done = os::WriteExisting(dir, write.file, write.value);
  if (!done.ok() && Missing(done.error()) && !write.alternative_file.empty())
    done = os::WriteExisting(dir, write.alternative_file, write.alternative_value);
  if (done.ok() || write.optional) return Ok();
  const bool missing = Missing(done.error());
  Error error = std::move(done).error().Context("cgroup '" + directory->shown + "'").Context(write.field);
  if (missing && directory->unified)
    return std::move(error).Hint("the '" + write.controller + "' controller is not enabled for this cgroup: it is "
                                 "not delegated, or processes sit in a cgroup above it");
  return error;
}

Status Cgroup::Apply(const std::vector<Write>& writes) const {
  // The kernel checks each value against its neighbours (memory against memory and swap, quota against period), so
  // which order works depends on what was there before: what is refused is tried again after the others.
  std::vector<const Write*> again;
  for (const Write& write : writes) {
    Status done = ApplyOne(write);
    if (done.ok()) continue;
    if (done.error().errnum() != EINVAL) return done;
    again.push_back(&write);
  }
  for (const Write* write : again) TRY(ApplyOne(*write));
  return Ok();
}

Status Cgroup::HandOver(uid_t owner) const {
  const Directory* unified = Find("unified");
  if (unified == nullptr) return Ok();
  // Kernels before 4.15 do not tell: the files that cgroups(7) names.
  const auto told = os::ReadFile("/sys/kernel/cgroup/delegate");
  const std::string files = told.ok() ? *told : "cgroup.procs\ncgroup.subtree_control\ncgroup.threads";
  if (::fchown(unified->fd.get(), owner, static_cast<gid_t>(-1)) != 0)
    return Error::Errno(errno, "hand over cgroup '" + unified->shown + "'");
  for (const std::string& file : Split(files, '\n')) {
    if (file.empty() || ::fchownat(unified->fd.get(), file.c_str(), owner, static_cast<gid_t>(-1), 0) == 0) continue;
    if (const int err = errno; err != ENOENT)  // of a controller that is not enabled here
      return Error::Errno(err, "hand over '" + file + "' of cgroup '" + unified->shown + "'");
  }
  return Ok();
}

Status Cgroup::ApplyDevices(const std::vector<oci::DeviceRule>& rules) const {
  if (rules.empty()) return Ok();
  if (Find("devices") != nullptr && !Find("devices")->unified) return Apply(DeviceWrites(rules));
  const int dir = unified_fd();
  if (dir < 0)
    return Error(Code::kFailedPrecondition, "linux.resources.devices: this host can limit devices neither by a "
                                            "cgroup v2 program nor by the v1 devices controller");
  const auto program = TRY(DeviceProgram(rules));
  const auto before = TRY_CTX(os::QueryDevicePrograms(dir), "linux.resources.devices");
  const os::UniqueFd loaded = TRY_CTX(os::LoadDeviceProgram(program), "linux.resources.devices");
  TRY_CTX(os::AttachDeviceProgram(dir, loaded.get()), "linux.resources.devices");
  for (const std::uint32_t id : before) {  // an update: until here both held
    const os::UniqueFd old = TRY_CTX(os::OpenProgram(id), "linux.resources.devices");
    TRY_CTX(os::DetachDeviceProgram(dir, old.get()), "linux.resources.devices");
  }
  return Ok();
}

Status Cgroup::Kill() const {
  const Directory* main = Main();
  if (main == nullptr) return Ok();
  if (!main->unified) return KillSlowly();
  const Status done = os::WriteExisting({main->fd.get()}, "cgroup.kill", "1");  // kernel ≥ 5.14
  if (done.ok() || done.error().errnum() == ENODEV) return Ok();  // ENODEV: removed meanwhile, so nobody was in it
  if (!Missing(done.error())) return done.error().Clone().Context("kill cgroup '" + main->shown + "'");
  return KillSlowly();
}

// A frozen group cannot fork out of reach between reading and killing; v1 delivers the signal once thawed.
Status Cgroup::KillSlowly() const {
  for (int round = 0; round < kRounds; ++round) {
    const bool frozen = Freeze().ok();
    const auto pids = TRY(Processes());
    Status sent = pids.empty() ? Ok() : Signal(SIGKILL);
    if (const Status thawed = frozen ? Thaw() : Ok(); !thawed.ok() && !Removed(thawed.error()))
      return thawed.error().Clone();
    TRY(std::move(sent));
    if (pids.empty()) return Ok();
    std::this_thread::sleep_for(kPause);
  }
  return Error(Code::kDeadlineExceeded, "kill cgroup '" + path_ + "': its processes would not die");
}

Status Cgroup::Signal(int signal) const {
  const auto pids = TRY(Processes());
  for (const pid_t pid : pids) {
    auto pidfd = os::OpenPidfd(pid);
    if (!pidfd.ok()) continue;  // gone between the two
    Status sent = os::SendSignal(pidfd->get(), signal);
    if (!sent.ok() && sent.error().code() != Code::kNotFound) return sent;
  }
  return Ok();
}

namespace {

Status WaitFrozen(os::DirFd dir, bool unified, bool frozen) {
  for (int round = 0; round < kRounds; ++round) {
    const std::string text = TRY(os::ReadFileAt(dir, unified ? "cgroup.events" : "freezer.state"));
    const bool now = unified ? KeyedValue(text, "frozen").value_or(0) == 1 : Trim(text) == "FROZEN";
    if (now == frozen) return Ok();
    // v1 may need to be told again: a fork can slip through (kernel documentation, freezer-subsystem).
    if (!unified) TRY(os::WriteExisting(dir, "freezer.state", frozen ? "FROZEN" : "THAWED"));
    std::this_thread::sleep_for(round < 10 ? std::chrono::milliseconds(1) : kPause);
  }
  return Error(Code::kDeadlineExceeded, frozen ? "the cgroup would not freeze" : "the cgroup would not thaw");
}

Status SwitchFreezer(const char* verb, os::DirFd dir, bool unified, bool frozen, const std::string& shown) {
  Status done = unified ? os::WriteExisting(dir, "cgroup.freeze", frozen ? "1" : "0")
                        : os::WriteExisting(dir, "freezer.state", frozen ? "FROZEN" : "THAWED");
  if (done.ok()) done = WaitFrozen(dir, unified, frozen);
  if (!done.ok()) return std::move(done).error().Context(std::string(verb) + " cgroup '" + shown + "'");
  return Ok();
}

Error NoFreezer(const std::string& path) {
  return Error(Code::kFailedPrecondition, "freeze cgroup '" + path + "': this host has no freezer for it");
}

}  // namespace

Status Cgroup::Freeze() const {
  const Directory* directory = Find("unified") != nullptr ? Find("unified") : Find("freezer");
  if (directory == nullptr) return NoFreezer(path_);
  Status done = SwitchFreezer("freeze", {directory->fd.get()}, directory->unified, true, directory->shown);
  if (!done.ok() && done.error().code() == Code::kDeadlineExceeded)
    (void)!SwitchFreezer("thaw", {directory->fd.get()}, directory->unified, false, directory->shown).ok();
  return done;
}

Status Cgroup::Thaw() const {
  const Directory* directory = Find("unified") != nullptr ? Find("unified") : Find("freezer");
  if (directory == nullptr) return NoFreezer(path_);
  return SwitchFreezer("thaw", {directory->fd.get()}, directory->unified, false, directory->shown);
}

Result<bool> Cgroup::Frozen() const {
  if (const Directory* unified = Find("unified"); unified != nullptr) {
    const std::string text = TRY(os::ReadFileAt({unified->fd.get()}, "cgroup.freeze"));
    return Trim(text) == "1";
  }
  const Directory* freezer = Find("freezer");
  if (freezer == nullptr) return false;
  const std::string text = TRY(os::ReadFileAt({freezer->fd.get()}, "freezer.state"));
  return Trim(text) != "THAWED";
}

Result<std::vector<pid_t>> Cgroup::Processes() const {
  std::vector<pid_t> pids;
  const Directory* main = Main();
  if (main == nullptr) return pids;
  TRY_CTX(CollectProcesses({main->fd.get()}, 0, pids), "list processes of cgroup '" + main->shown + "'");
  std::ranges::sort(pids);
  pids.erase(std::ranges::unique(pids).begin(), pids.end());
  return pids;
}

Result<bool> Cgroup::Populated() const {
  const Directory* unified = Find("unified");
  if (unified == nullptr) {
    const auto pids = TRY(Processes());
    return !pids.empty();
  }
  const std::string text = TRY(os::ReadFileAt({unified->fd.get()}, "cgroup.events"));
  return KeyedValue(text, "populated").value_or(0) == 1;
}

Result<os::UniqueFd> Cgroup::OpenEvents() const {
  const Directory* unified = Find("unified");
  if (unified == nullptr) return os::UniqueFd();
  return os::OpenAt({unified->fd.get()}, "cgroup.events", O_RDONLY);
}

Result<std::uint64_t> Cgroup::OomKills() const {
  const Directory* memory = Find("memory");
  if (memory == nullptr) return std::uint64_t{0};
  // v1 counts since 4.13.
  const std::string text =
      TRY(os::ReadFileAt({memory->fd.get()}, memory->unified ? "memory.events" : "memory.oom_control"));
  return KeyedValue(text, "oom_kill").value_or(0);
}

}  // namespace estiba::cgroup
