#pragma once
// From a configuration and facts about the host to a plan. Pure: no system call, no privilege, the same answer
// everywhere; what is asked for and cannot be had is an error that names the setting.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cgroup/hierarchy.h"
#include "cgroup/scope.h"
#include "net/parent_link.h"
#include "net/ports.h"
#include "net/setup.h"
#include "oci/runtime_spec.h"
#include "os/features.h"
#include "plan/plan.h"
#include "security/seccomp.h"

namespace estiba::plan {

// A layer of an image: a directory in overlay's form, or an EROFS image with such a tree in it. Absolute.
struct Layer {
  Layer(std::string at) : path(std::move(at)) {}
  Layer(const char* at) : path(at) {}
  Layer(std::string at, bool is_erofs) : path(std::move(at)), erofs(is_erofs) {}

  std::string path;
  bool erofs = false;
};

// Where the container's root comes from.
struct Storage {
  enum class Kind : unsigned char { kBundle, kOverlay };
  Kind kind = Kind::kBundle;
  std::string rootfs;               // kBundle: an absolute path
  std::vector<Layer> lowers;        // kOverlay: top layer first; at least one
  std::string upper;                // kOverlay: an existing directory; empty: a read-only root of the lowers alone
  std::string work;
  // Not empty: ids are mapped to the container's user namespace, so that files belong on disk to whom they do without
  // one. The directories that hold every lower, and upper and work; one file system each, which can be id-mapped.
  std::string layers_root{};
  std::string upper_root{};
  // Nothing of upper is kept when the container has ended: nothing has to reach the disk before.
  bool transient = false;
  bool limited = false;             // a quota bounds the upper directory: who makes the overlay must not be above it
};

// What a bind of spec.mounts shows, when that is not all of a folder of the host's.
struct MountSource {
  std::string destination{};           // of the mount in spec.mounts
  std::string subpath{};               // beneath the source; a link on the way that leads out of it is refused
  // A file system, mounted for this container; an empty type: none.
  std::string type{};                  // "nfs"
  std::string device{};                // ":/export"
  std::vector<std::string> options{};  // as of mount(8): "addr=10.0.0.1", "vers=4"
  std::vector<Layer> layers{};         // an image's, as Storage::lowers: shown read-only
};

// A link on a link of the host's, instead of a bridge's pair.
struct Upper {
  std::optional<net::ParentSpec> make{};  // the link it sits on, where that may have to be made
  net::UpperSpec link{};
  std::string mode{};  // for people: "mode l2 bridge"
};

// One attachment to a network; everything in it is already allocated by the engine.
struct Endpoint {
  net::BridgeSpec bridge;        // without a name: the one that `veth` names is not ours to see to
  net::VethSpec veth;
  net::InsideSpec inside;
  std::vector<net::PublishedPort> ports;
  std::optional<Upper> upper{};  // then there is no bridge and no pair
  unsigned vlan = 0;             // 1 to 4094: the pair's, on a bridge that filters VLANs
  std::string vrf{};             // that the bridge is in
};

// Networks that CNI plugins see to, which estiba-cni runs. Its request is the caller's to write (cni/attach.h).
struct CniAttachments {
  std::string program;                // estiba-cni
  std::string records;                // the folder in which it notes what is attached
  std::string container;              // as it is called there
  std::vector<std::string> networks;  // for people
  std::string request;
  std::chrono::milliseconds patience{0};  // for all of it
};

struct Network {
  enum class Mode : unsigned char {
    kAsSpec,  // what the specification's namespaces say and nothing more; a new namespace gets lo up (OCI)
    kNone,    // a new namespace with lo up
    kHost,    // the host's
    kBridge,  // a new namespace with endpoints
  };
  Mode mode = Mode::kAsSpec;
  std::vector<Endpoint> endpoints;
  // Where those who share the host's bridges and forwarding tell each other (net/host_use.h); empty: nowhere.
  std::string host_folder{};
  std::string default_bridge{};            // which goes with the last of them
  // A user's: bridges and what belongs to them are in a network namespace of his own (uplink/client.h), nothing is on
  // the host. `folder` empty: root's.
  struct OfUser {
    std::string folder{};
    std::string program{};  // estiba-uplink
    std::string way_out{};  // pasta or slirp4netns, absolute; empty: nothing leads outside
  };
  OfUser of_user{};
  // Root's: who passes on what comes to ports that the kernel does not lead (uplink/client.h). Empty: nobody.
  struct Relay {
    std::string folder{};
    std::string program{};  // estiba-uplink
  };
  Relay relay{};
  std::vector<unsigned> forwarding{};  // families that must be forwarded: 4, 6
  // Not empty: names are answered at 127.0.0.11, by whoever reads this file, which holds `names` (dns/endpoint.h).
  std::string names_file{};
  std::string names{};
  // Mode kBridge: beside endpoints, or in their place.
  std::optional<CniAttachments> cni{};
};

// A directory of the image whose content an empty named volume receives on first use (docker's copy-up). The mount of
// the same destination must be in spec.mounts.
struct CopyUp {
  std::string destination;
  std::string volume;  // the volume's directory on the host
};

// The inode of a namespace that a path is to lead to: a PID may be another's by the time it is opened.
struct KnownNamespace {
  oci::NamespaceType type;
  std::uint64_t inode = 0;
};

struct ContainerInput {
  std::string id;
  std::string name;         // for messages; empty: the id
  oci::RuntimeSpec spec;    // spec.root.path is not read: `storage` says it
  Storage storage;
  Network network;
  std::string cgroup_path;  // "/estiba/ID"; empty: spec.linux_config.cgroups_path, and if that is empty none
  bool use_cgroup = true;
  bool cgroup_required = false;  // where it may not be made is an error: root's, or nobody asks for a path by accident
  // systemd makes the cgroup, as this scope; `cgroup_path` is then the scope's.
  std::optional<cgroup::Scope> scope;
  // Engine: rlimits, nice, affinity, timer slack, … of whoever started us do not reach the container. An OCI runtime
  // passes on what its caller set, so estiba-oci leaves this false.
  bool isolate_from_parent = true;
  bool every_cpu = false;  // the caller is bound to some CPUs, and the container is not to be
  std::vector<std::string> made_when_missing;  // destinations of binds whose missing source becomes a directory: -v
  bool new_session_keyring = true;
  bool no_pivot = false;
  bool relayed_terminal = false;  // what comes out of it goes on to another terminal, which ends lines its own way
  std::string bundle;       // for hooks' state document
  std::vector<CopyUp> copy_up;
  std::vector<MountSource> sources{};
  std::vector<KnownNamespace> known_namespaces{};  // of spec's namespaces with paths
  std::optional<security::CompiledSeccomp> seccomp{};  // what linux.seccomp compiles to, where the caller knows
};

struct ExecInput {
  std::string id;           // the container's
  std::string name;
  oci::RuntimeSpec spec;    // the container's, as it was started
  oci::Process process;     // what to run in it
  std::string bundle;       // for the state document of a seccomp agent
  std::string cgroup_path;  // as of the container
  // Existing cgroups below the container's to join instead, by controller; "" stands for all of them.
  oci::StringMap sub_cgroups{};
  bool isolate_from_parent = true;
  bool every_cpu = false;         // as of ContainerInput
  bool relayed_terminal = false;  // as of ContainerInput
  std::optional<security::CompiledSeccomp> seccomp{};
  // A scope of the user's own manager, which moves the process there.
  std::string user_scope{};
};

// One mount more for a container that runs.
struct MountInput {
  std::string id;           // the container's
  std::string name;
  oci::RuntimeSpec spec;    // the container's, as it was started
  std::string bundle;       // what a relative source is relative to
  oci::Mount mount;
};

// A mount that was added to a container, and which one it is: its path alone may lead to another by now.
struct MountedAt {
  std::string path;
  std::uint64_t mount_id = 0;
  bool unique = false;      // the id is one that the kernel never gives again (6.8)
};

struct HostFacts {
  cgroup::Hierarchies cgroups;
  os::KernelFeatures kernel;
  std::string resctrl;                      // where resctrl is mounted; empty: nowhere
  std::vector<std::string> resctrl_classes;  // those that exist there
  bool rootless = false;         // we are in a user namespace of our own making (or any but the first)
  bool plain_user = false;       // we are not root, not even of such a namespace
  bool cgroups_writable = true;  // may make directories in every hierarchy that is used
  bool erofs_layers = false;     // 6.12: EROFS images are mounted from files
};

// Every word of mounts[].options that is understood here rather than handed to the file system, sorted.
std::vector<std::string> MountOptionNames();

Result<Plan> BuildContainer(const ContainerInput& input, const HostFacts& facts);
// Plans of kind kExec that end without a program: at kWaitStart everything is done.
Result<Plan> BuildMount(const MountInput& input, const HostFacts& facts);
Result<Plan> BuildUnmount(const MountInput& input, const MountedAt& at, const HostFacts& facts);
Result<Plan> BuildExec(const ExecInput& input, const HostFacts& facts);

}  // namespace estiba::plan
