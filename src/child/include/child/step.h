#pragma once
// Everything here runs between clone3() and execve(): no allocation, no locks, no stdio, no exceptions, no
// destructors. libc's system call wrappers and kernel headers only; tools/check_symbols.py enforces it.

#include <cstdint>
#include <type_traits>

namespace estiba::child {

// Numbers are part of the plan's wire format (plan::Op is this + 1000): never reused, never renumbered.
// `s` strings, `n` numbers, `in` and `out` slots, as each line says.
enum class Op : std::uint16_t {
  kNone = 0,
  // ---- waiting and namespaces ----
  kWaitHost = 1,        // until the parent's host+child steps of before this one are done
  kJoinCgroup = 2,      // in0: a v1 "tasks" file, which takes a lone thread without waiting for RCU (≥ 5.4)
  kUnshare = 3,         // n0: CLONE_NEW…
  kSetNamespace = 4,    // in0: namespace or pidfd; n0: CLONE_NEW…
  kBecomeRoot = 5,      // uid, gid 0 and no groups in a new user namespace; n0: 1 when it denies setgroups(2) for good
  // ---- mounts ----
  kPropagation = 6,     // of the whole tree. n0: MS_…
  kAttachRoot = 7,      // in0: mount; s0: where, in the host's tree
  kMount = 8,           // in0: root; s0: type, s1: source, s2: target; blob: key\0value\0…; n0: MOUNT_ATTR_, n1:
                        // SuperFlags, n2: propagation, n3: TargetFlags; in1: kTmpCopyUp's (may be none); out: the
                        // mount (may be none)
  kAttach = 9,          // in0: root, in1: mount; s0: target; n0: set, n1: clear, n2: propagation, n3: TargetFlags,
                        // n4: recursive attributes
  kDevice = 10,         // in0: root; s0: path; n0: S_IFCHR…, n1: major, n2: minor, n3: mode, n4: uid, n5: gid
  kBindDevice = 11,     // in0: root; s0: path on the host, s1: path; n0: S_IFCHR…, n1: major, n2: minor
  kSymlink = 12,        // in0: root; s0: content, s1: path
  kMakeDirectory = 13,  // in0: root; s0: path; n0: mode
  kOpenNull = 14,       // out: the host's /dev/null, verified to be 1:3
  kMask = 15,           // in0: root, in1: kOpenNull's; s0: path; out: one shared empty read-only tmpfs; n0: bytes of
                        // s0 that in0 stands for (0: in0 is the root itself)
  kReadonlyPath = 16,   // in0: root; s0: path; n0: as kMask's
  kPivot = 17,          // in0: root
  kMoveRoot = 18,       // in0: root; as kPivot where the host's root cannot be pivoted away (ramfs): MS_MOVE, chroot
  kSetAttributes = 19,  // in0: mount; n0: set, n1: clear, n2: propagation, n3: recursive
  // ---- settings of the new namespaces ----
  kWriteProc = 20,      // s0: path below /proc, s1: value
  kHostname = 21,       // s0
  kDomainname = 22,     // s0
  kLoopbackUp = 23,
  // ---- the process ----
  kHook = 24,           // s0: path; list: arguments; env: environment; n0: timeout in ms, 0 none; n1: 1 when it has the
                        // program's environment; in0: state document; in1: directory it begins in (may be none)
  kOpenTerminal = 25,   // in0: root; n0: rows, n1: columns, n2: 1 with /dev/console, n3: 1 when lines leave as they
                        // were written (the terminal they are passed on to adds carriage returns itself); out: the
                        // container's side; the master goes to the parent
  kResetInherited = 26, // nice, I/O and scheduling class, affinity, timer slack, personality of who started us
  kRlimit = 27,         // n0: RLIMIT_, n1: soft, n2: hard, n3: 1 when as much as may be had will do
  kSessionKeyring = 28, // s0: name
  kNewSession = 29,     // in0: terminal or none
  kStdio = 30,          // in0: terminal or none: then the descriptors of the program
  kOpenFile = 31,       // s0: path in the host's tree; n0: flags; out
  kWriteSlot = 32,      // in0: descriptor; s0: value
  kChownStdio = 33,     // n0: uid
  kDropBounding = 34,   // n0: the set to keep
  kGroups = 35,         // blob: gid_t[]; n0: 1 when our user namespace denies setgroups(2) for good
  kIdentity = 36,       // n0: uid, n1: gid
  kCapabilities = 37,   // n0: effective, n1: permitted, n2: inheritable, n3: ambient
  kNoNewPrivileges = 38,
  kSeccomp = 39,        // blob: sock_filter[]; n0: flags; out: with SECCOMP_FILTER_FLAG_NEW_LISTENER, the listener
  kUmask = 40,          // n0
  kWorkDirectory = 41,  // s0; made when missing; verified to be inside the root
  kFindProgram = 42,    // argv[0] along PATH
  kWaitStart = 43,
  kCloseDescriptors = 44,
  kExec = 45,
  kPersonality = 46,    // n0
  kScheduler = 47,      // blob: sched_attr
  kIoPriority = 48,     // n0
  kAffinity = 49,       // blob: CPU mask
  kMemoryPolicy = 50,   // n0: mode and flags; blob: node mask
  kMakeFile = 51,       // in0: root; s0: path; n0: mode
  kSendSeccompListener = 52,  // in0: kSeccomp's listener, which goes to the parent
  kTmpCopyUp = 53,      // in0: root; s0: path of a directory; out: that directory, with whose content the tmpfs about
                        // to cover it is filled; nothing when there is none
  kReport = 54,         // tells the parent that everything up to here is done
  kLandlockRuleset = 55,   // n0: LANDLOCK_ACCESS_FS_… that are handled; out
  kLandlockRule = 56,      // in0: ruleset; s0: path, in the container; n0: what is allowed beneath
  kLandlockRestrict = 57,  // in0: ruleset
  kUnmount = 58,        // in0: root; s0: path; n0: id of the mount that must be there, n1: 1 when it is the unique one
  kSendMount = 59,      // in0: a mount, which goes to the parent
  kOpenProc = 60,       // s0: path below the host's /proc, verified to be the kernel's file; n0: flags; out
  kChangeRoot = 61,     // in0: root; as kPivot in the host's mount namespace: chroot(2) alone
};

enum SuperFlag : std::uint64_t {  // kMount n1: flags of the superblock
  kSuperReadOnly = 1, kSuperSync = 2, kSuperDirSync = 4, kSuperLazyTime = 8, kSuperMand = 16, kSuperSilent = 32,
};
enum TargetFlag : std::uint64_t {  // n3: how the mount point is found
  kTargetOrdinary = 1,   // must be a plain directory, no symlink (proc, sysfs)
  kTargetFile = 2,       // made as a file when missing (else as a directory; kAttach looks at its mount)
  kTargetKeepMode = 4,   // tmpfs: takes mode and owner of the directory it covers, when that existed
  kTargetMayFail = 8,    // kAttach: there may be nothing to attach (a hierarchy not used for containers)
  kTargetIsProc = 16,    // kAttach: the mount must be a procfs, over a plain directory
  kTargetMayBeProc = 32, // the mount point may be a file in /proc
};

inline constexpr int kMaxIn = 4;
inline constexpr int kMaxNumbers = 8;
inline constexpr int kMaxStrings = 4;

struct Step {
  Op op;
  std::uint16_t list_count;
  std::int32_t in[kMaxIn];             // slots; -1: none
  std::int32_t out;
  std::uint64_t n[kMaxNumbers];
  const char* s[kMaxStrings];          // borrowed from the parent's memory; may be null
  const char* blob;
  std::uint64_t blob_size;
  char* const* list;                   // null-terminated
  char* const* env;
};

struct Program {
  const Step* steps;
  std::uint32_t count;
  std::uint32_t slot_count;
  std::int32_t* slots;    // descriptors by slot; -1: not filled yet. Written in the child's own copy
  int sync_fd;            // SEQPACKET socket to the parent: a byte for each kWaitHost; EOF: nobody is left
  int parent_fd;          // the parent's end of sync_fd, inherited: closed first, else its EOF would never come
  int gate_fd;            // FIFO of kWaitStart, or -1: sync_fd
  int gate_report_fd;     // where failures go once the gate has opened, or -1: sync_fd
  int stdio[3];           // -1: /dev/null, already open as null_fd
  int null_fd;
  int said_fd;            // where hooks print, or -1: /dev/null
  int aside;              // descriptors from this number on are nobody's: where others wait to be moved
  const int* extra;       // become 3, 4, …
  std::uint32_t extra_count;
  char* const* argv;
  char* const* envp;
  const char* path;       // PATH of envp
  std::uint64_t* times;   // null, or shared with the parent: count + 1 times in ns, before and after each step
};

// The whole child-to-parent protocol. error 0: `step` (a kWaitStart) has been reached. > 0: an errno. < 0: the negated
// wait status of a hook. kLookupBase + errno: the program was looked for along PATH.
inline constexpr std::int32_t kLookupBase = 10000;
struct Report {
  std::uint32_t step;
  std::int32_t error;
};

static_assert(std::is_trivially_copyable_v<Program> && std::is_trivially_destructible_v<Program>);
static_assert(std::is_standard_layout_v<Step> && sizeof(Report) == 8);

// Executes the steps; ends in the program's execve or in _exit.
[[noreturn]] void Run(const Program& program) noexcept;

}  // namespace estiba::child
