#pragma once
// All containers: what they are, how they are, and everything that happens to them. The files beside this one each
// hold one side of it: create, start, stop, remove, notices (what monitors say), reconcile (after a start of the
// engine), views, wait, attach, exec, stats, update.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "../apparmor.h"
#include "../events.h"
#include "../host.h"
#include "../images.h"
#include "../networks.h"
#include "../spec/links.h"
#include "../tokens.h"
#include "../transfers.h"
#include "../volumes.h"
#include "base/guarded.h"
#include "base/result.h"
#include "base/rollback.h"
#include "cni/attach.h"
#include "dns/endpoint.h"
#include "engine/engine.h"
#include "http/loop.h"
#include "http/workers.h"
#include "link.h"
#include "monitorapi/journal.h"
#include "monitorapi/spawn.h"
#include "net/files.h"
#include "record.h"
#include "removed_exits.h"
#include "store/database.h"
#include "store/snapshots.h"
#include "trash.h"

namespace estiba::engine {

// A connection that waits for its container to be started.
struct Parked {
  os::UniqueFd fd;
  monitorapi::AttachOptions options;
};

struct ExitWaiter {
  Token token = 0;
  WaitCondition condition = WaitCondition::kNotRunning;
  std::function<void(apitypes::WaitResponse)> done;
};

class Container {
 public:
  explicit Container(std::string container_id) : id(std::move(container_id)) {}

  struct Data {
    ContainerRecord record;
    ContainerState state;
    std::shared_ptr<MonitorLink> link;  // null: no monitor
    bool concluding = false;            // the monitor has ended, its traces are being cleared
    bool told = false;                  // waiters know of the last exit
    bool uncleared = false;             // what its last run left on the host could not be taken away
    bool end_due = false;               // of a run whose start was told: its "die" was not yet
    bool boot_due = false;              // the host's start has yet to bring it back, in its turn
    bool removal_runs = false;          // somebody of this engine carries it out
    bool removed = false;               // nothing of it is written to the store any more
    int copies = 0;                     // into its files, while it does not run
    std::vector<Parked> parked;
    std::uint16_t rows = 0;
    std::uint16_t columns = 0;
    std::vector<ExitWaiter> waiters;
    std::vector<std::function<void()>> when_gone;  // once there is no monitor any more
    std::vector<std::function<void()>> when_settled;  // once it is known whether there is one
  };

  const std::string id;
  // Orders what changes it: start, rename, update, removal. Held across I/O; never taken on the event thread.
  std::mutex operation;
  std::mutex persist;  // orders writes of its state to the store
  std::condition_variable copies_changed;
  Guarded<Data> data;
};
using ContainerPtr = std::shared_ptr<Container>;

// Some of the endpoints are on networks of driver cni.
bool IsOnCni(const std::vector<Endpoint>& endpoints);
// What plugins may need more than the rest of a plan.
std::chrono::milliseconds CniPatience(const plan::Plan& plan);

class Containers {
 public:
  struct Wiring {
    http::Loop* loop;
    http::Workers* workers;
    Tokens* tokens;
    Events* events;
    store::Database* database;
    store::Snapshots* snapshots;
    Images* images;
    Volumes* volumes;
    Networks* networks;
    const Host* host;
    AppArmor* apparmor;
    std::function<Result<const monitorapi::Program*>()> monitor;
    std::function<std::shared_ptr<const Config>()> config;
    // Finds, or loads what comes with us. Of an index that is kept, the one for the platform; "": what the name names.
    std::function<Result<ImagePtr>(const std::string& name, const std::string& platform)> image;
    std::string init_program;
    std::string netd_program;
    std::string cni_program;
    std::function<void()> before_spawn;  // as of EngineOptions
    std::string uplink_program;
    int log_fd = -1;
  };
  static Result<std::unique_ptr<Containers>> Open(Wiring wiring);

