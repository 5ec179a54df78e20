#include "arguments.h"

#include "base/parse.h"

namespace estiba::estibad {

const char kUsage[] =
    "Usage: estibad [--config FILE] [--check-config]\n"
    "\n"
    "The container engine: serves the Docker API on a UNIX socket.\n"
    "\n"
    "  --config FILE    read FILE instead of /etc/estiba/estibad.toml\n"
    "                   (users: ~/.config/estiba/estibad.toml)\n"
    "  --check-config   read the configuration, say what is wrong with it, and end\n"
    "  --spawned        started by a command: leave the caller's surroundings, end when idle\n"
    "  --ready-fd N     write one byte to descriptor N when the socket answers\n"
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
    } else if (word == "--ready-fd") {
      const std::string text = TRY(take());
      arguments.ready_fd = static_cast<int>(TRY(ParseUint(text, 1'000'000)));
    } else if (word == "--check-config") {
      arguments.check_config = true;
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

}  // namespace estiba::estibad
