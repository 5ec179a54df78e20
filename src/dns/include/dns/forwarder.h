#pragma once
// Asks other name servers for clients: each question from a socket of its own, whose port the kernel chose at random,
// under a random id, until an answer to it comes, or nobody is left to ask. Bounded: what one client asks leaves the
// others their share.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dns/server.h"
#include "dns/message.h"
#include "os/loop.h"

namespace estiba::dns {

class Forwarder {
 public:
  struct Limits {
    std::size_t in_all = 1024;  // questions under way
    std::size_t of_each = 128;  // of one owner
    // For one server. Two tries are over before the usual client asks again (resolv.conf(5): 5 s).
    std::chrono::milliseconds patience{2000};
  };
  // The answer, whole and under a foreign id; empty when nobody gave one.
  using Done = std::function<void(std::string answer)>;

  Forwarder(os::Loop& loop, const Limits& limits);
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;
  ~Forwarder();

  // `packet` is the client's, `query` what ParseQuery() read in it. The servers are asked in order, by `transport`
  // (and by TCP after an answer that was cut). False: as many questions as may are under way.
  bool Ask(std::uint64_t owner, const std::vector<Server>& servers, const Query& query, std::string_view packet,
           Transport transport, Done done);
  // Drops what this owner asked; nobody is told.
  void Forget(std::uint64_t owner);
  std::size_t under_way() const { return exchanges_.size(); }

 private:
  struct Exchange;
  using Number = std::uint64_t;

  std::size_t Of(std::uint64_t owner) const;
  void NextServer(Number number);
  Status Send(Number number, Exchange& exchange);
  void OnDatagram(Number number);
  void OnStream(Number number);
  Status WriteStream(Exchange& exchange);
  void OnAnswer(Number number, std::string_view packet, bool cut, Rcode rcode);
  void OnFailure(Number number);
  void Finish(Number number, std::string answer);
  void Close(Exchange& exchange);

  os::Loop& loop_;
  Limits limits_;
  Number next_ = 1;
  std::map<Number, std::unique_ptr<Exchange>> exchanges_;
  std::map<std::uint64_t, std::size_t> of_owner_;
  std::vector<char> buffer_;  // for one datagram
};

}  // namespace estiba::dns
