#pragma once
// Whose names are known in which network, and what is answered to whom. Pure.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dns/endpoint.h"
#include "dns/message.h"

namespace estiba::dns {

class Zone {
 public:
  Zone() = default;
  Zone(const Zone&) = delete;
  Zone& operator=(const Zone&) = delete;

  // Replaces the one with the same id.
  void Put(Endpoint endpoint);
  void Remove(const std::string& id);
  // Null when it is not known. Valid until the next change.
  const Endpoint* Find(const std::string& id) const;
  bool empty() const { return endpoints_.empty(); }

  struct Found {
    enum class Kind : unsigned char {
      kElsewhere,  // not ours: others may know
      kNoName,     // ours to say that there is no such name
      kName,       // ours; without records it has none of that type
    };
    Kind kind = Kind::kElsewhere;
    std::vector<Record> records{};
  };
  // Looks in the networks that the asker is a member of, in its order: for the name as it is, then as "name.network".
  // Several endpoints of one name take turns in being first.
  Found Look(const Endpoint& asker, const Question& question);

 private:
  // One endpoint in one network.
  struct Place {
    const Endpoint* endpoint = nullptr;
    const Membership* network = nullptr;
  };
  struct Holders {
    std::vector<Place> places;
    std::size_t turn = 0;
  };
  struct Network {
    std::map<std::string, Holders, std::less<>> names;
    std::map<Ip, Place> addresses;
  };

  void Index(const Endpoint& endpoint);
  void Unindex(const Endpoint& endpoint);
  Holders* FindName(const Endpoint& asker, std::string_view name);
  Holders* FindIn(const Membership& network, std::string_view name);
  Found Reverse(const Endpoint& asker, const Ip& address, Type type) const;
  Found Services(const Endpoint& asker, const Question& question);

  std::map<std::string, Endpoint> endpoints_;  // its nodes stay where they are: places point to them
  std::map<std::string, Network, std::less<>> networks_;
};

}  // namespace estiba::dns
