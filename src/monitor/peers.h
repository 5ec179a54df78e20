#pragma once
// The engines that talk to this monitor: the one that launched it, and those that connect to its socket
// later.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "os/loop.h"
#include "monitorapi/frame.h"

namespace estiba::monitor {

class Peers {
 public:
  using Id = std::uint64_t;
  // Whom to answer.
  struct Request {
    Id peer = 0;
    std::uint32_t id = 0;
  };
  using Handler = std::function<void(Request, monitorapi::Frame)>;

  Peers(os::Loop& loop, Handler handler) : loop_(loop), handler_(std::move(handler)) {}
  ~Peers();
  Peers(const Peers&) = delete;
  Peers& operator=(const Peers&) = delete;

  Result<Id> Add(os::UniqueFd socket, bool subscribed);
  // Takes connections on RUN/c/ID/sock.
  Status Listen(os::DirFd run_dir);
  void StopListening();
  void Subscribe(Id peer);
  // True while an engine is there.
  bool AnySubscriber() const;
  // Hangs up on everybody.
  void Close();

  // To a peer that has gone in the meantime: nothing happens.
  template <class T>
  void Reply(Request to, monitorapi::Type type, const T& message) {
    Send(to.peer, type, to.id, monitorapi::tlv::Encode(message));
  }
  void ReplyOk(Request to) { Reply(to, monitorapi::Type::kOk, monitorapi::OkReply{}); }
  void ReplyError(Request to, const Error& error, int exit_code = 0) {
    Reply(to, monitorapi::Type::kFailure, monitorapi::Failure::From(error, exit_code));
  }
  template <class T>
  void Notify(monitorapi::Type type, const T& message) {
    Broadcast(type, 0, monitorapi::tlv::Encode(message));
  }
  // `then` runs when an engine has acknowledged, when none is there (any more), or after half a second.
  template <class T>
  void NotifyAcknowledged(monitorapi::Type type, const T& message, std::function<void()> then) {
    Await(type, monitorapi::tlv::Encode(message), std::move(then));
  }

 private:
  struct Peer {
    explicit Peer(os::UniqueFd socket) : channel(std::move(socket)) {}
    monitorapi::Channel channel;
    bool subscribed = false;
    bool lost = false;
    os::Loop::Token token = 0;
  };
  struct Waiting {
    std::function<void()> then;
    os::Loop::Token timer = 0;
  };
  void OnEvents(Id id, std::uint32_t events);
  bool ReceiveOne(Id id, Peer& peer);
  void OnListener();
  void Send(Id id, monitorapi::Type type, std::uint32_t frame, const std::string& body);
  void Broadcast(monitorapi::Type type, std::uint32_t frame, const std::string& body);
  void Await(monitorapi::Type type, const std::string& body, std::function<void()> then);
  void Resolve(std::uint32_t frame);
  void Lose(Id id);

  os::Loop& loop_;
  Handler handler_;
  Id next_ = 1;
  std::map<Id, std::shared_ptr<Peer>> peers_;
  os::UniqueFd listener_;
  os::Loop::Token listener_token_ = 0;
  std::uint32_t next_notice_ = 1;
  std::map<std::uint32_t, Waiting> waiting_;
};

}  // namespace estiba::monitor
