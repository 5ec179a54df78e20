#pragma once
// The parts of an examination, each appending what it has found.

#include "cgroup/hierarchy.h"
#include "engine/doctor.h"

namespace estiba::engine {

using Findings = std::vector<Finding>;
using FindingState = Finding::State;

// What there is to say of a feature besides how it is.
struct Feature {
  const char* group;
  const char* name;
  bool needed;
  const char* lost;
  const char* mend;
};
// `otherwise`: how it is when `works` is false.
void Tell(Findings& findings, const Feature& feature, bool works, std::string detail,
          FindingState otherwise = FindingState::kMissing);
void Tell(Findings& findings, const Feature& feature, const Status& tried, std::string detail,
          FindingState otherwise = FindingState::kMissing);
// Of what is there or not, and that is all there is to say.
void TellThere(Findings& findings, const Feature& feature, bool there,
               FindingState otherwise = FindingState::kMissing);

// ---- outside
void ExamineCgroups(bool rootless, Findings& findings);
void ExamineUsers(const DoctorOptions& options, Findings& findings);
void ExaminePrograms(const DoctorOptions& options, Findings& findings);
void ExamineLimits(const Config& config, Findings& findings);
void ExamineEngine(const Config& config, Findings& findings);
// ---- inside
void ExamineKernel(bool rootless, Findings& findings);
void ExamineStorage(const Config& config, Findings& findings);
void ExamineNetwork(bool rootless, Findings& findings);

}  // namespace estiba::engine
