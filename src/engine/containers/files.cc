// What commit, export and diff need of a container, and holding it still while its files are read.

#include "base/log.h"
#include "containers.h"

namespace estiba::engine {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 30s;

// Clean paths: what the engine mounts in every container (spec/mounts.cc).
const std::vector<std::string> kOwnMountPoints = {"proc",         "dev",       "sys",
                                                  "etc/hostname", "etc/hosts", "etc/resolv.conf",
                                                  "sbin/docker-init"};

}  // namespace

Result<Containers::Source> Containers::SourceOf(const std::string& id) {
  const ContainerPtr container = TRY(Get(id));
  auto data = container->data.Lock();
  if (data->record.removing || data->removed)
    return Error(Code::kConflict, "container " + container->id + " is marked for removal");
  Source source;
  source.image_id = data->record.image_id;
  source.config = data->record.create.config;
  source.files.id = container->id;
  source.files.layers = data->record.layers;
  source.files.copied = data->record.copied;
  source.files.mount_points = kOwnMountPoints;
  return source;
}

Result<bool> Containers::HoldStill(const std::string& id) {
  const ContainerPtr container = TRY(Get(id));
  {
    auto data = container->data.Lock();
    if (data->state.phase != Phase::kRunning) return false;
    data->state.paused_by_commit = true;
  }
  // Recorded first: were we killed, the next engine would let it go on (reconcile.cc).
  Status paused = SaveState(container);
  if (paused.ok()) paused = Pause(container->id);
  if (paused.ok()) return true;
  const bool still_runs = container->data.Lock()->state.Running();
  ForgetHold(container);
  if (!still_runs) return false;  // it has ended meanwhile
  return std::move(paused).error();
}

void Containers::ForgetHold(const ContainerPtr& container) {
  container->data.Lock()->state.paused_by_commit = false;
  SaveStateOrLog(container);
}

void Containers::LetGoOn(const std::string& id) {
  const auto container = Get(id);
  if (!container.ok()) return;  // removed meanwhile
  const auto link = RunningLink(*container, "");
  if (link.ok()) {
    const auto answer = (*link)->Call(monitorapi::Unpause{}, {}, kPatience);
    if (!answer.ok())
      log::Warn("unpause a container after its commit", {{"id", id}, {"error", answer.error().Message()}});
  }
  ForgetHold(*container);
}

void Containers::TellExported(const std::string& id) {
  if (const auto container = Get(id); container.ok()) Publish(*container, "export");
}

void Containers::TellCopied(const std::string& id, const char* action) {
  if (const auto container = Get(id); container.ok()) Publish(*container, action);
}

void Containers::TellCommitted(const std::string& id, const std::string& comment, const std::string& image_id,
                               const std::string& reference) {
  const auto container = Get(id);
  if (!container.ok()) return;
  Publish(*container, "commit", {{"comment", comment}, {"imageID", image_id}, {"imageRef", reference}});
}

}  // namespace estiba::engine
