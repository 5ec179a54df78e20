#pragma once
// What an exchange (any thread) and its connection (the loop's thread) share.

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "http/exchange.h"
#include "http/message.h"
#include "os/fd.h"
#include "os/socket.h"

namespace estiba::http {

class Connection;

// Above kFull bytes not yet sent, Write answers kFull; a writer that goes on regardless is cut at kMost.
inline constexpr std::size_t kFullBytes = 256 * 1024;
inline constexpr std::size_t kMostBytes = 64U << 20;

struct ExchangeState {
  // Set before the handler runs, constant from then on.
  RequestHead head;
  std::string body;
  os::PeerCredentials peer{0, static_cast<uid_t>(-1), static_cast<gid_t>(-1)};

  std::mutex mutex;
  std::condition_variable drained;
  // Under the mutex:
  os::UniqueFd body_pipe;
  os::UniqueFd passed;  // beside the head
  bool body_complete = false;
  bool answered = false;
  bool streaming = false;
  bool finished = false;  // no more output will come
  bool chunked = false;
  bool close_after = false;  // the answer ends with the connection
  bool gone = false;         // the connection has ended
  bool peer_closed = false;  // the peer has closed, or shut down its side
  bool flush_posted = false;
  bool was_full = false;
  std::string out;            // not yet taken by the connection
  std::size_t in_flight = 0;  // taken, not yet sent
  std::vector<std::function<void()>> on_peer_gone;
  std::vector<std::function<void()>> on_drained;

  std::size_t Unsent() const { return out.size() + in_flight; }
};

}  // namespace estiba::http