  // Meets living monitors again, clears after dead ones, carries out what was decided (reconcile.cc). After a restart
  // of the host, StartWithHost() is to follow.
  Status Reconcile(bool host_restarted);
  void Stop();
  // ---- boot.cc
  // Starts what the restart policies bring back after a start of the host, each after those that it needs. `ended` is
  // called when all were tried, unless the engine ends before.
  void StartWithHost(std::function<void()> ended);
  // What that has done, once it is over; told once.
  void AwaitBoot(std::function<void(std::vector<BootStart>)> done);
  bool Booting();
  // Stops all that runs, in the other order; they come back with the host.
  void StopWithHost(const StopRequest& request, Done done);
  // Waits until nothing is left of what was removed.
  void EmptyTrash();
  // When an engine ends: what no running container needs of the host goes at once.
  void ClearHost();
  // When nobody has been there for a while.
  void ClearHostLater();
  // What CNI plugins have made for containers that are gone, and what only they know to be left.
  void ClearCniLater();

  Result<apitypes::ContainerCreateResponse> Create(const std::string& name, const std::string& platform,
                                                   apitypes::ContainerCreate create);
  Status Start(const std::string& id, const std::string& detach_keys);
  void StopOne(const std::string& id, const StopRequest& request, Done done);
  void Restart(const std::string& id, const StopRequest& request, Done done);
  Status Kill(const std::string& id, const std::string& signal);
  Status Pause(const std::string& id);
  Status Unpause(const std::string& id);
  void Remove(const std::string& id, const RemoveRequest& request, Done done);
  Status Rename(const std::string& id, const std::string& name);
  // "container/alias" (links.cc).
  Status RemoveLink(const std::string& name);
  Result<std::vector<std::string>> Update(const std::string& id, const apitypes::ContainerUpdate& update);
  Result<std::vector<apitypes::ContainerSummary>> List(const ListRequest& request);
  Result<apitypes::ContainerInspect> Inspect(const std::string& id, bool size);
  Result<Token> Wait(const std::string& id, WaitCondition condition, WaitCallbacks callbacks);
  Status Attach(const std::string& id, const AttachRequest& request, const TakeConnection& take);
  Status Resize(const std::string& id, std::uint16_t rows, std::uint16_t columns);
  Status Logs(const std::string& id, const LogsRequest& request, const TakeConnection& take, const StreamSink& sink);
  Result<apitypes::ContainerTop> Top(const std::string& id, const std::string& ps_args);
  Result<Token> Stats(const std::string& id, bool stream, bool one_shot, StatsCallbacks callbacks);
  Result<apitypes::PruneReport> Prune(const apitypes::Filters& filters);
  Result<std::string> Explain(const std::string& id, ExplainFormat format);
  Result<std::string> ExplainCreate(const std::string& name, apitypes::ContainerCreate create, ExplainFormat format);

  Result<std::string> CreateExec(const std::string& id, const apitypes::ExecCreate& create);
  Status StartExec(const std::string& exec_id, const apitypes::ExecStart& start, const TakeConnection& take);
  Result<apitypes::ExecInspect> InspectExec(const std::string& exec_id);
  // Probes it now.
  void RunHealthcheck(const std::string& id, std::function<void(Result<apitypes::HealthRun>)> done);
  Status ResizeExec(const std::string& exec_id, std::uint16_t rows, std::uint16_t columns);

  // ---- files.cc
  // What commit, export and diff need to know of a container.
  struct Source {
    std::string image_id;
    apitypes::ContainerConfig config;
    image::ContainerFiles files;
  };
  Result<Source> SourceOf(const std::string& id);
  // Pauses it if it runs; false when there is nothing to hold. Even of a killed engine it is let go again.
  Result<bool> HoldStill(const std::string& id);
  void LetGoOn(const std::string& id);
  void TellCommitted(const std::string& id, const std::string& comment, const std::string& image_id,
                     const std::string& reference);
  void TellExported(const std::string& id);

  // ---- view.cc
  // Where a container's files are: the parts of a job on paths that say it.
  struct View {
    image::PathJob path;
    image::ContainerFiles container;  // of one that does not run
    os::UniqueFd root;                // of one that does
    std::string user;                 // its processes'
    std::shared_ptr<void> hold;       // with `writes`, until they are done: it does not start
  };
  // For workers.
  Result<View> ViewOf(const std::string& id, bool writes);
  void TellCopied(const std::string& id, const char* action);

