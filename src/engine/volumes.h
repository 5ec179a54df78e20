#pragma once
// Volumes of the "local" driver: folders in DATA/volumes/NAME/_data, recorded before they are made.

#include <condition_variable>
#include <functional>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "apitypes/filters.h"
#include "apitypes/volume.h"
#include "base/guarded.h"
#include "base/result.h"
#include "os/fd.h"
#include "spec/volume_device.h"
#include "store/database.h"

namespace estiba::engine {

struct VolumeRecord {
  std::string name;
  std::string created;  // RFC 3339
  bool anonymous = false;
  std::map<std::string, std::string> labels;
  DriverOptions options{};
  std::uint32_t project = 0;   // of the option "size"; 0: none
  std::string renamed_from{};  // the folder may still have this name
  bool unfinished = false;     // being copied: nobody has been told of it
};

class Volumes {
 public:
  static constexpr const char* kTable = "volumes";  // in the database

  // `root` is DATA/volumes. Folders that no record knows are left alone; records whose folder is missing get it.
  static Result<std::unique_ptr<Volumes>> Open(store::Database* database, const std::string& root);

  const std::string& root() const { return root_; }
  std::string Mountpoint(const std::string& name) const { return root_ + "/" + name + "/_data"; }

  // Makes it, or gives the one that is there (creation is idempotent by name). An empty name is made up.
  Result<apitypes::Volume> Create(const apitypes::VolumeCreate& create, bool anonymous);
  Result<apitypes::Volume> Get(const std::string& name) const;  // "get x: no such volume"
  bool Has(const std::string& name) const;
  // Names that pass; `used` says which volumes containers use (dangling=…).
  Result<std::vector<apitypes::Volume>> List(const apitypes::Filters& filters, const std::set<std::string>& used) const;
  // kConflict when `in_use` says so; no container that asks for it meanwhile gets the one that goes. Succeeds when it
  // is gone.
  Status Delete(const std::string& name, const std::function<bool()>& in_use);
  // The volume under another name, recorded together with `batch` (what refers to it). kConflict when there is one of
  // that name, kNotFound when there is none of this.
  Status Rename(const std::string& name, const std::string& to, const std::function<Status(store::Batch&)>& add);
  // A copy of what is in `name` now, as a volume of its own, files sharing their bytes where the file system can.
  Result<apitypes::Volume> Snapshot(const std::string& name, const std::string& copy);
  // The volume's directory, to be read or written from outside of a container. Until the last `hold` is dropped the
  // volume is neither removed nor renamed: kConflict. `what` ("export") is for the error of one with a device.
  struct Files {
    os::UniqueFd directory;
    std::shared_ptr<void> hold;
  };
  Result<Files> OpenFiles(const std::string& name, const std::string& what);
  bool Anonymous(const std::string& name) const;
  // What is mounted for it, a host's name in it looked up as docker does; nothing: it is a folder.
  Result<std::optional<VolumeDevice>> DeviceOf(const std::string& name) const;
  // Bytes of its files; -1 when that cannot be told.
  std::int64_t Size(const std::string& name) const;
  // Nothing has been put in it yet.
  bool Empty(const std::string& name) const;

 private:
  Volumes(store::Database* database, std::string root, os::UniqueFd folder)
      : database_(database), root_(std::move(root)), folder_(std::move(folder)) {}
  apitypes::Volume Describe(const VolumeRecord& record) const;
  static std::string ToText(const VolumeRecord& record);
  Status MakeFolder(const VolumeRecord& record);
  // With `making_` held: the project of its size limit.
  Status AllocateProject(VolumeRecord& record) const;
  Status DeleteNow(const std::string& name, std::uint32_t project);
  // After a start: what an earlier engine had recorded and not done.
  Status Finish(VolumeRecord& record);
  // Of two names nobody takes one meanwhile; Drop lets them go.
  void Take(const std::set<std::string>& names);
  void Drop(const std::set<std::string>& names);
  Result<VolumeRecord> Find(const std::string& name) const;
  // `name` is there, is a folder of ours, and `to` is free.
  Result<VolumeRecord> CheckCopy(const std::string& name, const std::string& to) const;
  // The files are in our folder, not on a device.
  static Status CheckFolder(const VolumeRecord& record, const std::string& what);
  Status CopyInto(const VolumeRecord& record, const std::string& from);

  store::Database* database_;
  std::string root_;
  os::UniqueFd folder_;
  struct State {
    std::map<std::string, VolumeRecord> records;
    std::set<std::string> going;  // being deleted
    std::multiset<std::string> held;
  };
  mutable Guarded<State> state_;
  std::condition_variable gone_;
  std::mutex making_;  // orders creations: whose a name and a project are
};

}  // namespace estiba::engine
