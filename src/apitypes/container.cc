#include "apitypes/container.h"

#include "describe.h"

namespace estiba::apitypes {
template <typename A>
void Describe(A& f, ContainerCreateResponse& v) {
  f("Id", v.id);
  f("Warnings", v.warnings);
}
template <typename A>
void Describe(A& f, Port& v) {
  f.Omit("IP", v.ip);
  f("PrivatePort", v.private_port);
  f.Omit("PublicPort", v.public_port);
  f("Type", v.type);
}
template <typename A>
void Describe(A& f, HealthSummary& v) {
  f("Status", v.status);
  f("FailingStreak", v.failing_streak);
}
template <typename A>
void Describe(A& f, ContainerSummary& v) {
  f("Id", v.id);
  f("Names", v.names);
  f("Image", v.image);
  f("ImageID", v.image_id);
  f("Command", v.command);
  f("Created", v.created);
  f("Ports", v.ports);
  f.Omit("SizeRw", v.size_rw);
  f.Omit("SizeRootFs", v.size_root_fs);
  f("Labels", v.labels);
  f("State", v.state);
  f("Status", v.status);
  f.Inside("HostConfig", [&](auto& h) {
    h.Omit("NetworkMode", v.network_mode);
    h.Omit("Annotations", v.annotations);
  });
  f("Health", v.health);
  f.Inside("NetworkSettings", [&](auto& n) { n("Networks", v.networks); });
  f("Mounts", v.mounts);
}
template <typename A>
void Describe(A& f, ContainerUpdate& v) {
  Describe(f, v.resources);
  f("RestartPolicy", v.restart_policy);
}
template <typename A>
void Describe(A& f, ContainerTop& v) {
  f("Titles", v.titles);
  f("Processes", v.processes);
}
template <typename A>
void Describe(A& f, ExecCreate& v) {
  f("User", v.user);
  f("Privileged", v.privileged);
  f("Tty", v.tty);
  f.Omit("ConsoleSize", v.console_size);
  f("AttachStdin", v.attach_stdin);
  f("AttachStderr", v.attach_stderr);
  f("AttachStdout", v.attach_stdout);
  f("Detach", v.detach);
  f("DetachKeys", v.detach_keys);
  f.Null("Env", v.env);
  f("WorkingDir", v.working_dir);
  f("Cmd", v.cmd);
}
template <typename A>
void Describe(A& f, ExecStart& v) {
  f("Detach", v.detach);
  f("Tty", v.tty);
  f.Omit("ConsoleSize", v.console_size);
}
template <typename A>
void Describe(A& f, ExecInspect& v) {
  f("ID", v.id);
  f("Running", v.running);
  f("ExitCode", v.exit_code);
  f.Inside("ProcessConfig", [&](auto& p) {
    p("tty", v.tty);
    p("entrypoint", v.entrypoint);
    p("arguments", v.arguments);
    p("privileged", v.privileged);
    p.Omit("user", v.user);
  });
  f("OpenStdin", v.open_stdin);
  f("OpenStderr", v.open_stderr);
  f("OpenStdout", v.open_stdout);
  f("CanRemove", v.can_remove);
  f("ContainerID", v.container_id);
  f("DetachKeys", v.detach_keys);
  f("Pid", v.pid);
}

codec::Json ContainerConfig::ToJson() const { return Write(*this); }
Result<ContainerConfig> ContainerConfig::FromJson(const codec::Json& json) {
  return Load<ContainerConfig>(json);
}

// The body is the Config with two more members.
codec::Json ContainerCreate::ToJson() const {
  codec::Json json = config.ToJson();
  json.Add("HostConfig", host_config.ToJson());
  json.Add("NetworkingConfig", codec::Json::MakeObject({{"EndpointsConfig", Write(endpoints)}}));
  return json;
}

Result<ContainerCreate> ContainerCreate::FromJson(const codec::Json& json) {
  codec::Reader reader(json, "", codec::Reader::Keys::kFoldCase);
  ContainerCreate create;
  Loader loader(reader);
  Describe(loader, create.config);
  loader("HostConfig", create.host_config);
  loader.Inside("NetworkingConfig", [&](Loader& n) { n("EndpointsConfig", create.endpoints); });
  TRY(reader.Finish());
  return create;
}

codec::Json ContainerCreateResponse::ToJson() const { return Write(*this); }
Result<ContainerCreateResponse> ContainerCreateResponse::FromJson(const codec::Json& json) {
  return Load<ContainerCreateResponse>(json);
}
codec::Json ContainerSummary::ToJson() const { return Write(*this); }
Result<ContainerSummary> ContainerSummary::FromJson(const codec::Json& json) {
  return Load<ContainerSummary>(json);
}
codec::Json ContainerUpdate::ToJson() const { return Write(*this); }
Result<ContainerUpdate> ContainerUpdate::FromJson(const codec::Json& json) {
  return Load<ContainerUpdate>(json);
}
codec::Json ContainerTop::ToJson() const { return Write(*this); }
Result<ContainerTop> ContainerTop::FromJson(const codec::Json& json) { return Load<ContainerTop>(json); }
codec::Json ExecCreate::ToJson() const { return Write(*this); }
Result<ExecCreate> ExecCreate::FromJson(const codec::Json& json) { return Load<ExecCreate>(json); }
codec::Json ExecStart::ToJson() const { return Write(*this); }
Result<ExecStart> ExecStart::FromJson(const codec::Json& json) { return Load<ExecStart>(json); }
codec::Json ExecInspect::ToJson() const { return Write(*this); }
Result<ExecInspect> ExecInspect::FromJson(const codec::Json& json) { return Load<ExecInspect>(json); }

codec::Json WaitResponse::ToJson() const {
  codec::Json json = codec::Json::MakeObject({{"StatusCode", status_code}});
  if (!error.empty()) json.Add("Error", codec::Json::MakeObject({{"Message", error}}));
  return json;
}

Result<WaitResponse> WaitResponse::FromJson(const codec::Json& json) {
  codec::Reader reader(json, "", codec::Reader::Keys::kFoldCase);
  WaitResponse response;
  reader.Read("StatusCode", &response.status_code);
  reader.Object("Error", [&](codec::Reader& error) { error.Read("Message", &response.error); });
  TRY(reader.Finish());
  return response;
}

}  // namespace estiba::apitypes