  // ---- for the other nouns -----------------------------------------------------------------------------------
  std::vector<ImageUser> UsersOfImage(const std::string& image_id);
  std::set<std::string> LayersInUse();
  // No container starts on these layers until the guard goes. Answers those that run on one meanwhile: layer → name.
  std::map<std::string, std::string> HoldStarts(std::set<std::string> layers, Rollback& release);
  std::set<std::string> VolumesInUse();
  // Containers that use it follow; kConflict while one of them runs (rename_volume.cc).
  Status RenameVolume(const std::string& name, const std::string& to);
  // Ids of the containers that use a volume.
  std::vector<std::string> UsersOfVolume(const std::string& name, const std::string& but = "");
  std::map<std::string, apitypes::NetworkContainer> ContainersOfNetwork(const NetworkRecord& network);
  // Whether a CNI network's plugins are ready, and whether the container is attached as they have told.
  Status AskCniStatus(const NetworkRecord& network);
  Status CheckCni(const std::string& id);
  Status ConnectNetwork(const NetworkRecord& network, const apitypes::NetworkConnect& connect);
  Status DisconnectNetwork(const NetworkRecord& network, const apitypes::NetworkDisconnect& disconnect);
  // The container's membership of a network that is no more.
  Status ForgetNetwork(const std::string& network, const apitypes::NetworkDisconnect& disconnect);
  // "[ip:][host:]container[/proto]". What is published more, if it runs; later starts publish it, too.
  Result<apitypes::PortMap> AddPorts(const std::string& id, const std::vector<std::string>& texts);
  // The same forms; without a host port, all of that container port.
  Status RemovePorts(const std::string& id, const std::vector<std::string>& texts);
  struct Counts {
    int running = 0, paused = 0, stopped = 0;
  };
  Counts Count();
  bool NothingRuns();

 private:
  struct Registry {
    std::map<std::string, ContainerPtr> by_id;
    std::map<std::string, std::string> names;  // name → id; also of containers being made
    std::map<std::string, ContainerPtr> being_made;
  };

  explicit Containers(Wiring wiring) : w_(std::move(wiring)), trash_(w_.snapshots, w_.workers, w_.loop) {}
  Status Load();

  // ---- registry (containers.cc)
  Result<ContainerPtr> Get(const std::string& id);  // name, id, prefix; kNotFound "No such container: x"
  // As Get(), for whoever holds `operation`: not one whose removal has overtaken us.
  static Status CheckThere(const ContainerPtr& container);
  std::vector<ContainerPtr> All();
  // With those being made: what they stand on is in use.
  std::vector<ContainerPtr> AllAndBeingMade();
  Result<std::string> ReserveName(const std::string& wanted, const std::string& id);
  void ReleaseName(const std::string& name, const std::string& id);
  Status SaveRecord(const ContainerPtr& container);
  void ForgetHold(const ContainerPtr& container);  // files.cc
  // ---- view.cc
  static Result<os::UniqueFd> OpenRootOf(const std::string& id, pid_t pid, std::uint64_t start_time);
  Result<std::optional<View>> ViewOfRunning(const ContainerPtr& container);
  Result<View> ViewOfStopped(const ContainerPtr& container);
  Result<image::ViewMount> MountInView(const MountPoint& point);
  static std::shared_ptr<void> HoldStopped(const ContainerPtr& container);
  // Until nothing is copied into it any more; kConflict when that takes long.
  static Status AwaitCopies(const ContainerPtr& container);
  Status SaveState(const ContainerPtr& container);
  void SaveStateOrLog(const ContainerPtr& container);
  void Publish(const ContainerPtr& container, const std::string& action, Events::Attributes extra = {});
  std::string Folder(const std::string& id) const { return w_.config()->data_root + "/containers/" + id; }
  std::string RunFolder(const std::string& id) const { return w_.config()->run_root + "/c/" + id; }
  // For its next start; and what the last one had, which is empty where the host delegates none.
  std::string CgroupPath(const ContainerRecord& record) const;
  std::string CgroupInUse(const Container::Data& data) const;

