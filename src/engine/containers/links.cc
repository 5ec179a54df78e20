// Docker's links on the default network: names in /etc/hosts and variables of the environment, of those alone that are
// linked. Links on networks that users make are names that 127.0.0.11 answers (name_files.cc).

#include <algorithm>

#include <fcntl.h>

#include "../endpoint_options.h"
#include "base/log.h"
#include "base/text.h"
#include "containers.h"
#include "os/file.h"
#include "restart.h"

namespace estiba::engine {
namespace {

constexpr std::size_t kMaxFile = 1 << 20;
constexpr const char* kDefaultNetwork = "bridge";

LinkedContainer LinkOf(const std::string& alias, const ContainerRecord& target, std::string address) {
  const apitypes::ContainerConfig& config = target.create.config;
  return {alias, target.name, config.hostname, std::move(address), config.exposed_ports, config.env};
}

Error Bad(std::string what) { return {Code::kInvalidArgument, std::move(what)}; }

}  // namespace

Status Containers::ResolveLinks(ContainerRecord& record) {
  const apitypes::HostConfig& host = record.create.host_config;
  if (host.network_mode != kDefaultNetwork) return Ok();
  for (const std::string& text : host.links) {
    const dns::Link link = TRY(ParseLink(text));
    const auto target = Get(link.target);
    if (!target.ok()) return Bad("could not get container for " + link.target + ": " + target.error().Message());
    const std::string mode = (*target)->data.Lock()->record.create.host_config.network_mode;
    if (mode == "host")
      return Bad("conflicting options: host type networking can't be used with links. This would result in undefined "
                 "behavior");
    record.linked[link.alias] = (*target)->id;
  }
  if (!record.linked.empty()) has_links_ = true;
  return Ok();
}

Result<LinkedContainer> Containers::LinkTo(const std::string& alias, const std::string& id) {
  const ContainerPtr target = TRY(Get(id));
  const auto network = TRY(w_.networks->Get(kDefaultNetwork));
  auto data = target->data.Lock();
  const auto endpoint = std::ranges::find(data->state.endpoints, network->id, &Endpoint::network_id);
  if (!data->state.Running())
    return Error(Code::kFailedPrecondition, "Cannot link to a non running container: /" + data->record.name + " AS " +
                                                alias);
  const auto address = endpoint == data->state.endpoints.end() ? std::nullopt : endpoint->Address(/*v6=*/false);
  if (!address)
    return Error(Code::kFailedPrecondition,
                 "container /" + data->record.name + " not attached to default bridge network");
  return LinkOf(alias, data->record, ToString(address->address));
}

Status Containers::CheckLinks(const ContainerRecord& record) {
  for (const auto& [alias, id] : record.linked) TRY(LinkTo(alias, id));
  return Ok();
}

std::vector<LinkedContainer> Containers::LinksOf(const ContainerRecord& record) {
  std::vector<LinkedContainer> links;
  for (const auto& [alias, id] : record.linked)
    if (auto link = LinkTo(alias, id); link.ok()) links.push_back(*std::move(link));
  return links;
}

// As docker has it, by the words of its own.
Status Containers::RemoveLink(const std::string& name) {
  const std::string full = name.starts_with('/') ? name.substr(1) : name;
  const auto slash = full.rfind('/');
  const auto container = Get(full.substr(0, slash));
  if (slash != std::string::npos && !container.ok()) return Error(Code::kNotFound, "No such container: " + name);
  if (!container.ok()) return Error(container.error().Clone());
  if (slash == std::string::npos)
    return Error(Code::kConflict, "Conflict, cannot remove the default link name of the container");
  const std::string alias = full.substr(slash + 1);
  const std::lock_guard operation((*container)->operation);
  TRY(CheckThere(*container));
  std::string target;
  ContainerRecord before;
  {
    auto data = (*container)->data.Lock();
    const auto found = data->record.linked.find(alias);
    if (found == data->record.linked.end()) return Error(Code::kNotFound, "No such container: " + name);
    before = data->record;
    target = found->second;
    data->record.linked.erase(found);
    std::erase_if(data->record.create.host_config.links, [&](const std::string& text) {
      const auto link = ParseLink(text);
      return link.ok() && link->alias == alias;
    });
  }
  if (Status saved = SaveRecord(*container); !saved.ok()) {
    (*container)->data.Lock()->record = std::move(before);
    return saved;
  }
  const auto linked = Get(target);
  if (!linked.ok()) return Ok();
  const LinkedContainer gone = LinkOf(alias, (*linked)->data.Lock()->record, /*address=*/"");
  return RewriteLink(before, gone);
}

// One that comes back may have another address.
void Containers::TellLinked(const ContainerPtr& target) {
  if (!has_links_) return;
  for (const ContainerPtr& container : All()) {
    ContainerRecord record;
    {
      auto data = container->data.Lock();
      if (data->record.linked.empty() || !data->state.Running()) continue;
      record = data->record;
    }
    for (const auto& [alias, id] : record.linked) {
      if (id != target->id) continue;
      const auto link = LinkTo(alias, id);
      const Status written = link.ok() ? RewriteLink(record, *link) : Status(link.error().Clone());
      if (!written.ok())
        log::Warn("tell a linked container", {{"id", record.id}, {"error", written.error().Message()}});
    }
  }
}

std::vector<std::string> Containers::LinkWords(const ContainerRecord& record) {
  std::vector<std::string> words;
  for (const auto& [alias, id] : record.linked) {
    const auto target = Get(id);
    const std::string name = target.ok() ? (*target)->data.Lock()->record.name : id;
    words.push_back("/" + name + ":/" + record.name + "/" + alias);
  }
  return words;
}

void Containers::StartLinkedFirst(const ContainerPtr& container) {
  const std::map<std::string, std::string> linked = container->data.Lock()->record.linked;
  for (const auto& [alias, id] : linked) {
    const auto target = Get(id);
    if (!target.ok()) continue;
    bool starts = false;
    {
      auto data = (*target)->data.Lock();
      starts = !data->state.Running() && data->state.starts != 0 &&
               ShouldRestart(data->record, data->state, /*host_restarted=*/true);
    }
    if (starts) StartAgain(*target, 0);
  }
}

Status Containers::RewriteLink(const ContainerRecord& record, const LinkedContainer& link) {
  const std::lock_guard writing(name_files_);
  const std::string path = Folder(record.id) + "/hosts";
  const std::string names = '\t' + LinkHostNames(link);
  const std::string text = TRY(os::ReadFile(path, kMaxFile));
  std::vector<std::string> lines = Split(text, '\n');
  const std::string line = link.address + names;
  if (std::ranges::find(lines, line) != lines.end()) return Ok();
  if (lines.back().empty()) lines.pop_back();
  std::erase_if(lines, [&](const std::string& other) { return other.ends_with(names); });
  if (!link.address.empty()) lines.push_back(line);
  std::string changed;
  for (const std::string& one : lines) changed.append(one).append("\n");
  return RewriteFile(path, changed);
}

}  // namespace estiba::engine
