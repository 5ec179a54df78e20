#include "cni/result.h"

#include <limits>

#include "base/text.h"
#include "codec/json_reader.h"

namespace estiba::cni {
namespace {

using codec::Json;
using codec::Reader;

constexpr codec::JsonLimits kLimits{.depth = 16, .bytes = kMaxOutput};
constexpr std::size_t kMaxServers = 64;
constexpr std::size_t kMaxWord = 4096;  // of any text in a result

Error Invalid(std::string what) { return Error(Code::kInvalidArgument, std::move(what)); }

void ReadText(Reader& reader, std::string_view key, std::string* out) {
  reader.Read(key, out);
  if (out->size() > kMaxWord) reader.Fail(key, "too long");
}

void ReadTexts(Reader& reader, std::string_view key, std::vector<std::string>* out) {
  reader.Read(key, out);
  if (out->size() > kMaxServers) return reader.Fail(key, "too many");
  for (const std::string& text : *out) {
    if (text.size() > kMaxWord) reader.Fail(key, "too long");
  }
}

void ReadPrefix(Reader& reader, std::string_view key, IpPrefix* out) {
  std::string text;
  reader.Require(key, &text);
  if (!reader.ok()) return;
  const auto prefix = ParseIpPrefix(text);
  if (!prefix.ok()) return reader.Fail(key, "'" + Printable(text.substr(0, 64)) + "' is no address with its prefix");
  *out = *prefix;
}

void ReadIp(Reader& reader, std::string_view key, std::optional<Ip>* out) {
  std::string text;
  reader.Read(key, &text);
  if (text.empty() || !reader.ok()) return;
  const auto address = ParseIp(text);
  if (!address.ok()) return reader.Fail(key, "'" + Printable(text.substr(0, 64)) + "' is no address");
  *out = *address;
}

void ReadDns(Reader& top, Dns& dns) {
  top.Object("dns", [&](Reader& reader) {
    ReadTexts(reader, "nameservers", &dns.nameservers);
    ReadText(reader, "domain", &dns.domain);
    ReadTexts(reader, "search", &dns.search);
    ReadTexts(reader, "options", &dns.options);
  });
}

void ReadRoutes(Reader& reader, AddResult& result) {
  reader.EachObject("routes", [&](Reader& item) {
    if (result.routes.size() == kMaxRoutes) return item.Fail("dst", "too many routes");
    Route& route = result.routes.emplace_back();
    ReadPrefix(item, "dst", &route.destination);
    ReadIp(item, "gw", &route.gateway);
    item.Read("mtu", &route.mtu);
    item.Read("advmss", &route.advertised_mss);
    item.Read("priority", &route.priority);
    item.Read("table", &route.table);
    item.Read("scope", &route.scope);
  });
}

// 0.1.0 and 0.2.0: at most one address of a family, each with its routes.
void ReadOld(Reader& reader, AddResult& result) {
  for (const char* key : {"ip4", "ip6"}) {
    reader.Object(key, [&](Reader& item) {
      Address& address = result.addresses.emplace_back();
      ReadPrefix(item, "ip", &address.address);
      ReadIp(item, "gateway", &address.gateway);
      ReadRoutes(item, result);
    });
  }
}

void ReadInterfaces(Reader& reader, AddResult& result) {
  reader.EachObject("interfaces", [&](Reader& item) {
    if (result.interfaces.size() == kMaxInterfaces) return item.Fail("name", "too many interfaces");
    Interface& made = result.interfaces.emplace_back();
    ReadText(item, "name", &made.name);
    ReadText(item, "mac", &made.mac);
    ReadText(item, "sandbox", &made.sandbox);
    item.Read("mtu", &made.mtu);
    ReadText(item, "socketPath", &made.socket_path);
    ReadText(item, "pciID", &made.pci_id);
  });
}

void ReadAddresses(Reader& reader, AddResult& result) {
  reader.EachObject("ips", [&](Reader& item) {
    if (result.addresses.size() == kMaxAddresses) return item.Fail("address", "too many addresses");
    Address& made = result.addresses.emplace_back();
    ReadPrefix(item, "address", &made.address);
    ReadIp(item, "gateway", &made.gateway);
    // Some plugins say -1 for "none".
    const Json* index = item.Take("interface");
    if (index == nullptr) return;
    const auto number = index->IfInt();
    if (!number) return item.Fail("interface", "expected a number");
    if (*number < 0) return;
    if (static_cast<std::uint64_t>(*number) >= result.interfaces.size())
      return item.Fail("interface", "there is no interface of that number");
    made.interface = static_cast<std::uint32_t>(*number);
  });
}

}  // namespace

std::string Printable(std::string_view text) {
  constexpr std::size_t kMost = 2000;
  std::string out(text.substr(0, kMost));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return std::string(Trim(out));
}

Result<AddResult> ResultFromJson(const Json& json, Version expected) {
  if (!json.IsObject()) return Invalid("the result is not a JSON object");
  Reader reader(json);
  std::string named;
  reader.Read("cniVersion", &named);
  TRY(reader.Finish());
  const Version version = named.empty() ? expected : TRY(ParseVersion(named));
  AddResult result;
  if (version <= Version::k020) {
    ReadOld(reader, result);
  } else {
    ReadInterfaces(reader, result);
    ReadAddresses(reader, result);
    ReadRoutes(reader, result);
  }
  ReadDns(reader, result.dns);
  TRY(reader.Finish());
  return result;
}

Result<AddResult> ParseResult(std::string_view text, Version expected) {
  const Json json = TRY(codec::ParseJson(text, kLimits));
  return ResultFromJson(json, expected);
}

std::optional<std::uint32_t> FindInside(const AddResult& result, std::string_view ifname) {
  for (std::uint32_t i = 0; i < result.interfaces.size(); ++i) {
    if (result.interfaces[i].name == ifname && !result.interfaces[i].sandbox.empty()) return i;
  }
  return std::nullopt;
}

std::optional<Error> ParseError(std::string_view text) {
  const auto json = codec::ParseJson(text, kLimits);
  if (!json.ok() || !json->IsObject()) return std::nullopt;
  const Json* number = json->Find("code");
  const Json* said = json->Find("msg");
  if (number == nullptr || !number->IsNumber() || said == nullptr || !said->IsString()) return std::nullopt;
  constexpr std::int64_t kInvalidNetworkConfig = 7;
  constexpr std::int64_t kTryAgainLater = 11;
  constexpr std::int64_t kNotAvailable = 50;         // of STATUS
  constexpr std::int64_t kLimitedConnectivity = 51;  // of STATUS
  const std::int64_t code = number->IfInt().value_or(0);
  std::string message = Printable(*said->IfString());
  if (const std::string details = Printable(json->GetString("details")); !details.empty()) message += ": " + details;
  message += " (CNI error " + std::to_string(code) + ")";
  Code kind = Code::kInternal;
  if (code == kInvalidNetworkConfig || code == 1 || code == 2) kind = Code::kInvalidArgument;
  if (code == kTryAgainLater || code == kNotAvailable || code == kLimitedConnectivity) kind = Code::kUnavailable;
  return Error(kind, std::move(message));
}

Result<std::vector<std::string>> ParseVersions(std::string_view text) {
  const Json json = TRY(codec::ParseJson(text, kLimits));
  if (!json.IsObject()) return Invalid("the answer is not a JSON object");
  Reader reader(json);
  std::vector<std::string> versions;
  ReadTexts(reader, "supportedVersions", &versions);
  TRY(reader.Finish());
  // 0.1.0 knew no such command.
  if (versions.empty()) versions = {"0.1.0"};
  return versions;
}

}  // namespace estiba::cni