  // ---- create.cc
  struct Draft {
    ContainerRecord record;
    std::vector<std::string> warnings;
  };
  Result<Draft> MakeDraft(apitypes::ContainerCreate create, const std::string& platform);
  // Adds what Docker adds to the options.
  Status CheckLabels(apitypes::HostConfig& host, std::vector<std::string>& warnings);
  Status CheckNamespaces(const apitypes::HostConfig& host);
  Status CheckNetworks(ContainerRecord& record, std::vector<std::string>& warnings);
  Status AddVolumesFrom(const apitypes::ContainerCreate& create, std::vector<MountPoint>& mounts);
  Status MakeVolumes(const ContainerRecord& record, std::vector<std::string>& made);
  Status HoldImages(const ContainerPtr& container);
  Status Make(const ContainerPtr& container);
  void TakeBack(const ContainerPtr& container, const std::vector<std::string>& volumes);
  Status CheckBinds(const ContainerRecord& record);
  Status CheckSpec(const ContainerRecord& record);

  // ---- start.cc
  struct Launch {
    std::vector<Endpoint> endpoints;
    PortSet ports;
  };
  // ---- log_outlet.cc: looks up, and tries, who takes its log; waits some seconds for one that does not answer
  Result<monitorapi::LogOutlet> OutletOf(const ContainerRecord& record);
  Status CheckLayersSettled(const ContainerRecord& record);
  Status StartLocked(const ContainerPtr& container, std::uint64_t restart_count);
  Result<SpecContext> ContextOf(const ContainerRecord& record);
  Result<plan::Plan> MakePlan(const ContainerRecord& record, const SpecContext& context,
                              const std::vector<Endpoint>& endpoints, const std::vector<net::PublishedPort>& ports);
  Result<plan::Network> PlanNetwork(const ContainerRecord& record, const std::vector<Endpoint>& endpoints,
                                    const std::vector<net::PublishedPort>& ports);
  Result<plan::Storage> PlanStorage(const ContainerRecord& record);

  // ---- mount_sources.cc
  Status FindMountImages(std::vector<MountPoint>& mounts);
  Status AddVolumeDevices(const ContainerRecord& record, SpecContext& context);
  // Topmost first.
  Result<std::vector<plan::Layer>> LayerPaths(const std::vector<std::string>& chain_ids);
  Result<std::vector<plan::MountSource>> PlanSources(const ContainerRecord& record, const SpecContext& context);
  void PlanCopyUps(const ContainerRecord& record, const SpecContext& context, plan::ContainerInput& input);

  // ---- rename_volume.cc
  // By id.
  std::vector<ContainerPtr> ContainersOfVolume(const std::string& volume);
  Status CheckMayFollow(const ContainerPtr& container, const std::string& volume);

  // ---- user_namespace.cc
  Result<bool> WantsUserNamespace(const apitypes::HostConfig& host) const;
  // With `creation` held until the record is registered: two that are made at once get ids of their own.
  Status AllocateIds(ContainerRecord& record);
  Status AllocateProject(ContainerRecord& record);

  // ---- connect.cc, live_network.cc
  // What is to be of a container's networks and ports, begun with what is.
  struct LiveChange {
    ContainerRecord record;
    bool runs = false;  // else the record is all there is
    std::vector<Endpoint> endpoints;
    std::vector<net::PublishedPort> ports;
    std::vector<os::UniqueFd> sockets;  // that reserve those of `ports` which are new
  };
  // For whoever holds `operation` until the change is carried out.
  Result<LiveChange> BeginChange(const ContainerPtr& container);
  Status CarryPorts(LiveChange& change);
  Status CarryOut(const ContainerPtr& container, LiveChange change);
  Status AskForChange(const ContainerPtr& container, const LiveChange& change, std::uint64_t revision);
  void ApplyChange(const ContainerPtr& container);
  void DropChange(const ContainerPtr& container);
  void ConcludeChange(const ContainerPtr& container);
  Status SettleChange(const ContainerPtr& container);
  static Status RewriteFile(const std::string& path, std::string_view text);
  Status RewriteNameFiles(const ContainerRecord& before, const std::vector<Endpoint>& had,
                          const ContainerRecord& after, const std::vector<Endpoint>& has);
  void TellNetwork(const char* action, const NetworkRecord& network, const std::string& container);

