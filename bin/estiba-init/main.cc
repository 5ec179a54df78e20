// PID 1 for `--init`: runs one program, hands it the signals it gets itself, reaps whatever the container orphans, and
// ends with the program's exit code. It stands alone, without a C library: a static glibc would weigh 700 kB, and this
// file is bound into every container that asks for it. Headers are used for constants only.

#include <asm/unistd.h>
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

namespace {

// ---- system calls --------------------------------------------------------------------------------------------

using Word = long;

// The raw answer: a negated errno on failure.
Word Call(Word number, Word a = 0, Word b = 0, Word c = 0, Word d = 0, Word e = 0) {
#if defined(__x86_64__)
  Word result = number;
  register Word r10 asm("r10") = d;
  register Word r8 asm("r8") = e;
  asm volatile("syscall" : "+a"(result) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register Word x8 asm("x8") = number;
  register Word x0 asm("x0") = a;
  register Word x1 asm("x1") = b;
  register Word x2 asm("x2") = c;
  register Word x3 asm("x3") = d;
  register Word x4 asm("x4") = e;
  asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
  return x0;
#else
#error "estiba-init knows the system calls of x86-64 and aarch64 only"
#endif
}

template <typename T>
Word Address(T* pointer) {
  return reinterpret_cast<Word>(pointer);
}

[[noreturn]] void Exit(int code) {
  for (;;) Call(__NR_exit_group, code);
}

// ---- text ----------------------------------------------------------------------------------------------------

size_t Length(const char* text) {
  size_t length = 0;
  while (text[length] != '\0') ++length;
  return length;
}

bool Same(const char* a, const char* b) {
  while (*a != '\0' && *a == *b) ++a, ++b;
  return *a == *b;
}

// One write(2) for a whole line, so that lines of several processes do not mix.
class Line {
 public:
  Line& Add(const char* text) {
    while (*text != '\0' && length_ < sizeof text_ - 1) text_[length_++] = *text++;
    return *this;
  }
  Line& Add(Word number) {
    char digits[24];
    size_t at = sizeof digits;
    digits[--at] = '\0';
    do digits[--at] = static_cast<char>('0' + number % 10);
    while ((number /= 10) > 0);
    return Add(digits + at);
  }
  void Print() {
    text_[length_++] = '\n';
    Call(__NR_write, 2, Address(text_), static_cast<Word>(length_));
  }

 private:
  char text_[512];
  size_t length_ = 0;
};

const char* ErrorText(Word error) {
  switch (error) {
    case ENOENT: return "No such file or directory";
    case EACCES: return "Permission denied";
    case ENOEXEC: return "Exec format error";
    case ENOTDIR: return "Not a directory";
    case EISDIR: return "Is a directory";
    case ENOMEM: return "Cannot allocate memory";
    case EAGAIN: return "Resource temporarily unavailable";
    case E2BIG: return "Argument list too long";
    case ELOOP: return "Too many levels of symbolic links";
    case ENAMETOOLONG: return "File name too long";
    default: return nullptr;
  }
}

Line Fatal() {
  Line line;
  line.Add("[FATAL estiba-init (").Add(Call(__NR_getpid)).Add(")] ");
  return line;
}

void PrintError(Line line, Word error) {
  const char* text = ErrorText(error);
  if (text != nullptr) {
    line.Add(text).Print();
  } else {
    line.Add("error ").Add(error).Print();
  }
}

// ---- signals -------------------------------------------------------------------------------------------------

using Signals = uint64_t;  // the kernel's sigset_t
constexpr int kLastSignal = 64;

constexpr Signals Bit(int signal) { return Signals{1} << (signal - 1); }

// Not held back: faults of our own, and the terminal's stop signals, which must not suspend PID 1's writes.
constexpr Signals kLeft = Bit(SIGFPE) | Bit(SIGILL) | Bit(SIGSEGV) | Bit(SIGBUS) | Bit(SIGABRT) | Bit(SIGTRAP) |
                          Bit(SIGSYS) | Bit(SIGTTIN) | Bit(SIGTTOU);

void SetMask(Signals mask, Signals* old) {
  Call(__NR_rt_sigprocmask, SIG_SETMASK, Address(&mask), Address(old), sizeof mask);
}

// struct sigaction as the kernel has it.
struct KernelAction {
  Word handler;
  Word flags;
  Word restorer;
  Signals mask;
};

void Ignore(int signal, bool on) {
  KernelAction action{};
  action.handler = on ? 1 : 0;  // SIG_IGN, SIG_DFL
  Call(__NR_rt_sigaction, signal, Address(&action), 0, sizeof action.mask);
}

// ---- the program ---------------------------------------------------------------------------------------------

// A script without "#!" is given to the shell, as execvp(3) does.
Word ExecScript(const char* path, char** argv, char** envp) {
  constexpr size_t kMost = 1024;
  char* with_shell[kMost + 3];
  size_t count = 0;
  static char shell[] = "/bin/sh";
  with_shell[count++] = shell;
  with_shell[count++] = const_cast<char*>(path);
  for (size_t i = 1; argv[0] != nullptr && argv[i] != nullptr; ++i) {
    if (count > kMost) return -E2BIG;
    with_shell[count++] = argv[i];
  }
  with_shell[count] = nullptr;
  return Call(__NR_execve, Address(shell), Address(with_shell), Address(envp));
}

Word ExecPath(const char* path, char** argv, char** envp) {
  const Word result = Call(__NR_execve, Address(path), Address(argv), Address(envp));
  return result == -ENOEXEC ? ExecScript(path, argv, envp) : result;
}

const char* SearchPath(char** envp) {
  for (; *envp != nullptr; ++envp) {
    const char* entry = *envp;
    if (entry[0] == 'P' && entry[1] == 'A' && entry[2] == 'T' && entry[3] == 'H' && entry[4] == '=') return entry + 5;
  }
  return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

bool HasSlash(const char* name) {
  for (; *name != '\0'; ++name)
    if (*name == '/') return true;
  return false;
}

// execvp(3). Comes back with the negated errno that says most.
Word ExecFound(char** argv, char** envp) {
  constexpr size_t kLongest = 4096;
  const char* name = argv[0];
  if (*name == '\0') return -ENOENT;
  if (HasSlash(name)) return ExecPath(name, argv, envp);
  if (Length(name) > 255) return -ENAMETOOLONG;
  bool refused = false;
  char path[kLongest + 300];
  const char* rest = SearchPath(envp);
  for (;;) {
    size_t length = 0;
    while (*rest != '\0' && *rest != ':') {
      if (length < kLongest) path[length++] = *rest;
      ++rest;
    }
    if (length == 0) path[length++] = '.';
    if (length < kLongest) {
      path[length++] = '/';
      for (const char* c = name; *c != '\0'; ++c) path[length++] = *c;
      path[length] = '\0';
      const Word result = ExecPath(path, argv, envp);
      if (result == -EACCES) refused = true;
      if (result != -ENOENT && result != -ENOTDIR && result != -EACCES) return result;
    }
    if (*rest == '\0') return refused ? -EACCES : -ENOENT;
    ++rest;
  }
}

// In the child: its own process group in the foreground of the terminal, so that Ctrl-C reaches it and not us.
[[noreturn]] void RunProgram(char** argv, char** envp, Signals mask) {
  Call(__NR_setpgid, 0, 0);
  int group = static_cast<int>(Call(__NR_getpid));
  Call(__NR_ioctl, 0, TIOCSPGRP, Address(&group));  // fails without a terminal
  Ignore(SIGTTIN, false);
  Ignore(SIGTTOU, false);
  SetMask(mask, nullptr);
  const Word error = -ExecFound(argv, envp);
  PrintError(Fatal().Add("exec ").Add(argv[0]).Add(" failed: "), error);
  Exit(error == ENOENT || error == ENOTDIR ? 127 : 126);
}

// Everything that has ended. The exit code of `program` once it is among it, else -1.
int Reap(Word program) {
  int code = -1;
  for (;;) {
    int status = 0;
    const Word pid = Call(__NR_wait4, -1, Address(&status), WNOHANG, 0);
    if (pid <= 0) return code;
    if (pid == program) code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
}

[[noreturn]] void Supervise(Word program, Signals held) {
  for (;;) {
    const Word signal = Call(__NR_rt_sigtimedwait, Address(&held), 0, 0, sizeof held);
    if (signal == SIGCHLD) {
      const int code = Reap(program);
      if (code >= 0) Exit(code);
    } else if (signal > 0 && signal <= kLastSignal) {
      Call(__NR_kill, program, signal);
    }
  }
}

}  // namespace

// What the compiler may call on its own.
extern "C" void* memcpy(void* to, const void* from, size_t size) {
  auto* out = static_cast<volatile char*>(to);
  const auto* in = static_cast<const char*>(from);
  for (size_t i = 0; i < size; ++i) out[i] = in[i];
  return to;
}
extern "C" void* memset(void* to, int byte, size_t size) {
  auto* out = static_cast<volatile char*>(to);
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<char>(byte);
  return to;
}

// The stack as execve(2) leaves it: argc, argv…, null, envp…, null.
extern "C" [[noreturn]] void EstibaInit(Word* stack) {
  const Word argc = stack[0];
  char** argv = reinterpret_cast<char**>(stack + 1);
  char** envp = argv + argc + 1;
  if (argc == 2 && Same(argv[1], "--version")) {
    Line().Add("estiba-init version " ESTIBA_VERSION).Print();
    Exit(0);
  }
  const Word first = argc > 1 && Same(argv[1], "--") ? 2 : 1;
  if (first >= argc) {
    Line().Add("usage: estiba-init [--] PROGRAM [ARGUMENT...]").Print();
    Exit(1);
  }
  Signals old = 0;
  const Signals held = ~kLeft;
  SetMask(held, &old);
  Ignore(SIGTTIN, true);
  Ignore(SIGTTOU, true);
  const Word program = Call(__NR_clone, SIGCHLD);
  if (program == 0) RunProgram(argv + first, envp, old);
  if (program < 0) {
    PrintError(Fatal().Add("fork failed: "), -program);
    Exit(1);
  }
  Supervise(program, held);
}

#if defined(__x86_64__)
asm(".globl _start\n_start:\n  xor %ebp, %ebp\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call EstibaInit\n  hlt\n");
#elif defined(__aarch64__)
asm(".globl _start\n_start:\n  mov x29, #0\n  mov x0, sp\n  bl EstibaInit\n  brk #0\n");
#endif
