// Where the program begins, before the C library: a command that will have a process inside a container goes on in the
// sealed copy at once. The first life then costs a few system calls, and not the start of a C library that is thrown
// away (0.5 ms on a virtual machine, where each of its cpuid instructions goes through the hypervisor).
//
// Nothing is set up here: no thread-local storage (so no errno and no stack protector), no relocations, no libc calls.
// Whatever goes wrong, RunSealed does again later, and says why.

#if defined(__x86_64__)

#include <cstddef>

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "sealed.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

namespace estiba::ocicli {
namespace {

long Call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  long result = number;
  __asm__ volatile("syscall" : "+a"(result) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
  return result;
}

long Address(const void* pointer) { return reinterpret_cast<long>(pointer); }

bool CopyAll(long to, long from) {
  struct stat info;
  if (Call(SYS_fstat, from, Address(&info)) < 0) return false;
  for (long left = info.st_size; left > 0;) {
    const long copied = Call(SYS_sendfile, to, from, 0, left);
    if (copied <= 0) return false;
    left -= copied;
  }
  return true;
}

}  // namespace

// `stack`: argc, argv, a null, environment, as the kernel leaves them.
extern "C" __attribute__((used, visibility("hidden"))) void EstibaSealEarly(long* stack) {
  char** argv = reinterpret_cast<char**>(stack + 1);
  char** environment = argv + stack[0] + 1;
  if (!EntersContainer(argv)) return;
  const long self = Call(SYS_openat, AT_FDCWD, Address("/proc/self/exe"), O_RDONLY | O_CLOEXEC);
  if (self < 0) return;
  if (Call(SYS_fcntl, self, F_GET_SEALS) < 0) {  // no memfd: the file itself
    const long copy = Call(SYS_memfd_create, Address("estiba-oci"), MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (copy >= 0) {
      if (CopyAll(copy, self) && Call(SYS_fcntl, copy, F_ADD_SEALS, kSeals) == 0)
        Call(SYS_execveat, copy, Address(""), Address(argv), Address(environment), AT_EMPTY_PATH);
      Call(SYS_close, copy);
    }
  }
  Call(SYS_close, self);
}

}  // namespace estiba::ocicli

// The program's entry point (bin/estiba-oci/CMakeLists.txt): _start finds everything as the kernel left it.
__asm__(
    ".globl EstibaEntry\n"
    ".hidden EstibaEntry\n"
    ".type EstibaEntry, @function\n"
    "EstibaEntry:\n"
    "  xorl %ebp, %ebp\n"
    "  movq %rsp, %rbx\n"
    "  movq %rdx, %r12\n"
    "  movq %rsp, %rdi\n"
    "  call EstibaSealEarly\n"
    "  movq %rbx, %rsp\n"
    "  movq %r12, %rdx\n"
    "  jmp _start\n");

#endif
