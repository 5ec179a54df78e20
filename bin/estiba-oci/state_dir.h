#pragma once
// What is kept of a container between two runs of the program: one folder below --root, with
//   state.json   who it is and which process      config.json  the configuration it was created from
//   plan         the encoded plan                 start        the FIFO its process waits at, until it is started
// A folder without state.json belongs to a creation that runs (the folder is locked) or died.

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cgroup/cgroup.h"
#include "oci/runtime_spec.h"
#include "os/fd.h"
#include "plan/plan.h"
#include "record.h"

namespace estiba::ocicli {

class StateDir {
 public:
  // Makes the folder, locked; kAlreadyExists "container with given ID already exists".
  static Result<StateDir> Create(const std::string& root, const std::string& id);
  // kNotFound "container does not exist".
  static Result<StateDir> Open(const std::string& root, const std::string& id);
  static Result<std::vector<std::string>> List(const std::string& root);

  os::DirFd dir() const { return {fd_.get()}; }
  const std::string& id() const { return id_; }
  // Waits, bounded, for the folder's lock; it is held until this object goes or Unlock(). kNotFound when the container
  // has been deleted meanwhile; kUnavailable when another command is at work on it for too long.
  Status Lock() const;
  void Unlock() const;

  Status SaveConfig(const std::string& config) const;
  Status SavePlan(const plan::Plan& plan) const;
  // Save, or in two parts: the work, and the moment from which the container is there for others.
  Status Save(const Record& record) const;
  Status Prepare(const Record& record) const;
  Status Commit() const;
  Result<oci::RuntimeSpec> LoadConfig() const;
  Result<plan::Plan> LoadPlan() const;
  // Nothing while it is being created, or when its creation died.
  Result<std::optional<Record>> Load() const;
  // Removes the folder.
  Status Remove() const;

 private:
  std::string root_;
  std::string id_;
  os::UniqueFd fd_;
};

// A container as it is now.
struct Snapshot {
  Record record;
  std::string status;   // "creating", "created", "running", "paused", "stopped"
  os::UniqueFd pidfd;   // invalid when stopped
  std::optional<cgroup::Hierarchies> cgroups;  // the host's, when they were looked at
  bool Alive() const { return pidfd.valid(); }
};
Result<Snapshot> Look(const StateDir& dir);
// Its cgroup; kFailedPrecondition when it has none of its own.
Result<cgroup::Cgroup> OpenCgroup(const Snapshot& now);

// [A-Za-z0-9_+.-]+, neither "." nor "..".
Status CheckId(const std::string& id);

}  // namespace estiba::ocicli
