#include "state_dir.h"

#include <cerrno>
#include <chrono>

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "oci/runtime_json.h"
#include "os/file.h"
#include "os/process.h"
#include "plan/wire.h"

namespace estiba::ocicli {
namespace {

constexpr std::size_t kLongestId = 1024;
constexpr const char* kRecord = "state.json";
constexpr const char* kPrepared = "state.next";
constexpr std::chrono::seconds kPatience(10);
constexpr std::chrono::milliseconds kLongestPause(50);

// flock(2) has no deadline of its own: asked again and again, at first at once.
Status LockFolder(int fd) {
  using std::chrono::steady_clock;
  const auto deadline = steady_clock::now() + kPatience;
  for (std::chrono::milliseconds pause(1);; pause = std::min(pause * 2, kLongestPause)) {
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return Ok();
    if (const int err = errno; err != EWOULDBLOCK && err != EINTR)
      return Error::Errno(err, "lock the container's state");
    if (steady_clock::now() >= deadline)
      return Error(Code::kUnavailable, "lock the container's state: another command is at work on it")
          .Hint("fuser -v on its folder below --root tells which");
    ::poll(nullptr, 0, static_cast<int>(pause.count()));
  }
}

// Somebody else is at work on it.
bool Busy(const StateDir& dir) {
  const auto again = os::OpenAt(dir.dir(), ".", O_RDONLY | O_DIRECTORY);
  return again.ok() && ::flock(again->get(), LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

bool Ended(int pidfd) {
  pollfd watched{.fd = pidfd, .events = POLLIN, .revents = 0};
  return ::poll(&watched, 1, 0) == 1;  // readable from the moment it is a zombie
}

bool Paused(const Snapshot& now) {
  const auto group = OpenCgroup(now);
  if (!group.ok()) return false;
  const auto frozen = group->Frozen();
  return frozen.ok() && *frozen;
}

}  // namespace

Status CheckId(const std::string& id) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '+' ||
           c == '-' || c == '.';
  };
  if (id.empty()) return Error(Code::kInvalidArgument, "container id cannot be empty");
  if (id == "." || id == ".." || id.size() > kLongestId || !std::ranges::all_of(id, allowed))
    return Error(Code::kInvalidArgument, "invalid container ID format: '" + id + "'");
  return Ok();
}

Result<StateDir> StateDir::Create(const std::string& root, const std::string& id) {
  TRY(CheckId(id));
  // Sticky: what clears $XDG_RUNTIME_DIR of old files leaves such folders alone (XDG Base Directory Specification).
  TRY(os::EnsureDirectory(root, S_ISVTX | 0700));
  StateDir dir;
  dir.root_ = root;
  dir.id_ = id;
  const std::string path = root + "/" + id;
  if (::mkdir(path.c_str(), 0711) < 0) {
    const int err = errno;
    if (err == EEXIST) return Error(Code::kAlreadyExists, "container with given ID already exists");
    return Error::Errno(err, "make the state folder '" + path + "'");
  }
  dir.fd_ = TRY(os::OpenAt({AT_FDCWD}, path, O_RDONLY | O_DIRECTORY));
  TRY(dir.Lock());
  return dir;
}

Result<StateDir> StateDir::Open(const std::string& root, const std::string& id) {
  TRY(CheckId(id));
  StateDir dir;
  dir.root_ = root;
  dir.id_ = id;
  auto fd = os::OpenAt({AT_FDCWD}, root + "/" + id, O_RDONLY | O_DIRECTORY);
  if (!fd.ok() && fd.error().code() == Code::kNotFound) return Error(Code::kNotFound, "container does not exist");
  dir.fd_ = TRY(std::move(fd));
  return dir;
}

Result<std::vector<std::string>> StateDir::List(const std::string& root) {
  auto names = os::ListDirectory({AT_FDCWD}, root);
  if (!names.ok() && names.error().code() == Code::kNotFound) return std::vector<std::string>();
  auto ids = TRY(std::move(names));
  std::erase_if(ids, [](const std::string& id) { return !CheckId(id).ok(); });
  std::ranges::sort(ids);
  return ids;
}

Status StateDir::Lock() const {
  TRY(LockFolder(fd_.get()));
  struct stat info {};
  if (::fstat(fd_.get(), &info) == 0 && info.st_nlink > 0) return Ok();
  return Error(Code::kNotFound, "container does not exist");
}

void StateDir::Unlock() const { ::flock(fd_.get(), LOCK_UN); }

Status StateDir::SaveConfig(const std::string& config) const {
  return os::ReplaceFile(dir(), "config.json", config, 0600);
}

Status StateDir::SavePlan(const plan::Plan& plan) const {
  return os::ReplaceFile(dir(), "plan", plan::Encode(plan), 0600);
}

Status StateDir::Save(const Record& record) const {
  TRY(Prepare(record));
  return Commit();
}

Status StateDir::Prepare(const Record& record) const {
  return os::ReplaceFile(dir(), kPrepared, WriteRecord(record), 0600);
}

Status StateDir::Commit() const {
  if (::renameat(dir().fd, kPrepared, dir().fd, kRecord) == 0) return Ok();
  const int err = errno;
  return Error::Errno(err, "write the container's state");
}

Result<oci::RuntimeSpec> StateDir::LoadConfig() const {
  const std::string text = TRY(os::ReadFileAt(dir(), "config.json"));
  return oci::ParseRuntimeSpec(text);
}

Result<plan::Plan> StateDir::LoadPlan() const {
  const std::string bytes = TRY(os::ReadFileAt(dir(), "plan", plan::kMaxEncodedPlan));
  return plan::Decode(bytes);
}

Result<std::optional<Record>> StateDir::Load() const {
  auto text = os::ReadFileAt(dir(), kRecord);
  if (!text.ok() && text.error().code() == Code::kNotFound) return std::optional<Record>();
  const std::string json = TRY(std::move(text));
  Record record = TRY_CTX(ParseRecord(json), "read the container's state");
  return std::optional<Record>(std::move(record));
}

Status StateDir::Remove() const {
  const os::UniqueFd root = TRY(os::OpenAt({AT_FDCWD}, root_, O_RDONLY | O_DIRECTORY));
  return os::DeleteTree({root.get()}, id_);
}

Result<cgroup::Cgroup> OpenCgroup(const Snapshot& now) {
  if (now.record.cgroup_path.empty())
    return Error(Code::kFailedPrecondition, "container '" + now.record.id + "' has no cgroup of its own");
  if (now.cgroups) return cgroup::Cgroup::Open(*now.cgroups, now.record.cgroup_path);
  const auto hierarchies = TRY(cgroup::Probe());
  return cgroup::Cgroup::Open(hierarchies, now.record.cgroup_path);
}

Result<Snapshot> Look(const StateDir& dir) {
  Snapshot snapshot;
  auto record = TRY(dir.Load());
  snapshot.record.id = dir.id();
  if (!record) {
    snapshot.status = Busy(dir) ? "creating" : "stopped";
    return snapshot;
  }
  snapshot.record = std::move(*record);
  snapshot.status = "stopped";
  auto pidfd = os::OpenProcess(snapshot.record.pid, snapshot.record.start_time);
  if (!pidfd.ok() || Ended(pidfd->get())) return snapshot;
  snapshot.pidfd = std::move(pidfd).value();
  const bool waits = ::faccessat(dir.dir().fd, "start", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
  snapshot.status = waits ? "created" : "running";
  if (auto cgroups = cgroup::Probe(); cgroups.ok()) snapshot.cgroups = std::move(*cgroups);
  if (Paused(snapshot)) snapshot.status = "paused";
  return snapshot;
}

}  // namespace estiba::ocicli
