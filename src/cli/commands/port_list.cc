#include "commands/port_list.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include "base/text.h"

namespace estiba::cli {
namespace {

struct Port {
  std::int64_t inside;
  std::string ip;
  std::int64_t outside;
  std::string type;
  auto Key() const { return std::tie(inside, ip, outside, type); }
};

// Ports of one address and protocol that are published under their own number and follow each other.
struct Run {
  std::string ip;
  std::string type;
  std::int64_t first;
  std::int64_t last;

  std::string Text() const {
    std::string range = std::to_string(first);
    if (last != first) range += "-" + std::to_string(last);
    return (ip.empty() ? range : JoinHostPort(ip, range) + "->" + range) + "/" + type;
  }
};

std::vector<Port> Sorted(const codec::Json& list) {
  std::vector<Port> ports;
  for (const codec::Json& port : *list.IfArray())
    ports.push_back({port.GetInt("PrivatePort"), port.GetString("IP"), port.GetInt("PublicPort"),
                     port.GetString("Type")});
  std::sort(ports.begin(), ports.end(), [](const Port& a, const Port& b) { return a.Key() < b.Key(); });
  return ports;
}

}  // namespace

std::string JoinHostPort(const std::string& ip, const std::string& port) {
  return (ip.find(':') == std::string::npos ? ip : "[" + ip + "]") + ":" + port;
}

std::string PortList(const codec::Json* ports) {
  if (ports == nullptr || !ports->IsArray()) return "";
  std::vector<std::string> whole;   // runs that ended
  std::vector<Run> open;            // one for each address and protocol
  std::vector<std::string> mapped;  // published under another number
  for (const Port& port : Sorted(*ports)) {
    if (!port.ip.empty() && port.outside != port.inside) {
      mapped.push_back(JoinHostPort(port.ip, std::to_string(port.outside)) + "->" +
                       std::to_string(port.inside) + "/" + port.type);
      continue;
    }
    const auto run = std::find_if(open.begin(), open.end(),
                                  [&](const Run& one) { return one.ip == port.ip && one.type == port.type; });
    if (run == open.end()) {
      open.push_back({port.ip, port.type, port.inside, port.inside});
    } else if (port.inside == run->last + 1) {
      run->last = port.inside;
    } else {
      whole.push_back(run->Text());
      run->first = run->last = port.inside;
    }
  }
  for (const Run& run : open) whole.push_back(run.Text());
  whole.insert(whole.end(), mapped.begin(), mapped.end());
  return Join(whole, ", ");
}

}  // namespace estiba::cli