  // ---- endpoints.cc
  Status CheckEndpointSettings(const NetworkRecord& network, const apitypes::EndpointSettings& settings);
  // create.endpoints gets every network that it is in, by name.
  Status ListNetworks(ContainerRecord& record);
  // A place in the network, beside those that it has.
  Result<Endpoint> JoinNetwork(const ContainerRecord& record, const NetworkRecord& network,
                               const apitypes::EndpointSettings& settings, const std::vector<IpPrefix>& last,
                               const std::vector<Endpoint>& beside);
  // The one that gives the default route of that family; null: none does. `by_the_host`: of those that the host routes.
  const Endpoint* GatewayOf(const ContainerRecord& record, const std::vector<Endpoint>& endpoints, bool v6,
                            bool by_the_host = false);
  std::optional<Ip> OutwardGateway(const ContainerRecord& record, const std::vector<Endpoint>& endpoints);
  Result<plan::Endpoint> PlanEndpoint(const ContainerRecord& record, const std::vector<Endpoint>& endpoints,
                                      const Endpoint& endpoint, const std::vector<net::PublishedPort>& ports);
  // Addresses that ports are published of: those of the endpoints that give the default routes.
  std::optional<Endpoint> Carrier(const ContainerRecord& record, const std::vector<Endpoint>& endpoints);

  // `last`: the endpoints of the run before.
  Status Allocate(const ContainerRecord& record, const std::vector<Endpoint>& last, Launch& launch);
  monitorapi::Launch LaunchMessage(const ContainerRecord& record, const Container::Data& data) const;
  Status SendLaunch(const ContainerPtr& container, PortSet& ports, const monitorapi::LogOutlet& outlet,
                    std::uint64_t restart_count, std::chrono::milliseconds patience);
  // `used` false: no container has had them.
  void Release(const std::vector<Endpoint>& endpoints, bool used = true);

  // ---- joined.cc
  // PID 1 of the container whose namespace ("pid", "ipc", "network") is joined.
  Result<int> JoinedPid(const std::string& kind, const std::string& mode);
  // What tells namespaces that are joined by a PID from those of whoever has that PID later.
  Result<std::vector<plan::KnownNamespace>> KnownNamespaces(const ContainerRecord& record, const SpecContext& context);
  // Whose name files these are: its own, or those of the container whose network it shares.
  Result<std::string> NameFilesFolder(const ContainerRecord& record);
  // A container that shares another's network has its host name, too.
  Status ShareHostname(ContainerRecord& record);

  // ---- links.cc: docker's, on the default network
  // Whom a new container's links are to.
  Status ResolveLinks(ContainerRecord& record);
  // kFailedPrecondition for one that does not run or is not on the default network.
  Result<LinkedContainer> LinkTo(const std::string& alias, const std::string& id);
  Status CheckLinks(const ContainerRecord& record);
  // Those that run.
  std::vector<LinkedContainer> LinksOf(const ContainerRecord& record);
  // The running containers that have a link to it, of its present address.
  void TellLinked(const ContainerPtr& target);
  // As docker writes them: "/db:/web/alias".
  std::vector<std::string> LinkWords(const ContainerRecord& record);
  // Its line in the container's /etc/hosts, in place of the one it had; none when it has no address.
  Status RewriteLink(const ContainerRecord& record, const LinkedContainer& link);
  // Before it is started again: what it is linked to has to run.
  void StartLinkedFirst(const ContainerPtr& container);

  // ---- name_files.cc
  Status WriteNameFiles(const ContainerRecord& record, const std::vector<Endpoint>& endpoints);
  Result<std::string> HostsText(const ContainerRecord& record, const std::vector<Endpoint>& endpoints);
  Result<std::string> AddressOfHost(const std::vector<Endpoint>& endpoints);
  net::ResolvInput ResolverOf(const ContainerRecord& record, const std::vector<Endpoint>& endpoints);
  // True when it is a member of a network that a user made: there names are answered at 127.0.0.11. On the default
  // bridge they are not shared, as docker has it.
  bool HasNames(const std::vector<Endpoint>& endpoints);
  // What others may ask of it, and of whom its own questions are asked.
  Result<dns::Endpoint> NamesOf(const ContainerRecord& record, const std::vector<Endpoint>& endpoints);
  static dns::Membership MembershipIn(const ContainerRecord& record, const NetworkRecord& network,
                                      const IpPrefix& address);
  // What it is called in a network: its name, aliases, short id and host name, each once.
  static std::vector<std::string> NamesIn(const ContainerRecord& record, const NetworkRecord& network);
  // After a rename: a running container is found by its new name.
  Status TellNames(const ContainerPtr& container);
  std::string NamesFolder() const { return w_.config()->run_root + "/net"; }
  // Of the lock and the records of net/host_use.h and net/forwarding.h.
  std::string HostFolder() const { return w_.config()->run_root + "/host"; }

