#pragma once
// A published TCP port of the host's, and the connections that are passed on from there to a container: byte for byte,
// half-closed by whoever is done (FIN), and reset where the other side was.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "base/result.h"
#include "os/fd.h"
#include "os/inet.h"
#include "os/loop.h"
#include "os/splice.h"

namespace estiba::uplink {

// Connections of all ports: they outlive the port that they came by.
class TcpRelays {
 public:
  explicit TcpRelays(os::Loop& loop);
  TcpRelays(const TcpRelays&) = delete;
  TcpRelays& operator=(const TcpRelays&) = delete;
  ~TcpRelays();

  // Beyond it, clients wait.
  bool full() const;
  void Pass(os::UniqueFd client, const os::InetPeer& target);
  // Called when there is room again.
  void OnRoom(std::function<void()> call) { on_room_ = std::move(call); }

  class Relay;

 private:
  void End(std::uint64_t number);

  os::Loop& loop_;
  std::uint64_t next_ = 1;
  std::map<std::uint64_t, std::unique_ptr<Relay>> relays_;
  std::function<void()> on_room_;
};

class TcpPort {
 public:
  // `listener` listens already.
  static Result<std::unique_ptr<TcpPort>> Create(os::Loop& loop, TcpRelays& relays, os::UniqueFd listener,
                                                 os::InetPeer target);
  ~TcpPort();
  TcpPort(const TcpPort&) = delete;
  TcpPort& operator=(const TcpPort&) = delete;
  // After it had to let clients wait.
  void Resume();

 private:
  TcpPort(os::Loop& loop, TcpRelays& relays, os::UniqueFd listener, os::InetPeer target)
      : loop_(loop), relays_(relays), listener_(std::move(listener)), target_(std::move(target)) {}
  void OnClients();
  void Wait();

  os::Loop& loop_;
  TcpRelays& relays_;
  os::UniqueFd listener_;
  os::InetPeer target_;
  os::Loop::Token token_ = 0;
  os::Loop::Token pause_ = 0;
};

}  // namespace estiba::uplink
