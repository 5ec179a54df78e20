#include "arguments.h"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <utility>

#include "base/parse.h"
#include "engine/hosts.h"

namespace estiba::estibad {

const char kUsage[] =
    "Usage: estibad [--config FILE] [--storage-driver DRIVER] [--host HOST]... [--check-config]\n"
    "\n"
    "The container engine: serves the Docker API on a UNIX socket, and on TCP ports\n"
    "where it is told to.\n"
    "\n"
    "  --config FILE    read FILE instead of /etc/estiba/estibad.toml\n"
    "                   (users: ~/.config/estiba/estibad.toml)\n"
    "  -s, --storage-driver DRIVER\n"
    "                   how layers to come are stored: auto, overlay (overlay2),\n"
    "                   erofs or copy (vfs); as storage_driver in FILE\n"
    "  -H, --host HOST  listen there, too: tcp://ADDRESS:PORT, unix:///PATH, or fd://\n"
    "                   (what systemd has opened); more than once; as hosts in FILE\n"
    "  --tls            speak TLS at TCP ports\n"
    "  --tlsverify      speak TLS, and let in only clients with certificates of the\n"
    "                   authority; --tlsverify=false: anybody\n"
    "  --tlscacert FILE the authority's certificate (~/.docker/ca.pem)\n"
    "  --tlscert FILE   the engine's certificate (~/.docker/cert.pem)\n"
    "  --tlskey FILE    its key (~/.docker/key.pem)\n"
    "  --check-config   read the configuration, say what is wrong with it, and end\n"
    "  --doctor         tell as JSON what of this host works ('estiba doctor'), and end\n"
    "  --reset          remove all that is ours ('estiba system reset'), and end\n"
    "  --spawned        started by a command: leave the caller's surroundings, end when idle\n"
    "  --ready-fd N     write one byte to descriptor N when the socket answers\n"
    "  --record-answers FILE\n"
    "                   append every answer in JSON to FILE, as tests want it\n"
    "  --version        print the version\n"
    "  --help           print this\n";

namespace {

// The words in their order, each with the value it may have behind '='.
class Words {
 public:
  explicit Words(const std::vector<std::string>& words) : words_(words) {}

  bool Next() {
    if (next_ == words_.size()) return false;
    option_ = words_[next_++];
    value_.reset();
    if (const std::size_t equals = option_.find('='); option_.starts_with("--") && equals != std::string::npos) {
      value_ = option_.substr(equals + 1);
      option_.resize(equals);
    }
    return true;
  }
  const std::string& option() const { return option_; }
  const std::string& whole() const { return words_[next_ - 1]; }

  Result<std::string> Take() {
    if (value_.has_value()) return *value_;
    if (next_ < words_.size()) return words_[next_++];
    return Error(Code::kInvalidArgument, "option '" + option_ + "' needs a value");
  }
  // As pflag has it: a switch takes its value from behind '=' alone.
  Result<bool> TakeBool() const {
    if (!value_.has_value() || *value_ == "true" || *value_ == "1") return true;
    if (*value_ == "false" || *value_ == "0") return false;
    return Error(Code::kInvalidArgument, "option '" + option_ + "': '" + *value_ + "' is neither true nor false");
  }

