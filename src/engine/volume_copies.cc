// Volumes under other names, and copies of them. Recorded before anything is done, so that the next engine finishes it
// or takes it back.

#include <cerrno>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rollback.h"
#include "names.h"
#include "os/copy_tree.h"
#include "os/file.h"
#include "volumes.h"
#include "warn.h"

namespace estiba::engine {
namespace {

Error Exists(const std::string& name) {
  return Error(Code::kConflict, "volume with name " + name + " already exists: volume already exists");
}

}  // namespace

void Volumes::Take(const std::set<std::string>& names) {
  auto state = state_.Lock();
  const auto free = [&] {
    for (const std::string& name : names) {
      if (state->going.contains(name)) return false;
    }
    return true;
  };
  gone_.wait(state.lock(), free);
  state->going.insert(names.begin(), names.end());
}

void Volumes::Drop(const std::set<std::string>& names) {
  auto state = state_.Lock();
  for (const std::string& name : names) state->going.erase(name);
  gone_.notify_all();
}

Result<VolumeRecord> Volumes::Find(const std::string& name) const {
  auto state = state_.Lock();
  const auto found = state->records.find(name);
  if (found == state->records.end()) return Error(Code::kNotFound, "get " + name + ": no such volume");
  return found->second;
}

Result<VolumeRecord> Volumes::CheckCopy(const std::string& name, const std::string& to) const {
  VolumeRecord record = TRY(Find(name));
  if (Has(to)) return Exists(to);
  return record;
}

Status Volumes::CheckFolder(const VolumeRecord& record, const std::string& what) {
  if (record.options.empty() || !engine::DeviceOf(record.options).has_value()) return Ok();
  return Error(Code::kInvalidArgument, what + " of volume '" + record.name + "': its files are on '" +
                                           record.options.at("device") + "', which only its containers mount");
}

Result<Volumes::Files> Volumes::OpenFiles(const std::string& name, const std::string& what) {
  Files files;
  {
    auto state = state_.Lock();
    gone_.wait(state.lock(), [&] { return !state->going.contains(name); });
    const auto found = state->records.find(name);
    if (found == state->records.end()) return Error(Code::kNotFound, "get " + name + ": no such volume");
    TRY(CheckFolder(found->second, what));
    state->held.insert(name);
  }
  files.hold = std::shared_ptr<void>(this, [this, name](void*) {
    auto state = state_.Lock();
    state->held.erase(state->held.find(name));
  });
  files.directory = TRY(os::OpenAt({folder_.get()}, name + "/_data", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  return files;
}

// Of a rename only the folder can be left; a copy that was not finished goes.
Status Volumes::Finish(VolumeRecord& record) {
  if (record.unfinished) return DeleteNow(record.name, record.project);
  if (record.renamed_from.empty()) return Ok();
  const int moved = ::renameat2(folder_.get(), record.renamed_from.c_str(), folder_.get(), record.name.c_str(),
                                RENAME_NOREPLACE);
  // Gone: it was done, and only that had not been recorded.
  if (const int err = errno; moved != 0 && err != ENOENT)
    return Error::Errno(err, "rename the folder of '" + record.renamed_from + "'");
  record.renamed_from.clear();
  return database_->Put(kTable, record.name, ToText(record));
}

Status Volumes::Rename(const std::string& name, const std::string& to,
                       const std::function<Status(store::Batch&)>& add) {
  TRY(CheckName(to, "local volume"));
  if (name == to)
    return Error(Code::kInvalidArgument, "Renaming a volume with the same name as its current name");
  const std::set<std::string> both = {name, to};
  Take(both);
  Rollback drop;
  drop.Add([&] { Drop(both); });
  VolumeRecord record = TRY(CheckCopy(name, to));
  if (state_.Lock()->held.contains(name))
    return Error(Code::kConflict, "rename " + name + ": its files are being exported or imported");
  // A folder that nobody knows may be in the way.
  struct stat there {};
  if (::fstatat(folder_.get(), to.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0) return Exists(to);
  record.name = to;
  record.renamed_from = name;
  record.anonymous = false;  // somebody has given it a name
  store::Batch batch;
  TRY(add(batch));
  batch.Delete(kTable, name);
  batch.Put(kTable, to, ToText(record));
  TRY(database_->Apply(batch));
  {
    auto state = state_.Lock();
    state->records.erase(name);
    state->records.emplace(to, record);
  }
  TRY(Finish(record));
  state_.Lock()->records[to] = record;
  return Ok();
}

Status Volumes::CopyInto(const VolumeRecord& record, const std::string& from) {
  const os::UniqueFd source = TRY(os::OpenAt({folder_.get()}, from + "/_data", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  const os::UniqueFd target =
      TRY(os::OpenAt({folder_.get()}, record.name + "/_data", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  TRY(os::CopyTree({source.get()}, {target.get()}));
  // What is acknowledged is there after a power failure too.
  if (::syncfs(target.get()) != 0) return Error::Errno(errno, "write the copy to disk");
  return Ok();
}

Result<apitypes::Volume> Volumes::Snapshot(const std::string& name, const std::string& copy) {
  TRY(CheckName(copy, "local volume"));
  if (name == copy) return Exists(copy);
  // The source cannot go meanwhile; containers may use it.
  const std::set<std::string> both = {name, copy};
  Take(both);
  Rollback drop;
  drop.Add([&] { Drop(both); });
  VolumeRecord record = TRY(CheckCopy(name, copy));
  TRY(CheckFolder(record, "snapshot"));
  record.name = copy;
  record.project = 0;
  record.created = FormatRfc3339(WallNow());
  record.anonymous = false;
  record.unfinished = true;
  Status made = Ok();
  {
    const std::lock_guard making(making_);
    TRY(AllocateProject(record));
    TRY(database_->Put(kTable, copy, ToText(record)));
    made = MakeFolder(record);
  }
  Status copied = made.ok() ? CopyInto(record, name) : std::move(made);
  if (copied.ok()) {
    record.unfinished = false;
    copied = database_->Put(kTable, copy, ToText(record));
  }
  if (!copied.ok()) {
    WarnIf(DeleteNow(copy, record.project), "take a volume back", copy);
    return std::move(copied).error().Context("snapshot of volume '" + name + "'");
  }
  state_.Lock()->records.emplace(copy, record);
  return Describe(record);
}

}  // namespace estiba::engine