  // ---- cni.cc
  Status CheckCniSettings(const NetworkRecord& network, const apitypes::EndpointSettings& settings);
  Status CheckCniUse(const ContainerRecord& record);
  // Whose plugins publish ports; nothing: nobody's.
  std::optional<Endpoint> CniCarrier(const std::vector<Endpoint>& endpoints);
  Result<cni::Attachment> CniAttachment(const ContainerRecord& record, const Endpoint& endpoint,
                                        const std::vector<net::PublishedPort>& ports);
  Result<plan::CniAttachments> PlanCni(const ContainerRecord& record, const std::vector<Endpoint>& endpoints,
                                       const std::vector<net::PublishedPort>& ports);
  Result<dns::Endpoint> CniNamesOf(const ContainerRecord& record, const std::vector<Endpoint>& endpoints);
  // What estiba-cni has noted of the container.
  std::optional<cni::Record> ReadCni(const std::string& id) const;
  // Addresses that plugins have given, which the state does not have.
  void FillCni(const std::string& id, ContainerState& state) const;
  Status TellCniNames(const ContainerRecord& record, const std::vector<Endpoint>& endpoints, plan::Plan& plan);
  bool MayBeAttached(const std::string& id);
  Status RunCniClear(const cni::GarbageRequest& request);
  Status ClearCni();
  void ForgetCni(const std::string& id);
  std::string CniFolder() const { return w_.config()->data_root + "/cni"; }

  // ---- clear_host.cc
  bool AnyBridged();

  // ---- notices.cc
  MonitorLink::Handlers HandlersFor(const ContainerPtr& container);
  struct Folded {
    bool finished = false;  // the journal says that nothing is left
    bool exited = false;    // an exit was folded in
    bool started = false;
  };
  // `until_start` stops before an exit: who has just started it must not take its exit for the last word.
  Result<Folded> Fold(const ContainerPtr& container, bool until_start);
  void FoldOrLog(const ContainerPtr& container, bool until_start = false);
  void TellStart(const ContainerPtr& container);
  void TellEnd(const ContainerPtr& container, std::int32_t code);
  void OnNotice(const ContainerPtr& container, MonitorLink& link, const monitorapi::Frame& frame);
  void OnExited(const ContainerPtr& container, MonitorLink& link, const monitorapi::Frame& frame);
  void OnExecExited(MonitorLink& link, const monitorapi::Frame& frame);
  void Conclude(const ContainerPtr& container, const std::shared_ptr<MonitorLink>& link);
  void ConcludeRun(const ContainerPtr& container, const std::shared_ptr<MonitorLink>& link);
  void ConcludeLater(const ContainerPtr& container);
  Status Recover(const ContainerPtr& container);
  // After a monitor that died: until its journal says that nothing is left. kConflict: it lives.
  Status Clear(const ContainerPtr& container);
  // Before its plan, which says what there is to clear, is replaced or deleted.
  Status EnsureCleared(const ContainerPtr& container);
  void TellWaiters(const ContainerPtr& container, bool final_exit);
  void TellRemoved(const ContainerPtr& container, std::int32_t code);
  // On a worker: what a dead monitor left down.
  void StartAgain(const ContainerPtr& container, std::uint64_t restart_count);
  // Nothing for one that somebody else has started, or removes.
  Status StartIfDown(const ContainerPtr& container, std::uint64_t restart_count);

  // ---- boot.cc
  struct GroupRun;
  struct Boot {
    bool runs = false;
    std::vector<BootStart> starts;
    std::vector<std::function<void(std::vector<BootStart>)>> waiting;
  };
  static bool ComesBack(const ContainerRecord& record, const ContainerState& state);
  // Ids in groups, each needing only those before it.
  std::vector<std::vector<std::string>> OrderOf(const std::vector<ContainerPtr>& containers);
  void RunGroup(const std::shared_ptr<GroupRun>& run, std::size_t index);
  void StartOfBoot(const ContainerPtr& container);
  void StopGroup(const std::shared_ptr<std::vector<std::vector<std::string>>>& order, std::size_t index,
                 const StopRequest& request, Done done);

