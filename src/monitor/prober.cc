#include "prober.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include <unistd.h>

#include "base/duration.h"
#include "kill_session.h"

namespace estiba::monitor {

namespace {
constexpr int kKilled = 128 + SIGKILL;
}

Prober::~Prober() {
  Close();
  loop_.Forget(process_token_);
  if (process_.valid()) process_.Detach();  // ends with the container, or is the next monitor's to kill
}

Status Prober::Start(pid_t init_pid, int init_pidfd, std::chrono::nanoseconds timeout, Done done) {
  os::Pipe pipe = TRY(os::MakePipe());
  TRY(os::SetNonBlocking(pipe.read.get(), true));
  // Both streams in one pipe: in the order they were written.
  Running running = TRY(runner_.Probe(init_pid, init_pidfd, Stdio{-1, pipe.write.get(), pipe.write.get()}));
  process_ = std::move(running.process);
  output_ = std::move(pipe.read);
  text_ = {};
  cut_ = timed_out_ = false;
  if (auto watched = Watch(timeout); !watched.ok()) {
    Close();
    loop_.Forget(process_token_);
    process_ = {};  // killed and reaped
    return watched;
  }
  done_ = std::move(done);
  return Ok();
}

Status Prober::Watch(std::chrono::nanoseconds timeout) {
  process_token_ = TRY(loop_.Watch(process_.pidfd(), EPOLLIN, [this](std::uint32_t) { OnEnd(); }));
  output_token_ = TRY(loop_.Watch(output_.get(), EPOLLIN, [this](std::uint32_t) { OnOutput(); }));
  timeout_ = timeout;
  timer_ = loop_.After(timeout, [this] {
    timer_ = 0;
    OnTimeout();
  });
  return Ok();
}

void Prober::Close() {
  loop_.Forget(output_token_);
  loop_.Cancel(timer_);
  output_.Reset();
}

void Prober::Abandon() {
  if (!busy()) return;
  done_ = nullptr;
  Close();
  KillSession(process_.pid());
}

void Prober::OnTimeout() {
  timed_out_ = true;
  KillSession(process_.pid());
}

void Prober::OnOutput() {
  // A bounded share of the round for a probe that never stops talking.
  for (int i = 0; i < 4; ++i)
    if (!ReadSome()) return;
}

// False when there is no more for now.
bool Prober::ReadSome() {
  if (!output_.valid()) return false;
  const auto buffer = loop_.Scratch();
  const ssize_t n = ::read(output_.get(), buffer.data(), buffer.size());
  if (n < 0 && errno == EINTR) return true;
  if (n < 0 && errno == EAGAIN) return false;
  if (n <= 0) {
    loop_.Forget(output_token_);
    output_.Reset();
    return false;
  }
  const auto size = static_cast<std::size_t>(n);
  const std::size_t room = std::min(kMaxOutput - text_.size(), size);
  text_.append(buffer.data(), room);
  cut_ = cut_ || room < size;
  return true;
}

std::string Prober::TakeOutput() {
  std::string output = std::exchange(text_, {});
  if (cut_) output += "...";
  if (!timed_out_) return output;
  const std::string late = "Health check exceeded timeout (" + FormatGoDuration(timeout_) + ")";
  return output.empty() ? late : late + ": " + output;
}

void Prober::OnEnd() {
  loop_.Forget(process_token_);
  // What it wrote itself is there. What it has left behind may hold the stream open, and is not waited for.
  constexpr int kPipeful = 64;  // times the scratch buffer: a full pipe of any usual size
  for (int i = 0; i < kPipeful && ReadSome(); ++i) {
  }
  Close();
  const auto status = process_.Wait();
  process_ = {};
  Outcome outcome;
  outcome.ended_with = status.ok() ? status->ToShell() : kKilled;
  outcome.exit_code = timed_out_ ? -1 : outcome.ended_with;
  outcome.output = TakeOutput();
  if (const auto done = std::exchange(done_, nullptr)) done(std::move(outcome));
}

}  // namespace estiba::monitor
