#pragma once
// A small classic-BPF interpreter for seccomp programs, as strict as the kernel's checker about what it meets.

#include <cstring>
#include <vector>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <gtest/gtest.h>

namespace estiba::security {

inline std::uint32_t RunFilter(const std::vector<sock_filter>& program, const seccomp_data& data) {
  std::uint32_t accumulator = 0;
  std::uint32_t scratch[BPF_MEMWORDS] = {};
  std::uint32_t x = 0;
  for (std::size_t pc = 0; pc < program.size(); ++pc) {
    const sock_filter& insn = program[pc];
    const auto jump = [&](bool taken) { pc += taken ? insn.jt : insn.jf; };
    switch (insn.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (insn.k % 4 != 0 || insn.k >= sizeof data) {
          ADD_FAILURE() << "load of " << insn.k;
          return 0;
        }
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + insn.k, 4);
        break;
      case BPF_JMP | BPF_JA: pc += insn.k; break;
      case BPF_JMP | BPF_JEQ | BPF_K: jump(accumulator == insn.k); break;
      case BPF_JMP | BPF_JGE | BPF_K: jump(accumulator >= insn.k); break;
      case BPF_JMP | BPF_JGT | BPF_K: jump(accumulator > insn.k); break;
      case BPF_ALU | BPF_AND | BPF_K: accumulator &= insn.k; break;
      case BPF_ST: scratch[insn.k % BPF_MEMWORDS] = accumulator; break;
      case BPF_LD | BPF_MEM: accumulator = scratch[insn.k % BPF_MEMWORDS]; break;
      case BPF_MISC | BPF_TAX: x = accumulator; break;
      case BPF_MISC | BPF_TXA: accumulator = x; break;
      case BPF_RET | BPF_K: return insn.k;
      default: ADD_FAILURE() << "instruction " << insn.code; return 0;
    }
  }
  ADD_FAILURE() << "ran off the end";
  return 0;
}

}  // namespace estiba::security
