#pragma once
// What create, run and exec share: the plan for this host, descriptors to pass on, the caller's console and pid file.

#include <string>
#include <vector>

#include "base/result.h"
#include "commands.h"
#include "oci/runtime_spec.h"
#include "os/fd.h"
#include "plan/build.h"
#include "state_dir.h"

namespace estiba::ocicli {

// As realpath(3).
Result<std::string> Absolute(const std::string& path);
Result<plan::HostFacts> AskHost(const Globals& globals, const std::optional<cgroup::Hierarchies>& known = {});
// What only this configuration needs to be known of the host: classes of resctrl, Landlock.
Status AskHostFor(const oci::RuntimeSpec& spec, plan::HostFacts& facts);
// Warnings of the plan, and with --debug its steps.
void Report(const plan::Plan& plan, const Reporter& reporter);

struct Bundle {
  std::string path;    // absolute
  std::string rootfs;  // absolute
  std::string text;    // config.json as it is
  oci::RuntimeSpec spec;
};
// config.json of --bundle (default: the working directory), validated.
Result<Bundle> LoadBundle(const Flags& flags);

// Our caller's CPU affinity is less than the machine: not passed on to containers (as runc 1.5).
bool BoundToSomeCpus();
// What the plan of container `id` is built from.
Result<plan::ContainerInput> InputOf(const Context& context, const Bundle& bundle, const std::string& id,
                                     const plan::HostFacts& facts);
Record RecordOf(const Bundle& bundle, const plan::Plan& plan, pid_t pid, unsigned long long start_time);

// Where the state of this call's container is, absolute.
Result<std::string> StateFolder(const Context& context);

// Descriptors 3… that the container gets: those of LISTEN_FDS, then --preserve-fds. The former add LISTEN_FDS and
// LISTEN_PID=1 to `env`.
Result<std::vector<int>> PassedFds(const Flags& flags, std::vector<std::string>& env);

// The rules between terminals, --console-socket and who stays: `detached` is create, or run and exec with --detach.
Status CheckConsole(const Flags& flags, bool terminal, bool detached);

// Hands `terminal` to the socket of --console-socket, and the process to that of --pidfd-socket, where given.
Status SendConsole(const Flags& flags, int terminal);
Status SendPidfd(const Flags& flags, int pidfd);
// The number without a line end, replaced atomically: callers read it the moment they see the file.
Status WritePidFile(const Flags& flags, int pid);

}  // namespace estiba::ocicli
