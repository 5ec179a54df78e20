#pragma once
// Docker's links on the default network: what a container is told of one that it is linked to. Pure.

#include <set>
#include <string>
#include <vector>

namespace estiba::engine {

struct LinkedContainer {
  std::string alias;
  std::string name;
  std::string hostname;
  std::string address;             // IPv4
  std::set<std::string> exposed;   // "80/tcp"
  std::vector<std::string> env;    // "K=v"
};

// ALIAS_NAME, ALIAS_PORT, ALIAS_PORT_80_TCP_ADDR, …, ALIAS_ENV_K, as docker has them; `parent` is whom they are for.
std::vector<std::string> LinkEnvironment(const std::string& parent, const LinkedContainer& linked);
// What stands behind the address in /etc/hosts: "db 0123456789ab database".
std::string LinkHostNames(const LinkedContainer& linked);

}  // namespace estiba::engine
