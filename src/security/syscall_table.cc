#include <algorithm>
#include <array>
#include <iterator>

#include "security/seccomp.h"

namespace estiba::security {
namespace {

// Names in place: in a position-independent static program every pointer would cost a relocation.
struct Row {
  char name[30];
  std::int16_t numbers[4];  // by Arch
};

#if defined(__clang__)
#pragma clang diagnostic ignored "-Wmissing-braces"  // one pair a row is what people read
#endif
constexpr Row kRows[] = {
#include "syscall_rows.inc"
};

constexpr std::string_view NameOf(const Row& row) { return row.name; }

static_assert(std::ranges::is_sorted(kRows, {}, NameOf));

}  // namespace

Arch NativeArch() {
#if defined(__aarch64__)
  return Arch::kAarch64;
#else
  return Arch::kX86_64;
#endif
}

const char* ArchName(Arch arch) {
  switch (arch) {
    case Arch::kX86_64: return "SCMP_ARCH_X86_64";
    case Arch::kX86: return "SCMP_ARCH_X86";
    case Arch::kX32: return "SCMP_ARCH_X32";
    case Arch::kAarch64: return "SCMP_ARCH_AARCH64";
  }
  return "";
}

int SyscallNumber(Arch arch, std::string_view name) {
  const Row* found = std::ranges::lower_bound(kRows, name, {}, NameOf);
  if (found == std::end(kRows) || NameOf(*found) != name) return -1;
  return found->numbers[static_cast<unsigned>(arch)];
}

std::string_view SyscallName(Arch arch, int number) {
  if (number < 0) return {};
  const Row* found =
      std::ranges::find(kRows, number, [&](const Row& row) { return int{row.numbers[static_cast<unsigned>(arch)]}; });
  return found == std::end(kRows) ? std::string_view() : NameOf(*found);
}

}  // namespace estiba::security
