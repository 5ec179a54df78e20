#include "session.h"

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <unistd.h>

#include "os/pty.h"

namespace estiba::monitor {

using monitorapi::Stream;

namespace {
constexpr std::size_t kMaxInput = 64U << 10;
constexpr auto kDrainPatience = std::chrono::seconds(2);
}  // namespace

Session::Session(os::Loop& loop, LogWriter* log, const Options& options, Events events)
    : loop_(loop), log_(log), options_(options), events_(std::move(events)) {
  if (log_ != nullptr) log_->AddListener(this);
}

Session::~Session() {
  if (log_ != nullptr) log_->RemoveListener(this);
  loop_.Cancel(drain_timer_);
  loop_.Cancel(close_timer_);
  loop_.Forget(in_token_);
  for (auto& output : outputs_) loop_.Forget(output.token);
}

Result<Session::ChildEnds> Session::OpenPipes() {
  ChildEnds ends;
  if (options_.tty) return ends;
  const auto output = [&](bool wanted, os::UniqueFd& end, Stream stream) -> Status {
    if (!wanted) return Ok();
    os::Pipe pipe = TRY(os::MakePipe());
    // Only our end: the program expects ordinary, blocking streams.
    TRY(os::SetNonBlocking(pipe.read.get(), true));
    end = std::move(pipe.write);
    outputs_.push_back({std::move(pipe.read), stream});
    return Ok();
  };
  TRY(output(options_.out, ends.out, Stream::kOut));
  TRY(output(options_.err, ends.err, Stream::kErr));
  if (options_.in) {
    os::Pipe pipe = TRY(os::MakePipe());
    TRY(os::SetNonBlocking(pipe.write.get(), true));
    ends.in = std::move(pipe.read);
    in_ = std::move(pipe.write);
  }
  return ends;
}

Status Session::Start(os::UniqueFd terminal) {
  started_ = true;
  if (terminal.valid()) {
    TRY(os::SetNonBlocking(terminal.get(), true));
    // Two more descriptors of the master, because an epoll watches a descriptor once.
    if (options_.in) in_ = TRY(os::Duplicate(terminal.get()));
    outputs_.push_back({TRY(os::Duplicate(terminal.get())), Stream::kOut});
    terminal_ = std::move(terminal);
  }
  for (auto& output : outputs_) TRY(WatchOutput(output));
  WriteInput();
  return Ok();
}

Status Session::WatchOutput(Output& output) {
  output.token =
      TRY(loop_.Watch(output.fd.get(), EPOLLIN, [this, &output](std::uint32_t) { OnOutput(output); }));
  return Ok();
}

void Session::Later(std::function<void()> call) {
  loop_.Defer([call = std::move(call), alive = std::weak_ptr(alive_)] {
    if (!alive.expired() && call) call();
  });
}

Status Session::Resize(std::uint16_t rows, std::uint16_t columns) {
  if (!terminal_.valid()) return Error(Code::kFailedPrecondition, "resize: the process has no terminal");
  return os::SetTerminalSize(terminal_.get(), rows, columns);
}

// ---- output ----

void Session::OnOutput(Output& output) {
  // A bounded share of the round for a process that never stops talking.
  for (int round = 0; round < 4 && !held_; ++round)
    if (!ReadOutput(output)) return;
}

// One read; false when there is no more for now.
bool Session::ReadOutput(Output& output) {
  const auto buffer = loop_.Scratch();
  const ssize_t n = ::read(output.fd.get(), buffer.data(), buffer.size());
  if (n < 0 && errno == EINTR) return true;
  if (n < 0 && errno == EAGAIN) return false;
  if (n <= 0) {  // EIO: no process holds the terminal's other side any more
    EndOutput(output);
    return false;
  }
  Deliver(output.stream, std::string_view(buffer.data(), static_cast<std::size_t>(n)));
  return true;
}

void Session::EndOutput(Output& output) {
  loop_.Forget(output.token);
  output.fd.Reset();
  CheckDrained();
}

void Session::CheckDrained() {
  if (!ended_ || drained_) return;
  for (const auto& output : outputs_)
    if (output.fd.valid()) return;
  drained_ = true;
  loop_.Cancel(drain_timer_);
  if (log_ != nullptr) log_->Flush();
  CloseInput();
  Later(events_.drained);
}

bool Session::Wants(const Client& client, Stream stream) const {
  return stream == Stream::kErr ? client.options.err : client.options.out;
}

void Session::SendTo(Client& client, Stream stream, std::string_view bytes) {
  if (!options_.tty) {
    std::string framed;
    framed.reserve(bytes.size() + 8);
    monitorapi::AppendStdcopyHeader(framed, stream, static_cast<std::uint32_t>(bytes.size()));
    framed += bytes;
    client.connection->Write(framed);
  } else {
    client.connection->Write(bytes);
  }
}

void Session::Deliver(Stream stream, std::string_view bytes) {
  // Clients that are fed from the log find these bytes there.
  for (auto& client : clients_)
    if (!client.over && !client.replay && client.options.stream && Wants(client, stream))
      SendTo(client, stream, bytes);
  if (log_ != nullptr) log_->Append(stream, bytes);
  for (auto& client : clients_)
    if (!client.over && !client.replay && client.connection->pending() > kMaxPending) {
      if (log_ != nullptr) {
        BeginReplay(client, /*from_start=*/false);
      } else {
        held_ = true;
      }
    }
  if (log_ != nullptr && log_->Full()) held_ = true;
  if (held_) HoldOutputs();
}

// Without a log the process waits: a hang-up would be reported again and again, so the streams are not
// watched.
void Session::HoldOutputs() {
  for (auto& output : outputs_) loop_.Forget(output.token);
}

void Session::ReleaseOutputs() {
  if (!held_) return;
  for (const auto& client : clients_)
    if (log_ == nullptr && !client.over && client.connection->pending() > kLowPending) return;
  if (log_ != nullptr && log_->Full()) return;
  held_ = false;
  for (auto& output : outputs_)
    if (output.fd.valid() && output.token == 0 && !WatchOutput(output).ok()) EndOutput(output);
}

void Session::BeginReplay(Client& client, bool from_start) {
  monitorapi::LogOptions options;
  options.out = client.options.out;
  options.err = client.options.err;
  options.raw = options_.tty;
  options.tail = from_start ? -1 : 0;
  auto reader = monitorapi::LogReader::Open(log_->dir(), options);
  if (!reader.ok()) {
    client.connection->Finish();
    return;
  }
  client.replay = std::move(*reader);
  if (from_start) return;
  // The begun lines have been sent, but will be in the log as well.
  for (const Stream stream : {Stream::kOut, Stream::kErr})
    client.replay->formatter().Skip(stream, log_->Pending(stream).size());
}

void Session::Pump(Client& client) {
  while (client.replay && !client.over && client.connection->pending() < kLowPending) {
    std::string bytes;
    const auto more = client.replay->Read(bytes, kLowPending);
    if (!bytes.empty()) client.connection->Write(bytes);
    if (!more.ok()) return client.connection->Finish();
    if (*more) continue;
    // At the log's end: what it does not hold yet follows, then it goes on live.
    for (const Stream stream : {Stream::kOut, Stream::kErr}) {
      const auto rest = client.replay->formatter().Unskipped(stream, log_->Pending(stream));
      if (!rest.empty() && Wants(client, stream)) SendTo(client, stream, rest);
    }
    client.replay.reset();
    if (!client.options.stream || closing_) client.connection->Finish();
  }
}

void Session::OnLogWritten() {
  // Fed when their connection drains; but one that has already taken everything waits for nothing else.
  for (auto& client : clients_)
    if (client.replay && !client.over && client.connection->pending() == 0) Pump(client);
}

void Session::OnLogRotated() {
  for (auto& client : clients_) {
    if (!client.replay || client.over) continue;
    auto file = os::OpenAt(log_->dir(), monitorapi::kLogName, O_RDONLY | O_NOFOLLOW);
    if (!file.ok() || !client.replay->Rotated(std::move(*file))) client.connection->Finish();
  }
}

void Session::Tell(std::string_view text) {
  for (auto& client : clients_)
    if (!client.over) SendTo(client, Stream::kOut, text);
}

// ---- clients ----

Status Session::AddClient(os::UniqueFd socket, const monitorapi::AttachOptions& options) {
  std::optional<monitorapi::DetachMatcher> matcher;
  if (options_.tty && options.in) matcher.emplace(TRY(monitorapi::ParseDetachKeys(options.detach_keys)));
  Client& client = clients_.emplace_back();
  client.options = options;
  client.options.in = options.in && options.stream;
  client.matcher = std::move(matcher);
  Connection::Events events;
  if (client.options.in) events.input = [this, &client](std::string_view bytes) { OnInput(client, bytes); };
  events.input_end = [this, &client] { OnInputEnd(client); };
  events.gone = [this, &client] { OnGone(client); };
  events.drained = [this, &client] {
    if (client.connection->hung_up()) client.replay.reset();
    Pump(client);
    ReleaseOutputs();
  };
  client.connection = std::make_unique<Connection>(loop_, std::move(socket), std::move(events));
  if (auto started = client.connection->Start(); !started.ok()) {
    clients_.pop_back();
    return started;
  }
  if (options.logs && log_ != nullptr) BeginReplay(client, /*from_start=*/true);
  if (client.options.in && !options.leftover.empty()) OnInput(client, options.leftover);
  client.options.leftover = {};
  Pump(client);
  if (!options.stream && !client.replay) client.connection->Finish();
  AllowInput();
  return Ok();
}

void Session::OnGone(Client& client) {
  client.over = true;
  client.replay.reset();
  ReleaseOutputs();
  Later([this] {
    const std::size_t before = clients_.size();
    clients_.remove_if([](const Client& c) { return c.over; });
    if (closing_ && before > 0 && clients_.empty()) {
      loop_.Cancel(close_timer_);
      if (const auto call = events_.closed) call();
    }
  });
}

void Session::ProcessEnded() {
  ended_ = true;
  drain_timer_ = loop_.After(kDrainPatience, [this] {
    drain_timer_ = 0;
    for (auto& output : outputs_) {
      constexpr int kPipeful = 64;  // times the scratch buffer: a full pipe of any usual size
      for (int i = 0; i < kPipeful && output.fd.valid() && ReadOutput(output); ++i) {
      }
      if (output.fd.valid()) EndOutput(output);
    }
  });
  CheckDrained();
}

void Session::CloseClients() {
  closing_ = true;
  for (auto& client : clients_)
    if (!client.over && !client.replay) client.connection->Finish();
  for (auto& client : clients_) Pump(client);
  if (clients_.empty()) return Later(events_.closed);
  // A client that takes nothing any more is not waited for without end.
  constexpr auto kLinger = std::chrono::seconds(60);
  close_timer_ = loop_.After(kLinger, [this] {
    close_timer_ = 0;
    for (auto& client : clients_) client.connection->Drop();
  });
}

// ---- input ----

void Session::OnInput(Client& client, std::string_view bytes) {
  if (!client.matcher) {
    if (!in_ending_) in_buffer_ += bytes;
  } else {
    std::string typed;
    const bool detach = client.matcher->Feed(bytes, typed);
    in_buffer_ += typed;
    if (detach) {
      client.connection->Finish();
      if (events_.detached) events_.detached();
    }
  }
  WriteInput();
}

void Session::OnInputEnd(Client& client) {
  if (!client.options.in || options_.tty) return;
  if (options_.close_in_at_eof) {
    in_ending_ = true;
    WriteInput();
    AllowInput();
  } else if (!client.over && !client.connection->gone()) {
    client.connection->Finish();  // as docker: an attach that fed a shared input ends with its own
  }
}

void Session::WriteInput() {
  while (in_.valid() && started_ && !in_buffer_.empty()) {
    const ssize_t n = ::write(in_.get(), in_buffer_.data(), in_buffer_.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      if (in_token_ != 0) break;
      auto token = loop_.Watch(in_.get(), EPOLLOUT, [this](std::uint32_t) { WriteInput(); });
      if (token.ok()) in_token_ = *token;
      break;
    }
    if (n <= 0) {  // EPIPE: the process has closed its input
      CloseInput();
      break;
    }
    in_buffer_.erase(0, static_cast<std::size_t>(n));
  }
  if (in_buffer_.empty()) {
    in_buffer_.shrink_to_fit();
    loop_.Forget(in_token_);
    if (in_ending_ && started_) CloseInput();
  }
  AllowInput();
}

void Session::CloseInput() {
  loop_.Forget(in_token_);
  in_.Reset();
  in_buffer_ = {};
  in_ending_ = true;
}

void Session::AllowInput() {
  // Once the process takes no more, input is read and dropped, so that no client blocks on it.
  const bool room = started_ && (in_ending_ || in_buffer_.size() < kMaxInput);
  for (auto& client : clients_)
    if (client.options.in && !client.over) client.connection->WantInput(room);
}

}  // namespace estiba::monitor
