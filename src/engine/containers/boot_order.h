#pragma once
// In which order containers come up with the host, by what each of them needs. Pure.

#include <set>
#include <string>
#include <vector>

namespace estiba::engine {

struct BootNode {
  std::string id;
  std::set<std::string> needs;  // ids; those of no node here hold nobody up
};

// Groups, in order: whoever is in one needs only those of the groups before it. Who needs himself, by way of others
// too, comes last, all of them in one group. Within a group the order is that of `nodes`.
std::vector<std::vector<std::string>> BootOrder(std::vector<BootNode> nodes);

// The services that docker compose's label "com.docker.compose.depends_on" names: "db:service_healthy:true,cache".
std::vector<std::string> ComposeNeeds(const std::string& label);

}  // namespace estiba::engine
