#include "cgroup/cgroup.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <thread>

#include "base/text.h"
#include "os/bpf.h"
#include "os/file.h"

namespace estiba::cgroup {
namespace {

// Controllers every container is accounted and limited by; freezer and devices only where the unified
// hierarchy does not do their work.
constexpr std::array<std::string_view, 7> kAlways = {"cpu", "cpuacct", "cpuset", "blkio",
                                                     "io",  "memory",  "pids"};

bool Contains(const auto& list, std::string_view item) {
  return std::ranges::find(list, item) != std::ranges::end(list);
}

bool Wanted(const Hierarchies& all, const Hierarchy& hierarchy, const std::vector<std::string>& needed) {
  if (hierarchy.unified) return true;
  if (hierarchy.name == "systemd") return true;  // else a stopped unit of systemd takes its containers along
  return std::ranges::any_of(hierarchy.controllers, [&](const std::string& controller) {
    if (Contains(kAlways, controller) || Contains(needed, controller)) return true;
    if (controller == "freezer") return all.Unified() == nullptr;
    return controller == "devices" && !all.device_programs;
  });
}

// The path's parts below the mount.
Result<std::vector<std::string>> Parts(const Hierarchy& hierarchy, const std::string& path) {
  std::vector<std::string> parts;
  const std::string whole = path.starts_with('/') ? path : hierarchy.base + "/" + path;
  for (std::string& part : Split(whole, '/')) {
    if (part == "." || part == "..")
      return Error(Code::kInvalidArgument, "cgroup path '" + path + "': '" + part + "' is not allowed");
    if (!part.empty()) parts.push_back(std::move(part));
  }
  if (parts.empty()) return Error(Code::kInvalidArgument, "cgroup path '" + path + "' names the root");
  return parts;
}

bool Refused(const Error& error) {
  return error.errnum() == EACCES || error.errnum() == EPERM || error.errnum() == EROFS;
}

// A v1 cpuset starts without cpus and memory nodes, and takes no process until it has some (cpuset(7)).
Status InheritCpuset(os::DirFd parent, os::DirFd child) {
  for (const char* file : {"cpuset.cpus", "cpuset.mems"}) {
    const std::string have = TRY(os::ReadFileAt(child, file));
    if (!Trim(have).empty()) continue;
    const std::string inherited = TRY(os::ReadFileAt(parent, file));
    TRY(os::WriteExisting(child, file, Trim(inherited)));
  }
  return Ok();
}

Result<bool> HoldsProcesses(os::DirFd dir) {
  const std::string procs = TRY(os::ReadFileAt(dir, "cgroup.procs"));
  return !Trim(procs).empty();
}

// Below a group that holds processes no domain controller can be enabled, and a threaded one (cpu, pids)
// would make the children unfit for processes of their own ("domain invalid"). The root is free of that rule,
// and the only one without cgroup.type.
Result<bool> MayEnable(os::DirFd dir) {
  if (::faccessat(dir.fd, "cgroup.type", F_OK, 0) != 0) return true;
  const bool holds = TRY(HoldsProcesses(dir));
  return !holds;
}

// Makes the controllers of the unified hierarchy available below `dir`. What cannot be enabled is not there
// for the child, and the setting that wants it is refused by Apply.
Status EnableControllers(os::DirFd dir, const std::vector<std::string>& needed) {
  const std::string available = TRY(os::ReadFileAt(dir, "cgroup.controllers"));
  if (Trim(available).empty()) return Ok();
  const bool may = TRY(MayEnable(dir));
  if (!may) return Ok();
  const std::string enabled = TRY(os::ReadFileAt(dir, "cgroup.subtree_control"));
  const auto already = Split(Trim(enabled), ' ');
  for (const std::string& controller : Split(Trim(available), ' ')) {
    const bool wanted = Contains(kAlways, controller) || Contains(needed, controller);
    if (!wanted || Contains(already, controller)) continue;
    // One at a time: a list is taken or refused as a whole.
    const Status done = os::WriteExisting(dir, "cgroup.subtree_control", "+" + controller);
    const int err = done.ok() ? 0 : done.error().errnum();
    if (err != 0 && err != EBUSY && err != EOPNOTSUPP && !Refused(done.error())) return done.error().Clone();
  }
  return Ok();
}

struct Made {
  os::UniqueFd parent;
  std::string name;
};

struct Place {
  os::UniqueFd fd;
  bool fresh = false;  // it was not there before
};

// Walks down, making what is missing; `made` remembers what to take back, from the moment it is there.
Result<Place> MakePath(const Hierarchy& hierarchy, const std::vector<std::string>& parts,
                              const std::vector<std::string>& needed, std::vector<Made>& made) {
  const bool cpuset = !hierarchy.unified && Contains(hierarchy.controllers, "cpuset");
  os::UniqueFd dir = TRY(os::OpenAt({AT_FDCWD}, hierarchy.mountpoint, O_RDONLY | O_DIRECTORY));
  bool fresh = false;
  for (const std::string& part : parts) {
    if (hierarchy.unified) TRY(EnableControllers({dir.get()}, needed));
    const int rc = ::mkdirat(dir.get(), part.c_str(), 0755);
    if (const int err = errno; rc < 0 && err != EEXIST)
      return Error::Errno(err, "make cgroup '" + part + "'");
    if (rc == 0) made.push_back({std::move(dir), part});
    const os::DirFd parent{rc == 0 ? made.back().parent.get() : dir.get()};
    os::UniqueFd child = TRY(os::OpenAt(parent, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    if (cpuset) TRY(InheritCpuset(parent, {child.get()}));
    dir = std::move(child);
    fresh = rc == 0;
  }
  return Place{.fd = std::move(dir), .fresh = fresh};
}

// A group that was there before: somebody else's processes would get our limits, and a frozen one never lets ours run.
Status RefuseOccupied(const Hierarchy& hierarchy, os::DirFd dir, const std::string& shown) {
  const bool busy = TRY(HoldsProcesses(dir));
  if (busy) {
    return Error(Code::kAlreadyExists,
                 "container's cgroup is not empty: '" + shown + "' already holds processes");
  }
  const bool freezer = Contains(hierarchy.controllers, "freezer");
  if (!hierarchy.unified && !freezer) return Ok();
  auto state = os::ReadFileAt(dir, hierarchy.unified ? "cgroup.freeze" : "freezer.state");
  if (!state.ok() && state.error().errnum() == ENOENT) return Ok();  // the root of the hierarchy has none
  const std::string now(Trim(TRY(std::move(state))));
  if (now == "0" || now == "THAWED") return Ok();
  return Error(Code::kFailedPrecondition, "container's cgroup unexpectedly frozen: '" + shown + "'");
}

void TakeBack(std::vector<Made>& made) {
  for (auto it = made.rbegin(); it != made.rend(); ++it)
    ::unlinkat(it->parent.get(), it->name.c_str(), AT_REMOVEDIR);  // somebody else's now, if it is not empty
  made.clear();
}

std::string Shown(const Hierarchy& hierarchy, const std::vector<std::string>& parts) {
  return hierarchy.mountpoint + "/" + Join(parts, "/");
}

}  // namespace

Result<Cgroup> Cgroup::Create(const Hierarchies& hierarchies, const std::string& path, const Wishes& wishes) {
  Cgroup cgroup;
  cgroup.mode_ = hierarchies.mode;
  cgroup.path_ = path;
  std::vector<Made> made;
  const auto make = [&](const Hierarchy& hierarchy) -> Status {
    const auto parts = TRY(Parts(hierarchy, path));
    auto place = MakePath(hierarchy, parts, wishes.controllers, made);
    if (!place.ok() && Refused(place.error()) && !wishes.everywhere) return Ok();  // not delegated
    if (!place.ok()) return std::move(place).error().Context("make cgroup '" + Shown(hierarchy, parts) + "'");
    if (!place->fresh && !wishes.exist_ok) TRY(RefuseOccupied(hierarchy, {place->fd.get()}, Shown(hierarchy, parts)));
    cgroup.directories_.push_back({.unified = hierarchy.unified,
                                   .controllers = hierarchy.controllers,
                                   .name = hierarchy.name,
                                   .shown = Shown(hierarchy, parts),
                                   .fd = std::move(place->fd)});
    return Ok();
  };
  for (const Hierarchy& hierarchy : hierarchies.hierarchies) {
    if (!Wanted(hierarchies, hierarchy, wishes.controllers)) continue;
    Status done = make(hierarchy);
    if (done.ok()) continue;
    cgroup.directories_.clear();
    TakeBack(made);
    return std::move(done).error();
  }
  return cgroup;
}

Result<Cgroup> Cgroup::Open(const Hierarchies& hierarchies, const std::string& path) {
  Cgroup cgroup;
  cgroup.mode_ = hierarchies.mode;
  cgroup.path_ = path;
  for (const Hierarchy& hierarchy : hierarchies.hierarchies) {
    const auto parts = TRY(Parts(hierarchy, path));
    const std::string shown = Shown(hierarchy, parts);
    auto fd = os::OpenAt({AT_FDCWD}, shown, O_RDONLY | O_DIRECTORY);
    if (!fd.ok() && fd.error().errnum() == ENOENT) continue;
    if (!fd.ok()) return std::move(fd).error();
    cgroup.directories_.push_back({.unified = hierarchy.unified,
                                   .controllers = hierarchy.controllers,
                                   .name = hierarchy.name,
                                   .shown = shown,
                                   .fd = std::move(fd).value()});
  }
  if (cgroup.directories_.empty()) return Error(Code::kNotFound, "cgroup '" + path + "' does not exist");
  return cgroup;
}

const Cgroup::Directory* Cgroup::Find(std::string_view controller) const {
  if (controller != "unified") {
    // Like Hierarchies::Find: a controller is mounted in one hierarchy only, v1 first.
    const auto found = std::ranges::find_if(directories_, [&](const Directory& d) {
      if (controller.starts_with("name=")) return !d.name.empty() && d.name == controller.substr(5);
      return Contains(d.controllers, controller);
    });
    return found == directories_.end() ? nullptr : &*found;
  }
  const auto found = std::ranges::find_if(directories_, &Directory::unified);
  return found == directories_.end() ? nullptr : &*found;
}

const Cgroup::Directory* Cgroup::Main() const {
  if (const Directory* unified = Find("unified"); unified != nullptr) return unified;
  for (const char* controller : {"freezer", "pids", "memory"})
    if (const Directory* found = Find(controller); found != nullptr) return found;
  return directories_.empty() ? nullptr : &directories_.front();
}

int Cgroup::unified_fd() const { return controller_fd("unified"); }

int Cgroup::controller_fd(std::string_view controller) const {
  const Directory* found = Find(controller);
  return found == nullptr ? -1 : found->fd.get();
}

Result<os::UniqueFd> Cgroup::OpenForExec(const Hierarchies& hierarchies, pid_t init) const {
  const Directory* unified = Find("unified");
  if (unified == nullptr) return os::UniqueFd();
  const os::DirFd dir{unified->fd.get()};
  const std::string handed_on = TRY(os::ReadFileAt(dir, "cgroup.subtree_control"));
  if (Trim(handed_on).empty()) return os::OpenAt(dir, ".", O_RDONLY | O_DIRECTORY);
  const std::string path = TRY(UnifiedPathOf(hierarchies, init));
  const std::string mountpoint = hierarchies.Unified()->mountpoint;
  const std::string shown = mountpoint + path;
  if (!shown.starts_with(unified->shown + "/"))
    return Error(Code::kFailedPrecondition, "cgroup '" + unified->shown + "' can hold no process, and the container's "
                                            "first one is not below it but in '" + shown + "'");
  return os::OpenAt(dir, shown.substr(unified->shown.size() + 1), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

Status Cgroup::Attach(pid_t pid, bool skip_unified) const {
  const std::string text = std::to_string(pid);
  for (const Directory& directory : directories_) {
    if (directory.unified && skip_unified) continue;
    TRY_CTX(os::WriteExisting({directory.fd.get()}, "cgroup.procs", text),
            "join cgroup '" + directory.shown + "'");
  }
  return Ok();
}

namespace {

// One directory with everything below it, deepest first. EBUSY is for the caller to wait out.
Status RemoveTree(os::DirFd parent, const std::string& name, unsigned depth) {
  if (::unlinkat(parent.fd, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return Ok();
  if (errno != EBUSY && errno != ENOTEMPTY) return Error::Errno(errno, "remove cgroup '" + name + "'");
  constexpr unsigned kDeepest = 64;
  if (depth > kDeepest) return Error(Code::kOutOfRange, "remove cgroup '" + name + "': nested too deep");
  auto dir = os::OpenAt(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!dir.ok()) return dir.error().code() == Code::kNotFound ? Ok() : std::move(dir).error();
  const auto names = os::ListDirectory({dir->get()}, ".");
  if (!names.ok() && names.error().errnum() == ENOENT) return Ok();  // somebody else was quicker
  if (!names.ok()) return names.error().Clone();
  for (const std::string& child : *names) {
    struct stat info{};
    if (::fstatat(dir->get(), child.c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(info.st_mode))
      continue;
    TRY(RemoveTree({dir->get()}, child, depth + 1));
  }
  const int rc = ::unlinkat(parent.fd, name.c_str(), AT_REMOVEDIR);
  if (const int err = errno; rc < 0 && err != ENOENT)
    return Error::Errno(err, "remove cgroup '" + name + "'");
  return Ok();
}

// A killed process leaves its cgroup a moment after it can be waited for; rmdir(2) says EBUSY until then.
Status RemovePatiently(const Hierarchy& hierarchy, const std::string& path,
                       std::chrono::steady_clock::time_point deadline) {
  auto parts = TRY(Parts(hierarchy, path));
  const std::string name = parts.back();
  const std::string shown = Shown(hierarchy, parts);
  parts.pop_back();
  auto parent = os::OpenAt({AT_FDCWD}, hierarchy.mountpoint + "/" + Join(parts, "/"), O_RDONLY | O_DIRECTORY);
  if (!parent.ok()) return parent.error().code() == Code::kNotFound ? Ok() : std::move(parent).error();
  auto pause = std::chrono::microseconds(200);
  for (;;) {
    Status done = RemoveTree({parent->get()}, name, 0);
    if (done.ok()) return done;
    if (done.error().errnum() != EBUSY || std::chrono::steady_clock::now() >= deadline)
      return std::move(done).error().Context("remove cgroup '" + shown + "'");
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::microseconds(50'000));
  }
}

}  // namespace

Status KillAll(const Hierarchies& hierarchies, const std::string& path) {
  const auto group = Cgroup::Open(hierarchies, path);
  if (group.ok()) return group->Kill();
  return group.error().code() == Code::kNotFound ? Ok() : Status(group.error().Clone());
}

Status Delete(const Hierarchies& hierarchies, const std::string& path, const std::vector<std::string>& controllers,
              std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  Status first = Ok();
  for (const Hierarchy& hierarchy : hierarchies.hierarchies) {
    if (!Wanted(hierarchies, hierarchy, controllers)) continue;
    Status done = RemovePatiently(hierarchy, path, deadline);
    if (!done.ok() && first.ok()) first = std::move(done);
  }
  return first;
}

}  // namespace estiba::cgroup
