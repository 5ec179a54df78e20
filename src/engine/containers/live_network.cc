// A change of a container's network, decided and recorded first, then made by its monitor where it runs, then applied
// to the record. Whoever is killed in between, the plan in the container's folder says whether it was made
// (Plan::revision), and the next engine, or the end of the container, goes by that.

#include <algorithm>

#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "containers.h"
#include "net/files.h"
#include "os/file.h"
#include "plan/network_change.h"
#include "plan/wire.h"

namespace estiba::engine {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 60s;
constexpr std::size_t kMaxFile = 1 << 20;

bool Has(const std::vector<Endpoint>& endpoints, const Endpoint& endpoint) {
  return std::ranges::find(endpoints, endpoint.id, &Endpoint::id) != endpoints.end();
}

}  // namespace

// The container has the file itself mounted: a new one in its place would not be seen.
Status Containers::RewriteFile(const std::string& path, std::string_view text) {
  const os::UniqueFd file = TRY(os::OpenAt({AT_FDCWD}, path, O_WRONLY | O_NOFOLLOW));
  TRY(os::WriteAll(file.get(), text));
  if (::ftruncate(file.get(), static_cast<off_t>(text.size())) < 0) {
    const int err = errno;
    return Error::Errno(err, "cut '" + path + "'");
  }
  return Ok();
}

Result<Containers::LiveChange> Containers::BeginChange(const ContainerPtr& container) {
  TRY(SettleChange(container));
  LiveChange change;
  auto data = container->data.Lock();
  if (data->record.removing)
    return Error(Code::kConflict, "Container " + container->id + " is marked for removal");
  if (data->concluding) return Error(Code::kConflict, "container " + container->id + " is just ending");
  change.record = data->record;
  change.runs = data->link != nullptr;
  change.endpoints = data->state.endpoints;
  change.ports = data->state.ports;
  return change;
}

Status Containers::CarryOut(const ContainerPtr& container, LiveChange change) {
  if (!change.runs) {
    container->data.Lock()->record.create = std::move(change.record.create);
    return SaveRecord(container);
  }
  std::uint64_t revision = 0;
  {
    auto data = container->data.Lock();
    revision = ++data->state.network_revision;
    data->state.network_change = NetworkChange{revision, change.record.create, change.endpoints, change.ports};
  }
  Status asked = SaveState(container);
  if (asked.ok()) asked = AskForChange(container, change, revision);
  if (asked.ok()) {
    ApplyChange(container);
    return Ok();
  }
  // Its end settles what a monitor has left half done; one that does not answer may still do it.
  if (asked.error().code() == Code::kUnavailable) WaitGone(container, kPatience);
  else if (asked.error().code() != Code::kDeadlineExceeded) DropChange(container);
  return asked;
}

Status Containers::AskForChange(const ContainerPtr& container, const LiveChange& change, std::uint64_t revision) {
  const os::UniqueFd folder = TRY(os::OpenAt({AT_FDCWD}, Folder(container->id), O_RDONLY | O_DIRECTORY));
  const std::string bytes = TRY(os::ReadFileAt({folder.get()}, "plan", plan::kMaxEncodedPlan));
  plan::Plan plan = TRY(plan::Decode(bytes));
  const plan::Network network = TRY(PlanNetwork(change.record, change.endpoints, change.ports));
  plan::ReplaceNetwork(plan, network);
  plan.revision = revision;
  TRY(os::ReplaceFile({folder.get()}, "plan.next", plan::Encode(plan), 0600));
  std::shared_ptr<MonitorLink> link = container->data.Lock()->link;
  if (!link) return Error(Code::kConflict, "container " + container->id + " is not running");
  monitorapi::ChangeNetwork request;
  request.revision = revision;
  std::vector<int> sockets;
  for (const os::UniqueFd& socket : change.sockets) sockets.push_back(socket.get());
  TRY(link->Call(request, sockets, kPatience));
  return Ok();
}

