// What comes up with the host, and what goes down with it: in the order of what needs what.

#include <atomic>

#include "../endpoint_options.h"
#include "../spec/build.h"
#include "base/log.h"
#include "boot_order.h"
#include "containers.h"
#include "restart.h"

namespace estiba::engine {
namespace {

constexpr const char* kComposeProject = "com.docker.compose.project";
constexpr const char* kComposeService = "com.docker.compose.service";
constexpr const char* kComposeNeeds = "com.docker.compose.depends_on";

std::string LabelOf(const ContainerRecord& record, const char* name) {
  const auto& labels = record.create.config.labels;
  const auto found = labels.find(name);
  return found == labels.end() ? "" : found->second;
}

// Names and ids that its options say.
std::vector<std::string> NamedNeeds(const ContainerRecord& record) {
  const apitypes::HostConfig& host = record.create.host_config;
  std::vector<std::string> names;
  for (const std::string* mode : {&host.network_mode, &host.ipc_mode, &host.pid_mode})
    if (std::string other = JoinedContainer(*mode); !other.empty()) names.push_back(std::move(other));
  for (const std::string& from : host.volumes_from) names.push_back(from.substr(0, from.find(':')));
  for (const std::string& text : host.links)
    if (const auto link = ParseLink(text); link.ok()) names.push_back(link->target);
  for (const auto& [alias, id] : record.linked) names.push_back(id);
  return names;
}

}  // namespace

// All groups, one after the other.
struct Containers::GroupRun {
  std::vector<std::vector<std::string>> groups;
  std::function<void(const ContainerPtr&, std::function<void()> next)> act;  // on a worker
  std::function<void()> ended;
};

std::vector<std::vector<std::string>> Containers::OrderOf(const std::vector<ContainerPtr>& containers) {
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> services;
  std::vector<ContainerRecord> records;
  for (const ContainerPtr& container : containers) records.push_back(container->data.Lock()->record);
  for (const ContainerRecord& record : records)
    services[{LabelOf(record, kComposeProject), LabelOf(record, kComposeService)}].push_back(record.id);
  std::vector<BootNode> nodes;
  for (const ContainerRecord& record : records) {
    BootNode& node = nodes.emplace_back(BootNode{record.id, {}});
    for (const std::string& name : NamedNeeds(record))
      if (const auto other = Get(name); other.ok()) node.needs.insert((*other)->id);
    for (const std::string& service : ComposeNeeds(LabelOf(record, kComposeNeeds))) {
      const auto found = services.find({LabelOf(record, kComposeProject), service});
      if (found != services.end()) node.needs.insert(found->second.begin(), found->second.end());
    }
  }
  return BootOrder(std::move(nodes));
}

void Containers::RunGroup(const std::shared_ptr<GroupRun>& run, std::size_t index) {
  if (index >= run->groups.size()) return run->ended();
  const std::vector<std::string>& group = run->groups[index];
  const auto left = std::make_shared<std::atomic<std::size_t>>(group.size());
  const auto next = [this, run, index, left] {
    if (--*left == 0) RunGroup(run, index + 1);
  };
  for (const std::string& id : group) {
    const auto container = Get(id);
    if (!container.ok()) {
      next();
      continue;
    }
    // Refused only while the engine stops: the next one goes on.
    WhenSettled(*container, [this, run, next, container = *container] {
      w_.workers->Submit([run, next, container] { run->act(container, next); });
    });
  }
}

bool Containers::ComesBack(const ContainerRecord& record, const ContainerState& state) {
  const std::string& policy = record.create.host_config.restart_policy.name;
  return !record.removing && state.starts > 0 && !policy.empty() && policy != "no";
}

void Containers::StartOfBoot(const ContainerPtr& container) {
  BootStart start{container->id, "", ""};
  bool due = false;
  {
    auto data = container->data.Lock();
    start.name = data->record.name;
    // Not before: how its last run ended was not known until it was cleared.
    due = std::exchange(data->boot_due, false) && ShouldRestart(data->record, data->state, /*host_restarted=*/true);
  }
  if (!due) return;
  const Status started = StartIfDown(container, 0);
  if (!started.ok()) {
    start.error = started.error().ToString();
    log::Warn("start a container with the host", {{"id", container->id}, {"error", started.error().Message()}});
  }
  boot_.Lock()->starts.push_back(std::move(start));
}

void Containers::StartWithHost(std::function<void()> ended) {
  {
    auto boot = boot_.Lock();
    if (boot->runs) return;
    boot->runs = true;
    boot->starts.clear();
  }
  std::vector<ContainerPtr> due;
  for (const ContainerPtr& container : All()) {
    auto data = container->data.Lock();
    if (!data->link && ComesBack(data->record, data->state)) data->boot_due = true;
    if (data->boot_due) due.push_back(container);
  }
  auto run = std::make_shared<GroupRun>();
  run->groups = OrderOf(due);
  run->act = [this](const ContainerPtr& container, const std::function<void()>& next) {
    StartOfBoot(container);
    next();
  };
  run->ended = [this, ended = std::move(ended)] {
    ended();
    std::vector<BootStart> starts;
    std::vector<std::function<void(std::vector<BootStart>)>> waiting;
    {
      auto boot = boot_.Lock();
      boot->runs = false;
      waiting.swap(boot->waiting);
      if (!waiting.empty()) starts.swap(boot->starts);
    }
    for (const auto& told : waiting) told(starts);
  };
  RunGroup(run, 0);
}

void Containers::AwaitBoot(std::function<void(std::vector<BootStart>)> done) {
  std::vector<BootStart> starts;
  {
    auto boot = boot_.Lock();
    if (boot->runs) {
      boot->waiting.push_back(std::move(done));
      return;
    }
    starts.swap(boot->starts);
  }
  done(std::move(starts));
}

bool Containers::Booting() { return boot_.Lock()->runs; }

void Containers::StopWithHost(const StopRequest& request, Done done) {
  std::vector<ContainerPtr> up;
  for (const ContainerPtr& container : All()) {
    auto data = container->data.Lock();
    if (data->link && data->state.Running()) up.push_back(container);
  }
  auto groups = OrderOf(up);
  const auto order = std::make_shared<std::vector<std::vector<std::string>>>(groups.rbegin(), groups.rend());
  StopRequest stop = request;
  stop.with_host = true;
  StopGroup(order, 0, stop, std::move(done));
}

// Who needs another goes before it.
void Containers::StopGroup(const std::shared_ptr<std::vector<std::vector<std::string>>>& order, std::size_t index,
                           const StopRequest& request, Done done) {
  if (index >= order->size()) return done(Ok());
  const auto left = std::make_shared<std::atomic<std::size_t>>(order->at(index).size());
  const auto next = [this, order, index, request, done, left] {
    if (--*left != 0) return;
    const bool queued = w_.workers->Submit([this, order, index, request, done] {
      StopGroup(order, index + 1, request, done);
    });
    if (!queued) done(Error(Code::kUnavailable, "the engine is busy or stopping"));
  };
  for (const std::string& id : order->at(index)) {
    StopOne(id, request, [this, id, next](const Status& stopped) {
      if (!stopped.ok() && stopped.error().code() != Code::kNotModified)
        log::Warn("stop a container with the host", {{"id", id}, {"error", stopped.error().Message()}});
      const auto container = Get(id);
      if (!stopped.ok() || !container.ok()) return next();
      WhenGone(*container, next);  // all of it is undone then
    });
  }
}

}  // namespace estiba::engine
