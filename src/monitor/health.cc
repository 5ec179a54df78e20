#include "health.h"

#include <array>
#include <utility>

#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "proc_stat.h"

namespace estiba::monitor {

using monitorapi::ProbeResult;
using monitorapi::Type;

namespace {

std::int64_t Now() { return WallNow().time_since_epoch().count(); }

// As the engine's ids of execs: 64 hexadecimal digits.
std::string MakeExecId() {
  std::array<unsigned char, 32> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) < 0) return std::string(2 * bytes.size(), '0');
  std::string id;
  for (const unsigned char byte : bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    id += kDigits[byte >> 4];
    id += kDigits[byte & 15U];
  }
  return id;
}

}  // namespace

Health::Health(os::Loop& loop, Runner& runner, Peers& peers, JournalWriter& journal, os::DirFd container_dir,
               const monitorapi::HealthCheck& check, Events events)
    : loop_(loop),
      peers_(peers),
      journal_(journal),
      dir_(container_dir),
      check_(check),
      events_(std::move(events)),
      rules_(check_),
      prober_(loop, runner) {}

Health::~Health() { loop_.Cancel(timer_); }

void Health::Begin(pid_t init_pid, int init_pidfd, HealthRules::Time began) {
  init_pid_ = init_pid;
  init_pidfd_ = init_pidfd;
  rules_.Begin(began);
  Keep({});
  RecordStatus();
  Schedule();
}

void Health::Schedule() {
  loop_.Cancel(timer_);
  timer_ = loop_.After(rules_.Wait(HealthRules::Time::clock::now()), [this] {
    timer_ = 0;
    Probe();
  });
}

void Health::Pause() {
  loop_.Cancel(timer_);
  if (prober_.busy()) peers_.Notify(Type::kNoticeProbeEnded, monitorapi::ProbeEnded{exec_id_, true, 137});
  prober_.Abandon();
  Dismiss();
}

// Those who wait for what a probe says that nobody will say.
void Health::Dismiss() {
  for (const auto& to : std::exchange(waiting_, {}))
    peers_.ReplyError(to, Error(Code::kConflict, "the container was stopped or paused while it was probed"));
}

void Health::Resume() { Schedule(); }

void Health::End() {
  Pause();
  init_pidfd_ = -1;
}

void Health::ProbeNow(Peers::Request to) {
  waiting_.push_back(to);
  if (prober_.busy()) return;
  loop_.Cancel(timer_);
  Probe();
}

void Health::Probe() {
  if (prober_.busy()) return Schedule();  // an abandoned one is not gone yet
  started_ = Now();
  began_ = HealthRules::Time::clock::now();
  exec_id_ = MakeExecId();
  peers_.Notify(Type::kNoticeProbeStarted, monitorapi::ProbeStarted{exec_id_});
  auto begun = prober_.Start(init_pid_, init_pidfd_, std::chrono::nanoseconds(check_.timeout),
                             [this](Prober::Outcome outcome) { OnProbed(std::move(outcome), /*ran=*/true); });
  if (!begun.ok()) OnProbed({-1, -1, begun.error().Message()}, /*ran=*/false);
}

void Health::OnProbed(Prober::Outcome outcome, bool ran) {
  peers_.Notify(Type::kNoticeProbeEnded, monitorapi::ProbeEnded{exec_id_, ran, outcome.ended_with});
  if (outcome.exit_code != 0 && IsEnding(init_pid_)) {  // it died of the container's end, which is told next
    Dismiss();
    return Schedule();
  }
  const ProbeResult result{started_, Now(), outcome.exit_code, std::move(outcome.output)};
  const bool changed = rules_.Note(result.exit_code == 0, began_);
  Keep(result);
  if (changed) {
    RecordStatus();
    peers_.Notify(Type::kNoticeHealth, monitorapi::Health{rules_.status(), result.end});
  }
  Answer(result);
  Schedule();
  events_.idle();
  if (changed && rules_.unhealthy()) events_.unhealthy();
}

// Without a start: only how many have failed.
void Health::Keep(ProbeResult result) {
  auto read = monitorapi::ReadHealth(dir_);
  monitorapi::HealthLog log = read.ok() ? std::move(*read) : monitorapi::HealthLog{};
  log.failing_streak = rules_.failing_streak();
  if (result.start != 0) log.Add(std::move(result));
  const auto written = monitorapi::WriteHealth(dir_, log);
  if (!written.ok() && keeps_) log::Error("cannot keep what a probe said", {{"error", written.error().Message()}});
  keeps_ = written.ok();
}

void Health::RecordStatus() {
  monitorapi::Record record;
  record.type = monitorapi::RecordType::kHealth;
  record.time = Now();
  record.text = rules_.status();
  if (auto written = journal_.Append(std::move(record)); !written.ok())
    log::Error("cannot record the container's health", {{"error", written.error().Message()}});
}

void Health::Answer(const ProbeResult& result) {
  for (const auto& to : std::exchange(waiting_, {}))
    peers_.Reply(to, Type::kProbeReply, monitorapi::ProbeReply{rules_.status(), result.exit_code, result.output});
}

}  // namespace estiba::monitor
