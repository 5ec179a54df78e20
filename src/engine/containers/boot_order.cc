#include "boot_order.h"

#include <algorithm>

#include "base/text.h"

namespace estiba::engine {

std::vector<std::vector<std::string>> BootOrder(std::vector<BootNode> nodes) {
  std::set<std::string> left;
  for (const BootNode& node : nodes) left.insert(node.id);
  std::vector<std::vector<std::string>> order;
  while (!nodes.empty()) {
    const auto waits = [&](const BootNode& node) {
      return std::ranges::any_of(node.needs, [&](const std::string& id) { return left.contains(id); });
    };
    std::vector<std::string> group;
    for (const BootNode& node : nodes)
      if (!waits(node)) group.push_back(node.id);
    if (group.empty())  // only circles are left
      for (const BootNode& node : nodes) group.push_back(node.id);
    for (const std::string& id : group) left.erase(id);
    std::erase_if(nodes, [&](const BootNode& node) { return !left.contains(node.id); });
    order.push_back(std::move(group));
  }
  return order;
}

std::vector<std::string> ComposeNeeds(const std::string& label) {
  std::vector<std::string> services;
  for (const std::string& one : Split(label, ',')) {
    const std::string service(Trim(one.substr(0, one.find(':'))));
    if (!service.empty()) services.push_back(service);
  }
  return services;
}

}  // namespace estiba::engine
