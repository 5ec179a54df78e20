#pragma once
// A client's WebSocket on one side, a plain stream on the other: bytes of the stream become frames, what frames carry
// goes into the stream. On the loop's thread.

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "http/exchange.h"
#include "http/loop.h"
#include "http/websocket.h"
#include "os/fd.h"

namespace estiba::http {

class WebSocketRelay : public std::enable_shared_from_this<WebSocketRelay> {
 public:
  // `leftover` came behind the request. Both descriptors are non-blocking.
  WebSocketRelay(Loop* loop, WebSocketOptions options, os::UniqueFd client, os::UniqueFd stream, std::string leftover);
  ~WebSocketRelay();

  // `over` is called once, last: it drops the owner's reference.
  void Start(std::function<void(const std::shared_ptr<WebSocketRelay>&)> over);
  void End();

 private:
  void OnClient(std::uint32_t events);
  void OnStream(std::uint32_t events);
  bool ReadClient();
  bool ReadStream();
  void Take(std::string_view bytes);
  void BeginClose(std::uint16_t code);
  void AwaitEnd();
  void DropStream();
  bool Send(int fd, std::string& from);
  void Go();
  void Watch();

  Loop* loop_;
  WebSocketOptions options_;
  os::UniqueFd client_;
  os::UniqueFd stream_;
  std::function<void(const std::shared_ptr<WebSocketRelay>&)> over_;
  WebSocketReader reader_;
  std::string to_client_;
  std::string to_stream_;
  std::string leftover_;
  bool close_sent_ = false;
  bool close_seen_ = false;
  bool ended_ = false;
  Loop::TimerId timer_ = 0;
};

// Those of one server. Kept by whoever may still have to add one.
class WebSocketRelays {
 public:
  void Add(std::shared_ptr<WebSocketRelay> relay);
  void EndAll();
  std::size_t size() const { return relays_.size(); }

 private:
  std::set<std::shared_ptr<WebSocketRelay>> relays_;
  bool ended_ = false;
};

}  // namespace estiba::http
