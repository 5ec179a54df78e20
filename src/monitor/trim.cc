#include "trim.h"

#include <cstddef>
#include <cstdint>

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

namespace estiba::monitor {
namespace {

#if !defined(__SANITIZE_ADDRESS__)
int DropSegments(dl_phdr_info* info, std::size_t, void*) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& segment = info->dlpi_phdr[i];
    // A writable segment's pages are ours alone: dropped, they would be as in the file.
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const std::uintptr_t begin = (info->dlpi_addr + segment.p_vaddr) / page * page;
    const std::uintptr_t end = (info->dlpi_addr + segment.p_vaddr + segment.p_memsz) / page * page;
    if (end > begin) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);  // only advice
  }
  return 1;  // the program itself comes first
}
#endif

}  // namespace

void TrimMemory() {
#if defined(__GLIBC__)  // musl's allocator gives free pages back by itself
  ::malloc_trim(0);
#endif
#if !defined(__SANITIZE_ADDRESS__)
  ::dl_iterate_phdr(DropSegments, nullptr);
#endif
}

}  // namespace estiba::monitor