  // ---- stop.cc, remove.cc
  Result<std::shared_ptr<MonitorLink>> RunningLink(const ContainerPtr& container, const char* what);
  bool WaitGone(const ContainerPtr& container, std::chrono::milliseconds timeout);
  void WhenGone(const ContainerPtr& container, std::function<void()> then);
  static void WhenSettled(const ContainerPtr& container, std::function<void()> then);
  Status EndRun(const ContainerPtr& container);
  // False when somebody removes it already, or has.
  static bool ClaimRemoval(const ContainerPtr& container);
  // Claims it and records the decision. kConflict when it is under way, or the container runs and it is not forced.
  Status DecideRemoval(const ContainerPtr& container, const RemoveRequest& request);
  // After a claim. What was begun is finished by the next rm or at the next start of the engine.
  Status FinishRemoval(const ContainerPtr& container);
  Status CarryOutRemoval(const ContainerPtr& container);
  Status DeleteFiles(const ContainerRecord& record);
  void DeleteVolumesOf(const ContainerRecord& record);
  Status ForgetRecord(const ContainerPtr& container, const ContainerState& state);
  // What nobody waits for: `--rm` after the end, and removals that an earlier engine had decided. On a worker.
  void RemoveByItself(const ContainerPtr& container);
  void RemoveWhenGone(const ContainerPtr& container);
  std::int64_t StopTimeoutMs(const ContainerRecord& record, const StopRequest& request) const;
  Result<int> StopSignal(const ContainerRecord& record, const StopRequest& request) const;

  // ---- reconcile.cc
  void ReconcileOne(const ContainerPtr& container, bool host_restarted);
  bool MeetAgain(const ContainerPtr& container);
  void SettleMet(const ContainerPtr& container, monitorapi::Client& client);
  bool NeverMade(const ContainerPtr& container);
  bool HasFolder(const std::string& id) const;

  // ---- exec.cc
  Status SaveExec(const ExecRecord& exec);
  Result<ExecRecord> GetExec(const std::string& exec_id);
  void EndExec(const std::string& exec_id, std::int32_t code, std::int64_t time);
  void ForgetExecs(const std::string& container_id);
  void EndExecsOf(const std::string& container_id);
  void ExpireExecs();
  Result<std::string> ExecPlan(const ContainerPtr& container, const ExecRecord& exec);
  // `context` as the container was started with.
  Result<std::string> EncodeExecPlan(const ContainerRecord& record, const SpecContext& context,
                                     const apitypes::ExecCreate& create);

  // ---- health.cc
  // Before a start, beside the container's plan.
  Status WriteHealthPlan(const ContainerRecord& record, const SpecContext& context, os::DirFd folder);
  std::optional<apitypes::Health> HealthView(const std::string& id, const ContainerState& state) const;
  void OnHealth(const ContainerPtr& container, const monitorapi::Frame& frame);
  void OnProbeStarted(const ContainerPtr& container, const monitorapi::Frame& frame);
  void OnProbeEnded(const ContainerPtr& container, const monitorapi::Frame& frame);

  // ---- views.cc
  apitypes::ContainerSummary Summary(const ContainerRecord& record, const ContainerState& state);
  apitypes::NetworkSettings Settings(const ContainerRecord& record, const ContainerState& state);
  apitypes::MountPoint MountView(const MountPoint& mount) const;
  Result<bool> Passes(const ContainerRecord& record, const ContainerState& state, const ListRequest& request);

  // ---- stats.cc
  struct Sampling;
  Result<apitypes::Stats> Sample(const ContainerPtr& container);
  void NextSample(const std::shared_ptr<Sampling>& sampling);

  Wiring w_;
  Guarded<Registry> registry_;
  Guarded<std::map<std::string, ExecRecord>> execs_;
  Guarded<std::set<std::string>> held_layers_;  // being repaired
  RemovedExits removed_exits_;
  Guarded<Boot> boot_;
  Trash trash_;
  const std::shared_ptr<SeccompProfiles> seccomp_ = std::make_shared<SeccompProfiles>();
  std::mutex creation_;  // from finding free ids to registering who has them
  std::mutex name_files_;  // while one is read and written again
  std::atomic<bool> has_links_ = false;  // some container has links, or had
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> clearing_host_ = false;  // a timer runs
};

}  // namespace estiba::engine
