// Every command with its options, as runc names them.

#include "commands.h"

namespace estiba::ocicli {
namespace {

const FlagSpec kBundle{"bundle", 'b', true,
                       "path to the root of the bundle directory, defaults to the current directory"};
const FlagSpec kConsoleSocket{"console-socket", '\0', true,
                              "path to an AF_UNIX socket that receives the console's master"};
const FlagSpec kPidfdSocket{"pidfd-socket", '\0', true,
                            "path to an AF_UNIX socket that receives a pidfd of the process"};
const FlagSpec kPidFile{"pid-file", '\0', true, "file to write the process id to"};
const FlagSpec kPreserveFds{"preserve-fds", '\0', true,
                            "pass N additional file descriptors to the container"};
const FlagSpec kLang{"lang", '\0', true,
                     "language of the output: en or es (default: that of LC_ALL, LC_MESSAGES, LANG)"};
const FlagSpec kTracePlan{"trace-plan", '\0', false, "print the plan with the time each step took (on stderr)"};
const FlagSpec kDetach{"detach", 'd', false, "detach from the process"};

std::vector<FlagSpec> CreateFlags() {
  return {kBundle,
          kConsoleSocket,
          kPidfdSocket,
          kPidFile,
          {"no-pivot", '\0', false, "do not use pivot root to jail the process (INSECURE)"},
          {"no-new-keyring", '\0', false, "do not create a new session keyring for the container"},
          kPreserveFds,
          kTracePlan,
          kLang,
          {"detach", '\0', false, "accepted for callers that pass it; create always detaches"}};
}

std::vector<FlagSpec> RunFlags() {
  return {kBundle,
          kConsoleSocket,
          kPidfdSocket,
          kPidFile,
          kDetach,
          {"keep", '\0', false, "do not delete the container after it exits"},
          {"no-subreaper", '\0', false, "do not become the reaper of the container's orphans"},
          {"no-pivot", '\0', false, "do not use pivot root to jail the process (INSECURE)"},
          {"no-new-keyring", '\0', false, "do not create a new session keyring for the container"},
          kPreserveFds,
          kTracePlan,
          kLang};
}

std::vector<FlagSpec> ExecFlags() {
  return {kConsoleSocket,
          kPidfdSocket,
          kPidFile,
          kPreserveFds,
          kDetach,
          {"cwd", '\0', true, "current working directory in the container"},
          {"env", 'e', true, "set environment variables"},
          {"tty", 't', false, "allocate a pseudo-TTY"},
          {"user", 'u', true, "UID (format: <uid>[:<gid>])"},
          {"additional-gids", 'g', true, "additional gids"},
          {"process", 'p', true, "path to the process.json"},
          {"process-label", '\0', true, "set the SELinux process label for the exec process"},
          {"apparmor", '\0', true, "set the apparmor profile for the process"},
          {"no-new-privs", '\0', false, "set the no new privileges value for the process"},
          {"cap", 'c', true, "add a capability to the bounding set for the process"},
          {"ignore-paused", '\0', false, "allow exec in a paused container"},
          {"cgroup", '\0', true, "run the process in an existing sub-cgroup, [<controller>:]<cgroup>"}};
}

std::vector<FlagSpec> UpdateFlags() {
  return {{"resources", 'r', true, "file with the resources as JSON, - for stdin"},
          {"blkio-weight", '\0', true, "relative weight of block I/O, 10 to 1000"},
          {"cpu-period", '\0', true, "CPU CFS period (in usecs)"},
          {"cpu-quota", '\0', true, "CPU CFS quota (in usecs)"},
          {"cpu-burst", '\0', true, "CPU CFS burst (in usecs)"},
          {"cpu-share", '\0', true, "CPU shares (relative weight)"},
          {"cpu-rt-period", '\0', true, "CPU realtime period (in usecs)"},
          {"cpu-rt-runtime", '\0', true, "CPU realtime runtime (in usecs)"},
          {"cpuset-cpus", '\0', true, "CPU(s) to use"},
          {"cpuset-mems", '\0', true, "memory node(s) to use"},
          {"cpu-idle", '\0', true, "set cgroup SCHED_IDLE or not"},
          {"memory", '\0', true, "memory limit (in bytes)"},
          {"memory-reservation", '\0', true, "memory reservation (in bytes)"},
          {"memory-swap", '\0', true, "total memory usage (memory + swap); -1 for unlimited swap"},
          {"kernel-memory", '\0', true, "kernel memory limit (in bytes), where the kernel still has one"},
          {"kernel-memory-tcp", '\0', true, "kernel memory limit (in bytes) for TCP buffers"},
          {"pids-limit", '\0', true, "maximum number of pids allowed in the container"},
          {"l3-cache-schema", '\0', true, "L3 cache schema of Intel RDT/CAT"},
          {"mem-bw-schema", '\0', true, "memory bandwidth schema of Intel RDT/MBA"}};
}

// What checkpoint and restore share.
std::vector<FlagSpec> CriuFlags() {
  return {{"image-path", '\0', true, "path for CRIU's image files"},
          {"work-path", '\0', true, "path for CRIU's work files and logs"},
          {"tcp-established", '\0', false, "allow open TCP connections"},
          {"ext-unix-sk", '\0', false, "allow external unix sockets"},
          {"shell-job", '\0', false, "allow shell jobs"},
          {"lazy-pages", '\0', false, "restore memory pages lazily, by userfaultfd"},
          {"file-locks", '\0', false, "handle file locks"},
          {"manage-cgroups-mode", '\0', true, "cgroups mode: soft, full, strict or ignore"},
          {"empty-ns", '\0', true, "create a namespace without restoring its properties"},
          {"auto-dedup", '\0', false, "deduplicate memory images"}};
}

std::vector<FlagSpec> CheckpointFlags() {
  std::vector<FlagSpec> flags = CriuFlags();
  flags.insert(flags.end(),
               {{"parent-path", '\0', true, "path of the images of an earlier pre-dump"},
                {"leave-running", '\0', false, "leave the process running"},
                {"tcp-skip-in-flight", '\0', false, "skip TCP connections that are being made"},
                {"link-remap", '\0', false, "link unlinked files back where possible"},
                {"status-fd", '\0', true, "descriptor CRIU writes to once lazy-pages is ready"},
                {"page-server", '\0', true, "ADDRESS:PORT of the page server"},
                {"pre-dump", '\0', false, "dump memory only and leave the container running"}});
  return flags;
}

std::vector<FlagSpec> RestoreFlags() {
  std::vector<FlagSpec> flags = CriuFlags();
  flags.insert(flags.end(), {kBundle,
                             kConsoleSocket,
                             kPidFile,
                             kDetach,
                             {"no-subreaper", '\0', false, "do not become the reaper of the container's orphans"},
                             {"no-pivot", '\0', false, "do not use pivot root to jail the process (INSECURE)"},
                             {"tcp-close", '\0', false, "close TCP connections"},
                             {"lsm-profile", '\0', true, "LSM profile to restore with, TYPE:NAME"},
                             {"lsm-mount-context", '\0', true, "LSM mount context to restore with"}});
  return flags;
}

}  // namespace

std::vector<Command> Commands() {
  return {
      {"audit",
       "[command options] [container-id]",
       "look for isolation that a bundle lacks or weakens (exit code 2: something was found)",
       {kBundle,
        {"json", '\0', false, "print the findings as JSON"},
        {"fail-on", '\0', true, "the severity that is a failure: low, medium, high (default), critical or never"},
        kLang},
       0,
       1,
       AuditCommand},
      {"checkpoint", "[command options] <container-id>", "save a running container as images, by CRIU",
       CheckpointFlags(), 1, 1, CheckpointCommand},
      {"create", "[command options] <container-id>", "create a container", CreateFlags(), 1, 1,
       CreateCommand},
      {"delete",
       "[command options] <container-id>",
       "delete what a container holds, often used with a stopped one",
       {{"force", 'f', false, "kill the container if it still runs (uses SIGKILL)"}},
       1,
       1,
       DeleteCommand},
      {"events",
       "[command options] <container-id>",
       "display statistics of the container, and when the OOM killer strikes",
       {{"interval", '\0', true, "time between statistics (default: 5s)"},
        {"stats", '\0', false, "display the container's statistics once, then exit"}},
       1,
       1,
       EventsCommand},
      {"exec",
       "[command options] <container-id> <command> [command options]  || -p process.json <container-id>",
       "execute new process inside the container", ExecFlags(), 1, SIZE_MAX, ExecCommand},
      {"explain",
       "[command options] [container-id]",
       "show what starting a bundle would do, step by step",
       {kBundle,
        {"json", '\0', false, "print the plan as JSON"},
        {"script", '\0', false, "print a shell script that does it by hand, as far as a shell can"},
        kLang},
       0,
       1,
       ExplainCommand},
      {"features", "", "show the enabled features", {}, 0, 0, FeaturesCommand},
      {"kill",
       "[command options] <container-id> [signal]",
       "send a signal (default: SIGTERM) to the init process",
       {{"all", 'a', false, "send the signal to all processes of the container"}},
       1,
       2,
       KillCommand},
      {"list",
       "[command options]",
       "list containers started with the given root",
       {{"format", 'f', true, "table or json"}, {"quiet", 'q', false, "display only container IDs"}},
       0,
       0,
       ListCommand},
      {"mounts",
       "add|remove <container-id> <file>",
       "mount into a running container, or unmount what was mounted so (JSON as config.json's mounts, - for stdin)",
       {},
       3,
       3,
       MountsCommand},
      {"pause", "<container-id>", "suspend all processes of the container", {}, 1, 1, PauseCommand},
      {"ps",
       "[command options] <container-id> [ps options]",
       "list the processes of a container",
       {{"format", 'f', true, "table (of ps(1), default: ps -ef) or json"}},
       1,
       SIZE_MAX,
       PsCommand},
      {"restore", "[command options] <container-id>", "restore a container from a checkpoint, by CRIU",
       RestoreFlags(), 1, 1, RestoreCommand},
      {"resume", "<container-id>", "resume all processes that have been paused", {}, 1, 1, ResumeCommand},
      {"run", "[command options] <container-id>", "create and run a container", RunFlags(), 1, 1, RunCommand},
      {"spec",
       "[command options]",
       "create a new specification file",
       {kBundle, {"rootless", '\0', false, "for a user other than root"}},
       0,
       0,
       SpecCommand},
      {"start",
       "<container-id>",
       "execute the user defined process in a created container",
       {},
       1,
       1,
       StartCommand},
      {"state", "<container-id>", "output the state of a container", {}, 1, 1, StateCommand},
      {"update", "[command options] <container-id>", "update container resource constraints", UpdateFlags(),
       1, 1, UpdateCommand},
  };
}

}  // namespace estiba::ocicli
