// Stop, restart, kill, pause: asked of the monitor, which does it whether or not the engine stays.

#include <csignal>
#include <condition_variable>

#include "base/clock.h"
#include "base/log.h"
#include "containers.h"

namespace estiba::engine {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 30s;
constexpr std::int64_t kDefaultStopSeconds = 10;

}  // namespace

bool Containers::WaitGone(const ContainerPtr& container, std::chrono::milliseconds timeout) {
  struct Waiter {
    std::mutex mutex;
    std::condition_variable changed;
    bool gone = false;
  };
  auto waiter = std::make_shared<Waiter>();
  {
    auto data = container->data.Lock();
    if (!data->link && !data->concluding) return true;
    data->when_gone.push_back([waiter] {
      const std::lock_guard lock(waiter->mutex);
      waiter->gone = true;
      waiter->changed.notify_all();
    });
  }
  std::unique_lock lock(waiter->mutex);
  return waiter->changed.wait_for(lock, timeout, [&] { return waiter->gone; });
}

void Containers::WhenGone(const ContainerPtr& container, std::function<void()> then) {
  {
    auto data = container->data.Lock();
    if (data->link || data->concluding) {
      data->when_gone.push_back(std::move(then));
      return;
    }
  }
  then();
}

void Containers::WhenSettled(const ContainerPtr& container, std::function<void()> then) {
  {
    auto data = container->data.Lock();
    if (data->concluding) {
      data->when_settled.push_back(std::move(then));
      return;
    }
  }
  then();
}

Result<std::shared_ptr<MonitorLink>> Containers::RunningLink(const ContainerPtr& container, const char* what) {
  auto data = container->data.Lock();
  if (data->link && !data->concluding && (data->state.Running() || data->state.phase == Phase::kStarting)) {
    return data->link;
  }
  std::string text = "container " + container->id + " is not running";
  if (what != nullptr && what[0] != '\0') text = std::string(what) + " container: " + data->record.name + ": " + text;
  return Error(Code::kConflict, std::move(text));
}

Result<int> Containers::StopSignal(const ContainerRecord& record, const StopRequest& request) const {
  if (!request.signal.empty()) return ParseSignal(request.signal);
  if (!record.create.config.stop_signal.empty()) return ParseSignal(record.create.config.stop_signal);
  return SIGTERM;
}

std::int64_t Containers::StopTimeoutMs(const ContainerRecord& record, const StopRequest& request) const {
  std::int64_t seconds = record.create.config.stop_timeout.value_or(kDefaultStopSeconds);
  if (request.timeout_seconds.has_value()) seconds = *request.timeout_seconds;
  if (seconds < 0) return -1;
  return std::min<std::int64_t>(seconds, std::int64_t{1} << 31) * 1000;
}

void Containers::StopOne(const std::string& id, const StopRequest& request, Done done) {
  auto found = Get(id);
  if (!found.ok()) return done(std::move(found).error());
  const ContainerPtr container = found.value();
  monitorapi::Stop stop;
  std::shared_ptr<MonitorLink> link;
  {
    auto data = container->data.Lock();
    if (data->link && !data->concluding && data->state.Running()) link = data->link;
    auto signal = StopSignal(data->record, request);
    if (!signal.ok()) return done(std::move(signal).error());
    stop.signal = signal.value();
    stop.timeout_ms = StopTimeoutMs(data->record, request);
    if (link && !request.with_host) data->state.stopped_by_user = true;
  }
  if (!link) return done(Error(Code::kNotModified, "container " + container->id + " is already stopped"));
  // Before the word is out: after a crash of ours it must not come back.
  Status saved = SaveState(container);
  if (!saved.ok()) return done(std::move(saved));
  link->Send(stop, {}, [this, container, done = std::move(done)](Result<monitorapi::Frame> answer) {
    // A monitor that ends with the container has stopped it, too.
    if (!answer.ok() && answer.error().code() != Code::kUnavailable) return done(std::move(answer).error());
    Publish(container, "stop");
    done(Ok());
  });
}

void Containers::Restart(const std::string& id, const StopRequest& request, Done done) {
  auto found = Get(id);
  if (!found.ok()) return done(std::move(found).error());
  const ContainerPtr container = found.value();
  monitorapi::Stop stop;
  stop.restart = true;
  std::shared_ptr<MonitorLink> link;
  {
    auto data = container->data.Lock();
    if (data->link && !data->concluding && data->state.Running()) link = data->link;
    auto signal = StopSignal(data->record, request);
    if (!signal.ok()) return done(std::move(signal).error());
    stop.signal = signal.value();
    stop.timeout_ms = StopTimeoutMs(data->record, request);
    data->state.stopped_by_user = false;
  }
  if (link) {
    link->Send(stop, {}, [this, container, done = std::move(done)](Result<monitorapi::Frame> answer) {
      if (!answer.ok()) return done(std::move(answer).error());
      Publish(container, "restart");
      done(Ok());
    });
    return;
  }
  const bool queued = w_.workers->Submit([this, container, done] {
    Status started = Start(container->id, "");
    if (started.ok()) Publish(container, "restart");
    done(std::move(started));
  });
  if (!queued) done(Error(Code::kUnavailable, "the engine is busy or stopping"));
}

