#include "volume_device.h"

#include "../config_reader.h"
#include "base/text.h"

namespace estiba::engine {
namespace {

Error Bad(std::string what) { return Error(Code::kInvalidArgument, std::move(what)); }

std::string Find(const DriverOptions& options, const char* key) {
  const auto found = options.find(key);
  return found == options.end() ? std::string() : found->second;
}

Status Require(const DriverOptions& options, const char* because, const char* needed) {
  if (!options.contains(because) || options.contains(needed)) return Ok();
  return Bad(std::string("missing required option: \"") + needed + "\"");
}

}  // namespace

Status CheckDriverOptions(const DriverOptions& options) {
  for (const auto& [key, value] : options) {
    if (key != "type" && key != "device" && key != "o" && key != "size")
      return Bad("invalid option: \"" + key + "\"");
    if (value.find('\0') != std::string::npos) return Bad("option \"" + key + "\" holds a NUL byte");
  }
  TRY(SizeOf(options));
  TRY(Require(options, "type", "device"));
  TRY(Require(options, "o", "device"));
  TRY(Require(options, "device", "type"));
  const std::optional<VolumeDevice> device = DeviceOf(options);
  if (!device.has_value() || !device->bind || device->device.starts_with("/")) return Ok();
  return Bad("device '" + device->device + "' of a bind is not absolute");
}

std::optional<VolumeDevice> DeviceOf(const DriverOptions& options) {
  VolumeDevice device;
  device.type = Find(options, "type");
  device.device = Find(options, "device");
  if (device.type.empty() && device.device.empty()) return std::nullopt;
  const std::string words = Find(options, "o");
  for (const std::string& word : words.empty() ? std::vector<std::string>() : Split(words, ',')) {
    device.recursive = device.recursive || word == "rbind";
    device.bind = device.bind || word == "bind" || word == "rbind";
    if (word != "bind" && word != "rbind" && !word.empty()) device.options.push_back(word);
  }
  device.bind = device.bind || device.type == "bind";
  return device;
}

Result<std::uint64_t> SizeOf(const DriverOptions& options) {
  const std::string text = Find(options, "size");
  if (text.empty()) return std::uint64_t{0};
  const auto size = ParseSize(text);
  if (!size.ok() || *size < 0) return Bad("invalid size: '" + text + "'");
  return static_cast<std::uint64_t>(*size);
}

}  // namespace estiba::engine
