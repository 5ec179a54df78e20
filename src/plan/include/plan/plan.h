#pragma once
// What a container is, in the kernel: a list of operations as a value. Built by build.h without a system call, carried
// by wire.h, carried out by `runtime` and `child`, shown by explain.h, taken back by undo.h.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plan/language.h"

namespace estiba::plan {

// Where a step runs. Steps of one place run in the order of the list; kHostChild steps run while the child works and
// are over before the child passes the next kWaitHost.
enum class Where : std::uint8_t {
  kHost = 0,       // in the parent, before the clone
  kHostChild = 1,  // in the parent, after the clone
  kChild = 2,      // in the child, which still sees the host's tree
  kRoot = 3,       // in the child, inside the container's root
  kAfter = 4,      // in the parent, after the program was executed
};

// Numbers are the wire format: never reused, never renumbered. From 1000 on they are child::Op + 1000.
enum class Op : std::uint16_t {
  kNone = 0,
  // ---- host, before the clone ----
  kOpenRoot = 1,         // text: path                                   out: mount tree
  kMountOverlay = 2,     // text: upper, work, lowers… ("": an image)    numbers: kOverlay…, append[, 1, uid and gid of
                         //                                              who makes it[, 1: bounded by a quota]]
                         //                                              in: [mount that the lowers are in, mount that
                         //                                              upper and work are in, then the images, which
                         //                                              are given up]           out: mount
  kOpenTree = 3,         // text: source[, path beneath it]              numbers: see sources.cc in: [a user namespace,
                         //                                              mount that is the source] out: mount tree
  kOpenNamespace = 4,    // text: path                                   numbers: CLONE_NEW…, 1: the child is born into
                         //                                              it[, inode that it must have]  out: namespace
  kCreateCgroup = 5,     // text: path, controllers…                     numbers: 1: in every hierarchy or not at all
  kWriteCgroup = 6,      // text: controller, file, value[, or file, value] numbers: optional
  kCgroupDevices = 7,    // text: rules, "allow c 1:3 rwm"
  kOpenUnified = 8,      // text: [path below the container's cgroup]    out: directory for CLONE_INTO_CGROUP
  kOpenTasks = 9,        // text: hierarchy, [path below]                out: its v1 "tasks" file
  kResolveUser = 10,     // text: "user[:group]" or "", extra groups     numbers: uid
  kRunHook = 11,         // text: path, args…; blob: environment         numbers: timeout, has env
  kOpenCgroupMount = 12, // text: hierarchy                              out: mount of the container's own cgroup
  kMakeIdMapFd = 13,     // text: uid_map, gid_map                       out: user namespace with these maps
  kOpenFile = 14,        // text: path                                   numbers: open flags     out: descriptor
  kAttachCgroup = 15,    // joins hierarchies that cannot be joined by the child itself
  kMaybeDirectory = 16,  // text: path                                   makes a missing bind source
  kOwnCgroup = 18,       //                                              numbers: uid of whom the cgroup is handed to
  kCopyUp = 17,          // text: directory in the root, the volume's    numbers: [1, uid and gid of who copies]
                         //                                              in: root[, mount of the volume]
  kMountFilesystem = 20, // text: type, source; blob: options            numbers: attributes, child::SuperFlags
                         //                                              out: mount
  kMountImage = 21,      // text: EROFS image                            in: [user namespace to map ids to] out: mount
  kOpenInitRoot = 19,    // exec: the root of the container's PID 1      out: directory
  // ---- host, while the child runs ----
  kWriteIdMaps = 40,     // text: uid_map, gid_map                       numbers: deny setgroups
  kOomScore = 41,        // text: value                                  numbers: 1: as far as may be
  kEnsureTable = 42,
  kEnsureBridge = 43,    // text: name, "address/length …", "subnet …" without an address, trusted interfaces…
                         //                                              numbers: mtu, masquerade, BridgeFlag,
                         //                                              net::GatewayMode of IPv4 and of IPv6
                         // blob: "address …": what is masqueraded leaves with, one a family
                         // as once written: text: name, gateway, subnet numbers: mtu, masquerade
  kAddVeth = 44,         // text: bridge, host name, container name, mac numbers: mtu[, 1: isolated]
  kConfigureInside = 45, // text: name, "address/length …", "gateway …"[, "path=value" below /proc/sys/net…]
  kPublishPorts = 46,    // text: "0.0.0.0:8080 172.17.0.2:80 tcp", "[::]:80 [fd00::2]:80 tcp"…
  kMoveLink = 47,        // text: name here, name there ("" the same)    in: the network namespace, or none: the child's
  kIntelRdt = 48,        // text: class, monitoring group or "", schemata… numbers: 1: makes the class
  kStartScope = 49,      // text: unit, cgroup path, "Name=value"…        numbers: 1: of the user's own manager
  kServeNames = 51,      // text: file of the endpoint; blob: what it holds  makes the sockets of 127.0.0.11, port 53
                         //                                              numbers: [1: lo is brought up before]
  kJoinScope = 50,       // text: unit                                   numbers: as above. exec: the child into it
  kEnsureParent = 54,    // text: link, what it is a VLAN of ("": a dummy) numbers: VLAN id
  kAddUpper = 55,        // text: kind, parent, name inside, mac ("": the parent's), mark, mode in words
                         //                                              numbers: mode, flag, mtu
  kUseHost = 110,        // text: folder, default bridge                 what bridged containers share stays to the end
  kForwarding = 111,     // text: folder                                 numbers: families, 4 and 6
  kCniAdd = 130,         // text: estiba-cni, folder of its records, container, networks…  numbers: most milliseconds
                         // blob: the request (cni/attach.h)
  kEnsureBridgeLink = 113, // text: bridge, mac, VRF or ""               numbers: mtu, VLAN or 0. Before kEnsureBridge
  kJoinVlan = 114,       // text: port of a bridge                       numbers: VLAN
  kRelayPorts = 115,     // text: folder, estiba-uplink                  passes on what comes to those of
                         //                                              kPublishPorts that the kernel does not lead
  kUserNetwork = 112,    // text: folder, estiba-uplink, way out or ""   where all steps of networks are run
  // ---- host, while the container runs: what changes a network that is there (network_change.h) ----
  kDefaultRoute = 120,   // text: name inside, gateway                   instead of the family's default route
  kWriteNames = 121,     // text and blob: as kServeNames                for sockets that are answered already
  // ---- host, afterwards ----
  kDeleteCgroup = 60,    // only in undo lists: text: path, controllers…
  kDeleteVeth = 61,      // only in undo lists: text: host name
  kUnpublishPorts = 62,  // only in undo lists: text: as kPublishPorts
  kKillCgroup = 63,      // only in undo lists: text: path
  kForgetNames = 66,     // only in undo lists: text: as kServeNames
  kStopScope = 65,       // only in undo lists: text: unit                numbers: as kStartScope
  kDeleteResctrl = 64,   // only in undo lists: text: path
  kDeleteUpper = 70,     // only in undo lists: text: parent, mark
  kCniDel = 131,         // only in undo lists: text and numbers: as kCniAdd
  // ---- child: 1000 + child::Op ----
  kChildBase = 1000,
};

// Of kEnsureBridge.
enum BridgeFlag : std::uint64_t {
  kBridgeApart = 1,     // its containers do not reach each other
  kBridgeInternal = 2,
};

// Numbers of the first descriptors of every plan.
inline constexpr int kNoSlot = -1;
// Of kMountOverlay.
inline constexpr std::uint64_t kOverlayUserXattr = 1;  // its marks are attributes that a user may set
inline constexpr std::uint64_t kOverlayVolatile = 2;   // nothing of it is written to the disk for its sake

struct Step {
  Op op = Op::kNone;
  Where where = Where::kHost;
  std::vector<std::string> text;
  std::vector<std::uint64_t> numbers;
  std::string blob;
  std::vector<int> in;   // slots that earlier steps filled
  int out = kNoSlot;     // the slot this step fills
  std::string why;       // the configuration field behind it: "mounts[3]", "process.user"
};

enum class Kind : std::uint8_t { kContainer = 0, kExec = 1 };

struct Plan {
  Kind kind = Kind::kContainer;
  std::string id;    // the container's
  std::string name;  // what messages call it: "web", or the id
  std::uint64_t clone_flags = 0;  // CLONE_NEW…: all namespaces of the one clone; exec: those to enter
  std::uint32_t slots = 0;        // descriptors the steps name
  std::string cgroup_path;        // as given to cgroup::Cgroup::Create; empty: none
  bool terminal = false;
  std::uint16_t rows = 0;
  std::uint16_t columns = 0;
  std::vector<std::string> args;
  std::vector<std::string> env;
  std::string state_json_head;    // the state document hooks read, before status and pid; empty: no hooks
  std::string state_json_tail;    // and behind them
  std::string bundle;             // where hooks of the host begin; empty: without hooks, "/"
  std::vector<std::string> warnings;  // what was asked for, is harmless to lack, and is lacking
  std::vector<Step> steps;
  // Counts changes of the network of the running container: which of them this plan holds.
  std::uint64_t revision = 0;
};

// "mount", "create-cgroup", …: as Explain and traces call it.
std::string_view OpName(Op op);
// The step that says in which network namespace the others of networks are run; null: where we are.
const Step* UserNetworkOf(const Plan& plan);
// Its kRelayPorts; null: it has none.
const Step* PortRelayOf(const Plan& plan);
// The step that starts the container's scope of systemd; null: it has none.
const Step* ScopeStart(const Plan& plan);
std::string_view WhereName(Where where);
// "mount 'proc' on '/proc'": what the step does, operands quoted; the subject of error messages.
std::string Describe(const Step& step, Language language = Language::kEnglish);
// "pid, mount, network" of CLONE_NEW… flags.
std::string DescribeNamespaces(std::uint64_t flags);

}  // namespace estiba::plan
