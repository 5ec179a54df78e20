#include "options/limits.h"

#include <algorithm>

#include <arpa/inet.h>

#include "base/parse.h"
#include "base/text.h"
#include "codec/json.h"
#include "options/values.h"
#include "os/file.h"

namespace estiba::cli {
namespace {

Error Bad(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

bool IsDeviceMode(const std::string& mode) {
  if (mode.empty() || mode.size() > 3) return false;
  for (std::size_t i = 0; i < mode.size(); ++i)
    if (std::string_view("rwm").find(mode[i]) == std::string_view::npos ||
        mode.find(mode[i], i + 1) != std::string::npos)
      return false;
  return true;
}

Result<std::string> SeccompOption(const std::string& profile) {
  const auto text = os::ReadFile(profile, 4U << 20);
  if (!text.ok()) return Bad("opening seccomp profile (" + profile + ") failed: " + text.error().Message());
  const auto json = codec::ParseJson(*text);
  if (!json.ok())
    return Bad("compacting json for seccomp profile (" + profile + ") failed: " + json.error().Message());
  return "seccomp=" + json->Dump();
}

}  // namespace

Result<apitypes::Ulimit> ParseUlimit(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos) return Bad("invalid ulimit argument: " + text);
  apitypes::Ulimit limit;
  limit.name = text.substr(0, equals);
  static constexpr std::string_view kNames[] = {
      "as",   "core",   "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue",
      "nice", "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack"};
  if (std::find(std::begin(kNames), std::end(kNames), limit.name) == std::end(kNames))
    return Bad("invalid ulimit type: " + limit.name);
  const auto values = Split(text.substr(equals + 1), ':');
  if (values.size() > 2)
    return Bad("too many limit value arguments - " + text.substr(equals + 1) +
               ", can only have up to two, `soft[:hard]`");
  limit.soft = TRY(ParseGoInt(values[0]));
  limit.hard = limit.soft;
  if (values.size() == 2) limit.hard = TRY(ParseGoInt(values[1]));
  if (limit.soft < -1 || limit.hard < -1) return Bad("invalid ulimit argument: " + text);
  if (limit.hard != -1 && (limit.soft == -1 || limit.soft > limit.hard))
    return Bad("ulimit soft limit must be less than or equal to hard limit: " + std::to_string(limit.soft) +
               " > " + std::to_string(limit.hard));
  return limit;
}

Result<apitypes::DeviceMapping> ParseDevice(const std::string& text) {
  const auto parts = Split(text, ':');
  apitypes::DeviceMapping device;
  device.path_on_host = parts[0];
  device.path_in_container = parts[0];
  device.cgroup_permissions = "rwm";
  if (parts.size() > 3 || parts[0].empty()) return Bad("invalid device specification: " + text);
  if (parts.size() == 3) {
    if (!IsDeviceMode(parts[2])) return Bad("invalid device specification: " + text);
    device.cgroup_permissions = parts[2];
  }
  if (parts.size() == 2 && IsDeviceMode(parts[1])) {
    device.cgroup_permissions = parts[1];
  } else if (parts.size() >= 2 && !parts[1].empty()) {
    device.path_in_container = parts[1];
  }
  return device;
}

Result<apitypes::RestartPolicy> ParseRestart(const std::string& text) {
  apitypes::RestartPolicy policy;
  const auto colon = text.find(':');
  policy.name = text.substr(0, colon);
  if (policy.name.empty() && colon != std::string::npos)
    return Bad("invalid restart policy format: no policy provided before colon");
  if (colon != std::string::npos) {
    const auto count = ParseGoInt(text.substr(colon + 1));
    if (!count.ok()) return Bad("invalid restart policy format: maximum retry count must be an integer");
    policy.maximum_retry_count = *count;
  }
  return policy;
}

Result<std::string> ParseExtraHost(const std::string& text) {
  const auto separator = text.find_first_of("=:");
  if (separator == std::string::npos || separator == 0)
    return Bad("bad format for add-host: \"" + text + "\"");
  std::string address = text.substr(separator + 1);
  if (address.size() > 2 && address.front() == '[' && address.back() == ']')
    address = address.substr(1, address.size() - 2);
  in6_addr buffer{};
  const bool valid = address == "host-gateway" || ::inet_pton(AF_INET, address.c_str(), &buffer) == 1 ||
                     ::inet_pton(AF_INET6, address.c_str(), &buffer) == 1;
  if (!valid) return Bad("invalid IP address in add-host: \"" + address + "\"");
  return text.substr(0, separator) + ":" + address;
}

Result<apitypes::ThrottleDevice> ParseThrottle(const std::string& text, bool bytes) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return Bad("bad format: " + text);
  if (!text.starts_with("/dev/")) return Bad("bad format for device path: " + text);
  apitypes::ThrottleDevice device;
  device.path = text.substr(0, colon);
  const std::string rate = text.substr(colon + 1);
  const auto parsed = bytes ? ParseBytes(rate) : ParseGoInt(rate);
  if (!parsed.ok() || *parsed < 0)
    return Bad("invalid rate for device: " + text + ". The correct format is <device-path>:<number>" +
               (bytes
                    ? "[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb"
                    : ". Number must be a positive integer"));
  device.rate = static_cast<std::uint64_t>(*parsed);
  return device;
}

Result<SecurityOptions> ReadSecurityOptions(const std::vector<std::string>& values) {
  SecurityOptions read;
  for (const std::string& value : values) {
    const auto separator = value.find('=') == std::string::npos ? value.find(':') : value.find('=');
    const std::string key = value.substr(0, separator);
    const std::string operand = separator == std::string::npos ? "" : value.substr(separator + 1);
    if (separator == std::string::npos && key != "no-new-privileges")
      return Bad("invalid --security-opt: \"" + value + "\"");
    if (key == "systempaths" && operand == "unconfined") {
      read.system_paths_unconfined = true;
    } else if (key == "seccomp" && operand != "unconfined" && operand != "builtin") {
      auto option = TRY(SeccompOption(operand));
      read.options.push_back(std::move(option));
    } else {
      read.options.push_back(value);
    }
  }
  return read;
}

}  // namespace estiba::cli
