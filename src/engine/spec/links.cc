#include "links.h"

#include <algorithm>

#include "net/ports.h"

namespace estiba::engine {
namespace {

std::string Upper(std::string text) {
  for (char& c : text) c = c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

// By number; of the same number TCP first.
std::vector<net::ContainerPort> Sorted(const std::set<std::string>& exposed) {
  std::vector<net::ContainerPort> ports;
  for (const std::string& text : exposed)
    if (const auto port = net::ParseContainerPort(text); port.ok()) ports.push_back(*port);
  std::ranges::sort(ports, {}, [](const net::ContainerPort& port) {
    return std::pair(port.port, port.protocol != net::Protocol::kTcp);
  });
  return ports;
}

// The last of the ports that follow one another from the one at `first` on.
std::size_t LastOfRange(const std::vector<net::ContainerPort>& ports, std::size_t first) {
  std::size_t last = first;
  while (last + 1 < ports.size() && ports[last + 1].port <= ports[last].port + 1) ++last;
  return last;
}

class Variables {
 public:
  Variables(std::string prefix, std::string address) : prefix_(std::move(prefix)), address_(std::move(address)) {}
  void Add(const std::string& name, const std::string& value) { all_.push_back(prefix_ + name + '=' + value); }
  std::string Url(const net::ContainerPort& port) const {
    return std::string(net::ToString(port.protocol)) + "://" + address_ + ':' + std::to_string(port.port);
  }
  static std::string NameOf(const net::ContainerPort& port) {
    return "_PORT_" + std::to_string(port.port) + '_' + Upper(std::string(net::ToString(port.protocol)));
  }
  void AddRange(const net::ContainerPort& first, const net::ContainerPort& last) {
    const std::string name = NameOf(first);
    Add(name + "_START", Url(first));
    Add(name + "_PORT_START", std::to_string(first.port));
    Add(name + "_END", Url(last));
    Add(name + "_PORT_END", std::to_string(last.port));
  }
  void AddPort(const net::ContainerPort& port) {
    const std::string name = NameOf(port);
    Add(name, Url(port));
    Add(name + "_ADDR", address_);
    Add(name + "_PORT", std::to_string(port.port));
    Add(name + "_PROTO", std::string(net::ToString(port.protocol)));
  }
  std::vector<std::string> Take() { return std::move(all_); }

 private:
  std::string prefix_;
  std::string address_;
  std::vector<std::string> all_;
};

}  // namespace

std::vector<std::string> LinkEnvironment(const std::string& parent, const LinkedContainer& linked) {
  Variables variables(Upper(linked.alias), linked.address);
  const std::vector<net::ContainerPort> ports = Sorted(linked.exposed);
  if (!ports.empty()) variables.Add("_PORT", variables.Url(ports.front()));
  for (std::size_t first = 0, last = 0; first < ports.size(); first = last + 1) {
    last = LastOfRange(ports, first);
    if (last > first + 1) variables.AddRange(ports[first], ports[last]);
  }
  for (const net::ContainerPort& port : ports) variables.AddPort(port);
  variables.Add("_NAME", "/" + parent + "/" + linked.alias);
  for (const std::string& entry : linked.env) {
    const std::size_t equals = entry.find('=');
    const std::string name = entry.substr(0, equals);
    // Every container has these, for itself.
    if (equals == std::string::npos || name == "HOME" || name == "PATH") continue;
    variables.Add("_ENV_" + name, entry.substr(equals + 1));
  }
  return variables.Take();
}

std::string LinkHostNames(const LinkedContainer& linked) {
  std::string names = linked.alias;
  if (!linked.hostname.empty()) names += ' ' + linked.hostname;
  if (linked.name != linked.alias) names += ' ' + linked.name;
  return names;
}

}  // namespace estiba::engine
