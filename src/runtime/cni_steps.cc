#include "cni_steps.h"

#include <chrono>

#include "cni/leaf.h"

namespace estiba::runtime {
namespace {

std::chrono::milliseconds PatienceOf(const plan::Step& step) { return std::chrono::milliseconds(step.numbers.at(0)); }

}  // namespace

Status AttachByCni(const plan::Step& step, pid_t pid) {
  return cni::RunLeaf(step.text.at(0), {"attach", step.text.at(1), std::to_string(pid)}, step.blob, PatienceOf(step));
}

Status DetachByCni(const plan::Step& step) {
  return cni::RunLeaf(step.text.at(0), {"detach", step.text.at(1), step.text.at(2)}, "", PatienceOf(step));
}

}  // namespace estiba::runtime