 private:
  const std::vector<std::string>& words_;
  std::size_t next_ = 0;
  std::string option_;
  std::optional<std::string> value_;
};

// False for a word that says nothing of where the engine is reached.
Result<bool> ParseHostOption(Words& words, Arguments& arguments) {
  const std::string& option = words.option();
  if (option == "--host" || option == "-H") {
    arguments.hosts.push_back(TRY(words.Take()));
  } else if (option == "--tls") {
    arguments.tls = TRY(words.TakeBool());
  } else if (option == "--tlsverify") {
    arguments.tlsverify = TRY(words.TakeBool());
  } else if (option == "--tlscacert") {
    arguments.tlscacert = TRY(words.Take());
  } else if (option == "--tlscert") {
    arguments.tlscert = TRY(words.Take());
  } else if (option == "--tlskey") {
    arguments.tlskey = TRY(words.Take());
  } else {
    return false;
  }
  return true;
}

// What has no value.
bool ParseSwitch(const std::string& option, Arguments& arguments) {
  const std::pair<const char*, bool*> switches[] = {{"--check-config", &arguments.check_config},
                                                    {"--doctor", &arguments.doctor},
                                                    {"--doctor-inside", &arguments.doctor_inside},
                                                    {"--reset", &arguments.reset},
                                                    {"--spawned", &arguments.spawned},
                                                    {"--version", &arguments.version},
                                                    {"--help", &arguments.help},
                                                    {"-h", &arguments.help}};
  for (const auto& [name, flag] : switches) {
    if (option != name) continue;
    *flag = true;
    return true;
  }
  return false;
}

Result<std::string> Absolute(const std::string& path) {
  char real[PATH_MAX];
  if (::realpath(path.c_str(), real) == nullptr) return Error::Errno(errno, "open '" + path + "'");
  return std::string(real);
}

// A flag and the file may not both say it, as with dockerd.
template <typename Value>
Status Merge(const char* name, const Value& flag, const Value& unset, Value* setting) {
  if (flag == unset) return Ok();
  if (*setting != unset && *setting != flag)
    return Error(Code::kInvalidArgument, std::string("--") + name + " says other than the configuration file")
        .Hint("keep one of them");
  *setting = flag;
  return Ok();
}

Status ApplyHosts(const Arguments& arguments, engine::Config* config) {
  TRY(Merge("host", arguments.hosts, {}, &config->hosts));
  TRY(Merge("tls", arguments.tls, {}, &config->tls));
  TRY(Merge("tlsverify", arguments.tlsverify, {}, &config->tlsverify));
  if (arguments.tlscacert.has_value()) config->tlscacert = *arguments.tlscacert;
  if (arguments.tlscert.has_value()) config->tlscert = *arguments.tlscert;
  if (arguments.tlskey.has_value()) config->tlskey = *arguments.tlskey;
  TRY(engine::ParseHosts(*config));
  return Ok();
}

}  // namespace

Result<Arguments> ParseArguments(const std::vector<std::string>& all) {
  Arguments arguments;
  Words words(all);
  while (words.Next()) {
    const std::string& option = words.option();
    const bool hosts = TRY(ParseHostOption(words, arguments));
    if (hosts || ParseSwitch(option, arguments)) continue;
    if (option == "--config") {
      arguments.config = TRY(words.Take());
    } else if (option == "--storage-driver" || option == "-s") {
      const std::string name = TRY(words.Take());
      arguments.storage_driver = TRY_CTX(engine::ParseStorageDriver(name), "option '" + option + "'");
    } else if (option == "--ready-fd") {
      const std::string text = TRY(words.Take());
      arguments.ready_fd = static_cast<int>(TRY(ParseUint(text, 1'000'000)));
    } else if (option == "--record-answers") {
      arguments.record_answers = TRY(words.Take());
    } else {
      return Error(Code::kInvalidArgument, "unknown argument '" + words.whole() + "'");
    }
  }
  return arguments;
}

Status Arguments::MakePathsAbsolute() {
  for (std::optional<std::string>* path : {&config, &tlscacert, &tlscert, &tlskey}) {
    if (path->has_value()) *path = TRY(Absolute(**path));
  }
  return Ok();
}

Result<engine::Config> LoadConfig(const Arguments& arguments, bool rootless) {
  engine::Config config = TRY(engine::LoadConfig(arguments.config, rootless, arguments.uid));
  TRY(ApplyHosts(arguments, &config));
  if (!arguments.storage_driver.has_value()) return config;
  const bool said = config.storage_driver != engine::StorageDriver::kAuto;
  if (said && config.storage_driver != *arguments.storage_driver)
    return Error(Code::kInvalidArgument, "--storage-driver says other than storage_driver in '" + config.file + "'")
        .Hint("keep one of them");
  config.storage_driver = *arguments.storage_driver;
  return config;
}

}  // namespace estiba::estibad
