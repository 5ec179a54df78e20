#include "options/mounts.h"

#include <array>

#include <limits.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/text.h"
#include "options/values.h"

namespace estiba::cli {
namespace {

using apitypes::Mount;

Error Bad(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

// "." and "./x" and "../x" against the current directory, without "." and "..".
Result<std::string> Absolute(const std::string& path) {
  std::array<char, PATH_MAX> cwd{};
  if (::getcwd(cwd.data(), cwd.size()) == nullptr) return Error::Errno(errno, "find the current directory");
  std::vector<std::string> parts;
  for (const std::string& part : Split(std::string(cwd.data()) + "/" + path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  return "/" + Join(parts, "/");
}

Result<bool> MountFlag(const std::string& key, const std::string& value, bool has_value) {
  if (!has_value) return true;
  const auto flag = ParseBool(value);
  if (!flag.ok()) return Bad("invalid value for " + key + ": " + value);
  return *flag;
}

apitypes::BindOptions& Bind(Mount* mount) {
  if (!mount->bind_options) mount->bind_options.emplace();
  return *mount->bind_options;
}
apitypes::VolumeOptions& Volume(Mount* mount) {
  if (!mount->volume_options) mount->volume_options.emplace();
  return *mount->volume_options;
}
apitypes::TmpfsOptions& Tmpfs(Mount* mount) {
  if (!mount->tmpfs_options) mount->tmpfs_options.emplace();
  return *mount->tmpfs_options;
}

Status ApplyBindRecursive(Mount* mount, const std::string& value) {
  if (value == "enabled") return Ok();
  if (value == "disabled") {
    Bind(mount).non_recursive = true;
  } else if (value == "writable") {
    Bind(mount).read_only_non_recursive = true;
  } else if (value == "readonly") {
    Bind(mount).read_only_force_recursive = true;
  } else {
    return Bad("invalid value for bind-recursive: " + value +
               " (must be \"enabled\", \"disabled\", \"writable\", or "
               "\"readonly\")");
  }
  return Ok();
}

void AddPair(const std::string& value, std::map<std::string, std::string>* out) {
  const auto equals = value.find('=');
  (*out)[value.substr(0, equals)] = equals == std::string::npos ? "" : value.substr(equals + 1);
}

// Fields that only one type of mount has. False when the key is not known.
Result<bool> ApplyTyped(Mount* mount, const std::string& key, const std::string& value, bool has_value) {
  if (key == "bind-propagation") {
    Bind(mount).propagation = ToLower(value);
  } else if (key == "bind-nonrecursive") {
    Bind(mount).non_recursive = TRY(MountFlag(key, value, has_value));
  } else if (key == "bind-recursive") {
    TRY(ApplyBindRecursive(mount, value));
  } else if (key == "idmap") {
    Bind(mount).id_map = has_value && !value.empty() ? value : "container";
  } else if (key == "bind-create-src") {
    Bind(mount).create_mountpoint = TRY(MountFlag(key, value, has_value));
  } else if (key == "volume-nocopy") {
    Volume(mount).no_copy = TRY(MountFlag(key, value, has_value));
  } else if (key == "volume-driver") {
    Volume(mount).driver_name = value;
  } else if (key == "volume-subpath") {
    Volume(mount).subpath = value;
  } else if (key == "volume-label") {
    AddPair(value, &Volume(mount).labels);
  } else if (key == "volume-opt") {
    AddPair(value, &Volume(mount).driver_options);
  } else if (key == "image-subpath") {
    mount->image_options.emplace().subpath = value;
  } else if (key == "tmpfs-size") {
    const auto size = ParseBytes(value);
    if (!size.ok()) return Bad("invalid value for " + key + ": " + value);
    Tmpfs(mount).size_bytes = *size;
  } else if (key == "tmpfs-mode") {
    const auto mode = ParseMode(value);
    if (!mode.ok()) return Bad("invalid value for " + key + ": " + value);
    Tmpfs(mount).mode = *mode;
  } else if (key == "tmpfs-options") {
    for (const std::string& option : Split(value, ';')) Tmpfs(mount).options.push_back({option});
  } else {
    return false;
  }
  return true;
}

Status ApplyField(Mount* mount, const std::string& field) {
  const auto equals = field.find('=');
  const bool has_value = equals != std::string::npos;
  const std::string key = ToLower(field.substr(0, equals));
  const std::string value = has_value ? field.substr(equals + 1) : "";
  if (key == "readonly" || key == "ro") {
    mount->read_only = TRY(MountFlag(key, value, has_value));
    return Ok();
  }
  const bool flag =
      key == "volume-nocopy" || key == "bind-nonrecursive" || key == "bind-create-src" || key == "idmap";
  if (!has_value && !flag) return Bad("invalid field '" + field + "' must be a key=value pair");
  if (key == "type") {
    mount->type = ToLower(value);
  } else if (key == "source" || key == "src") {
    mount->source = value;
    if (value == "." || value.starts_with("./") || value.starts_with("../"))
      mount->source = TRY(Absolute(value));
  } else if (key == "target" || key == "dst" || key == "destination") {
    mount->target = value;
  } else if (key == "consistency") {
    mount->consistency = ToLower(value);
  } else {
    const bool known = TRY(ApplyTyped(mount, key, value, has_value));
    if (!known) return Bad("unexpected key '" + key + "' in '" + field + "'");
  }
  return Ok();
}

Status CheckMount(const Mount& mount) {
  if (mount.type.empty()) return Bad("type is required");
  if (mount.target.empty()) return Bad("target is required");
  const auto mixed = [&](std::string_view what) {
    return Bad("cannot mix '" + std::string(what) + "' options with mount type '" + mount.type + "'");
  };
  if (mount.volume_options && mount.type != "volume") return mixed("volume-*");
  if (mount.bind_options && mount.type != "bind") return mixed("bind-*");
  if (mount.tmpfs_options && mount.type != "tmpfs") return mixed("tmpfs-*");
  if (mount.image_options && mount.type != "image") return mixed("image-*");
  if (mount.bind_options && mount.bind_options->read_only_non_recursive && !mount.read_only)
    return Bad("option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction");
  if (mount.bind_options && mount.bind_options->read_only_force_recursive && !mount.read_only)
    return Bad("option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction");
  return Ok();
}

}  // namespace

Result<std::vector<std::string>> SplitCsv(const std::string& text) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string& field = fields.back();
    if (quoted && text[i] == '"' && i + 1 < text.size() && text[i + 1] == '"') {
      field += text[i++];
    } else if (text[i] == '"' && (quoted || field.empty())) {
      quoted = !quoted;
    } else if (text[i] == ',' && !quoted) {
      fields.emplace_back();
    } else {
      field += text[i];
    }
  }
  if (quoted) return Bad("unterminated quote in '" + text + "'");
  return fields;
}

Result<Mount> ParseMount(const std::string& text) {
  const std::string trimmed(Trim(text));
  if (trimmed.empty()) return Bad("value is empty");
  const auto fields = TRY(SplitCsv(trimmed));
  Mount mount;
  mount.type = "volume";
  for (const std::string& field : fields) TRY(ApplyField(&mount, field));
  TRY(CheckMount(mount));
  return mount;
}

Status ParseVolume(const std::string& text, std::vector<std::string>* binds,
                   std::set<std::string>* anonymous) {
  if (text.empty()) return Bad("invalid empty volume spec");
  const auto colon = text.find(':');
  if (colon == std::string::npos) {
    anonymous->insert(text);
    return Ok();
  }
  std::string source = text.substr(0, colon);
  if (source.empty() || colon + 1 == text.size())
    return Bad("invalid spec: " + text + ": empty section between colons");
  if (source.starts_with('.')) source = TRY(Absolute(source));
  binds->push_back(source + text.substr(colon));
  return Ok();
}

}  // namespace estiba::cli
