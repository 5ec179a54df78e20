#include "events.h"

#include <algorithm>

#include "base/clock.h"

namespace estiba::engine {
namespace {

std::int64_t Now() { return WallNow().time_since_epoch().count(); }

// "exec_create: sh" is the action exec_create.
bool ActionMatches(const std::set<std::string>& wanted, const std::string& action) {
  for (const std::string& value : wanted) {
    if (value == action || action.starts_with(value + ":")) return true;
  }
  return wanted.empty();
}

bool ActorMatches(const apitypes::Filters& filters, const apitypes::Event& event, const std::string& type) {
  if (!filters.Has(type)) return true;
  if (event.type != type) {
    // Events of networks and volumes name the container they are about.
    const auto other = event.attributes.find(type);
    return other != event.attributes.end() && filters.Exact(type, other->second);
  }
  const auto name = event.attributes.find("name");
  if (name != event.attributes.end() && filters.Exact(type, name->second)) return true;
  for (const std::string& value : filters.Get(type)) {
    if (!value.empty() && event.actor_id.starts_with(value)) return true;
  }
  return false;
}

bool ImageMatches(const apitypes::Filters& filters, const apitypes::Event& event) {
  if (!filters.Has("image")) return true;
  if (event.type == "image") return ActorMatches(filters, event, "image");
  const auto image = event.attributes.find("image");
  return image != event.attributes.end() && filters.Exact("image", image->second);
}

}  // namespace

bool Events::Matches(const apitypes::Filters& filters, const apitypes::Event& event) {
  return filters.Exact("type", event.type) && filters.Exact("scope", event.scope) &&
         ActionMatches(filters.Get("event"), event.action) && ActorMatches(filters, event, "container") &&
         ActorMatches(filters, event, "network") && ActorMatches(filters, event, "volume") &&
         ImageMatches(filters, event) && filters.Labels("label", event.attributes);
}

void Events::Publish(std::string type, std::string action, std::string actor_id, Attributes attributes) {
  Numbered item;
  item.event.type = std::move(type);
  item.event.action = std::move(action);
  item.event.actor_id = std::move(actor_id);
  item.event.attributes = std::move(attributes);
  {
    auto state = state_.Lock();
    item.event.time_nano = Now();
    item.number = ++state->last;
    state->history.push_back(item);
    if (state->history.size() > kHistory) state->history.pop_front();
    if (count_ == 0) return;
    state->fresh.push_back(std::move(item));
  }
  // Whoever is first to ask for it delivers all there is: in the order of their numbers, whoever published them.
  loop_->Post([this] { DeliverFresh(); });
}

Result<Token> Events::Subscribe(const EventsRequest& request, EventsCallbacks callbacks) {
  TRY(request.filters.Allow({"container", "daemon", "event", "image", "label", "network", "node", "plugin", "scope",
                             "secret", "service", "type", "volume", "config", "builder"}));
  Subscriber subscriber{request, std::move(callbacks), 0};
  ++count_;
  {
    auto state = state_.Lock();
    // Without a time in the past, only what is published from here on.
    if (request.since == 0 && request.until == 0) subscriber.seen = state->last;
  }
  const Token token = tokens_->Add([this](Token cancelled) {
    loop_->Post([this, cancelled] { End(cancelled); });
  });
  if (subscriber.callbacks.accepted) subscriber.callbacks.accepted();
  loop_->Post([this, token, subscriber = std::move(subscriber)]() mutable { Begin(token, std::move(subscriber)); });
  return token;
}

std::size_t Events::subscribers() { return count_; }

void Events::Begin(Token token, Subscriber subscriber) {
  std::deque<Numbered> all;
  {
    auto state = state_.Lock();
    all = state->history;
    // What was not delivered yet may be more than the history keeps.
    const auto old = [&](const Numbered& item) { return item.number < state->fresh.front().number; };
    if (!state->fresh.empty()) {
      all.erase(std::ranges::find_if_not(all, old), all.end());
      all.insert(all.end(), state->fresh.begin(), state->fresh.end());
    }
  }
  for (const Numbered& item : all) {
    if (item.number <= subscriber.seen) continue;
    subscriber.seen = item.number;
    if (item.event.time_nano < subscriber.request.since) continue;
    if (subscriber.request.until != 0 && item.event.time_nano > subscriber.request.until) continue;
    if (Matches(subscriber.request.filters, item.event)) subscriber.callbacks.event(item.event);
  }
  if (subscriber.request.until != 0) {
    const std::int64_t left = subscriber.request.until - Now();
    if (left <= 0) {
      tokens_->Drop(token);
      --count_;
      if (subscriber.callbacks.ended) subscriber.callbacks.ended();
      return;
    }
    subscriber.timer = loop_->AddTimer(std::chrono::nanoseconds(left), [this, token] {
      const auto ended = subscribers_.at(token).callbacks.ended;
      tokens_->Drop(token);
      End(token);
      if (ended) ended();
    });
  }
  subscribers_.emplace(token, std::move(subscriber));
}

void Events::End(Token token) {
  const auto found = subscribers_.find(token);
  if (found == subscribers_.end()) return;
  if (found->second.timer != 0) loop_->CancelTimer(found->second.timer);
  subscribers_.erase(found);
  --count_;
}

void Events::DeliverFresh() {
  std::deque<Numbered> fresh;
  state_.Lock()->fresh.swap(fresh);
  for (const Numbered& item : fresh) Deliver(item);
}

void Events::Deliver(const Numbered& item) {
  for (auto& [token, subscriber] : subscribers_) {
    if (item.number <= subscriber.seen) continue;
    subscriber.seen = item.number;
    if (Matches(subscriber.request.filters, item.event)) subscriber.callbacks.event(item.event);
  }
}

}  // namespace estiba::engine