void Containers::ApplyChange(const ContainerPtr& container) {
  ContainerRecord before, after;
  std::vector<Endpoint> had, has;
  {
    auto data = container->data.Lock();
    if (!data->state.network_change) return;
    NetworkChange change = std::move(*data->state.network_change);
    data->state.network_change.reset();
    before = data->record;
    data->record.create = std::move(change.create);
    after = data->record;
    had = std::exchange(data->state.endpoints, std::move(change.endpoints));
    has = data->state.endpoints;
    data->state.ports = std::move(change.ports);
  }
  for (const Endpoint& endpoint : had) {
    if (!Has(has, endpoint)) w_.networks->Release(endpoint, /*used=*/true);
  }
  if (has.empty() && !had.empty()) ClearHostLater();
  // The record first: while the state says that there is a change, it is applied again.
  if (const Status saved = SaveRecord(container); !saved.ok())
    log::Error("record a network change", {{"id", container->id}, {"error", saved.error().Message()}});
  SaveStateOrLog(container);
  TellLinked(container);
  if (const Status written = RewriteNameFiles(before, had, after, has); !written.ok())
    log::Warn("write the names a container knows", {{"id", container->id}, {"error", written.error().Message()}});
}

void Containers::DropChange(const ContainerPtr& container) {
  std::vector<Endpoint> unused;
  {
    auto data = container->data.Lock();
    if (!data->state.network_change) return;
    for (const Endpoint& endpoint : data->state.network_change->endpoints) {
      if (!Has(data->state.endpoints, endpoint)) unused.push_back(endpoint);
    }
    data->state.network_change.reset();
  }
  SaveStateOrLog(container);
  Release(unused, /*used=*/false);
}

// What the plan says is so, when nobody works on it any more.
void Containers::ConcludeChange(const ContainerPtr& container) {
  std::uint64_t revision = 0;
  {
    auto data = container->data.Lock();
    if (!data->state.network_change) return;
    revision = data->state.network_change->revision;
  }
  const auto bytes = os::ReadFile(Folder(container->id) + "/plan", plan::kMaxEncodedPlan);
  const auto plan = bytes.ok() ? plan::Decode(*bytes) : Result<plan::Plan>(bytes.error().Clone());
  if (plan.ok() && plan->revision == revision) return ApplyChange(container);
  DropChange(container);
}

// An earlier request that was not answered: the monitor is done with it, or never begins.
Status Containers::SettleChange(const ContainerPtr& container) {
  monitorapi::ChangeNetwork settle;
  settle.only_settle = true;
  std::shared_ptr<MonitorLink> link;
  {
    auto data = container->data.Lock();
    if (!data->state.network_change) return Ok();
    settle.revision = ++data->state.network_revision;
    link = data->link;
  }
  TRY(SaveState(container));
  if (link) TRY(link->Call(settle, {}, kPatience));
  ConcludeChange(container);
  return Ok();
}

Status Containers::RewriteNameFiles(const ContainerRecord& before, const std::vector<Endpoint>& had,
                                    const ContainerRecord& after, const std::vector<Endpoint>& has) {
  const std::lock_guard writing(name_files_);
  const std::string folder = Folder(after.id);
  const std::string old_hosts = TRY(HostsText(before, had));
  const std::string new_hosts = TRY(HostsText(after, has));
  const std::string old_resolver = net::RenderResolvConf(ResolverOf(before, had));
  const std::string new_resolver = net::RenderResolvConf(ResolverOf(after, has));
  const std::string hosts = TRY(os::ReadFile(folder + "/hosts", kMaxFile));
  const std::string changed = net::ChangeHosts(hosts, old_hosts, new_hosts);
  if (changed != hosts) TRY(RewriteFile(folder + "/hosts", changed));
  const std::string resolver = TRY(os::ReadFile(folder + "/resolv.conf", kMaxFile));
  // What somebody has written there himself is his.
  if (resolver == old_resolver && resolver != new_resolver) TRY(RewriteFile(folder + "/resolv.conf", new_resolver));
  return Ok();
}

}  // namespace estiba::engine
