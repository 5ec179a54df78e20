// The network of a container that runs: connected, disconnected, ports published and not.

#include <algorithm>

#include "base/log.h"
#include "port_of.h"
#include "supervisor.h"

namespace estiba::monitor {

using monitorapi::Frame;
using monitorapi::Phase;

Status Supervisor::OnChangeNetwork(Frame& frame) {
  std::vector<os::UniqueFd> sockets = std::move(frame.fds);  // closed before it is said that the change failed
  const auto change = TRY(frame.Decode<monitorapi::ChangeNetwork>());
  if (change.revision < last_change_) return Error(Code::kAborted, "another change of the network has come before");
  last_change_ = change.revision;
  if (change.only_settle) return Ok();
  // Between two runs nothing of the network is there: the next one begins with it.
  const bool between = phase_ == Phase::kRestarting;
  if (!between && phase_ != Phase::kPaused) TRY(CheckRunning());
  if (!between && !netns_.valid())
    return Error(Code::kFailedPrecondition, "container " + launch_.id + " has no network of its own");
  auto changed = TRY(runner_->ChangeNetwork(between ? -1 : netns_.get(), change.revision));
  for (os::UniqueFd& socket : sockets) port_sockets_.push_back(std::move(socket));
  if (changed.host_use.valid()) host_use_ = std::move(changed.host_use);
  used_host_ = used_host_ || host_use_.valid();
  if (!changed.uses_host) host_use_.Reset();
  RelayPorts();
  ClosePortsBut(changed.host_ports);
  if (!between) netd_.WatchRulesIn(changed.host_network);
  if (!between) netd_.Change(std::move(changed.names), changed.has_names, changed.rules);
  return Ok();
}

void Supervisor::RelayPorts() {
  std::vector<int> sockets;
  for (const os::UniqueFd& socket : port_sockets_) sockets.push_back(socket.get());
  if (auto relayed = runner_->RelayPorts(sockets); !relayed.ok())
    log::Error("published ports are not served", {{"container", launch_.id}, {"error", relayed.error().Message()}});
}

void Supervisor::ClosePortsBut(const std::vector<std::string>& published) {
  std::erase_if(port_sockets_, [&](const os::UniqueFd& socket) {
    const auto port = PortOf(socket.get());
    if (!port.ok()) log::Warn("look at a published port", {{"error", port.error().Message()}});
    return port.ok() && std::ranges::find(published, *port) == published.end();
  });
}

}  // namespace estiba::monitor
