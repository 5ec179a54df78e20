#include <array>

#include "oci/runtime_json.h"

namespace estiba::oci {
namespace {

struct ActionName {
  std::string_view name;
  SeccompAction action;
};
// The first of an action's names is the one written.
constexpr std::array<ActionName, 9> kActions = {{{"SCMP_ACT_KILL", SeccompAction::kKillThread},
                                                 {"SCMP_ACT_KILL_THREAD", SeccompAction::kKillThread},
                                                 {"SCMP_ACT_KILL_PROCESS", SeccompAction::kKillProcess},
                                                 {"SCMP_ACT_TRAP", SeccompAction::kTrap},
                                                 {"SCMP_ACT_ERRNO", SeccompAction::kErrno},
                                                 {"SCMP_ACT_TRACE", SeccompAction::kTrace},
                                                 {"SCMP_ACT_ALLOW", SeccompAction::kAllow},
                                                 {"SCMP_ACT_LOG", SeccompAction::kLog},
                                                 {"SCMP_ACT_NOTIFY", SeccompAction::kNotify}}};

struct OpName {
  std::string_view name;
  SeccompOp op;
};
constexpr std::array<OpName, 7> kOps = {{{"SCMP_CMP_NE", SeccompOp::kNotEqual},
                                         {"SCMP_CMP_LT", SeccompOp::kLess},
                                         {"SCMP_CMP_LE", SeccompOp::kLessEqual},
                                         {"SCMP_CMP_EQ", SeccompOp::kEqual},
                                         {"SCMP_CMP_GE", SeccompOp::kGreaterEqual},
                                         {"SCMP_CMP_GT", SeccompOp::kGreater},
                                         {"SCMP_CMP_MASKED_EQ", SeccompOp::kMaskedEqual}}};

}  // namespace

std::string_view SeccompActionName(SeccompAction action) {
  for (const auto& entry : kActions)
    if (entry.action == action) return entry.name;
  return "";
}

Result<SeccompAction> ParseSeccompAction(std::string_view name) {
  for (const auto& entry : kActions)
    if (entry.name == name) return entry.action;
  return Error(Code::kInvalidArgument, "unknown seccomp action '" + std::string(name) + "'");
}

std::string_view SeccompOpName(SeccompOp op) {
  for (const auto& entry : kOps)
    if (entry.op == op) return entry.name;
  return "";
}

Result<SeccompOp> ParseSeccompOp(std::string_view name) {
  for (const auto& entry : kOps)
    if (entry.name == name) return entry.op;
  return Error(Code::kInvalidArgument, "unknown seccomp operator '" + std::string(name) + "'");
}

}  // namespace estiba::oci