Status Containers::Kill(const std::string& id, const std::string& signal) {
  const ContainerPtr container = TRY(Get(id));
  monitorapi::Signal request;
  request.signal = signal.empty() ? SIGKILL : TRY(ParseSignal(signal));
  const auto link = TRY(RunningLink(container, "cannot kill"));
  const int stop_signal = TRY(StopSignal(container->data.Lock()->record, {}));
  request.stops = request.signal == SIGKILL || request.signal == stop_signal;
  if (request.stops) {
    container->data.Lock()->state.stopped_by_user = true;
    TRY(SaveState(container));
  }
  TRY(link->Call(request, {}, kPatience));
  Publish(container, "kill", {{"signal", std::to_string(request.signal)}});
  if (request.signal != SIGKILL) return Ok();
  // Who kills for good expects it to be over with the answer.
  struct Waiter {
    std::mutex mutex;
    std::condition_variable changed;
    bool over = false;
  };
  auto waiter = std::make_shared<Waiter>();
  WaitCallbacks callbacks;
  callbacks.done = [waiter](const apitypes::WaitResponse&) {
    const std::lock_guard lock(waiter->mutex);
    waiter->over = true;
    waiter->changed.notify_all();
  };
  const Token token = TRY(Wait(container->id, WaitCondition::kNotRunning, std::move(callbacks)));
  std::unique_lock lock(waiter->mutex);
  const bool over = waiter->changed.wait_for(lock, 10s, [&] { return waiter->over; });
  lock.unlock();
  if (!over) w_.tokens->Cancel(token);
  return Ok();
}

Status Containers::Pause(const std::string& id) {
  const ContainerPtr container = TRY(Get(id));
  const auto link = TRY(RunningLink(container, ""));
  if (container->data.Lock()->state.phase == Phase::kPaused) {
    return Error(Code::kConflict, "Container " + container->id + " is already paused");
  }
  TRY(link->Call(monitorapi::Pause{}, {}, kPatience));
  return Ok();
}

Status Containers::Unpause(const std::string& id) {
  const ContainerPtr container = TRY(Get(id));
  if (container->data.Lock()->state.phase != Phase::kPaused) {
    return Error(Code::kConflict, "Container " + container->id + " is not paused");
  }
  const auto link = TRY(RunningLink(container, ""));
  TRY(link->Call(monitorapi::Unpause{}, {}, kPatience));
  return Ok();
}

Result<Token> Containers::Wait(const std::string& id, WaitCondition condition, WaitCallbacks callbacks) {
  auto found = Get(id);
  if (!found.ok()) {
    const auto code = removed_exits_.Find(id, WallNow().time_since_epoch().count());
    if (!code.has_value()) return std::move(found).error();
    if (callbacks.accepted) callbacks.accepted();
    callbacks.done({.status_code = *code, .error = {}});
    return Token{0};  // nobody's
  }
  const ContainerPtr container = found.value();
  const Token token = w_.tokens->Add([container](Token cancelled) {
    auto data = container->data.Lock();
    std::erase_if(data->waiters, [&](const ExitWaiter& waiter) { return waiter.token == cancelled; });
  });
  // `done` must not come before `accepted`: an exit in between is held back until that was called.
  struct Gate {
    std::mutex mutex;
    bool open = false;
    std::optional<apitypes::WaitResponse> early;
  };
  auto gate = std::make_shared<Gate>();
  const auto done = [gate, callback = callbacks.done](apitypes::WaitResponse response) {
    {
      const std::lock_guard lock(gate->mutex);
      if (!gate->open) {
        gate->early = std::move(response);
        return;
      }
    }
    callback(std::move(response));
  };
  std::optional<apitypes::WaitResponse> now;
  {
    auto data = container->data.Lock();
    const bool runs = data->state.Running() || data->state.phase == Phase::kStarting;
    if (data->removed || (condition == WaitCondition::kNotRunning && !runs)) {
      now.emplace();
      now->status_code = data->state.exit_code;
      now->error = data->state.error;
    } else {
      data->waiters.push_back({token, condition, done});
    }
  }
  if (callbacks.accepted) callbacks.accepted();
  {
    const std::lock_guard lock(gate->mutex);
    gate->open = true;
    if (gate->early.has_value()) now = std::move(gate->early);
  }
  if (now.has_value()) {
    w_.tokens->Drop(token);
    callbacks.done(std::move(*now));
  }
  return token;
}

}  // namespace estiba::engine
