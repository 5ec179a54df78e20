#include "client/lab_containers.h"

#include <unistd.h>

#include "apitypes/container.h"
#include "commands/create.h"
#include "os/process.h"

namespace estiba::cli {
namespace {

constexpr char kLabel[] = "estiba.lab";

}  // namespace

Result<pid_t> LabContainers::Start(const std::string& name, const std::string& lab, const std::string& image,
                                   const std::vector<std::string>& command) {
  Api* engine = TRY(app_.Engine());
  CreateRequest request;
  request.name = name;
  request.pull = "missing";
  request.create.config.image = image;
  request.create.config.cmd = command;
  request.create.config.labels[kLabel] = lab;
  request.create.host_config.network_mode = "none";
  const std::string id = TRY(CreateContainer(engine, request));
  TRY(engine->Post(ContainerPath(id, "start")));
  const codec::Json container = TRY(engine->Get(ContainerPath(id, "json")));
  const codec::Json* pid = container.FindPath({"State", "Pid"});
  if (pid == nullptr || !pid->IfInt() || *pid->IfInt() <= 0)
    return Error(Code::kFailedPrecondition, "the container of image '" + image + "' has ended")
        .Hint("give the node a 'command' that goes on, as [sleep, infinity]");
  return static_cast<pid_t>(*pid->IfInt());
}

// By a command line of its own: an attached session has threads, and who builds a lab has one.
Result<int> LabContainers::Run(const std::string& name, const std::string& command) {
  Api* engine = TRY(app_.Engine());
  os::SpawnOptions options;
  options.program = "/proc/self/exe";
  options.argv = {"estiba", "-H", engine->endpoint().Display(), "exec", name, "sh", "-c", command};
  for (char** one = environ; *one != nullptr; ++one) options.env.emplace_back(*one);
  options.fds = {{STDOUT_FILENO, STDOUT_FILENO}, {STDERR_FILENO, STDERR_FILENO}};
  os::Process process = TRY(os::Spawn(options));
  return TRY(process.Wait()).ToShell();
}

Status LabContainers::Remove(const std::string& name, const std::string& lab) {
  Api* engine = TRY(app_.Engine());
  const auto container = engine->Get(ContainerPath(name, "json"));
  if (!container.ok() && container.error().code() == Code::kNotFound) return Ok();
  if (!container.ok()) return container.error().Clone();
  const codec::Json* labels = container->FindPath({"Config", "Labels"});
  if (labels == nullptr || labels->GetString(kLabel) != lab) return Ok();  // somebody else's
  http::Query query;
  query.Add("force", "1");
  query.Add("v", "1");
  const auto removed = engine->Delete(ContainerPath(name), query);
  if (!removed.ok() && removed.error().code() != Code::kNotFound) return removed.error().Clone();
  return Ok();
}

}  // namespace estiba::cli
