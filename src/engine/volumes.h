#pragma once
// Volumes of the "local" driver: folders in DATA/volumes/NAME/_data, recorded before they are made.

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
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
};

class Volumes {
 public:
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
  Status MakeFolder(const std::string& name);
  Status DeleteNow(const std::string& name);

  store::Database* database_;
  std::string root_;
  os::UniqueFd folder_;
  struct State {
    std::map<std::string, VolumeRecord> records;
    std::set<std::string> going;  // being deleted
  };
  mutable Guarded<State> state_;
  std::condition_variable gone_;
};

}  // namespace estiba::engine
