#include "containers.h"

#include <algorithm>

#include <fcntl.h>

#include "../names.h"
#include "../user_network.h"
#include "base/log.h"
#include "base/text.h"
#include "os/file.h"

namespace estiba::engine {
namespace {

constexpr const char* kRecords = "containers";
constexpr const char* kStates = "states";
constexpr const char* kExecs = "execs";

}  // namespace

Result<std::unique_ptr<Containers>> Containers::Open(Wiring wiring) {
  std::unique_ptr<Containers> containers(new Containers(std::move(wiring)));
  const auto config = containers->w_.config();
  TRY(os::EnsureDirectory(config->data_root + "/containers", 0710));
  TRY(os::EnsureDirectory(config->run_root + "/c", 0700));
  TRY(os::EnsureDirectory(containers->NamesFolder(), 0700));
  TRY(os::EnsureDirectory(containers->HostFolder(), 0700));
  TRY(os::EnsureDirectory(UserNetworkFolder(*config), 0700));
  TRY_CTX(containers->Load(), "load containers");
  return containers;
}

Status Containers::Load() {
  const std::vector<store::Document> records = TRY(w_.database->List(kRecords));
  for (const store::Document& document : records) {
    const codec::Json json = TRY_CTX(codec::ParseJson(document.value), "container '" + document.key + "'");
    auto container = std::make_shared<Container>(document.key);
    auto record = ContainerRecord::FromJson(json);
    if (!record.ok()) return std::move(record).error().Context("container '" + document.key + "'");
    const std::optional<std::string> state = TRY(w_.database->Find(kStates, document.key));
    auto data = container->data.Lock();
    if (!record->networks_listed) TRY(ListNetworks(*record));
    if (!record->linked.empty()) has_links_ = true;
    data->record = std::move(record).value();
    if (state.has_value()) {
      const codec::Json state_json =
          TRY_CTX(codec::ParseJson(*state), "state of container '" + document.key + "'");
      data->state =
          TRY_CTX(ContainerState::FromJson(state_json), "state of container '" + document.key + "'");
    }
    auto registry = registry_.Lock();
    registry->names[data->record.name] = container->id;
    registry->by_id[container->id] = container;
  }
  TRY(removed_exits_.Load(*w_.database));
  const std::vector<store::Document> execs = TRY(w_.database->List(kExecs));
  for (const store::Document& document : execs) {
    const codec::Json json = TRY_CTX(codec::ParseJson(document.value), "exec '" + document.key + "'");
    ExecRecord exec = TRY_CTX(ExecRecord::FromJson(json), "exec '" + document.key + "'");
    if (!registry_.Lock()->by_id.contains(exec.container_id)) {
      // Recorded while its container was being removed.
      TRY(w_.database->Delete(kExecs, document.key));
      continue;
    }
    execs_.Lock()->emplace(document.key, std::move(exec));
  }
  return Ok();
}

Result<ContainerPtr> Containers::Get(const std::string& id) {
  std::string wanted = id;
  if (wanted.starts_with("/")) wanted.erase(0, 1);
  auto registry = registry_.Lock();
  if (const auto exact = registry->by_id.find(wanted); exact != registry->by_id.end()) return exact->second;
  if (const auto named = registry->names.find(wanted); named != registry->names.end()) {
    // A name may be taken by a container that is still being made.
    if (const auto found = registry->by_id.find(named->second); found != registry->by_id.end())
      return found->second;
  }
  const auto first = registry->by_id.lower_bound(wanted);
  if (wanted.empty() || first == registry->by_id.end() || !first->first.starts_with(wanted)) {
    return Error(Code::kNotFound, "No such container: " + id);
  }
  const auto next = std::next(first);
  if (next != registry->by_id.end() && next->first.starts_with(wanted)) {
    return Error(Code::kInvalidArgument, "Multiple IDs found with provided prefix: " + id);
  }
  return first->second;
}

Status Containers::CheckThere(const ContainerPtr& container) {
  if (!container->data.Lock()->removed) return Ok();
  return Error(Code::kNotFound, "No such container: " + container->id);
}

std::vector<ContainerPtr> Containers::AllAndBeingMade() {
  std::vector<ContainerPtr> all = All();
  auto registry = registry_.Lock();
  for (const auto& [id, container] : registry->being_made) all.push_back(container);
  return all;
}

std::vector<ContainerPtr> Containers::All() {
  std::vector<ContainerPtr> all;
  auto registry = registry_.Lock();
  for (const auto& [id, container] : registry->by_id) all.push_back(container);
  return all;
}

Result<std::string> Containers::ReserveName(const std::string& wanted, const std::string& id) {
  std::string name = wanted.starts_with("/") ? wanted.substr(1) : wanted;
  if (!name.empty()) TRY(CheckName(name, "container"));
  auto registry = registry_.Lock();
  if (name.empty()) {
    name = MakeName([&](const std::string& candidate) { return registry->names.contains(candidate); },
                    RandomBits);
  }
  const auto [entry, fresh] = registry->names.emplace(name, id);
  if (!fresh) {
    return Error(Code::kConflict,
                 "Conflict. The container name \"/" + name + "\" is already in use by container \"" +
                     entry->second +
                     "\". You have to remove (or rename) that container to be able to reuse that name.");
  }
  return name;
}

void Containers::ReleaseName(const std::string& name, const std::string& id) {
  auto registry = registry_.Lock();
  const auto found = registry->names.find(name);
  if (found != registry->names.end() && found->second == id) registry->names.erase(found);
}

Status Containers::SaveRecord(const ContainerPtr& container) {
  const std::lock_guard order(container->persist);
  codec::Json json;
  {
    auto data = container->data.Lock();
    if (data->removed) return Ok();
    json = data->record.ToJson();
  }
  return w_.database->Put(kRecords, container->id, json.Dump());
}

Status Containers::SaveState(const ContainerPtr& container) {
  const std::lock_guard order(container->persist);
  codec::Json json;
  {
    auto data = container->data.Lock();
    if (data->removed) return Ok();
    json = data->state.ToJson();
  }
  return w_.database->Put(kStates, container->id, json.Dump());
}

void Containers::SaveStateOrLog(const ContainerPtr& container) {
  // The journal still has it; the next start of the engine folds it again.
  const Status saved = SaveState(container);
  if (!saved.ok())
    log::Error("record a container's state", {{"id", container->id}, {"error", saved.error().Message()}});
}

void Containers::Publish(const ContainerPtr& container, const std::string& action, Events::Attributes extra) {
  {
    auto data = container->data.Lock();
    for (const auto& [key, value] : data->record.create.config.labels) extra.emplace(key, value);
    extra["image"] = data->record.create.config.image;
    extra["name"] = data->record.name;
  }
  w_.events->Publish("container", action, container->id, std::move(extra));
}

// Absolute: a relative one is another for an engine that a user starts from another session.
std::string Containers::CgroupPath(const ContainerRecord& record) const {
  std::string parent = record.create.host_config.resources.cgroup_parent;
  if (parent.empty()) parent = w_.config()->cgroup_parent;
  return w_.host->facts.cgroups.Resolve(parent) + "/" + record.id;
}

std::string Containers::CgroupInUse(const Container::Data& data) const {
  // Engines that did not write it down made one for each container of root's, and none for users'.
  const bool known = !data.state.cgroup_path.empty() || w_.config()->rootless;
  return known ? data.state.cgroup_path : CgroupPath(data.record);
}

std::vector<ImageUser> Containers::UsersOfImage(const std::string& image_id) {
  std::vector<ImageUser> users;
  for (const ContainerPtr& container : AllAndBeingMade()) {
    auto data = container->data.Lock();
    const bool mounted = std::ranges::find(data->record.mounts, image_id, &MountPoint::image_id) !=
                         data->record.mounts.end();
    if (data->record.image_id != image_id && !mounted) continue;
    const ImageUser user{container->id, data->state.Running()};
    users.insert(user.running ? users.begin() : users.end(), user);
  }
  return users;
}

std::set<std::string> Containers::LayersInUse() {
  std::set<std::string> layers;
  for (const ContainerPtr& container : AllAndBeingMade()) {
    auto data = container->data.Lock();
    layers.insert(data->record.layers.begin(), data->record.layers.end());
    for (const MountPoint& mount : data->record.mounts) layers.insert(mount.layers.begin(), mount.layers.end());
  }
  return layers;
}

std::map<std::string, std::string> Containers::HoldStarts(std::set<std::string> layers, Rollback& release) {
  // Before the look around: of a start that is under way, either we see that it is, or it sees what we hold.
  *held_layers_.Lock() = layers;
  release.Add([this] { held_layers_.Lock()->clear(); });
  std::map<std::string, std::string> busy;
  for (const ContainerPtr& container : All()) {
    auto data = container->data.Lock();
    if (!data->link && !data->concluding && data->state.phase != Phase::kStarting) continue;
    for (const std::string& layer : data->record.layers) {
      if (layers.contains(layer)) busy.emplace(layer, data->record.name);
    }
  }
  return busy;
}

std::set<std::string> Containers::VolumesInUse() {
  std::set<std::string> names;
  for (const ContainerPtr& container : AllAndBeingMade()) {
    auto data = container->data.Lock();
    for (const MountPoint& mount : data->record.mounts) {
      if (mount.kind == MountPoint::Kind::kVolume) names.insert(mount.source);
    }
  }
  return names;
}

std::vector<std::string> Containers::UsersOfVolume(const std::string& name, const std::string& but) {
  std::vector<std::string> ids;
  for (const ContainerPtr& container : AllAndBeingMade()) {
    if (container->id == but) continue;
    auto data = container->data.Lock();
    for (const MountPoint& mount : data->record.mounts) {
      if (mount.kind != MountPoint::Kind::kVolume || mount.source != name) continue;
      ids.push_back(container->id);
      break;
    }
  }
  return ids;
}

std::map<std::string, apitypes::NetworkContainer> Containers::ContainersOfNetwork(
    const NetworkRecord& network) {
  std::map<std::string, apitypes::NetworkContainer> members;
  for (const ContainerPtr& container : All()) {
    ContainerState state;
    std::string name;
    {
      auto data = container->data.Lock();
      const bool member = std::ranges::find(data->state.endpoints, network.id, &Endpoint::network_id) !=
                          data->state.endpoints.end();
      if (!member) continue;
      name = data->record.name;
      state.endpoints = data->state.endpoints;
    }
    FillCni(container->id, state);
    for (const Endpoint& endpoint : state.endpoints) {
      if (endpoint.network_id != network.id) continue;
      apitypes::NetworkContainer member;
      member.name = name;
      member.endpoint_id = endpoint.id;
      member.mac_address = net::ToString(endpoint.mac);
      if (const auto four = endpoint.Address(false)) member.ipv4_address = ToString(*four);
      if (const auto six = endpoint.Address(true)) member.ipv6_address = ToString(*six);
      members.emplace(container->id, std::move(member));
    }
  }
  return members;
}

Containers::Counts Containers::Count() {
  Counts counts;
  for (const ContainerPtr& container : All()) {
    auto data = container->data.Lock();
    switch (data->state.phase) {
      case Phase::kRunning:
      case Phase::kRestarting: ++counts.running; break;
      case Phase::kPaused: ++counts.paused; break;
      default: ++counts.stopped; break;
    }
  }
  return counts;
}

bool Containers::NothingRuns() {
  if (!trash_.empty()) return false;
  for (const ContainerPtr& container : All()) {
    auto data = container->data.Lock();
    if (data->link || data->concluding || data->state.Running() || data->record.removing) return false;
  }
  return true;
}

void Containers::Stop() { stopping_ = true; }

void Containers::EmptyTrash() { trash_.Empty(); }

}  // namespace estiba::engine
