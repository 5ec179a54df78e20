#pragma once
// What happened lately, and who wants to hear of it. Callbacks run on the event thread, in the order of the events.

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "apitypes/system.h"
#include "base/guarded.h"
#include "engine/engine.h"
#include "http/loop.h"
#include "tokens.h"

namespace estiba::engine {

class Events {
 public:
  static constexpr std::size_t kHistory = 1024;

  Events(http::Loop* loop, Tokens* tokens) : loop_(loop), tokens_(tokens) {}

  using Attributes = std::map<std::string, std::string>;
  void Publish(std::string type, std::string action, std::string actor_id, Attributes attributes);
  Result<Token> Subscribe(const EventsRequest& request, EventsCallbacks callbacks);
  std::size_t subscribers();

  // True when the filters let the event through. Pure.
  static bool Matches(const apitypes::Filters& filters, const apitypes::Event& event);

 private:
  struct Numbered {
    std::uint64_t number;
    apitypes::Event event;
  };
  struct Subscriber {
    EventsRequest request;
    EventsCallbacks callbacks;
    std::uint64_t seen;  // events up to this number are not for it
    http::Loop::TimerId timer = 0;
  };
  struct State {
    std::uint64_t last = 0;
    std::deque<Numbered> history;
    std::deque<Numbered> fresh;  // not delivered yet
  };

  void DeliverFresh();
  void Deliver(const Numbered& item);
  void Begin(Token token, Subscriber subscriber);
  void End(Token token);

  http::Loop* loop_;
  Tokens* tokens_;
  Guarded<State> state_;
  std::map<Token, Subscriber> subscribers_;  // the loop's thread only
  std::atomic<std::size_t> count_ = 0;
};

}  // namespace estiba::engine
