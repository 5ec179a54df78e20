#pragma once
// What plugins answer: the result of ADD in any version of the specification, as one value, and errors. Pure; the
// bytes come from other people's programs, so everything is bounded.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "cni/version.h"
#include "codec/json.h"

namespace estiba::cni {

inline constexpr std::size_t kMaxOutput = 1U << 20;  // bytes that a plugin may print
inline constexpr std::size_t kMaxInterfaces = 256;
inline constexpr std::size_t kMaxAddresses = 256;
inline constexpr std::size_t kMaxRoutes = 4096;

struct Interface {
  std::string name;
  std::string mac;
  std::string sandbox;  // empty: on the host
  std::optional<std::uint32_t> mtu;  // from here on since 1.1.0
  std::string socket_path;
  std::string pci_id;
};

struct Address {
  IpPrefix address;
  std::optional<Ip> gateway;
  std::optional<std::uint32_t> interface;  // an index into interfaces
};

struct Route {
  IpPrefix destination;
  std::optional<Ip> gateway;
  std::optional<std::uint32_t> mtu;  // from here on since 1.1.0
  std::optional<std::uint32_t> advertised_mss;
  std::optional<std::uint32_t> priority;
  std::optional<std::uint32_t> table;
  std::optional<std::uint32_t> scope;
};

struct Dns {
  std::vector<std::string> nameservers;
  std::string domain;
  std::vector<std::string> search;
  std::vector<std::string> options;
};

struct AddResult {
  std::vector<Interface> interfaces;
  std::vector<Address> addresses;
  std::vector<Route> routes;
  Dns dns;
};

// `expected` is the network's version: that of a result which names none. kInvalidArgument says what is wrong.
Result<AddResult> ParseResult(std::string_view text, Version expected);
Result<AddResult> ResultFromJson(const codec::Json& json, Version expected);
// In a version's own form. What a version has no words for is left out: 0.1.0 and 0.2.0 know one address of a family.
codec::Json ToJson(const AddResult& result, Version version);

// Of the container's own end, by the name it was to get: its index; nothing when no such interface was told of.
std::optional<std::uint32_t> FindInside(const AddResult& result, std::string_view ifname);

// {"code": 11, "msg": "…", "details": "…"}, made fit for one line of a terminal: "MSG: DETAILS (CNI error 11)".
// Nothing when `text` is no such thing.
std::optional<Error> ParseError(std::string_view text);
// Without control characters and no longer than a message may be.
std::string Printable(std::string_view text);

// The answer to VERSION.
Result<std::vector<std::string>> ParseVersions(std::string_view text);

}  // namespace estiba::cni
