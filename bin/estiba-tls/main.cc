// TLS for the engine and for the command line, of which neither parses a byte of it. `serve`: takes clients in at the
// listening sockets from descriptor 4 on and hands their connections to the engine at descriptor 3. `dial`: makes a
// connection for a client, whose end is descriptor 3, and tells at descriptor 4 what has become of it.

#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/parse.h"
#include "sandbox.h"
#include "tls/dialer.h"
#include "tls/gate.h"
#include "tls/telling.h"

namespace estiba::tls {
namespace {

constexpr int kFirst = 3;
constexpr int kSecond = 4;

struct Arguments {
  bool serve = false;
  bool plain = false;
  bool verify = false;
  std::string host;
  std::string port;
  std::uint64_t listeners = 0;
  Files files;
};

Result<Arguments> Parse(const std::vector<std::string>& words) {
  Arguments arguments;
  if (words.empty() || (words[0] != "serve" && words[0] != "dial"))
    return Error(Code::kInvalidArgument, "it is started by estibad and estiba and cannot be run by hand");
  arguments.serve = words[0] == "serve";
  for (std::size_t i = 1; i < words.size(); ++i) {
    const auto equals = words[i].find('=');
    const std::string name = words[i].substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : words[i].substr(equals + 1);
    if (name == "--plain") arguments.plain = true;
    else if (name == "--verify") arguments.verify = true;
    else if (name == "--host") arguments.host = value;
    else if (name == "--port") arguments.port = value;
    else if (name == "--listeners") arguments.listeners = TRY(ParseUint(value, 64));
    else if (name == "--ca") arguments.files.ca = value;
    else if (name == "--cert") arguments.files.cert = value;
    else if (name == "--key") arguments.files.key = value;
    else return Error(Code::kInvalidArgument, "unknown argument '" + words[i] + "'");
  }
  return arguments;
}

// The engine waits for the first message, and starts without us when it is a complaint.
Status Serve(const Arguments& arguments) {
  os::UniqueFd engine(kFirst);
  std::vector<os::UniqueFd> listeners;
  for (int i = 0; i < static_cast<int>(arguments.listeners); ++i) listeners.emplace_back(kSecond + i);
  auto context = Context::ForServer(arguments.files, arguments.verify);
  if (!context.ok()) return TellFailed(engine.get(), context.error().Message());
  TRY(EnterSandbox(/*with_authorities=*/false));
  os::Loop loop = TRY(os::Loop::Create());
  TRY(TellMade(engine.get()));
  const auto gate = TRY(Gate::Create(loop, std::move(context).value(), std::move(listeners), std::move(engine)));
  return loop.Run();
}

Status TryToDial(const Arguments& arguments, os::UniqueFd plain, os::UniqueFd asker) {
  if (arguments.plain) {
    const os::UniqueFd socket = TRY(Reach(arguments.host, arguments.port));
    TRY(os::SetNonBlocking(socket.get(), false));
    return TellMade(asker.get(), socket.get());
  }
  const Context context = TRY(Context::ForClient(arguments.files, arguments.verify));
  os::UniqueFd socket = TRY(Reach(arguments.host, arguments.port));
  TRY(EnterSandbox(/*with_authorities=*/arguments.verify && arguments.files.ca.empty()));
  os::Loop loop = TRY(os::Loop::Create());
  const auto dialer = TRY(Dialer::Create(loop, context, arguments.host, std::move(socket), std::move(plain),
                                         std::move(asker)));
  return loop.Run();
}

Status Dial(const Arguments& arguments) {
  os::UniqueFd plain(kFirst);
  os::UniqueFd asker(kSecond);
  const os::UniqueFd complaints = TRY(os::Duplicate(asker.get()));
  const Status dialled = TryToDial(arguments, std::move(plain), std::move(asker));
  if (dialled.ok()) return Ok();
  return TellFailed(complaints.get(), dialled.error().Message());
}

int Main(const std::vector<std::string>& words) {
  const auto arguments = Parse(words);
  if (!arguments.ok()) {
    std::fprintf(stderr, "estiba-tls: %s\n", arguments.error().Message().c_str());
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  log::Configure(STDERR_FILENO, log::Level::kInfo);
  const Status ended = arguments->serve ? Serve(*arguments) : Dial(*arguments);
  if (!ended.ok()) log::Error("estiba-tls ended early", {{"error", ended.error().Message()}});
  return ended.ok() ? 0 : 1;
}

}  // namespace
}  // namespace estiba::tls

int main(int argc, char** argv) { ::_exit(estiba::tls::Main({argv + 1, argv + argc})); }
