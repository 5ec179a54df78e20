// Containers' health: their monitors see to it, by a plan that is made at the start; here is what is told of it.

#include "../spec/health.h"

#include <fcntl.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "containers.h"
#include "monitorapi/health.h"
#include "os/file.h"

namespace estiba::engine {
namespace {

using monitorapi::Frame;

std::string Time(std::int64_t ns) { return FormatRfc3339(WallTime(std::chrono::nanoseconds(ns))); }

// A probe as docker tells of it: as of an exec.
std::string ProbeText(const ContainerPtr& container) {
  return Join(ProbeCommand(container->data.Lock()->record.create.config), " ");
}

template <typename T>
bool Read(const Frame& frame, T& notice) {
  auto decoded = frame.Decode<T>();
  if (decoded.ok()) {
    notice = std::move(decoded).value();
  } else {
    log::Error("read a monitor's notice", {{"error", decoded.error().Message()}});
  }
  return decoded.ok();
}

}  // namespace

Status Containers::WriteHealthPlan(const ContainerRecord& record, const SpecContext& context, os::DirFd folder) {
  apitypes::ExecCreate create;
  create.cmd = ProbeCommand(record.create.config);
  if (create.cmd.empty()) return Ok();
  create.attach_stdout = create.attach_stderr = true;
  const std::string plan = TRY_CTX(EncodeExecPlan(record, context, create), "Healthcheck");
  return os::ReplaceFile(folder, monitorapi::kHealthPlanName, plan, 0600);
}

std::optional<apitypes::Health> Containers::HealthView(const std::string& id, const ContainerState& state) const {
  if (state.health.empty()) return std::nullopt;
  apitypes::Health view;
  view.status = state.health;
  const auto folder = os::OpenAt({AT_FDCWD}, Folder(id), O_RDONLY | O_DIRECTORY);
  if (!folder.ok()) return view;
  const auto log = monitorapi::ReadHealth({folder->get()});
  if (!log.ok()) {
    log::Warn("show a container's health", {{"id", id}, {"error", log.error().Message()}});
    return view;
  }
  view.failing_streak = static_cast<std::int64_t>(log->failing_streak);
  for (const monitorapi::ProbeResult& result : log->results)
    view.log.push_back({Time(result.start), Time(result.end), result.exit_code, result.output});
  return view;
}

void Containers::OnHealth(const ContainerPtr& container, const Frame& frame) {
  monitorapi::Health notice;
  if (!Read(frame, notice)) return;
  FoldOrLog(container);
  SaveStateOrLog(container);
  Publish(container, "health_status: " + notice.status);
}

void Containers::OnProbeStarted(const ContainerPtr& container, const Frame& frame) {
  monitorapi::ProbeStarted notice;
  if (!Read(frame, notice)) return;
  const std::string text = ProbeText(container);
  Publish(container, "exec_create: " + text, {{"execID", notice.exec_id}});
  Publish(container, "exec_start: " + text, {{"execID", notice.exec_id}});
}

void Containers::OnProbeEnded(const ContainerPtr& container, const Frame& frame) {
  monitorapi::ProbeEnded notice;
  if (!Read(frame, notice) || !notice.ran) return;
  Publish(container, "exec_die", {{"execID", notice.exec_id}, {"exitCode", std::to_string(notice.code)}});
}

void Containers::RunHealthcheck(const std::string& id, std::function<void(Result<apitypes::HealthRun>)> done) {
  auto found = Get(id);
  if (!found.ok()) return done(std::move(found).error());
  auto link = RunningLink(*found, "");
  if (!link.ok()) return done(std::move(link).error());
  (*link)->Send(monitorapi::Probe{}, {}, [done = std::move(done)](Result<Frame> answer) {
    if (!answer.ok()) return done(std::move(answer).error());
    auto reply = answer->Decode<monitorapi::ProbeReply>();
    if (!reply.ok()) return done(std::move(reply).error());
    done(apitypes::HealthRun{reply->status, reply->exit_code, reply->output});
  });
}

}  // namespace estiba::engine
