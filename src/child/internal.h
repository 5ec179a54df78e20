#pragma once
// Shared by the step implementations. Each returns 0, an errno, or (hooks) a negated wait status.

#include "child/step.h"

#include <cerrno>
#include <climits>
#include <cstdint>

#include <sys/syscall.h>
#include <unistd.h>

namespace estiba::child {

// What Run() carries along; lives on its stack.
struct State {
  const Program& program;
  int report_fd;
  bool released = false;      // the gate has opened
  char found[PATH_MAX] = {};  // what kFindProgram found
};

// A descriptor closed at the end of the scope. Not a destructor with work to do: one system call.
struct ScopedFd {
  int fd;
  explicit ScopedFd(int value) noexcept : fd(value) {}
  ScopedFd(const ScopedFd&) = delete;
  ScopedFd& operator=(const ScopedFd&) = delete;
  ~ScopedFd() {
    if (fd >= 0) ::close(fd);
  }
};

inline int ErrnoOf(long rc) noexcept { return rc < 0 ? errno : 0; }
// The slot of `in[index]`, or -1.
inline int Slot(const Program& program, const Step& step, int index = 0) noexcept {
  return step.in[index] < 0 ? -1 : program.slots[step.in[index]];
}
inline void Fill(const Program& program, const Step& step, int fd) noexcept {
  if (step.out >= 0) program.slots[step.out] = fd;
}

// ---- target.cc: finding and making things below the hostile root ----

// openat2(2) with RESOLVE_IN_ROOT and NO_MAGICLINKS; a descriptor or a negated errno.
int OpenIn(int root, const char* path, std::uint64_t flags, std::uint64_t extra_resolve = 0) noexcept;
enum class Make : unsigned char { kDirectory, kFile };
// O_PATH descriptor of `path`, made with missing parents if it is not there; symlinks, dangling ones too, lead no
// further than the root. A descriptor or a negated errno.
int EnsureTarget(int root, const char* path, Make make, unsigned mode) noexcept;
// ELOOP if `target` is in the container's /proc: a symlink of the image leads a mount there, over what the kernel and
// its callers look for. A procfs bound elsewhere is nobody's business.
int RefuseProc(int root, int target) noexcept;
// The parent directory of `path` (made if missing) and the last component.
int EnsureParent(int root, const char* path, const char** name) noexcept;

// ---- copy_up.cc ----
int OpenCopyUp(const Program& program, const Step& step) noexcept;
// Everything below the directory `from` into the empty directory `to`. An errno.
int CopyTree(int from, int to) noexcept;

// ---- mounts.cc ----
int AttachRoot(const Program& program, const Step& step) noexcept;
int Mount(const Program& program, const Step& step) noexcept;
int Attach(const Program& program, const Step& step) noexcept;
int Mask(const Program& program, const Step& step) noexcept;
int ReadonlyPath(const Program& program, const Step& step) noexcept;
int SetAttributes(const Program& program, const Step& step) noexcept;
int Pivot(const Program& program, const Step& step) noexcept;
// All mounts but `root` and what is mounted in it leave our mount namespace, or are covered where they cannot.
int LeaveHostMounts(int root) noexcept;
int ChangeRoot(const Program& program, const Step& step) noexcept;
int MoveRoot(const Program& program, const Step& step) noexcept;
// Attaches `mount` over `target`.
int MoveMount(int mount, int target) noexcept;
// A private copy of the mount at an open file of our own mount namespace; a descriptor or a negated errno.
int CloneMount(int fd, bool recursive) noexcept;
int ChangeAttributes(int mount, std::uint64_t set, std::uint64_t clear, std::uint64_t propagation,
                     bool recursive) noexcept;

// ---- devices.cc ----
int Device(const Program& program, const Step& step) noexcept;
int BindDevice(const Program& program, const Step& step) noexcept;
int Symlink(const Program& program, const Step& step) noexcept;
int MakeDirectory(const Program& program, const Step& step) noexcept;
int MakeFile(const Program& program, const Step& step) noexcept;
int OpenNull(const Program& program, const Step& step) noexcept;
int OpenTerminal(State& state, std::uint32_t index, const Step& step) noexcept;

// ---- run.cc ----
// A report of step `index` with a descriptor for the parent.
int SendFd(const State& state, std::uint32_t index, int fd) noexcept;

// ---- settings.cc ----
int SetNamespace(const Program& program, const Step& step) noexcept;
int WriteProc(const Step& step) noexcept;
int OpenProc(const Program& program, const Step& step) noexcept;
int LoopbackUp() noexcept;
int ResetInherited() noexcept;
int ResetSignals() noexcept;
int Rlimit(const Step& step) noexcept;
int JoinSessionKeyring(const Step& step) noexcept;
int Scheduler(const Step& step) noexcept;

// ---- identity.cc ----
int BecomeRoot(const Step& step) noexcept;
int ChownStdio(const Step& step) noexcept;
int DropBounding(const Step& step) noexcept;
int Groups(const Step& step) noexcept;
int Identity(const Step& step) noexcept;
int Capabilities(const Step& step) noexcept;
int NoNewPrivileges() noexcept;
int Seccomp(const Program& program, const Step& step) noexcept;

// ---- landlock.cc ----
int LandlockRuleset(const Program& program, const Step& step) noexcept;
int LandlockRule(const Program& program, const Step& step) noexcept;
int LandlockRestrict(const Program& program, const Step& step) noexcept;

// ---- unmount.cc ----
int Unmount(const Program& program, const Step& step) noexcept;

// ---- program.cc ----
int Stdio(const Program& program, const Step& step) noexcept;
int CloseDescriptors(const State& state) noexcept;
int NewSession(const Program& program, const Step& step) noexcept;
int WorkDirectory(const Step& step) noexcept;
int FindProgram(State& state) noexcept;
int Execute(const State& state) noexcept;

// ---- hook.cc ----
int Hook(const Program& program, const Step& step) noexcept;

}  // namespace estiba::child
