#include "transfers.h"

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <mutex>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"
#include "base/rollback.h"
#include "os/memfd.h"
#include "warn.h"

namespace estiba::engine {
namespace {

constexpr std::size_t kMaxLine = 1 << 20;
constexpr std::size_t kKeptLines = 512;

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void AddProxy(std::vector<std::string>& environment, const char* name, const char* capitals, const std::string& set) {
  std::string value = set.empty() ? Variable(name) : set;
  if (value.empty()) value = Variable(capitals);
  // By the one spelling that libcurl reads for each of them.
  if (!value.empty()) environment.push_back(std::string(name) + "=" + value);
}

// What the transfer program may need of our environment: where proxies, certificates and credentials are.
std::vector<std::string> Environment(const Transfers::Proxies& proxies) {
  std::vector<std::string> environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
  for (const char* name : {"HOME", "SSL_CERT_FILE", "SSL_CERT_DIR"}) {
    const std::string value = Variable(name);
    if (!value.empty()) environment.push_back(std::string(name) + "=" + value);
  }
  AddProxy(environment, "http_proxy", "HTTP_PROXY", proxies.http);
  AddProxy(environment, "https_proxy", "HTTPS_PROXY", proxies.https);
  AddProxy(environment, "no_proxy", "NO_PROXY", proxies.none_for);
  return environment;
}

}  // namespace

Result<bool> Transfers::AwaitStrays(const std::string& snapshots_root) {
  constexpr std::chrono::seconds kPatience{10};
  const os::UniqueFd folder = TRY(os::OpenAt({AT_FDCWD}, snapshots_root, O_RDONLY | O_DIRECTORY));
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (::flock(folder.get(), LOCK_EX | LOCK_NB) < 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return Error::Errno(errno, "lock '" + snapshots_root + "'");
    if (std::chrono::steady_clock::now() > deadline) return false;
    const timespec step{0, 2'000'000};
    ::nanosleep(&step, nullptr);
  }
  return true;
}

Status Transfers::Spawn(const Ptr& transfer, const Handles& handles) {
  const os::UniqueFd job = TRY(os::MakeSealedMemfd("estiba-job", image::WriteJob(transfer->job)));
  os::Pipe events = TRY(os::MakePipe());
  TRY(os::SetNonBlocking(events.read.get(), true));
  const os::UniqueFd snapshots =
      TRY(os::OpenAt({AT_FDCWD}, wiring_.snapshots_root, O_RDONLY | O_DIRECTORY));
  // Held as long as the program lives, for AwaitStrays(). A description of its own: it can undo nobody else's.
  if (::flock(snapshots.get(), LOCK_SH) < 0) return Error::Errno(errno, "lock '" + wiring_.snapshots_root + "'");
  os::SpawnOptions options;
  options.program = wiring_.program;
  options.argv = {"estiba-transfer"};
  options.env = Environment(wiring_.proxies ? wiring_.proxies() : Proxies{});
  options.fds = {{job.get(), image::kJobFd}, {events.write.get(), image::kEventFd}, {STDERR_FILENO, STDERR_FILENO},
                 {wiring_.content->fd(), image::kContentFd}, {snapshots.get(), image::kSnapshotsFd}};
  if (handles.archive.valid()) options.fds.emplace_back(handles.archive.get(), image::kArchiveFd);
  if (handles.tree.valid()) options.fds.emplace_back(handles.tree.get(), image::kTreeFd);
  if (wiring_.before_spawn) wiring_.before_spawn();
  os::Process process = TRY_CTX(os::Spawn(options), "start estiba-transfer");
  auto state = state_.Lock();
  transfer->process = std::move(process);
  transfer->events = std::move(events.read);
  return Ok();
}

Token Transfers::AddClient(const Ptr& transfer, ProgressCallbacks callbacks) {
  const Token token = wiring_.tokens->Add([this, transfer](Token cancelled) { Leave(transfer, cancelled); });
  // Replayed on the loop's thread, before any later line.
  wiring_.loop->Post([callbacks, lines = transfer->lines] {
    for (const std::string& line : lines) callbacks.line(line);
  });
  transfer->clients.emplace(token, std::move(callbacks));
  return token;
}

Result<Token> Transfers::Start(const std::string& key, image::TransferJob job, Handles handles,
                               ProgressCallbacks callbacks, Finding finding) {
  auto transfer = std::make_shared<Transfer>();
  transfer->key = key;
  transfer->finding = std::move(finding);
  transfer->job = std::move(job);
  Token token = 0;
  {
    auto state = state_.Lock();
    opened_.wait(state.lock(), [&] { return !state->closed; });
    if (state->stopped) return Error(Code::kUnavailable, "the engine is stopping");
    if (const Ptr running = Find(*state, key, transfer->job.auth)) return AddClient(running, std::move(callbacks));
    transfer->job.lease = "t" + std::to_string(::getpid()) + "." + std::to_string(state->next++);
    token = AddClient(transfer, std::move(callbacks));
    state->by_lease.emplace(transfer->job.lease, transfer);
  }
  const Status spawned = Spawn(transfer, handles);
  if (!spawned.ok()) {
    {
      // Ours hears of it by the answer; who joined meanwhile as of any failure.
      auto state = state_.Lock();
      transfer->clients.erase(token);
    }
    wiring_.tokens->Drop(token);
    End(transfer, spawned.error().Clone());
    return spawned.error().Clone();
  }
  wiring_.loop->Post([this, transfer] {
    const Status added = wiring_.loop->AddFd(transfer->events.get(), EPOLLIN,
                                             [this, transfer](std::uint32_t) { OnReadable(transfer); });
    if (!added.ok()) log::Error("watch a transfer", {{"error", added.error().Message()}});
  });
  return token;
}

Transfers::Ptr Transfers::Find(State& state, const std::string& key, const oci::RegistryAuth& auth) {
  if (key.empty()) return nullptr;
  for (const auto& [lease, running] : state.by_lease) {
    // One that is about to end is not worth joining.
    const bool ends = running->done || running->failure.has_value();
    if (running->key == key && running->job.auth == auth && !ends) return running;
  }
  return nullptr;
}

Status Transfers::RunAndWait(const std::string& key, image::TransferJob job, Handles handles, Finding finding,
                             std::function<void(std::string_view)> line) {
  struct Waiter {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<Status> result;
  };
  auto waiter = std::make_shared<Waiter>();
  ProgressCallbacks callbacks;
  callbacks.line = line ? std::move(line) : [](std::string_view) {};
  callbacks.done = [waiter](Status status) {
    const std::lock_guard lock(waiter->mutex);
    waiter->result.emplace(std::move(status));
    waiter->changed.notify_all();
  };
  TRY(Start(key, std::move(job), std::move(handles), std::move(callbacks), std::move(finding)));
  std::unique_lock lock(waiter->mutex);
  waiter->changed.wait(lock, [&] { return waiter->result.has_value(); });
  return std::move(*waiter->result);
}

void Transfers::Leave(const Ptr& transfer, Token token) {
  bool last = false;
  {
    auto state = state_.Lock();
    transfer->clients.erase(token);
    last = transfer->clients.empty() && !transfer->done && !transfer->failure.has_value();
    // Nobody waits for it any more; its end comes as an end of file.
    if (last && transfer->process.valid()) {
      const Status killed = os::SendSignal(transfer->process.pidfd(), SIGKILL);
      if (!killed.ok()) log::Warn("end a transfer", {{"error", killed.error().Message()}});
    }
  }
}

void Transfers::OnReadable(const Ptr& transfer) {
  char bytes[16384];
  const ssize_t n = ::read(transfer->events.get(), bytes, sizeof bytes);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0 || transfer->buffer.size() > kMaxLine) return Finish(transfer);
  transfer->buffer.append(bytes, static_cast<std::size_t>(n));
  std::size_t start = 0;
  for (std::size_t end = 0; (end = transfer->buffer.find('\n', start)) != std::string::npos; start = end + 1) {
    OnLine(transfer, std::string_view(transfer->buffer).substr(start, end - start));
  }
  transfer->buffer.erase(0, start);
}

