#pragma once
// One question being followed: the attempts (trace.cc) and what they come to (judge.cc).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nettrace/trace.h"
#include "place.h"
#include "reason.h"
#include "stage.h"

namespace estiba::nettrace {

struct Watched;  // trace.cc

struct Attempt {
  Stage start, host, target;
  int send_errno = 0;
};

class Tracer {
 public:
  Tracer(const Facts& facts, const Question& question, const ProcessOf& process_of)
      : facts_(facts), question_(question), process_of_(process_of) {}
  Result<Answer> Run();

 private:
  Status OpenStart();
  Status Choose();
  Status ChooseRoute();
  void NoteLink();
  const PlaceLink* HostEnd() const;
  Place& start() { return start_ ? *start_ : *host_; }

  Result<Attempt> Try();
  Result<std::vector<Watched>> PlantAll();
  Status SendProbe(Attempt& attempt);
  Result<bool> Collect(std::vector<Watched>& watched);
  bool NeighbourIsPending();
  void Read(std::vector<Watched>& watched, Attempt& attempt);
  Result<bool> FindTarget(const Attempt& attempt);

  Status Judge(Attempt& attempt);
  Status JudgeHost(Attempt& attempt);
  Status JudgeTarget(Attempt& attempt);
  Status JudgeLeaving(const Attempt& attempt);
  void JudgeUnseen();
  void JudgeLost(const Stage& stage, Place& place);
  Status JudgeArrival(Place& place, const Flow& flow);
  const Published* PublishedAt(const Flow& flow) const;
  Status FollowRelay(const Published& port, const Flow& flow);
  bool JudgeRule(const Stage& stage, Place& place);
  void Hop(const Place& place, std::string step, std::string detail) {
    answer_.hops.push_back({NameOf(place), std::move(step), std::move(detail)});
  }
  void Dropped(Reason reason) {
    answer_.verdict = Verdict::kDropped;
    answer_.reason = std::move(reason.why);
    answer_.next = std::move(reason.next);
  }
  void Passes(std::string why) {
    answer_.verdict = Verdict::kPasses;
    answer_.reason = std::move(why);
  }
  void Unknown(std::string why, std::string next = "") {
    answer_.verdict = Verdict::kUnknown;
    answer_.reason = std::move(why);
    answer_.next = std::move(next);
  }
  bool Judged() const { return !answer_.reason.empty(); }
  static std::string NameOf(const Place& place) { return place.name().empty() ? "host" : place.name(); }
  static std::string LinkName(const Place& place, std::uint32_t index) {
    const PlaceLink* link = place.Link(index);
    return link != nullptr ? link->name : "link " + std::to_string(index);
  }
  // "bridge est-… (network 'front')".
  std::string Described(const PlaceLink& link) const;

  const Facts& facts_;
  const Question& question_;
  const ProcessOf& process_of_;
  Answer answer_;
  std::optional<Place> host_, start_, target_;
  bool target_is_start_ = false;
  Route route_;             // of the first step, but for a packet from outside
  std::uint32_t uplink_ = 0;
  Flow flow_;
  std::uint32_t token_ = 0;
  // By which link of the host it leaves for the target, and the port when that is a bridge that says so.
  std::uint32_t exit_ = 0, exit_port_ = 0;
  Ip exit_address_;
};

}  // namespace estiba::nettrace
