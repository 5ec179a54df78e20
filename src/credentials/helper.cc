#include "credentials/helper.h"

#include <algorithm>

#include <unistd.h>

#include "base/text.h"
#include "os/file.h"
#include "os/memfd.h"
#include "os/process.h"

namespace estiba::credentials {
namespace {

constexpr std::size_t kMaxAnswer = 256U << 10;
constexpr std::size_t kMaxMessage = 500;
constexpr std::string_view kTokenUser = "<token>";  // the secret is an identity token
constexpr std::string_view kNotFound = "credentials not found in native keychain";

struct Answer {
  bool ok = false;
  std::string text;
};

bool IsName(const std::string& name) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  return !name.empty() && name.find_first_not_of(kLetters) == std::string::npos;
}

std::vector<std::string> OwnEnvironment() {
  std::vector<std::string> out;
  for (char** next = ::environ; next != nullptr && *next != nullptr; ++next) out.emplace_back(*next);
  return out;
}

Result<Answer> Run(const std::string& name, const char* verb, const std::string& input) {
  if (!IsName(name)) return Error(Code::kInvalidArgument, "'" + name + "' is no name of a credential helper");
  const std::string program_name = "docker-credential-" + name;
  os::SpawnOptions options;
  options.program = TRY_CTX(os::FindProgram(program_name), "find the credential helper");
  options.argv = {program_name, verb};
  options.env = OwnEnvironment();
  // A file, not a pipe: a helper that does not read it cannot end us.
  const os::UniqueFd in = TRY(os::MakeSealedMemfd("estiba-credential", input));
  os::Pipe out = TRY(os::MakePipe());
  options.fds = {{in.get(), STDIN_FILENO}, {out.write.get(), STDOUT_FILENO}, {STDERR_FILENO, STDERR_FILENO}};
  os::Process process = TRY_CTX(os::Spawn(options), "start '" + program_name + "'");
  out.write.Reset();
  Answer answer;
  const std::string text =
      TRY_CTX(os::ReadAll(out.read.get(), kMaxAnswer), "read the answer of '" + program_name + "'");
  const os::ExitStatus exit = TRY(process.Wait());
  answer.text = Trim(text);
  answer.ok = exit.ToShell() == 0;
  return answer;
}

// Made fit for a terminal.
Error Failed(const std::string& name, const char* verb, const Answer& answer) {
  std::string text = answer.text.substr(0, kMaxMessage);
  std::ranges::replace_if(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
  if (text.empty()) text = "it said nothing";
  return Error(Code::kUnavailable, "docker-credential-" + name + " " + verb + ": " + text);
}

}  // namespace

Result<std::optional<oci::RegistryAuth>> GetFromHelper(const std::string& name, const std::string& server) {
  const Answer answer = TRY(Run(name, "get", server));
  if (!answer.ok && answer.text == kNotFound) return std::optional<oci::RegistryAuth>();
  if (!answer.ok) return Failed(name, "get", answer);
  // Its text holds the secret: a parser's complaint may quote nothing of it.
  const auto json = codec::ParseJson(answer.text, {.depth = 4, .bytes = kMaxAnswer});
  if (!json.ok() || !json->IsObject())
    return Error(Code::kInvalidArgument, "docker-credential-" + name + " get: the answer is not a JSON object");
  oci::RegistryAuth login;
  const std::string username = json->GetString("Username");
  if (username == kTokenUser) {
    login.identity_token = json->GetString("Secret");
  } else {
    login.username = username;
    login.password = json->GetString("Secret");
  }
  return login.empty() ? std::optional<oci::RegistryAuth>() : std::optional<oci::RegistryAuth>(std::move(login));
}

Status StoreInHelper(const std::string& name, const std::string& server, const oci::RegistryAuth& login) {
  const bool token = !login.identity_token.empty();
  const codec::Json json =
      codec::Json::MakeObject({{"ServerURL", server},
                               {"Username", token ? std::string(kTokenUser) : login.username},
                               {"Secret", token ? login.identity_token : login.password}});
  const Answer answer = TRY(Run(name, "store", json.Dump()));
  if (!answer.ok) return Failed(name, "store", answer);
  return Ok();
}

Status EraseFromHelper(const std::string& name, const std::string& server) {
  const Answer answer = TRY(Run(name, "erase", server));
  if (!answer.ok && answer.text != kNotFound) return Failed(name, "erase", answer);
  return Ok();
}

}  // namespace estiba::credentials
