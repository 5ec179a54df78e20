// login and logout.

#include <unistd.h>

#include "apitypes/image.h"
#include "base/text.h"
#include "client/logins.h"
#include "commands/commands.h"
#include "oci/reference.h"
#include "os/file.h"
#include "term/prompt.h"
#include "term/terminal.h"

namespace estiba::cli {
namespace {

constexpr std::size_t kMaxPassword = 64U << 10;

constexpr Flag kLoginFlags[] = {
    {'p', "password", Kind::kString, "string", "Password or Personal Access Token (PAT)"},
    {'\0', "password-stdin", Kind::kBool, "", "Take the Password or Personal Access Token (PAT) from stdin"},
    {'u', "username", Kind::kString, "string", "Username"},
};

struct Server {
  std::string host;     // "docker.io"
  std::string address;  // as files, helpers and the API call it
};

Result<Server> ServerOf(const Options& options) {
  Server server;
  server.host = TRY(oci::RegistryHost(options.args().empty() ? "" : options.arg(0)));
  server.address = credentials::ServerOf(server.host);
  return server;
}

// What the options say; the rest is empty.
Result<oci::RegistryAuth> Given(const Options& options) {
  oci::RegistryAuth login;
  login.username = options.Text("username");
  login.password = options.Text("password");
  const bool from_stdin = options.On("password-stdin");
  if (!login.password.empty()) PrintError("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
  if (from_stdin && options.Has("password"))
    return Error(Code::kInvalidArgument, "conflicting options: cannot specify both --password and --password-stdin");
  if (from_stdin && login.username.empty())
    return Error(Code::kInvalidArgument, "the --password-stdin option requires --username to be set");
  if (!from_stdin) return login;
  login.password = TRY_CTX(os::ReadAll(STDIN_FILENO, kMaxPassword), "read the password");
  while (login.password.ends_with('\n') || login.password.ends_with('\r')) login.password.pop_back();
  if (login.password.empty()) return Error(Code::kInvalidArgument, "password is empty");
  return login;
}

// `known` is the name of an earlier login, for an answer that is only a line end.
Status Ask(oci::RegistryAuth* login, const std::string& known) {
  if (!login->username.empty() && !login->password.empty()) return Ok();
  if (!IsTerminal(STDIN_FILENO))
    return Error(Code::kInvalidArgument, "Error: Cannot perform an interactive login from a non TTY device");
  if (login->username.empty()) {
    Print(known.empty() ? "Username: " : "Username (" + known + "): ");
    const std::string answer = TRY(ReadAnswer(STDIN_FILENO));
    login->username = Trim(answer);
    if (login->username.empty()) login->username = known;
    if (login->username.empty()) return Error(Code::kInvalidArgument, "Error: Non-null Username Required");
  }
  if (login->password.empty()) login->password = TRY(AskSecret(STDIN_FILENO, "Password: "));
  if (login->password.empty()) return Error(Code::kInvalidArgument, "Error: Password Required");
  return Ok();
}

struct Granted {
  oci::RegistryAuth login;  // what to keep
  std::string message;
};

Result<Granted> Check(Api* engine, const Server& server, oci::RegistryAuth login) {
  apitypes::AuthConfig auth;
  auth.username = login.username;
  auth.password = login.password;
  auth.identity_token = login.identity_token;
  auth.server_address = server.address;
  const codec::Json answer = TRY(engine->Post("/auth", {}, auth.ToJson()));
  const std::string token = answer.GetString("IdentityToken");
  if (!token.empty()) {
    login.password.clear();
    login.identity_token = token;
  }
  return Granted{std::move(login), answer.GetString("Status")};
}

Status Keep(const Server& server, const Granted& granted) {
  const credentials::Places places = TRY_CTX(OwnPlaces(), "Error saving credentials");
  const std::string file = TRY_CTX(credentials::Save(places, server.host, granted.login), "Error saving credentials");
  if (!file.empty())
    PrintError("\nWARNING! Your credentials are stored unencrypted in '" + file +
               "'.\nConfigure a credential helper to remove this warning. See\n"
               "https://docs.docker.com/go/credential-store/\n");
  if (!granted.message.empty()) PrintLine(granted.message);
  return Ok();
}

Result<int> RunLogin(App& app, const Options& options) {
  const Server server = TRY(ServerOf(options));
  oci::RegistryAuth login = TRY(Given(options));
  Api* engine = TRY(app.Engine());
  std::string known;
  if (login.username.empty() && login.password.empty()) {
    const oci::RegistryAuth stored = TRY(FindLogin(server.host));
    known = stored.username;
    if (!stored.empty()) {
      Print("Authenticating with existing credentials..." + (known.empty() ? "" : " [Username: " + known + "]") + "\n");
      const auto granted = Check(engine, server, stored);
      if (granted.ok()) return TRY(Keep(server, *granted)), 0;
      PrintError("Login did not succeed, error: " + granted.error().Message());
    }
  }
  TRY(Ask(&login, known));
  const Granted granted = TRY(Check(engine, server, std::move(login)));
  TRY(Keep(server, granted));
  return 0;
}

Status EraseLogin(const std::string& host) {
  const credentials::Places places = TRY(OwnPlaces());
  return credentials::Erase(places, host);
}

Result<int> RunLogout(App&, const Options& options) {
  const Server server = TRY(ServerOf(options));
  PrintLine("Removing login credentials for " + server.address);
  const Status erased = EraseLogin(server.host);
  // As docker: what could not be erased is a warning.
  if (!erased.ok())
    PrintError("WARNING: could not erase credentials:\n" + server.address + ": " + erased.error().ToString());
  return 0;
}

}  // namespace

constinit const Command kLogin{
    .name = "login",
    .usage = "[OPTIONS] [SERVER]",
    .summary = "Authenticate to a registry",
    .flags = kLoginFlags,
    .max_args = 1,
    .run = RunLogin,
    .details = "Defaults to Docker Hub if no server is specified. The registry is asked by the engine; the "
               "credentials are kept by the first of the credential helpers that registries.conf names "
               "(credential-helpers), else by the one that docker's config.json names for the registry "
               "(credHelpers, credsStore), else in that file, which is $REGISTRY_AUTH_FILE or config.json in "
               "$DOCKER_CONFIG or ~/.docker."};
constinit const Command kLogout{.name = "logout",
                                .usage = "[SERVER]",
                                .summary = "Log out from a registry",
                                .flags = {},
                                .max_args = 1,
                                .run = RunLogout,
                                .details = "Defaults to Docker Hub if no server is specified."};

}  // namespace estiba::cli
