#include "client/connector.h"

#include <chrono>

#include <sys/socket.h>
#include <unistd.h>

#include "client/siblings.h"
#include "os/event.h"
#include "os/socket.h"
#include "tls/telling.h"

namespace estiba::cli {
namespace {

using namespace std::chrono_literals;

// For a program whose connection has just ended to say why.
constexpr auto kPatience = 2s;

std::vector<std::string> Environment() {
  std::vector<std::string> all;
  for (char** variable = ::environ; *variable != nullptr; ++variable) all.emplace_back(*variable);
  return all;
}

std::vector<std::string> DialWords(const Endpoint& endpoint) {
  std::vector<std::string> words{"estiba-tls", "dial", "--host=" + endpoint.host, "--port=" + endpoint.port};
  const TlsChoice& tls = endpoint.tls;
  if (!tls.on) {
    words.emplace_back("--plain");
    return words;
  }
  if (tls.verify) words.emplace_back("--verify");
  if (tls.verify && !tls.ca.empty()) words.push_back("--ca=" + tls.ca);
  if (!tls.cert.empty()) words.push_back("--cert=" + tls.cert);
  if (!tls.key.empty()) words.push_back("--key=" + tls.key);
  return words;
}

// As docker's command line has it, but our own name is tried first.
std::vector<std::string> SshWords(const Endpoint& endpoint) {
  std::vector<std::string> words{"ssh", "-o", "ConnectTimeout=30", "-T"};
  if (!endpoint.user.empty()) words.insert(words.end(), {"-l", endpoint.user});
  if (!endpoint.port.empty()) words.insert(words.end(), {"-p", endpoint.port});
  const std::string there = (endpoint.socket.empty() ? "" : " -H unix://" + endpoint.socket) + " system dial-stdio";
  // Whatever shell the user has there.
  words.insert(words.end(), {"--", endpoint.host,
                             "sh -c 'if command -v estiba >/dev/null 2>&1; then exec estiba" + there +
                                 "; else exec docker" + there + "; fi'"});
  return words;
}

}  // namespace

Result<os::UniqueFd> Connector::Connect() {
  switch (endpoint_.kind) {
    case Endpoint::Kind::kUnix: return os::ConnectUnix(endpoint_.socket, SOCK_STREAM);
    case Endpoint::Kind::kTcp: return ConnectByTcp();
    case Endpoint::Kind::kSsh: return ConnectBySsh();
  }
  return Error(Code::kInternal, "no kind of endpoint");
}

Result<os::UniqueFd> Connector::ConnectByTcp() {
  auto stream = TRY(os::MakeSocketPair(SOCK_STREAM));
  auto telling = TRY(os::MakeSocketPair(SOCK_SEQPACKET));
  os::SpawnOptions spawn;
  spawn.program = TRY(FindSibling("estiba-tls"));
  spawn.argv = DialWords(endpoint_);
  spawn.env = Environment();
  spawn.fds = {{STDERR_FILENO, STDERR_FILENO}, {stream.theirs.get(), 3}, {telling.theirs.get(), 4}};
  spawn.new_session = true;
  os::Process process = TRY(os::Spawn(spawn));
  (void)process.Detach();  // it ends with the connection
  stream.theirs.Reset();
  telling.theirs.Reset();
  auto told = tls::Hear(telling.ours.get());
  if (!told.ok()) return Error(Code::kUnavailable, "connect to the engine at " + endpoint_.name + ": estiba-tls ended");
  if (told->kind != tls::Told::Kind::kMade)
    return Error(Code::kUnavailable, "Cannot connect to the engine at " + endpoint_.name + ": " + told->reason);
  if (!endpoint_.tls.on) return std::move(told->connection);
  teller_ = std::move(telling.ours);
  return std::move(stream.ours);
}

Result<os::UniqueFd> Connector::ConnectBySsh() {
  auto stream = TRY(os::MakeSocketPair(SOCK_STREAM));
  os::SpawnOptions spawn;
  spawn.program = TRY(os::FindProgram("ssh"));
  spawn.argv = SshWords(endpoint_);
  spawn.env = Environment();
  const int theirs = stream.theirs.get();
  spawn.fds = {{theirs, STDIN_FILENO}, {theirs, STDOUT_FILENO}, {STDERR_FILENO, STDERR_FILENO}};
  // Ctrl-C is the container's, or ours.
  spawn.new_session = true;
  os::Process process = TRY(os::Spawn(spawn));
  ssh_ = process.Detach();
  return std::move(stream.ours);
}

std::string Connector::LastWords() {
  if (teller_.valid()) {
    const auto said = os::WaitReadable(teller_.get(), kPatience);
    if (!said.ok() || !*said) return "";
    const auto told = tls::Hear(teller_.get());
    return told.ok() ? told->reason : "";
  }
  if (ssh_.valid()) {
    const auto over = os::WaitReadable(ssh_.get(), kPatience);
    if (!over.ok() || !*over) return "";
    const auto status = os::Reap(ssh_.get(), /*block=*/false);
    ssh_.Reset();
    if (!status.ok() || !status->has_value()) return "";
    return "ssh ended with exit status " + std::to_string((*status)->ToShell());
  }
  return "";
}

}  // namespace estiba::cli
