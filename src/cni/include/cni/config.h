#pragma once
// Networks as files describe them: a list of plugins, each with its own configuration (CNI specification 1.1.0,
// section 1), and what they are called in a folder. Parsing is pure; LoadFolder reads.

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cni/version.h"
#include "codec/json.h"

namespace estiba::cni {

inline constexpr std::size_t kMaxConfig = 1U << 20;  // bytes of one file
inline constexpr std::size_t kMaxPlugins = 64;

struct Plugin {
  std::string type;                    // the program's name, without a '/'
  std::set<std::string> capabilities;  // those it declares as true
  codec::Json json;                    // all of it, as it was written
};

struct NetworkList {
  std::string name;
  Version version = Version::k010;
  bool disable_check = false;
  bool disable_gc = false;
  bool only_inlined = false;  // loadOnlyInlinedPlugins: no plugins from the folder of the network's name
  std::vector<Plugin> plugins;

  bool HasCapability(const std::string& capability) const;
};

// A .conflist. It may lack plugins only where the network's folder may still add some. kInvalidArgument names the key.
Result<NetworkList> ParseConfList(std::string_view text);
// A .conf: one plugin, which names the network.
Result<NetworkList> ParseConf(std::string_view text);
// One file of the network's own folder.
Result<Plugin> ParsePlugin(std::string_view text);
// As a .conflist with everything in it: reading it again needs no folder.
codec::Json ToJson(const NetworkList& list);
Result<NetworkList> ListFromJson(const codec::Json& json);

// What names stand in paths and environments: letters, digits, '_', '.', '-', the first a letter or a digit.
bool IsName(std::string_view text);
// What Linux takes, and the specification: at most 15 bytes, none of them '/', ':' or a blank; not "." or "..".
bool IsInterfaceName(std::string_view text);

struct NetworkFile {
  std::string file;  // its path
  NetworkList list;
};

struct Folder {
  std::vector<NetworkFile> networks;                  // by file name; of two with one name the first
  std::vector<std::pair<std::string, Error>> broken;  // files that cannot be used, and why
};

// *.conf, *.conflist and *.json of a folder. One that does not exist has no networks.
Folder LoadFolder(const std::string& folder);

}  // namespace estiba::cni
