// A host that starts and ends: what was up comes back with it.
//
// The store has the boot id of the host as of the last time that all was brought back, with kDown behind it once all
// was stopped for the host's end. It is noted when the last container was tried: an engine that is killed before leaves
// the rest to the next one.

#include "base/log.h"
#include "engine_impl.h"
#include "warn.h"

namespace estiba::engine {
namespace {

constexpr const char* kBoot = "boot";
constexpr const char* kDown = " down";
constexpr std::chrono::milliseconds kAnswered{20};

}  // namespace

Result<bool> EngineImpl::HostRestarted() {
  const std::optional<std::string> last = TRY(database_->Find(kMeta, kBoot));
  if (last.has_value()) return !last->starts_with(host_.boot_id);
  TRY(database_->Put(kMeta, kBoot, host_.boot_id));  // nothing was ever up
  return false;
}

void EngineImpl::NoteBoot() { WarnIf(database_->Put(kMeta, kBoot, host_.boot_id), "note the start of the host", ""); }

void EngineImpl::StartWithHost(std::function<void(Result<std::vector<BootStart>>)> done) {
  const auto last = database_->Find(kMeta, kBoot);
  if (!last.ok()) return done(last.error().Clone());
  // Stopped for an end of the host that has not come: nobody but who asks for it brings them back.
  if (*last == host_.boot_id + kDown) containers_->StartWithHost([this] { NoteBoot(); });
  containers_->AwaitBoot([done = std::move(done)](std::vector<BootStart> starts) { done(std::move(starts)); });
}

void EngineImpl::StopWithHost(const StopRequest& request, Done done) {
  // Before the first is stopped: what was stopped when this engine is killed amid it comes back with the rest.
  const Status noted = database_->Put(kMeta, kBoot, host_.boot_id + kDown);
  if (!noted.ok()) return done(noted.error().Clone());
  containers_->StopWithHost(request, std::move(done));
}

void EngineImpl::End() {
  options_.loop->Post([loop = options_.loop] { loop->AddTimer(kAnswered, [loop] { loop->Stop(); }); });
}

}  // namespace estiba::engine
