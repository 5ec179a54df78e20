#pragma once
// A published UDP port of the host's: each client has a socket of its own towards the container, for as long as one of
// the two says something.

#include <list>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "os/fd.h"
#include "os/inet.h"
#include "os/loop.h"

namespace estiba::uplink {

class UdpPort {
 public:
  // `buffer`: for one datagram, shared by all ports.
  static Result<std::unique_ptr<UdpPort>> Create(os::Loop& loop, os::UniqueFd socket, os::InetPeer target,
                                                 std::span<char> buffer);
  ~UdpPort();
  UdpPort(const UdpPort&) = delete;
  UdpPort& operator=(const UdpPort&) = delete;

 private:
  using Key = std::string;  // a client and the address of ours that it speaks to
  struct Flow {
    Key key;
    os::Datagram client;
    os::UniqueFd socket;
    os::Loop::Token token = 0;
    bool answered = false;
    os::Loop::Clock::time_point last;
  };
  using Flows = std::list<Flow>;  // the one that was used last at the end

  UdpPort(os::Loop& loop, os::UniqueFd socket, os::InetPeer target, std::span<char> buffer)
      : loop_(loop), socket_(std::move(socket)), target_(std::move(target)), buffer_(buffer) {}
  void OnDatagrams();
  void OnAnswers(Flows::iterator flow);
  Flow* FlowOf(const os::Datagram& datagram);
  void Used(Flows::iterator flow);
  void Drop(Flows::iterator flow);
  void DropOld();

  os::Loop& loop_;
  os::UniqueFd socket_;
  os::InetPeer target_;
  std::span<char> buffer_;
  os::Loop::Token token_ = 0;
  os::Loop::Token timer_ = 0;
  Flows flows_;
  std::map<Key, Flows::iterator> by_client_;
};

}  // namespace estiba::uplink