void Transfers::OnLine(const Ptr& transfer, std::string_view line) {
  auto event = image::ParseEvent(line);
  if (!event.ok()) {
    auto state = state_.Lock();
    transfer->failure.emplace(std::move(event).error().Context("read the transfer's events"));
    return;
  }
  const image::TransferEvent& value = event.value();
  switch (value.kind) {
    case image::EventKind::kProgress:
      if (const std::string shown = image::DockerProgressLine(value); !shown.empty()) Tell(transfer, shown);
      break;
    case image::EventKind::kPushed: {
      Tell(transfer, image::DockerPushedLine(value));
      auto state = state_.Lock();
      transfer->pushed.push_back(value.pushed);
      break;
    }
    case image::EventKind::kAnswer: Tell(transfer, value.answer); break;
    case image::EventKind::kLogin: Tell(transfer, image::DockerLoginAnswer(value)); break;
    case image::EventKind::kFinding:
      if (transfer->finding) transfer->finding(value);
      break;
    case image::EventKind::kImage: {
      auto state = state_.Lock();
      transfer->images.push_back(value.image);
      break;
    }
    case image::EventKind::kFailed: {
      auto state = state_.Lock();
      Error error(value.code, value.message);
      if (!value.hint.empty()) error = std::move(error).Hint(value.hint);
      transfer->failure.emplace(std::move(error));
      break;
    }
    case image::EventKind::kDone: {
      auto state = state_.Lock();
      transfer->done = true;
      break;
    }
  }
}

