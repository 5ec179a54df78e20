#pragma once
// What estiba-cni does for a container: attach it to its networks, detach it, check it, clear after those that are
// gone. The requests come from the engine, as JSON.

#include <functional>
#include <string>
#include <vector>

#include "cni/record.h"
#include "dns/endpoint.h"

namespace estiba::cni {

// A file that says what a container is called, for which its addresses were missing.
struct HostsFile {
  std::string path;   // empty: none
  std::string text;   // what it holds besides
  std::string names;  // "web.example web", behind each address
};

struct NamesFile {
  std::string path;   // of estiba-netd's (dns/endpoint.h); empty: none
  std::string text;   // what it holds, but for the addresses and perhaps the servers
  bool ask_theirs = false;  // the servers that the plugins name are asked, if they name any
};

struct AttachRequest {
  Record record;  // with no result yet; record.netns is where the namespace is to be held
  HostsFile hosts;
  NamesFile names;

  std::string Encode() const;
};
Result<AttachRequest> ParseAttachRequest(std::string_view text);

// Attaches to one network after another, `pid` being a process in the namespace. `wanted` is asked once nothing else
// can be in the way, and says whether who wants it is there still. On failure all is taken back.
Status Attach(const Records& records, AttachRequest request, int pid, const std::function<bool()>& wanted);

// Takes everything back, in reverse; succeeds when nothing is left to take back. What cannot be taken back stays
// recorded. `serial`: only if it is still that one; empty: any.
Status Detach(const Records& records, const std::string& container, const std::string& serial = "");

// CHECK of every plugin of the container's networks; kNotFound when it has none.
Status CheckAttachments(const Records& records, const std::string& container);

struct GarbageRequest {
  struct Stale {
    std::string container;
    std::string serial;
  };
  std::vector<Stale> stale;           // detached first
  std::vector<NetworkList> networks;  // whose plugins are then told what is valid
  std::vector<std::string> bin_dirs;
  std::chrono::milliseconds timeout{30'000};

  std::string Encode() const;
};
Result<GarbageRequest> ParseGarbageRequest(std::string_view text);
// Goes on after a failure; the first is returned.
Status ClearGarbage(const Records& records, const GarbageRequest& request);

// In the place of what is said of each network that was added: the addresses there. `ask_theirs` as in NamesFile.
void FillNames(const Record& added, bool ask_theirs, dns::Endpoint& names);

// The container's own addresses in a result, or all that no interface was named for.
std::vector<Address> AddressesInside(const AddResult& result, std::string_view ifname);

}  // namespace estiba::cni
