#include "lab/check.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <tuple>

#include <poll.h>
#include <unistd.h>

#include "lab/up.h"
#include "probe.h"

namespace estiba::lab {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kAskAgain{250};
constexpr std::size_t kAtATime = 200;  // each question has a descriptor

class Checker {
 public:
  Checker(const Lab& lab, const Places& places) : lab_(lab), places_(places), reached_(lab.checks.size()) {}

  Result<std::vector<bool>> Run(const CheckTimes& times) {
    TRY(Listen());
    TRY(AskAll(true, times.reaches));
    TRY(AskAll(false, times.cannot_reach));
    return std::move(reached_);
  }

 private:
  Result<int> Namespace(std::size_t node) {
    if (const auto found = namespaces_.find(node); found != namespaces_.end()) return found->second.get();
    os::UniqueFd ns = TRY(OpenNode(lab_, node, places_));
    return namespaces_.emplace(node, std::move(ns)).first->second.get();
  }

  Status Listen() {
    std::set<std::tuple<std::size_t, std::uint16_t, bool>> wanted;
    for (const Check& check : lab_.checks)
      if (check.listener) wanted.emplace(check.listener->first, check.listener->second, check.to.v6);
    for (const auto& [node, port, v6] : wanted) {
      const int ns = TRY(Namespace(node));
      listeners_.push_back(TRY_CTX(ListenIn(ns, v6, port), "node '" + lab_.nodes[node].name + "'"));
    }
    return Ok();
  }

  Status AskAll(bool reaches, milliseconds time) {
    std::vector<std::size_t> waiting;
    for (std::size_t i = 0; i < lab_.checks.size(); ++i)
      if (lab_.checks[i].reaches == reaches) waiting.push_back(i);
    for (std::size_t at = 0; at < waiting.size(); at += kAtATime) {
      const std::size_t count = std::min(kAtATime, waiting.size() - at);
      TRY(AskSome({waiting.data() + at, count}, time));
    }
    return Ok();
  }

  Status AskSome(std::span<const std::size_t> checks, milliseconds time) {
    std::vector<Probe> probes;
    for (const std::size_t i : checks) {
      const Check& check = lab_.checks[i];
      const int ns = TRY(Namespace(check.from));
      probes.emplace_back(ns, check.to, check.tcp, static_cast<std::uint16_t>(::getpid() + static_cast<int>(i)));
    }
    const auto end = steady_clock::now() + time;
    bool all = false;
    while (!all && steady_clock::now() < end) {
      for (Probe& probe : probes) TRY(probe.Ask());
      all = WaitForAll(probes, std::min(end, steady_clock::now() + kAskAgain));
    }
    for (std::size_t i = 0; i < checks.size(); ++i) reached_[checks[i]] = probes[i].Reached();
    return Ok();
  }

  // True when all have been reached; else at the deadline.
  static bool WaitForAll(std::vector<Probe>& probes, steady_clock::time_point deadline) {
    for (;;) {
      std::vector<pollfd> waiting;
      bool all = true;
      for (Probe& probe : probes) {
        if (probe.Reached()) continue;
        all = false;
        if (probe.fd() >= 0) waiting.push_back({probe.fd(), probe.events(), 0});
      }
      const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count();
      if (all || left <= 0) return all;
      (void)::poll(waiting.data(), waiting.size(), static_cast<int>(left));
    }
  }

  const Lab& lab_;
  const Places& places_;
  std::vector<bool> reached_;
  std::map<std::size_t, os::UniqueFd> namespaces_;
  std::vector<os::UniqueFd> listeners_;
};

}  // namespace

Result<std::vector<bool>> RunChecks(const Lab& lab, const Places& places, const CheckTimes& times) {
  return Checker(lab, places).Run(times);
}

std::string CheckText(const Lab& lab, const Check& check) {
  std::string text = lab.nodes[check.from].name + (check.reaches ? " reaches " : " cannot reach ") + check.to_text;
  if (check.tcp != 0) text += " tcp " + std::to_string(check.tcp);
  return text;
}

}  // namespace estiba::lab
