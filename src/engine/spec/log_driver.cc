#include "log_driver.h"

#include <algorithm>
#include <map>
#include <optional>
#include <regex>
#include <set>

#include "../config_reader.h"
#include "base/parse.h"
#include "base/text.h"

namespace estiba::engine {
namespace {

using apitypes::LogConfig;
using Options = std::map<std::string, std::string>;

Error Bad(std::string what) { return Error(Code::kInvalidArgument, std::move(what)); }

const std::set<std::string> kFiles = {"max-size", "max-file", "compress"};
const std::set<std::string> kAttributes = {"labels", "labels-regex", "env", "env-regex", "tag"};
const std::set<std::string> kCache = {"cache-disabled", "cache-max-size", "cache-max-file", "cache-compress"};
const std::set<std::string> kTls = {"syslog-tls-ca-cert", "syslog-tls-cert", "syslog-tls-key",
                                    "syslog-tls-skip-verify"};
const std::set<std::string> kSyslog = {"syslog-address", "syslog-facility", "syslog-format"};
constexpr const char* kFacilities[] = {"kern", "user", "mail", "daemon", "auth",     "syslog",
                                       "lpr",  "news", "uucp", "cron",   "authpriv", "ftp"};
constexpr std::uint8_t kDaemon = 3;
constexpr std::uint8_t kLocal0 = 16;
constexpr std::uint8_t kMostFacilities = 24;

std::string Of(const Options& options, const std::string& key) {
  const auto found = options.find(key);
  return found == options.end() ? "" : found->second;
}

bool Remote(const std::string& driver) { return driver == "journald" || driver == "syslog"; }

bool Knows(const std::string& driver, const std::string& key) {
  if (kAttributes.contains(key)) return true;
  if (Remote(driver))
    return kCache.contains(key) || (driver == "syslog" && (kSyslog.contains(key) || kTls.contains(key)));
  return kFiles.contains(key);
}

Error Unknown(const std::string& driver, const std::string& key) {
  if (driver == "local") return Bad("unknown log opt '" + key + "' for log driver local");
  return Bad("unknown log opt '" + key + "' for " + driver + " log driver");
}

Status CheckMode(const Options& options) {
  const std::string mode = Of(options, "mode");
  if (mode != "" && mode != "blocking" && mode != "non-blocking")
    return Bad("logger: logging mode not supported: " + mode);
  const auto size = options.find("max-buffer-size");
  if (size == options.end()) return Ok();
  if (mode != "non-blocking")
    return Bad("logger: max-buffer-size option is only supported with 'mode=non-blocking'");
  const auto bytes = ParseSize(size->second);
  if (!bytes.ok() || *bytes <= 0)
    return Bad("error parsing option max-buffer-size: invalid size: '" + size->second + "'");
  return Ok();
}

Status CheckFiles(const Options& options, const std::string& prefix) {
  if (const auto size = options.find(prefix + "max-size"); size != options.end()) {
    const auto bytes = ParseSize(size->second);
    if (!bytes.ok() || *bytes <= 0)
      return Bad("invalid value for log opt '" + size->first + "': '" + size->second + "'");
  }
  if (const auto files = options.find(prefix + "max-file"); files != options.end()) {
    const auto count = ParseUint(files->second, 1000);
    if (!count.ok() || *count == 0)
      return Bad("invalid value for log opt '" + files->first + "': '" + files->second + "'");
  }
  for (const char* key : {"compress", "disabled"}) {
    const auto on = options.find(prefix + key);
    if (on == options.end() || on->second == "false") continue;
    if (on->second != "true")
      return Bad("invalid value for log opt '" + on->first + "': '" + on->second + "'");
    if (key == std::string("compress"))
      return Bad("log opt '" + on->first + "=true' is not supported: older files are kept as they are")
          .Hint("keep fewer or smaller ones: " + prefix + "max-file, " + prefix + "max-size");
    return Bad("log opt '" + on->first + "=true' is not supported: attached clients are fed from these files")
        .Hint("keep less in them: " + prefix + "max-size, " + prefix + "max-file");
  }
  return Ok();
}

Result<std::uint8_t> Facility(const std::string& text) {
  if (text.empty()) return kDaemon;
  const auto named = std::ranges::find(kFacilities, text);
  if (named != std::end(kFacilities)) return static_cast<std::uint8_t>(named - std::begin(kFacilities));
  if (text.size() == 6 && text.starts_with("local") && text[5] >= '0' && text[5] <= '7')
    return static_cast<std::uint8_t>(kLocal0 + (text[5] - '0'));
  const auto number = ParseUint(text, kMostFacilities - 1);
  if (!number.ok()) return Bad("invalid syslog facility");
  return static_cast<std::uint8_t>(*number);
}

Result<monitorapi::SyslogFormat> Format(const std::string& text) {
  using monitorapi::SyslogFormat;
  if (text.empty()) return SyslogFormat::kUnix;
  if (text == "rfc3164") return SyslogFormat::kRfc3164;
  if (text == "rfc5424") return SyslogFormat::kRfc5424;
  if (text == "rfc5424micro") return SyslogFormat::kRfc5424Micro;
  return Bad("Invalid syslog format");
}

// "unix:///dev/log", "udp://host:514", "tcp://[::1]".
Status Address(const std::string& text, OutletPlan& plan) {
  using monitorapi::OutletTransport;
  if (text.empty()) {
    plan.paths = {"/dev/log", "/var/run/syslog", "/var/run/log"};
    return Ok();
  }
  const std::size_t colon = text.find("://");
  const std::string scheme = text.substr(0, colon == std::string::npos ? 0 : colon);
  const std::string rest = colon == std::string::npos ? "" : text.substr(colon + 3);
  if (scheme == "tcp+tls")
    return Bad("syslog-address: '" + text + "': TLS is not supported")
        .Hint("send to a syslog on this host that forwards by TLS (rsyslog, syslog-ng)");
  if (scheme == "unix" || scheme == "unixgram") {
    if (!rest.starts_with('/')) return Bad("syslog-address: '" + text + "' has no absolute path");
    plan.outlet.transport = OutletTransport::kUnixDatagram;
    plan.paths = {rest};
    return Ok();
  }
  if (scheme != "udp" && scheme != "tcp")
    return Bad("syslog-address should be in form proto://address, got " + text);
  plan.outlet.transport = scheme == "udp" ? OutletTransport::kUdp : OutletTransport::kTcp;
  const std::size_t bracket = rest.rfind(']');
  const std::size_t port = rest.rfind(':');
  const bool has_port = port != std::string::npos && (bracket == std::string::npos || port > bracket);
  plan.server.host = rest.substr(0, has_port ? port : rest.size());
  if (bracket != std::string::npos) plan.server.host = plan.server.host.substr(1, bracket - 1);
  if (has_port) {
    const auto number = ParseUint(rest.substr(port + 1), 65535);
    if (!number.ok() || *number == 0) return Bad("syslog-address: '" + text + "' has no port");
    plan.server.port = static_cast<std::uint16_t>(*number);
  }
  if (plan.server.host.empty()) return Bad("syslog-address: '" + text + "' has no host");
  return Ok();
}

Status CheckSyslog(const Options& options) {
  for (const std::string& key : kTls)
    if (options.contains(key)) return Bad("log opt '" + key + "': TLS is not supported");
  OutletPlan plan;
  TRY(Address(Of(options, "syslog-address"), plan));
  TRY(Facility(Of(options, "syslog-facility")));
  TRY(Format(Of(options, "syslog-format")));
  return Ok();
}

Status CheckPattern(const Options& options, const std::string& key) {
  const auto found = options.find(key);
  if (found == options.end()) return Ok();
  try {
    const std::regex pattern(found->second);
  } catch (const std::regex_error&) {
    return Bad("log opt '" + key + "': '" + found->second + "' is no regular expression");
  }
  return Ok();
}

std::string Short(const std::string& id) {
  constexpr std::size_t kShort = 12;
  return id.substr(id.starts_with("sha256:") ? 7 : 0, kShort);
}

// Docker's words in a tag; nothing for others.
std::optional<std::string> Word(const ContainerRecord& record, const std::string& name) {
  if (name == ".ID") return Short(record.id);
  if (name == ".FullID") return record.id;
  if (name == ".Name") return record.name;
  if (name == ".ImageID") return Short(record.image_id);
  if (name == ".ImageFullID") return record.image_id;
  if (name == ".ImageName") return record.create.config.image;
  if (name == ".DaemonName") return "docker";
  if (name == ".Command") {
    std::vector<std::string> words = record.command.entrypoint;
    words.insert(words.end(), record.command.cmd.begin(), record.command.cmd.end());
    return Join(words, " ");
  }
  return std::nullopt;
}

Result<std::string> Expand(const ContainerRecord& record, const std::string& text) {
  std::string out;
  std::size_t at = 0;
  for (std::size_t open = 0; (open = text.find("{{", at)) != std::string::npos;) {
    const std::size_t close = text.find("}}", open);
    if (close == std::string::npos) return Bad("log opt 'tag': '" + text + "': unclosed action");
    const std::string name(Trim(text.substr(open + 2, close - open - 2)));
    const auto word = Word(record, name);
    if (!word) {
      return Bad("log opt 'tag': '{{" + name + "}}' is not known")
          .Hint(
              "known are {{.ID}}, {{.FullID}}, {{.Name}}, {{.ImageID}}, {{.ImageFullID}}, {{.ImageName}}, "
              "{{.DaemonName}} and {{.Command}}");
    }
    out += text.substr(at, open - at) + *word;
    at = close + 2;
  }
  return out + text.substr(at);
}

void AddMatching(const std::map<std::string, std::string>& all, const Options& options,
                 const std::string& key, std::map<std::string, std::string>& out) {
  for (const std::string& name : Split(Of(options, key), ','))
    if (const auto found = all.find(name); found != all.end()) out[name] = found->second;
  const std::string pattern = Of(options, key + "-regex");
  if (pattern.empty()) return;
  const std::regex wanted(pattern);  // was checked
  for (const auto& [name, value] : all)
    if (std::regex_search(name, wanted)) out[name] = value;
}

std::map<std::string, std::string> Chosen(const ContainerRecord& record) {
  const Options& options = record.create.host_config.log_config.config;
  std::map<std::string, std::string> environment;
  for (const std::string& entry : record.create.config.env) {
    const std::size_t equals = entry.find('=');
    if (equals != std::string::npos) environment[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  std::map<std::string, std::string> chosen;
  const auto& labels = record.create.config.labels;
  AddMatching({labels.begin(), labels.end()}, options, "labels", chosen);
  AddMatching(environment, options, "env", chosen);
  return chosen;
}

// journald's: capitals, digits and underscores, none of them first.
std::string FieldName(const std::string& key) {
  std::string name;
  for (char letter : key) {
    if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
    const bool fits = (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9');
    if (!fits) letter = '_';
    if (name.empty() && letter == '_') continue;
    name += letter;
  }
  return name;
}

void AddField(std::string& fields, const std::string& name, const std::string& value) {
  if (name.empty()) return;
  if (value.find('\n') == std::string::npos) {
    fields += name + "=" + value + "\n";
    return;
  }
  // With its length, 64 bits, the lowest byte first.
  fields += name + "\n";
  for (unsigned shift = 0; shift < 64; shift += 8) fields += static_cast<char>(value.size() >> shift & 0xFF);
  fields += value + "\n";
}

}  // namespace

Status ValidateLog(LogConfig& log) {
  if (log.type.empty()) log.type = "json-file";
  if (log.type == "none") return Ok();  // as docker: whatever the options
  TRY(CheckMode(log.config));
  if (std::ranges::find(kLogDrivers, log.type) == std::end(kLogDrivers))
    return Bad("logger: no log driver named '" + log.type + "' is registered");
  for (const auto& [key, value] : log.config)
    if (key != "mode" && key != "max-buffer-size" && !Knows(log.type, key)) return Unknown(log.type, key);
  TRY(CheckFiles(log.config, Remote(log.type) ? "cache-" : ""));
  TRY(CheckPattern(log.config, "labels-regex"));
  TRY(CheckPattern(log.config, "env-regex"));
  if (log.type == "syslog") TRY(CheckSyslog(log.config));
  return Ok();
}

std::vector<std::pair<std::string, std::string>> LogAttributes(const ContainerRecord& record) {
  std::map<std::string, std::string> chosen = Chosen(record);
  const std::string tag = Of(record.create.host_config.log_config.config, "tag");
  if (!tag.empty())
    if (const auto expanded = Expand(record, tag); expanded.ok()) chosen["tag"] = *expanded;
  return {chosen.begin(), chosen.end()};
}

void SetLogFiles(const LogConfig& log, monitorapi::LogConfig& files) {
  const std::string prefix = Remote(log.type) ? "cache-" : "";
  files.enabled = log.type != "none";
  if (log.type == "local" || Remote(log.type)) {  // docker's defaults for these
    files.max_size = 20U << 20;
    files.max_files = 5;
  }
  // All were checked when the container was made.
  if (const auto size = ParseSize(Of(log.config, prefix + "max-size")); size.ok())
    files.max_size = static_cast<std::uint64_t>(*size);
  if (const auto count = ParseUint(Of(log.config, prefix + "max-file")); count.ok())
    files.max_files = static_cast<std::uint32_t>(*count);
}

Result<OutletPlan> PlanOutlet(const ContainerRecord& record, const std::string& hostname) {
  const LogConfig& log = record.create.host_config.log_config;
  OutletPlan plan;
  const std::string given = Of(log.config, "tag");
  const std::string tag = TRY(Expand(record, given.empty() ? "{{.ID}}" : given));
  if (!Remote(log.type)) return plan;
  monitorapi::LogOutlet& outlet = plan.outlet;
  outlet.blocks = Of(log.config, "mode") != "non-blocking";
  if (const auto size = ParseSize(Of(log.config, "max-buffer-size")); size.ok())
    outlet.max_held = static_cast<std::uint64_t>(*size);
  if (log.type == "syslog") {
    outlet.kind = monitorapi::OutletKind::kSyslog;
    outlet.host = hostname;
    outlet.tag = tag;
    outlet.facility = TRY(Facility(Of(log.config, "syslog-facility")));
    outlet.format = TRY(Format(Of(log.config, "syslog-format")));
    TRY(Address(Of(log.config, "syslog-address"), plan));
    return plan;
  }
  outlet.kind = monitorapi::OutletKind::kJournald;
  plan.paths = {"/run/systemd/journal/socket"};
  AddField(outlet.fields, "CONTAINER_ID", Short(record.id));
  AddField(outlet.fields, "CONTAINER_ID_FULL", record.id);
  AddField(outlet.fields, "CONTAINER_NAME", record.name);
  AddField(outlet.fields, "CONTAINER_TAG", tag);
  AddField(outlet.fields, "IMAGE_NAME", record.create.config.image);
  AddField(outlet.fields, "SYSLOG_IDENTIFIER", tag);
  for (const auto& [key, value] : Chosen(record)) AddField(outlet.fields, FieldName(key), value);
  return plan;
}

}  // namespace estiba::engine
