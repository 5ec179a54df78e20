#include "sources/certs_d.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include <fcntl.h>

#include "os/file.h"
#include "sources/hosts_toml.h"

namespace estiba::sources {
namespace {

constexpr std::size_t kMaxFile = 1U << 20;
constexpr std::size_t kMaxFiles = 100;

bool IsMissing(const Error& error) { return error.errnum() == ENOENT || error.errnum() == ENOTDIR; }

// "host:5000" and containerd's "host_5000_".
std::vector<std::string> FolderNames(const std::string& host) {
  std::vector<std::string> out{host};
  const std::size_t colon = host.rfind(':');
  if (colon != std::string::npos && !host.ends_with(']'))
    out.insert(out.begin(), host.substr(0, colon) + "_" + host.substr(colon + 1) + "_");
  return out;
}

Result<std::vector<std::string>> FilesIn(const std::string& folder) {
  auto names = os::ListDirectory({AT_FDCWD}, folder);
  if (!names.ok() && IsMissing(names.error())) return std::vector<std::string>{};
  if (!names.ok()) return std::move(names).error();
  if (names->size() > kMaxFiles)
    return Error(Code::kResourceExhausted, "'" + folder + "' has more than " + std::to_string(kMaxFiles) + " files");
  std::ranges::sort(*names);
  return std::move(*names);
}

std::string Stem(const std::string& name) { return name.substr(0, name.rfind('.')); }

void Append(std::string& pems, const std::string& pem) { pems += pem + (pem.ends_with('\n') ? "" : "\n"); }

// The first client certificate of the first folder that has one; every authority.
Status AddDockerFiles(const std::string& folder, oci::RegistryEndpoint& out) {
  const std::vector<std::string> names = TRY(FilesIn(folder));
  const auto has = [&](const std::string& name) { return std::ranges::binary_search(names, name); };
  for (const std::string& name : names) {
    if (name.ends_with(".crt")) {
      const std::string pem = TRY(os::ReadFile(folder + "/" + name, kMaxFile));
      Append(out.ca, pem);
    } else if (name.ends_with(".key") && !has(Stem(name) + ".cert")) {
      return Error(Code::kInvalidArgument, "missing client certificate " + Stem(name) + ".cert for key " + name +
                                               " in '" + folder + "'");
    } else if (name.ends_with(".cert")) {
      if (!has(Stem(name) + ".key"))
        return Error(Code::kInvalidArgument, "missing key " + Stem(name) + ".key for client certificate " + name +
                                                 " in '" + folder + "'")
            .Hint("CA certificates must use the extension .crt");
      if (!out.cert.empty()) continue;
      out.cert = TRY(os::ReadFile(folder + "/" + name, kMaxFile));
      out.key = TRY(os::ReadFile(folder + "/" + Stem(name) + ".key", kMaxFile));
    }
  }
  return Ok();
}

Status AddFiles(const HostEntry& entry, oci::RegistryEndpoint& out) {
  for (const std::string& file : entry.ca_files) {
    const std::string pem = TRY(os::ReadFile(file, kMaxFile));
    Append(out.ca, pem);
  }
  if (entry.clients.empty()) return Ok();
  out.cert = TRY(os::ReadFile(entry.clients.front().first, kMaxFile));
  out.key = TRY(os::ReadFile(entry.clients.front().second, kMaxFile));
  return Ok();
}

Result<std::optional<HostsToml>> FindHostsToml(const std::string& host, const std::vector<std::string>& folders) {
  std::vector<std::string> names = FolderNames(host);
  names.emplace_back("_default");
  for (const std::string& name : names) {
    for (const std::string& folder : folders) {
      const std::string inner = folder + "/" + name;
      const auto text = os::ReadFile(inner + "/hosts.toml", kMaxFile);
      if (!text.ok() && IsMissing(text.error())) continue;
      if (!text.ok()) return text.error().Clone();
      HostsToml parsed = TRY(HostsToml::Parse(*text, inner));
      return std::optional<HostsToml>(std::move(parsed));
    }
  }
  return std::optional<HostsToml>();
}

std::string HostOf(const std::string& url) {
  const std::string rest = url.substr(url.find("://") + 3);
  return rest.substr(0, rest.find('/'));
}

Result<Place> MakePlace(const HostEntry& entry, const std::string& host, bool own,
                        const std::vector<std::string>& folders) {
  Place out;
  out.own = own;
  out.host = own ? host : HostOf(entry.url);
  out.pull = entry.pull;
  out.resolve = entry.resolve;
  out.push = entry.push;
  out.via.url = entry.url;
  out.via.override_path = entry.override_path;
  out.via.skip_verify = entry.skip_verify;
  out.via.headers = entry.headers;
  out.via.connect_seconds = entry.dial_seconds;
  if (!own) out.via.ns = host;
  TRY(AddFiles(entry, out.via));
  for (const std::string& folder : folders)
    for (const std::string& name : FolderNames(out.host)) TRY(AddDockerFiles(folder + "/" + name, out.via));
  return out;
}

}  // namespace

Result<std::vector<Place>> PlacesOf(const std::string& host, const std::vector<std::string>& folders) {
  const std::optional<HostsToml> toml = TRY(FindHostsToml(host, folders));
  const HostsToml rules = toml.value_or(HostsToml{});
  std::vector<Place> out;
  for (const HostEntry& entry : rules.hosts) {
    Place place = TRY(MakePlace(entry, host, /*own=*/false, folders));
    out.push_back(std::move(place));
  }
  Place own = TRY(MakePlace(rules.server, host, /*own=*/true, folders));
  out.push_back(std::move(own));
  return out;
}

}  // namespace estiba::sources
