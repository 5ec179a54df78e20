// Profiles of users in Docker's format, compiled; every jump of the program must land inside it.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "security/seccomp.h"

using namespace estiba;  // NOLINT(google-build-using-namespace)

namespace {

// What the kernel's checker asks of every instruction.
void CheckJumps(const std::vector<sock_filter>& program) {
  if (program.empty() || program.size() > BPF_MAXINSNS) std::abort();
  if (BPF_CLASS(program.back().code) != BPF_RET) std::abort();
  for (std::size_t i = 0; i < program.size(); ++i) {
    const sock_filter& insn = program[i];
    if (BPF_CLASS(insn.code) != BPF_JMP) continue;
    const std::size_t left = program.size() - i - 1;
    const bool inside = insn.code == (BPF_JMP | BPF_JA) ? insn.k < left : insn.jt < left && insn.jf < left;
    if (!inside) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  for (const auto capabilities : {security::DefaultCapabilities(), security::AllCapabilities()}) {
    const auto profile = security::ParseDockerSeccomp(json, capabilities, security::Arch::kX86_64, {6, 1});
    if (!profile.ok()) return 0;
    const auto compiled = security::CompileSeccomp(*profile, security::Arch::kX86_64);
    if (compiled.ok()) CheckJumps(compiled->program);
  }
  return 0;
}
