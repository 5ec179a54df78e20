// What bridged containers share on the host goes some time after the last of them.

#include "base/log.h"
#include "containers.h"
#include "net/host_use.h"

namespace estiba::engine {
namespace {

// The next container may come soon, and finds it there. Where no engine runs, the last monitor does not wait.
constexpr std::chrono::seconds kQuiet{10};

}  // namespace

bool Containers::AnyBridged() {
  for (const ContainerPtr& container : All()) {
    auto data = container->data.Lock();
    if (!data->state.endpoints.empty()) return true;
  }
  return false;
}

void Containers::ClearHost() {
  if (w_.config()->rootless) return;  // a user's containers have a network of their own
  const auto cleared = net::ClearHost(HostFolder(), w_.config()->bridge);
  if (!cleared.ok()) log::Warn("clear what containers shared on the host", {{"error", cleared.error().Message()}});
  // A link that goes yet; a container that came has its own end.
  if (cleared.ok() && !*cleared && !AnyBridged()) ClearHostLater();
}

void Containers::ClearHostLater() {
  if (stopping_ || clearing_host_.exchange(true)) return;
  w_.loop->Post([this] {
    w_.loop->AddTimer(kQuiet, [this] {
      clearing_host_ = false;
      if (!AnyBridged()) w_.workers->Submit([this] { ClearHost(); });
    });
  });
}

}  // namespace estiba::engine
