#pragma once
// Whose names are known in which network, and what is answered to whom. Pure.

#include <map>
#include <set>
#include <span>
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
  void Remove(std::string_view id);
  // Null when it is not known. Valid until the next change.
  const Endpoint* Find(std::string_view id) const;
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
  struct Holder {
    std::string_view name;  // the endpoint's own, in whatever case of letters
    Place place;
    std::size_t turn = 0;  // of the first of a name: how often it was asked for
  };
  // Sorted vectors: there may be thousands of them, in a process that is to be small.
  struct Network {
    std::vector<Holder> names;     // by name; of one name in the order in which they came
    std::vector<Place> addresses;  // by address
  };
  struct ById {
    using is_transparent = void;
    static std::string_view Id(std::string_view id) { return id; }
    static std::string_view Id(const Endpoint& endpoint) { return endpoint.id; }
    bool operator()(const auto& a, const auto& b) const { return Id(a) < Id(b); }
  };

  void Index(const Endpoint& endpoint);
  void Unindex(const Endpoint& endpoint);
  // Empty when there is none. Names asked for are in lower case.
  std::span<Holder> FindName(const Endpoint& asker, std::string_view name);
  std::span<Holder> FindIn(const Membership& network, std::string_view name);
  static std::span<Holder> Called(Network& network, std::string_view name);
  static std::vector<Place>::iterator WhereIs(Network& network, const Ip& address);
  Found Reverse(const Endpoint& asker, const Ip& address, Type type);
  Found Services(const Endpoint& asker, const Question& question);

  std::set<Endpoint, ById> endpoints_;  // its nodes stay where they are: places point to them
  std::map<std::string, Network, std::less<>> networks_;
};

}  // namespace estiba::dns
