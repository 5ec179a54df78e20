#include "arguments.h"

#include "base/parse.h"

namespace estiba::estibad {

const char kUsage[] =
    "Usage: estibad [--config FILE] [--storage-driver DRIVER] [--check-config]\n"
    "\n"
    "The container engine: serves the Docker API on a UNIX socket.\n"
    "\n"
    "  --config FILE    read FILE instead of /etc/estiba/estibad.toml\n"
    "                   (users: ~/.config/estiba/estibad.toml)\n"
    "  -s, --storage-driver DRIVER\n"
    "                   how layers to come are stored: auto, overlay (overlay2),\n"
    "                   erofs or copy (vfs); as storage_driver in FILE\n"
    "  --check-config   read the configuration, say what is wrong with it, and end\n"
    "  --doctor         tell as JSON what of this host works ('estiba doctor'), and end\n"
    "  --reset          remove all that is ours ('estiba system reset'), and end\n"
    "  --spawned        started by a command: leave the caller's surroundings, end when idle\n"
    "  --ready-fd N     write one byte to descriptor N when the socket answers\n"
    "  --record-answers FILE\n"
    "                   append every answer in JSON to FILE, as tests want it\n"
    "  --version        print the version\n"
    "  --help           print this\n";

Result<Arguments> ParseArguments(const std::vector<std::string>& words) {
  Arguments arguments;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string word = words[i];
    std::optional<std::string> value;
    if (const std::size_t equals = word.find('='); word.starts_with("--") && equals != std::string::npos) {
      value = word.substr(equals + 1);
      word.resize(equals);
    }
    const auto take = [&]() -> Result<std::string> {
      if (value.has_value()) return *value;
      if (i + 1 < words.size()) return words[++i];
      return Error(Code::kInvalidArgument, "option '" + word + "' needs a value");
    };
    if (word == "--config") {
      arguments.config = TRY(take());
    } else if (word == "--storage-driver" || word == "-s") {
      const std::string name = TRY(take());
      arguments.storage_driver = TRY_CTX(engine::ParseStorageDriver(name), "option '" + word + "'");
    } else if (word == "--ready-fd") {
      const std::string text = TRY(take());
      arguments.ready_fd = static_cast<int>(TRY(ParseUint(text, 1'000'000)));
    } else if (word == "--record-answers") {
      arguments.record_answers = TRY(take());
    } else if (word == "--check-config") {
      arguments.check_config = true;
    } else if (word == "--doctor") {
      arguments.doctor = true;
    } else if (word == "--doctor-inside") {
      arguments.doctor_inside = true;
    } else if (word == "--reset") {
      arguments.reset = true;
    } else if (word == "--spawned") {
      arguments.spawned = true;
    } else if (word == "--version") {
      arguments.version = true;
    } else if (word == "--help" || word == "-h") {
      arguments.help = true;
    } else {
      return Error(Code::kInvalidArgument, "unknown argument '" + words[i] + "'");
    }
  }
  return arguments;
}

Result<engine::Config> LoadConfig(const Arguments& arguments, bool rootless) {
  engine::Config config = TRY(engine::LoadConfig(arguments.config, rootless, arguments.uid));
  if (!arguments.storage_driver.has_value()) return config;
  const bool said = config.storage_driver != engine::StorageDriver::kAuto;
  if (said && config.storage_driver != *arguments.storage_driver)
    return Error(Code::kInvalidArgument, "--storage-driver says other than storage_driver in '" + config.file + "'")
        .Hint("keep one of them");
  config.storage_driver = *arguments.storage_driver;
  return config;
}

}  // namespace estiba::estibad