void Transfers::Tell(const Ptr& transfer, const std::string& line) {
  std::vector<std::function<void(std::string_view)>> sinks;
  {
    auto state = state_.Lock();
    transfer->lines.push_back(line);
    if (transfer->lines.size() > kKeptLines) transfer->lines.pop_front();
    for (const auto& [token, client] : transfer->clients) sinks.push_back(client.line);
  }
  for (const auto& sink : sinks) sink(line);
}

void Transfers::Finish(const Ptr& transfer) {
  wiring_.loop->RemoveFd(transfer->events.get());
  transfer->events.Reset();
  const bool queued = wiring_.workers->Submit([this, transfer] { Conclude(transfer); });
  if (!queued) log::Warn("a transfer ended while the engine stops", {{"key", transfer->key}});
}

void Transfers::Conclude(const Ptr& transfer) {
  auto exit = transfer->process.Wait();
  std::optional<Error> failure;
  std::vector<image::LoadedImage> images;
  std::vector<image::PushedTag> pushed;
  {
    auto state = state_.Lock();
    if (transfer->failure.has_value()) failure.emplace(transfer->failure->Clone());
    images = transfer->images;
    pushed = transfer->pushed;
  }
  if (!failure.has_value() && !transfer->done) {
    failure.emplace(Code::kAborted, "the transfer of '" + transfer->key + "' ended early" +
                                        (exit.ok() ? " (exit " + std::to_string(exit.value().ToShell()) + ")" : ""));
  }
  for (const image::LoadedImage& image : images) {
    if (transfer->job.kind == image::JobKind::kSave || transfer->job.kind == image::JobKind::kRestore) break;
    const std::string reference = transfer->job.kind == image::JobKind::kPull ? transfer->job.reference : "";
    Status recorded = wiring_.record(image, reference);
    if (!recorded.ok() && !failure.has_value()) failure.emplace(std::move(recorded).error());
  }
  for (const image::PushedTag& tag : pushed) {
    Status recorded = wiring_.record_push(tag);
    if (!recorded.ok() && !failure.has_value()) failure.emplace(std::move(recorded).error());
  }
  WarnIf(wiring_.content->DeleteLeftovers(transfer->job.lease), "clear after a transfer", transfer->key);
  WarnIf(wiring_.snapshots->DeleteLeftovers(transfer->job.lease), "clear after a transfer", transfer->key);
  End(transfer, failure);
}

void Transfers::End(const Ptr& transfer, const std::optional<Error>& failure) {
  std::map<Token, ProgressCallbacks> clients;
  bool clear = failure.has_value();
  {
    auto state = state_.Lock();
    state->by_lease.erase(transfer->job.lease);
    clients.swap(transfer->clients);
    if (state->by_lease.empty()) clear = std::exchange(state->refused, false) || clear;
  }
  for (auto& [token, client] : clients) {
    wiring_.tokens->Drop(token);
    client.done(failure.has_value() ? Status(failure->Clone()) : Ok());
  }
  if (clear) wiring_.clear();
}

bool Transfers::Idle() {
  auto state = state_.Lock();
  return state->by_lease.empty();
}

bool Transfers::WhenIdle(const std::function<void()>& work) {
  {
    auto state = state_.Lock();
    opened_.wait(state.lock(), [&] { return !state->closed; });
    if (!state->by_lease.empty()) {
      state->refused = true;
      return false;
    }
    state->closed = true;
  }
  Rollback open;  // whatever happens to the work
  open.Add([this] {
    state_.Lock()->closed = false;
    opened_.notify_all();
  });
  work();
  return true;
}

void Transfers::Stop() {
  auto state = state_.Lock();
  state->stopped = true;
  for (auto& [lease, transfer] : state->by_lease) {
    if (!transfer->process.valid()) continue;
    const Status killed = os::SendSignal(transfer->process.pidfd(), SIGKILL);
    if (!killed.ok()) log::Warn("end a transfer", {{"error", killed.error().Message()}});
  }
}

}  // namespace estiba::engine
