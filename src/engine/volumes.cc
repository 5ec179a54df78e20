#include "volumes.h"

#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "codec/json_reader.h"
#include "names.h"
#include "os/file.h"
#include "store/limits.h"
#include "store/tree_size.h"
#include "warn.h"

namespace estiba::engine {
namespace {

codec::Json ToJson(const VolumeRecord& record) {
  codec::Json json = codec::Json::MakeObject(
      {{"name", record.name}, {"created", record.created}, {"anonymous", record.anonymous}});
  codec::Json labels = codec::Json::MakeObject();
  for (const auto& [key, value] : record.labels) labels.Add(key, value);
  json.Set("labels", std::move(labels));
  codec::Json options = codec::Json::MakeObject();
  for (const auto& [key, value] : record.options) options.Add(key, value);
  if (!record.options.empty()) json.Set("options", std::move(options));
  if (!record.renamed_from.empty()) json.Set("renamed_from", record.renamed_from);
  if (record.unfinished) json.Set("unfinished", true);
  if (record.project != 0) json.Set("project", record.project);
  return json;
}

Result<VolumeRecord> FromJson(const std::string& text) {
  const codec::Json json = TRY(codec::ParseJson(text));
  VolumeRecord record;
  codec::Reader reader(json);
  reader.Require("name", &record.name);
  reader.Read("created", &record.created);
  reader.Read("anonymous", &record.anonymous);
  reader.Read("labels", &record.labels);
  reader.Read("options", &record.options);
  reader.Read("renamed_from", &record.renamed_from);
  reader.Read("unfinished", &record.unfinished);
  reader.Read("project", &record.project);
  TRY(reader.Finish());
  return record;
}

// The first address of a host, in numbers.
Result<std::string> Resolve(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (failed != 0) {
    return Error(Code::kUnavailable, "error resolving passed in network volume address: lookup " + host + ": " +
                                         ::gai_strerror(failed));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  char text[NI_MAXHOST];
  if (::getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0)
    return Error(Code::kUnavailable, "error resolving passed in network volume address: " + host);
  return std::string(text);
}

// The kernel takes servers by their address alone; mount(8)'s helpers look them up otherwise.
Status ResolveServer(VolumeDevice& device) {
  const bool cifs = device.type == "cifs" || device.type == "smb3";
  if (!cifs && device.type != "nfs" && device.type != "nfs4") return Ok();
  for (std::string& option : device.options) {
    if (!option.starts_with("addr=")) continue;
    option = "addr=" + TRY(Resolve(option.substr(5)));
    return Ok();
  }
  if (!cifs || !device.device.starts_with("//")) return Ok();
  const std::string address = TRY(Resolve(device.device.substr(2, device.device.find('/', 2) - 2)));
  device.options.push_back("addr=" + address);
  return Ok();
}

}  // namespace

std::string Volumes::ToText(const VolumeRecord& record) { return ToJson(record).Dump(); }

Result<std::unique_ptr<Volumes>> Volumes::Open(store::Database* database, const std::string& root) {
  TRY(os::EnsureDirectory(root, 0711));
  os::UniqueFd folder = TRY(os::OpenAt({AT_FDCWD}, root, O_RDONLY | O_DIRECTORY));
  std::unique_ptr<Volumes> volumes(new Volumes(database, root, std::move(folder)));
  const std::vector<store::Document> documents = TRY(database->List(kTable));
  for (const store::Document& document : documents) {
    VolumeRecord record = TRY_CTX(FromJson(document.value), "volume '" + document.key + "'");
    TRY_CTX(volumes->Finish(record), "volume '" + document.key + "'");
    if (record.unfinished) continue;
    TRY(volumes->MakeFolder(record));
    volumes->state_.Lock()->records.emplace(document.key, std::move(record));
  }
  return volumes;
}

Status Volumes::MakeFolder(const VolumeRecord& record) {
  const os::UniqueFd outer = TRY(os::EnsureDirectoryAt({folder_.get()}, record.name, 0711));
  const std::uint64_t limit = TRY(SizeOf(record.options));
  if (record.project != 0) TRY(store::LimitDirectory({outer.get()}, record.project, limit));
  TRY(os::EnsureDirectoryAt({outer.get()}, "_data", 0755));
  return Ok();
}

apitypes::Volume Volumes::Describe(const VolumeRecord& record) const {
  apitypes::Volume volume;
  volume.name = record.name;
  volume.created_at = record.created;
  volume.labels = record.labels;
  volume.options = record.options;
  if (record.anonymous) volume.labels.emplace("com.docker.volume.anonymous", "");
  volume.mountpoint = Mountpoint(record.name);
  return volume;
}

Result<apitypes::Volume> Volumes::Create(const apitypes::VolumeCreate& create, bool anonymous) {
  if (!create.driver.empty() && create.driver != "local") {
    return Error(Code::kNotFound, "error looking up volume plugin " + create.driver + ": plugin \"" + create.driver +
                                      "\" not found");
  }
  TRY_CTX(CheckDriverOptions(create.driver_opts), "create " + create.name);
  VolumeRecord record;
  record.name = create.name;
  if (record.name.empty()) {
    record.name = TRY(MakeId());
    anonymous = true;
  }
  TRY(CheckName(record.name, "local volume"));
  {
    auto state = state_.Lock();
    gone_.wait(state.lock(), [&] { return !state->going.contains(record.name); });
    const auto found = state->records.find(record.name);
    if (found != state->records.end()) return Describe(found->second);
  }
  const std::lock_guard making(making_);
  // Somebody may have been first.
  if (auto known = Find(record.name); known.ok()) return Describe(*known);
  record.created = FormatRfc3339(WallNow());
  record.anonymous = anonymous;
  record.labels = create.labels;
  record.options = create.driver_opts;
  TRY_CTX(AllocateProject(record), "create " + record.name);
  TRY(database_->Put(kTable, record.name, ToText(record)));
  Status made = MakeFolder(record);
  if (made.ok()) {
    state_.Lock()->records.emplace(record.name, record);
    return Describe(record);
  }
  WarnIf(DeleteNow(record.name, record.project), "take a volume back", record.name);
  return std::move(made).error().Context("make volume '" + record.name + "'");
}

Status Volumes::AllocateProject(VolumeRecord& record) const {
  constexpr std::uint32_t kFirstProject = 0x30000000;  // those of containers are below
  const std::uint64_t limit = TRY(SizeOf(record.options));
  if (limit == 0) return Ok();
  TRY(store::CheckProjectLimits({folder_.get()}, root_));
  std::vector<std::uint32_t> taken;
  {
    auto state = state_.Lock();
    for (const auto& [name, other] : state->records) taken.push_back(other.project);
  }
  record.project = TRY(store::FindFreeProject({folder_.get()}, kFirstProject, taken));
  return Ok();
}

Result<apitypes::Volume> Volumes::Get(const std::string& name) const {
  auto state = state_.Lock();
  const auto found = state->records.find(name);
  if (found == state->records.end()) return Error(Code::kNotFound, "get " + name + ": no such volume");
  return Describe(found->second);
}

bool Volumes::Has(const std::string& name) const { return state_.Lock()->records.contains(name); }

bool Volumes::Anonymous(const std::string& name) const {
  auto state = state_.Lock();
  const auto found = state->records.find(name);
  return found != state->records.end() && found->second.anonymous;
}

Result<std::vector<apitypes::Volume>> Volumes::List(const apitypes::Filters& filters,
                                                    const std::set<std::string>& used) const {
  TRY(filters.Allow({"dangling", "driver", "label", "label!", "name", "all"}));
  const bool any = !filters.Has("dangling");
  const bool dangling = TRY(filters.Flag("dangling", false));
  std::vector<apitypes::Volume> volumes;
  auto state = state_.Lock();
  for (const auto& [name, record] : state->records) {
    if (!any && dangling == used.contains(name)) continue;
    if (!filters.Exact("driver", "local") || !filters.Labels("label", record.labels)) continue;
    if (filters.Has("label!") && filters.Labels("label!", record.labels)) continue;
    bool named = !filters.Has("name");
    for (const std::string& part : filters.Get("name")) named = named || name.find(part) != std::string::npos;
    if (named) volumes.push_back(Describe(record));
  }
  return volumes;
}

Result<std::optional<VolumeDevice>> Volumes::DeviceOf(const std::string& name) const {
  std::optional<VolumeDevice> device;
  {
    auto state = state_.Lock();
    const auto found = state->records.find(name);
    if (found != state->records.end()) device = engine::DeviceOf(found->second.options);
  }
  if (device.has_value() && !device->bind) TRY_CTX(ResolveServer(*device), "volume '" + name + "'");
  return device;
}

Status Volumes::Delete(const std::string& name, const std::function<bool()>& in_use) {
  {
    auto state = state_.Lock();
    gone_.wait(state.lock(), [&] { return !state->going.contains(name); });
    if (in_use()) return Error(Code::kConflict, "remove " + name + ": volume is in use");
    if (state->held.contains(name))
      return Error(Code::kConflict, "remove " + name + ": volume is in use - its files are being exported or imported");
    state->going.insert(name);
  }
  const auto record = Find(name);
  Status deleted = DeleteNow(name, record.ok() ? record->project : 0);
  auto state = state_.Lock();
  if (deleted.ok()) state->records.erase(name);
  state->going.erase(name);
  gone_.notify_all();
  return deleted;
}

Status Volumes::DeleteNow(const std::string& name, std::uint32_t project) {
  // Data first: a record without a folder is made whole at the next start, a folder without a record is lost room.
  TRY_CTX(os::DeleteTree({folder_.get()}, name), "remove volume '" + name + "'");
  if (project != 0) TRY(store::LiftLimit({folder_.get()}, project));
  return database_->Delete(kTable, name);
}

std::int64_t Volumes::Size(const std::string& name) const {
  const auto size = store::TreeSize({folder_.get()}, name + "/_data");
  return size.ok() ? static_cast<std::int64_t>(*size) : -1;
}

bool Volumes::Empty(const std::string& name) const {
  auto names = os::ListDirectory({folder_.get()}, name + "/_data");
  return names.ok() && names.value().empty();
}

}  // namespace estiba::engine
