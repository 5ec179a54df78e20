#include "sources/hosts_toml.h"

#include <algorithm>

#include "base/clock.h"
#include "base/parse.h"
#include "base/text.h"
#include "toml_table.h"

namespace estiba::sources {
namespace {

using codec::TomlValue;
using Kind = TomlValue::Kind;

constexpr std::size_t kMaxHosts = 100;

std::string Absolute(const std::string& folder, const std::string& path) {
  return path.starts_with('/') ? path : folder + "/" + path;
}

Status ReadCapabilities(const Table& table, HostEntry& out) {
  if (table.value().Find("capabilities") == nullptr) return Ok();
  const std::vector<std::string> names = TRY(table.Texts("capabilities"));
  out.pull = out.resolve = out.push = false;
  for (const std::string& name : names) {
    if (name == "pull") {
      out.pull = true;
    } else if (name == "resolve") {
      out.resolve = true;
    } else if (name == "push") {
      out.push = true;
    } else if (name != "referrers") {  // asked where the manifests come from
      return table.Complain("capabilities: '" + name + "' is none of pull, resolve, push, referrers");
    }
  }
  return Ok();
}

// "both.pem", ["both.pem", …], ["cert.pem", "key.pem"] inside a list, or mixed.
Status ReadClients(const Table& table, const std::string& folder, HostEntry& out) {
  const TomlValue* client = table.value().Find("client");
  if (client == nullptr) return Ok();
  const auto add = [&](const std::string& cert, const std::string& key) {
    out.clients.emplace_back(Absolute(folder, cert), Absolute(folder, key));
  };
  if (client->kind == Kind::kString) return add(client->text, client->text), Ok();
  const TomlValue* list = TRY(table.Take("client", Kind::kArray));
  for (const TomlValue& item : list->items) {
    const bool pair = item.kind == Kind::kArray && item.items.size() == 2 && item.items[0].kind == Kind::kString &&
                      item.items[1].kind == Kind::kString;
    if (item.kind == Kind::kString) {
      add(item.text, item.text);
    } else if (pair) {
      add(item.items[0].text, item.items[1].text.empty() ? item.items[0].text : item.items[1].text);
    } else {
      return table.Complain(item.line, "client: expected a file, or a list of a certificate's and its key's");
    }
  }
  return Ok();
}

bool IsHeader(std::string_view name, std::string_view value) {
  constexpr std::string_view kName = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  return !name.empty() && name.find_first_not_of(kName) == std::string_view::npos &&
         std::ranges::all_of(value, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F; });
}

Status ReadHeaders(const Table& table, HostEntry& out) {
  const TomlValue* headers = TRY(table.Take("header", Kind::kTable));
  if (headers == nullptr) return Ok();
  const Table inner(*headers, table.file());
  for (const codec::TomlMember& member : headers->members) {
    const std::vector<std::string> values = TRY(inner.Texts(member.first.c_str()));
    for (const std::string& value : values) {
      if (!IsHeader(member.first, value))
        return inner.Complain(member.second.line, "header: '" + member.first + "' is no header of HTTP");
      out.headers.push_back(member.first + ": " + value);
    }
  }
  return Ok();
}

Status ReadTimeout(const Table& table, HostEntry& out) {
  const std::string text = TRY(table.Text("dial_timeout"));
  if (text.empty()) return Ok();
  const bool seconds = text.ends_with('s') && !text.ends_with("ms");
  const auto number = ParseUint(std::string_view(text).substr(0, text.size() - 1), 3600);
  if (!seconds || !number.ok() || *number == 0)
    return table.Complain("dial_timeout: '" + text + "' is not a number of seconds (\"10s\")");
  out.dial_seconds = static_cast<unsigned>(*number);
  return Ok();
}

// "https://host", "http://host:5000/base"; without a scheme it is https.
Result<std::string> ReadUrl(const Table& table, const char* what, const std::string& text) {
  std::string url = text.find("://") == std::string::npos ? "https://" + text : text;
  const bool scheme = url.starts_with("https://") || url.starts_with("http://");
  const std::string rest = url.substr(url.find("://") + 3);
  constexpr std::string_view kHost = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]/~%";
  if (!scheme || rest.empty() || rest.starts_with('/') || rest.find_first_not_of(kHost) != std::string::npos)
    return table.Complain(std::string(what) + ": '" + text + "' is not http(s)://HOST[:PORT][/PATH]");
  while (url.ends_with('/')) url.pop_back();
  return url;
}

Result<HostEntry> ReadEntry(const Table& table, const std::string& folder) {
  HostEntry out;
  TRY(ReadCapabilities(table, out));
  const std::vector<std::string> ca = TRY(table.Texts("ca"));
  for (const std::string& file : ca) out.ca_files.push_back(Absolute(folder, file));
  TRY(ReadClients(table, folder, out));
  out.skip_verify = TRY(table.Flag("skip_verify"));
  TRY(ReadHeaders(table, out));
  out.override_path = TRY(table.Flag("override_path"));
  TRY(ReadTimeout(table, out));
  return out;
}

}  // namespace

Result<HostsToml> HostsToml::Parse(std::string_view text, const std::string& folder) {
  const std::string file = folder + "/hosts.toml";
  const TomlValue top = TRY_CTX(codec::ParseToml(text), "read '" + file + "'");
  const Table table(top, file);
  HostsToml out;
  out.server = TRY(ReadEntry(table, folder));
  const std::string server = TRY(table.Text("server"));
  if (!server.empty()) out.server.url = TRY(ReadUrl(table, "server", server));
  const TomlValue* hosts = TRY(table.Take("host", Kind::kTable));
  if (hosts == nullptr) return out;
  if (hosts->members.size() > kMaxHosts) return table.Complain(hosts->line, "host: more than 100 of them");
  for (const codec::TomlMember& member : hosts->members) {
    if (member.second.kind != Kind::kTable)
      return table.Complain(member.second.line, "host: expected a table [host.\"https://…\"]");
    const Table inner(member.second, table.file());
    HostEntry entry = TRY(ReadEntry(inner, folder));
    entry.url = TRY(ReadUrl(inner, "host", member.first));
    out.hosts.push_back(std::move(entry));
  }
  return out;
}

}  // namespace estiba::sources
