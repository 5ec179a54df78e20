// Calls about containers: all are Containers' own.

#include "engine_impl.h"

namespace estiba::engine {

Result<apitypes::ContainerCreateResponse> EngineImpl::CreateContainer(const std::string& name,
                                                                      const std::string& platform,
                                                                      apitypes::ContainerCreate create) {
  return containers_->Create(name, platform, std::move(create));
}
Status EngineImpl::StartContainer(const std::string& id, const std::string& detach_keys) {
  return containers_->Start(id, detach_keys);
}
void EngineImpl::StopContainer(const std::string& id, const StopRequest& request, Done done) {
  containers_->StopOne(id, request, std::move(done));
}
void EngineImpl::RestartContainer(const std::string& id, const StopRequest& request, Done done) {
  containers_->Restart(id, request, std::move(done));
}
void EngineImpl::RunHealthcheck(const std::string& id, std::function<void(Result<apitypes::HealthRun>)> done) {
  containers_->RunHealthcheck(id, std::move(done));
}
Status EngineImpl::KillContainer(const std::string& id, const std::string& signal) {
  return containers_->Kill(id, signal);
}
Status EngineImpl::PauseContainer(const std::string& id) { return containers_->Pause(id); }
Status EngineImpl::UnpauseContainer(const std::string& id) { return containers_->Unpause(id); }
void EngineImpl::RemoveContainer(const std::string& id, const RemoveRequest& request, Done done) {
  containers_->Remove(id, request, std::move(done));
}
Status EngineImpl::RemoveLink(const std::string& name) { return containers_->RemoveLink(name); }
Status EngineImpl::RenameContainer(const std::string& id, const std::string& name) {
  return containers_->Rename(id, name);
}
Result<std::vector<std::string>> EngineImpl::UpdateContainer(const std::string& id,
                                                             const apitypes::ContainerUpdate& update) {
  return containers_->Update(id, update);
}
Result<std::vector<apitypes::ContainerSummary>> EngineImpl::ListContainers(const ListRequest& request) {
  return containers_->List(request);
}
Result<apitypes::ContainerInspect> EngineImpl::InspectContainer(const std::string& id, bool size) {
  return containers_->Inspect(id, size);
}
Result<Token> EngineImpl::WaitContainer(const std::string& id, WaitCondition condition, WaitCallbacks callbacks) {
  return containers_->Wait(id, condition, std::move(callbacks));
}
Status EngineImpl::AttachContainer(const std::string& id, const AttachRequest& request, const TakeConnection& take) {
  return containers_->Attach(id, request, take);
}
Status EngineImpl::ResizeContainer(const std::string& id, std::uint16_t rows, std::uint16_t columns) {
  return containers_->Resize(id, rows, columns);
}
Status EngineImpl::ContainerLogs(const std::string& id, const LogsRequest& request, const TakeConnection& take,
                                 const StreamSink& sink) {
  return containers_->Logs(id, request, take, sink);
}
Result<apitypes::ContainerTop> EngineImpl::TopContainer(const std::string& id, const std::string& ps_args) {
  return containers_->Top(id, ps_args);
}
Result<Token> EngineImpl::ContainerStats(const std::string& id, bool stream, bool one_shot, StatsCallbacks callbacks) {
  return containers_->Stats(id, stream, one_shot, std::move(callbacks));
}
Result<apitypes::PruneReport> EngineImpl::PruneContainers(const apitypes::Filters& filters) {
  return containers_->Prune(filters);
}
Result<std::string> EngineImpl::CreateExec(const std::string& id, const apitypes::ExecCreate& create) {
  return containers_->CreateExec(id, create);
}
Status EngineImpl::StartExec(const std::string& exec_id, const apitypes::ExecStart& start, const TakeConnection& take) {
  return containers_->StartExec(exec_id, start, take);
}
Result<apitypes::ExecInspect> EngineImpl::InspectExec(const std::string& exec_id) {
  return containers_->InspectExec(exec_id);
}
Status EngineImpl::ResizeExec(const std::string& exec_id, std::uint16_t rows, std::uint16_t columns) {
  return containers_->ResizeExec(exec_id, rows, columns);
}
Result<std::string> EngineImpl::ExplainContainer(const std::string& id, ExplainFormat format) {
  return containers_->Explain(id, format);
}
Result<std::string> EngineImpl::ExplainCreate(const std::string& name, apitypes::ContainerCreate create,
                                              ExplainFormat format) {
  return containers_->ExplainCreate(name, std::move(create), format);
}

}  // namespace estiba::engine
