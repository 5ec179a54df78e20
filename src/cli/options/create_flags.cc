#include <algorithm>
#include <array>
#include <vector>

#include "options/create_flags.h"

namespace estiba::cli {
namespace {

// Options both commands have; run adds its own.
constexpr auto kShared = std::to_array<Flag>({
    {'\0', "add-host", Kind::kList, "list", "Add a custom host-to-IP mapping (host:ip)"},
    {'\0', "annotation", Kind::kList, "map",
     "Add an annotation to the container (passed through to the OCI runtime)"},
    {'a', "attach", Kind::kList, "list", "Attach to STDIN, STDOUT or STDERR"},
    {'\0', "blkio-weight", Kind::kInt, "uint16",
     "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)"},
    {'\0', "cap-add", Kind::kList, "list", "Add Linux capabilities"},
    {'\0', "cap-drop", Kind::kList, "list", "Drop Linux capabilities"},
    {'\0', "cgroup-parent", Kind::kString, "string", "Optional parent cgroup for the container"},
    {'\0', "cgroupns", Kind::kString, "string", "Cgroup namespace to use (host|private)"},
    {'\0', "cidfile", Kind::kString, "string", "Write the container ID to the file"},
    {'\0', "cpu-period", Kind::kInt, "int", "Limit CPU CFS (Completely Fair Scheduler) period"},
    {'\0', "cpu-quota", Kind::kInt, "int", "Limit CPU CFS (Completely Fair Scheduler) quota"},
    {'c', "cpu-shares", Kind::kInt, "int", "CPU shares (relative weight)"},
    {'\0', "cpus", Kind::kDecimal, "decimal", "Number of CPUs"},
    {'\0', "cpuset-cpus", Kind::kString, "string", "CPUs in which to allow execution (0-3, 0,1)"},
    {'\0', "cpuset-mems", Kind::kString, "string", "MEMs in which to allow execution (0-3, 0,1)"},
    {'\0', "device", Kind::kList, "list", "Add a host device to the container"},
    {'\0', "device-cgroup-rule", Kind::kList, "list", "Add a rule to the cgroup allowed devices list"},
    {'\0', "device-read-bps", Kind::kList, "list", "Limit read rate (bytes per second) from a device"},
    {'\0', "device-read-iops", Kind::kList, "list", "Limit read rate (IO per second) from a device"},
    {'\0', "device-write-bps", Kind::kList, "list", "Limit write rate (bytes per second) to a device"},
    {'\0', "device-write-iops", Kind::kList, "list", "Limit write rate (IO per second) to a device"},
    {'\0', "dns", Kind::kList, "list", "Set custom DNS servers"},
    {'\0', "dns-opt", Kind::kList, "list", "", "dns-option"},
    {'\0', "dns-option", Kind::kList, "list", "Set DNS options"},
    {'\0', "dns-search", Kind::kList, "list", "Set custom DNS search domains"},
    {'\0', "domainname", Kind::kString, "string", "Container NIS domain name"},
    {'\0', "entrypoint", Kind::kString, "string", "Overwrite the default ENTRYPOINT of the image"},
    {'e', "env", Kind::kList, "list", "Set environment variables"},
    {'\0', "env-file", Kind::kList, "list", "Read in a file of environment variables"},
    {'\0', "expose", Kind::kList, "list", "Expose a port or a range of ports"},
    {'\0', "gidmap", Kind::kList, "list", "Group ids of the container's user namespace (INSIDE:HOST:COUNT)"},
    {'\0', "group-add", Kind::kList, "list", "Add additional groups to join"},
    {'\0', "health-cmd", Kind::kString, "string", "Command to run to check health"},
    {'\0', "health-interval", Kind::kString, "duration",
     "Time between running the check (ms|s|m|h) (default 0s)"},
    {'\0', "health-on-failure", Kind::kString, "action",
     "What to do when the container becomes unhealthy (\"none\", \"kill\", \"restart\", \"stop\") (default \"none\")"},
    {'\0', "health-retries", Kind::kInt, "int", "Consecutive failures needed to report unhealthy"},
    {'\0', "health-start-interval", Kind::kString, "duration",
     "Time between running the check during the start period (ms|s|m|h) (default 0s)"},
    {'\0', "health-start-period", Kind::kString, "duration",
     "Start period for the container to initialize before starting health-retries countdown (ms|s|m|h) "
     "(default 0s)"},
    {'\0', "health-timeout", Kind::kString, "duration",
     "Maximum time to allow one check to run (ms|s|m|h) (default 0s)"},
    {'h', "hostname", Kind::kString, "string", "Container host name"},
    {'\0', "init", Kind::kBool, "",
     "Run an init inside the container that forwards signals and reaps processes"},
    {'i', "interactive", Kind::kBool, "", "Keep STDIN open even if not attached"},
    {'\0', "ip", Kind::kString, "string", "IPv4 address (e.g., 172.30.100.104)"},
    {'\0', "ip6", Kind::kString, "string", "IPv6 address (e.g., 2001:db8::33)"},
    {'\0', "ipc", Kind::kString, "string", "IPC mode to use"},
    {'l', "label", Kind::kList, "list", "Set meta data on a container"},
    {'\0', "label-file", Kind::kList, "list", "Read in a line delimited file of labels"},
    {'\0', "link", Kind::kList, "list", "Add link to another container"},
    {'\0', "link-local-ip", Kind::kList, "list", "Container IPv4/IPv6 link-local addresses"},
    {'\0', "log-driver", Kind::kString, "string", "Logging driver for the container"},
    {'\0', "log-opt", Kind::kList, "list", "Log driver options"},
    {'\0', "mac-address", Kind::kString, "string", "Container MAC address (e.g., 92:d0:c6:0a:29:33)"},
    {'m', "memory", Kind::kBytes, "bytes", "Memory limit"},
    {'\0', "memory-reservation", Kind::kBytes, "bytes", "Memory soft limit"},
    {'\0', "memory-swap", Kind::kSwap, "bytes",
     "Swap limit equal to memory plus swap: '-1' to enable unlimited swap"},
    {'\0', "memory-swappiness", Kind::kInt, "int",
     "Tune container memory swappiness (0 to 100) (default -1)"},
    {'\0', "mount", Kind::kList, "mount", "Attach a filesystem mount to the container"},
    {'\0', "name", Kind::kString, "string", "Assign a name to the container"},
    {'\0', "network", Kind::kList, "network", "Connect a container to a network"},
    {'\0', "net", Kind::kList, "network", "", "network"},
    {'\0', "net-alias", Kind::kList, "list", "", "network-alias"},
    {'\0', "network-alias", Kind::kList, "list", "Add network-scoped alias for the container"},
    {'\0', "no-healthcheck", Kind::kBool, "", "Disable any container-specified HEALTHCHECK"},
    {'\0', "oom-kill-disable", Kind::kBool, "", "Disable OOM Killer"},
    {'\0', "oom-score-adj", Kind::kInt, "int", "Tune host's OOM preferences (-1000 to 1000)"},
    {'\0', "pid", Kind::kString, "string", "PID namespace to use"},
    {'\0', "pids-limit", Kind::kInt, "int", "Tune container pids limit (set -1 for unlimited)"},
    {'\0', "platform", Kind::kString, "string", "Set platform if server is multi-platform capable"},
    {'\0', "privileged", Kind::kBool, "", "Give extended privileges to this container"},
    {'p', "publish", Kind::kList, "list", "Publish a container's port(s) to the host"},
    {'P', "publish-all", Kind::kBool, "", "Publish all exposed ports to random ports"},
    {'\0', "pull", Kind::kString, "string",
     "Pull image before running (\"always\", \"missing\", \"never\") (default \"missing\")"},
    {'q', "quiet", Kind::kBool, "", "Suppress the pull output"},
    {'\0', "read-only", Kind::kBool, "", "Mount the container's root filesystem as read only"},
    {'\0', "restart", Kind::kString, "string",
     "Restart policy to apply when a container exits (default \"no\")"},
    {'\0', "rm", Kind::kBool, "",
     "Automatically remove the container and its associated anonymous volumes when it exits"},
    {'\0', "runtime", Kind::kString, "string", "Runtime to use for this container"},
    {'\0', "security-opt", Kind::kList, "list",
     "Security options: apparmor=PROFILE, seccomp=FILE, label=disable, no-new-privileges, systempaths=unconfined"},
    {'\0', "shm-size", Kind::kBytes, "bytes", "Size of /dev/shm"},
    {'\0', "stop-signal", Kind::kString, "string", "Signal to stop the container"},
    {'\0', "stop-timeout", Kind::kInt, "int", "Timeout (in seconds) to stop a container"},
    {'\0', "storage-opt", Kind::kList, "list", "Storage driver options for the container"},
    {'\0', "sysctl", Kind::kList, "map", "Sysctl options"},
    {'\0', "tmpfs", Kind::kList, "list", "Mount a tmpfs directory"},
    {'t', "tty", Kind::kBool, "", "Allocate a pseudo-TTY"},
    {'\0', "uidmap", Kind::kList, "list", "User ids of the container's user namespace (INSIDE:HOST:COUNT)"},
    {'\0', "ulimit", Kind::kList, "ulimit", "Ulimit options"},
    {'u', "user", Kind::kString, "string", "Username or UID (format: <name|uid>[:<group|gid>])"},
    {'\0', "userns", Kind::kString, "string", "User namespace to use: host, auto, auto:size=N"},
    {'\0', "uts", Kind::kString, "string", "UTS namespace to use"},
    {'v', "volume", Kind::kList, "list", "Bind mount a volume"},
    {'\0', "volume-driver", Kind::kString, "string", "Optional volume driver for the container"},
    {'\0', "volumes-from", Kind::kList, "list", "Mount volumes from the specified container(s)"},
    {'w', "workdir", Kind::kString, "string", "Working directory inside the container"},
});

constexpr auto kRunOnly = std::to_array<Flag>({
    {'d', "detach", Kind::kBool, "", "Run container in background and print container ID"},
    {'\0', "detach-keys", Kind::kString, "string", "Override the key sequence for detaching a container"},
    {'\0', "dry-run", Kind::kBool, "", "Print the plan of the container and make nothing"},
    {'\0', "json", Kind::kBool, "", "With --dry-run: print the plan as JSON"},
    {'\0', "sig-proxy", Kind::kBool, "", "Proxy received signals to the process (default true)"},
});

template <std::size_t kFirst, std::size_t kSecond>
constexpr auto Merge(const std::array<Flag, kFirst>& a, const std::array<Flag, kSecond>& b) {
  std::array<Flag, kFirst + kSecond> all{};
  std::merge(a.begin(), a.end(), b.begin(), b.end(), all.begin(),
             [](const Flag& x, const Flag& y) { return x.name < y.name; });
  return all;
}

constexpr auto kRun = Merge(kShared, kRunOnly);

// Those of the shared options that a container can be given later, too.
constexpr bool CanBeUpdated(std::string_view name) {
  constexpr auto kNames = std::to_array<std::string_view>(
      {"blkio-weight", "cpu-period", "cpu-quota", "cpu-shares", "cpus", "cpuset-cpus", "cpuset-mems",
       "memory", "memory-reservation", "memory-swap", "pids-limit", "restart"});
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

constexpr auto kUpdate = [] {
  std::array<Flag, std::count_if(kShared.begin(), kShared.end(),
                                 [](const Flag& flag) { return CanBeUpdated(flag.name); })>
      flags{};
  std::copy_if(kShared.begin(), kShared.end(), flags.begin(),
               [](const Flag& flag) { return CanBeUpdated(flag.name); });
  return flags;
}();

}  // namespace

std::span<const Flag> CreateFlags() { return kShared; }
std::span<const Flag> RunFlags() { return kRun; }
std::span<const Flag> UpdateFlags() { return kUpdate; }

}  // namespace estiba::cli
