#pragma once
// The domain: containers, images, volumes, networks, events. The API layers above decode, call one method,
// encode.
//
// Methods may be called from any thread and may block for a few milliseconds, except where they take
// callbacks: those return at once, hold no thread while they wait, and call back from any thread (never from
// within the call unless it says so). Error codes are what the API maps to status codes; messages are
// Docker's where Docker has one.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "apitypes/container.h"
#include "apitypes/container_inspect.h"
#include "apitypes/filters.h"
#include "apitypes/image.h"
#include "apitypes/network.h"
#include "apitypes/stats.h"
#include "apitypes/system.h"
#include "apitypes/volume.h"
#include "base/result.h"
#include "engine/config.h"
#include "http/loop.h"
#include "os/fd.h"
#include "sources/short_names.h"

namespace estiba::engine {

using Done = std::function<void(Status)>;

// Something that goes on until it ends by itself or is cancelled: a wait, a subscription, a transfer.
using Token = std::uint64_t;

// A client's connection, its HTTP head written, with bytes that were read behind the request.
struct Connection {
  os::UniqueFd fd;
  std::string leftover;
};
// Called once, after the request was checked: writes the head (of the content type that `tty` asks for) and
// takes the connection out of the server. What fails afterwards is written into the connection by the engine.
using TakeConnection = std::function<Result<Connection>(bool tty)>;

// A streamed answer written from the calling thread. `begin` comes once before the first bytes.
struct StreamSink {
  std::function<void(bool tty)> begin;
  std::function<bool(std::string_view bytes)>
      write;  // waits while the client is slow; false when it has gone
};

struct AttachRequest {
  bool in = false;
  bool out = false;
  bool err = false;
  bool logs = false;
  bool stream = false;
  std::string detach_keys;
};

struct LogsRequest {
  bool out = false;
  bool err = false;
  bool follow = false;
  bool timestamps = false;
  bool details = false;
  std::int64_t tail = -1;  // last lines; below 0: all
  std::int64_t since = 0;  // nanoseconds since the epoch; 0: unset
  std::int64_t until = 0;
};

struct StopRequest {
  std::optional<std::int64_t> timeout_seconds;  // below 0: wait for ever
  std::string signal;                           // empty: the container's
  bool with_host = false;                       // no user's wish: it comes back with the host
};

// A container that a start of the host was to bring back.
struct BootStart {
  std::string id;
  std::string name;
  std::string error;  // why it does not run; empty: it does
};

struct RemoveRequest {
  bool force = false;
  bool volumes = false;
};

enum class WaitCondition : unsigned char { kNotRunning, kNextExit, kRemoved };
struct WaitCallbacks {
  std::function<void()> accepted;                    // once, from within the call: the wait is registered
  std::function<void(apitypes::WaitResponse)> done;  // once, after `accepted`
};

struct ListRequest {
  bool all = false;
  bool size = false;
  std::int64_t limit = 0;
  apitypes::Filters filters;
};

struct EventsRequest {
  std::int64_t since = 0;  // nanoseconds since the epoch; 0: unset
  std::int64_t until = 0;
  apitypes::Filters filters;
};
struct EventsCallbacks {
  std::function<void()> accepted;
  std::function<void(const apitypes::Event&)> event;  // in order; must not block
  std::function<void()> ended;                        // `until` has come
};

struct StatsCallbacks {
  std::function<void(bool first, const apitypes::Stats&)> sample;  // must not block
  std::function<void(Status)> ended;
};

// Docker's JSON progress lines, "\r\n" included. `line` must not block. `done` ends it: an error before the
// first line is the answer's status, afterwards an error line.
struct ProgressCallbacks {
  std::function<void(std::string_view line)> line;
  Done done;
};
// Bytes that come while they are made.
struct OutputStream {
  os::UniqueFd bytes;             // the read end of a pipe
  std::function<Status()> ended;  // once it is at its end: whether that was all
};
// A path of a container: what docker tells of it, as JSON, and an archive of what is there.
struct PathArchive {
  std::string stat;
  OutputStream stream;
};
struct PutRequest {
  std::string container;
  std::string path;         // of a directory
  bool keep_kinds = false;  // no directory in the place of something else, and the other way round
  bool to_user = false;     // all belongs to the container's user then, if it has one
};
struct SaveRequest {
  std::vector<std::string> names;
  // "docker-archive", "oci-archive"; into a directory "oci-dir", "docker-dir". Empty: docker's and OCI's in one.
  std::string format = {};
  std::string platform = {};  // empty: the image's own; of an index that is here whole, all
};
struct LoadRequest {
  std::string platform = {};  // of an index; empty: the host's, with the others if they are all there
  bool quiet = false;
};
struct ImageListRequest {
  apitypes::Filters filters;
  bool shared_size = false;  // measured: reads what every layer takes
  bool manifests = false;
};
// Which of a name's images is meant.
struct ImageQuestion {
  std::string platform;    // empty: the image's own
  bool manifests = false;  // of the index that it stands in
};
struct ImageRemoveRequest {
  bool force = false;
  bool no_prune = false;
  std::vector<std::string> platforms;  // of an index's images only these; empty: all
};
struct CommitRequest {
  std::string container;
  std::string repository;  // of the name to give; empty: none
  std::string tag;         // empty: latest
  std::string comment;
  std::string author;
  bool pause = true;                                // a running container while its files are read
  std::vector<std::string> changes;                 // Dockerfile lines
  std::optional<apitypes::ContainerConfig> config;  // instead of the container's; what it leaves open is that's
};
struct ImportRequest {
  std::string url;  // where the archive is; empty: it is sent along
  std::string repository;
  std::string tag;
  std::string message;   // in the image's history
  std::string platform;  // empty: the host's
  std::vector<std::string> changes;
};
struct PullRequest {
  std::string reference;  // "localhost:5000/app:1"; no tag means latest
  std::string platform;   // empty: the host's
  bool all_platforms = false;  // the images of every platform are kept; the host's is the one that can be run
  apitypes::AuthConfig auth;
};

struct PushRequest {
  std::string name;      // "localhost:5000/app"; no tag, no digest
  std::string tag;       // empty: all tags that the name has here
  std::string platform;  // empty: whatever the tag names
  apitypes::AuthConfig auth;
};

// From one registry to another (or the same), past this engine's store.
struct CopyRequest {
  std::string source;       // "localhost:5000/app:1"; no tag means latest
  std::string destination;  // the same; with a digest, the source has to have it
  std::string platform;     // of an index's images the one to copy; empty: the host's
  bool all = false;         // the whole index instead
  bool referrers = false;   // with what refers to what is copied
  apitypes::AuthConfig source_auth;
  apitypes::AuthConfig destination_auth;
};

// What a registry is asked: the tags of a name; what refers to an image; by docker's search, what it has; docker's
// "distribution" of an image; its manifest or index, or the manifests of all that an index names.
struct RegistryQuestion {
  enum class Kind : unsigned char { kTags, kReferrers, kSearch, kDistribution, kManifest, kManifests };
  Kind kind = Kind::kTags;
  std::string subject;  // a name; an image; what to search for, "HOST/" in front of it where that is not Docker Hub
  unsigned limit = 25;  // of a search
  bool insecure = false;  // the registry may be spoken to without TLS, or with a certificate that nobody vouches for
  apitypes::AuthConfig auth;
};

// The full names that a short one may stand for.
struct NameMeanings {
  std::vector<std::string> names;  // to pull, in the order to try
  std::string here;                // the one that is meant and is here already; empty: there is none
  sources::Meanings::Choice choice = sources::Meanings::Choice::kNone;  // of `names`
};

enum class ExplainFormat : unsigned char { kText, kJson, kShell };

struct EngineOptions {
  Config config;
  std::string program_directory;  // where estibad is; its siblings are sought from there
  http::Loop* loop = nullptr;     // outlives the engine; must run (or be about to)
  std::string version;            // of the release
  int log_fd = -1;                // where monitors send their complaints
  std::function<void()> before_spawn;  // waits until children may be started; empty: at once
};

class Engine {
 public:
  // Takes the data root (kFailedPrecondition if another engine has it), opens the database, folds journals,
  // finds the living monitors and recovers what dead ones left. Call before the loop runs.
  static Result<std::unique_ptr<Engine>> Start(EngineOptions options);
  virtual ~Engine() = default;

  // ---- containers: `id` is a name, an id or an unambiguous prefix of one
  // -------------------------------------
  virtual Result<apitypes::ContainerCreateResponse> CreateContainer(const std::string& name,
                                                                    const std::string& platform,
                                                                    apitypes::ContainerCreate create) = 0;
  // kNotModified when it runs already.
  virtual Status StartContainer(const std::string& id, const std::string& detach_keys) = 0;
  virtual void StopContainer(const std::string& id, const StopRequest& request, Done done) = 0;
  virtual void RestartContainer(const std::string& id, const StopRequest& request, Done done) = 0;
  virtual Status KillContainer(const std::string& id, const std::string& signal) = 0;
  virtual Status PauseContainer(const std::string& id) = 0;
  virtual Status UnpauseContainer(const std::string& id) = 0;
  virtual void RemoveContainer(const std::string& id, const RemoveRequest& request, Done done) = 0;
  // Probes it now, by its health check. kConflict: it does not run, or has none.
  virtual void RunHealthcheck(const std::string& id, std::function<void(Result<apitypes::HealthRun>)> done) = 0;
  // "container/alias": a link on the default network, of which the container is told no more.
  virtual Status RemoveLink(const std::string& name) = 0;
  virtual Status RenameContainer(const std::string& id, const std::string& name) = 0;
  // Answers warnings.
  virtual Result<std::vector<std::string>> UpdateContainer(const std::string& id,
                                                           const apitypes::ContainerUpdate& update) = 0;
  virtual Result<std::vector<apitypes::ContainerSummary>> ListContainers(const ListRequest& request) = 0;
  virtual Result<apitypes::ContainerInspect> InspectContainer(const std::string& id, bool size) = 0;
  virtual Result<Token> WaitContainer(const std::string& id, WaitCondition condition,
                                      WaitCallbacks callbacks) = 0;
  virtual Status AttachContainer(const std::string& id, const AttachRequest& request,
                                 const TakeConnection& take) = 0;
  virtual Status ResizeContainer(const std::string& id, std::uint16_t rows, std::uint16_t columns) = 0;
  // A running container followed: its monitor takes the connection. Else the lines there are go to `sink`.
  virtual Status ContainerLogs(const std::string& id, const LogsRequest& request, const TakeConnection& take,
                               const StreamSink& sink) = 0;
  virtual Result<apitypes::ContainerTop> TopContainer(const std::string& id, const std::string& ps_args) = 0;
  virtual Result<Token> ContainerStats(const std::string& id, bool stream, bool one_shot,
                                       StatsCallbacks callbacks) = 0;
  virtual Result<apitypes::PruneReport> PruneContainers(const apitypes::Filters& filters) = 0;

  // ---- exec
  // ---------------------------------------------------------------------------------------------------
  virtual Result<std::string> CreateExec(const std::string& id,
                                         const apitypes::ExecCreate& create) = 0;  // its id
  // `take` is called unless `start.detach`. A command that cannot run is an error in the connection, or,
  // detached, the call's.
  virtual Status StartExec(const std::string& exec_id, const apitypes::ExecStart& start,
                           const TakeConnection& take) = 0;
  virtual Result<apitypes::ExecInspect> InspectExec(const std::string& exec_id) = 0;
  virtual Status ResizeExec(const std::string& exec_id, std::uint16_t rows, std::uint16_t columns) = 0;

  // ---- images
  // -------------------------------------------------------------------------------------------------
  virtual Result<std::vector<apitypes::ImageSummary>> ListImages(const ImageListRequest& request) = 0;
  // kNotFound when the image for the platform is not here.
  virtual Result<apitypes::ImageInspect> InspectImage(const std::string& name, const ImageQuestion& question) = 0;
  virtual Result<std::vector<apitypes::ImageHistoryItem>> ImageHistory(const std::string& name,
                                                                       const std::string& platform) = 0;
  virtual Status TagImage(const std::string& name, const std::string& repository, const std::string& tag) = 0;
  virtual Result<std::vector<apitypes::ImageDeleteItem>> RemoveImage(const std::string& name,
                                                                     const ImageRemoveRequest& request) = 0;
  virtual Result<apitypes::PruneReport> PruneImages(const apitypes::Filters& filters) = 0;
  // What a name stands for by registries.conf's rules for short names; PullImage itself takes names by Docker's.
  // `alias` is what the client's own aliases say of it ("": that it has none), in the place of registries.conf's.
  virtual Result<NameMeanings> ImageMeanings(const std::string& name, const std::optional<std::string>& alias) = 0;
  // Cancelling takes this client off; the transfer ends when nobody is left.
  virtual Result<Token> PullImage(const PullRequest& request, ProgressCallbacks callbacks) = 0;
  // kNotFound when there is no such image here. Cancelling ends the push.
  virtual Result<Token> PushImage(const PushRequest& request, ProgressCallbacks callbacks) = 0;
  // Cancelling ends the copy.
  virtual Result<Token> CopyImage(const CopyRequest& request, ProgressCallbacks callbacks) = 0;
  // Its one line is the answer, JSON as image::Question says.
  virtual Result<Token> AskRegistry(const RegistryQuestion& question, ProgressCallbacks callbacks) = 0;
  // Asks the registry at `auth.server_address`. Its one line is docker's answer, when it lets the user in.
  virtual Result<Token> CheckLogin(const apitypes::AuthConfig& auth, ProgressCallbacks callbacks) = 0;
  // `archive`: a descriptor to read docker-save or OCI archives from, or a directory that is an OCI layout.
  virtual Result<Token> LoadImages(const LoadRequest& request, os::UniqueFd archive, ProgressCallbacks callbacks) = 0;
  // An archive of the form asked for.
  virtual Result<OutputStream> SaveImages(const SaveRequest& request) = 0;
  // The same from the position of an open file on, or, where the form allows it, into an empty directory. Cancelling
  // ends it.
  virtual Result<Token> SaveImagesTo(const SaveRequest& request, os::UniqueFd file, Done done) = 0;
  // A new image of what the container has changed, on top of its own image. `done` answers the image's id; a client
  // that leaves does not stop it.
  virtual Status CommitContainer(const CommitRequest& request, std::function<void(Result<std::string>)> done) = 0;
  // A tar archive of a root file system, plain or compressed, as an image. The last line has its id as "status".
  virtual Result<Token> ImportImage(const ImportRequest& request, os::UniqueFd archive,
                                    ProgressCallbacks callbacks) = 0;
  // A tar archive of all that the container shows, without what is mounted in it.
  virtual Result<OutputStream> ExportContainer(const std::string& id) = 0;
  // docker's answer: [{"Path":"/etc","Kind":0},…].
  virtual Result<OutputStream> ContainerChanges(const std::string& id) = 0;
  // What is at a path of a container, whether it runs or not, with what is mounted there: docker's path stat as JSON.
  virtual Result<std::string> StatContainerPath(const std::string& id, const std::string& path) = 0;
  // A tar archive of it, perhaps compressed, with the path's last name in front.
  virtual Result<PathArchive> TakeContainerPath(const std::string& id, const std::string& path, bool gzip) = 0;
  // A tar archive, plain or compressed, into a directory of a container; what had come when it failed stays. Cancelling
  // ends it.
  virtual Result<Token> PutContainerPath(const PutRequest& request, os::UniqueFd archive, Done done) = 0;

  // ---- volumes and networks
  // -------------------------------------------------------------------------------------
  virtual Result<apitypes::VolumeList> ListVolumes(const apitypes::Filters& filters) = 0;
  virtual Result<apitypes::Volume> InspectVolume(const std::string& name) = 0;
  virtual Result<apitypes::Volume> CreateVolume(const apitypes::VolumeCreate& create) = 0;
  virtual Status RemoveVolume(const std::string& name, bool force) = 0;
  // Containers that use it follow; kConflict while one of them runs.
  virtual Status RenameVolume(const std::string& name, const std::string& to) = 0;
  // A volume `copy` with what is in `name` now.
  virtual Result<apitypes::Volume> SnapshotVolume(const std::string& name, const std::string& copy) = 0;
  // Its files as a tar archive, the volume's own directory as "./".
  virtual Result<OutputStream> ExportVolume(const std::string& name) = 0;
  // A tar archive, plain or compressed, over what is in the volume. No line comes; what had come when it failed stays.
  virtual Result<Token> ImportVolume(const std::string& name, os::UniqueFd archive, ProgressCallbacks callbacks) = 0;
  virtual Result<apitypes::PruneReport> PruneVolumes(const apitypes::Filters& filters) = 0;

  virtual Result<std::vector<apitypes::Network>> ListNetworks(const apitypes::Filters& filters) = 0;
  virtual Result<apitypes::Network> InspectNetwork(const std::string& name) = 0;
  virtual Result<apitypes::NetworkCreateResponse> CreateNetwork(const apitypes::NetworkCreate& create) = 0;
  virtual Status RemoveNetwork(const std::string& name) = 0;
  virtual Status ConnectNetwork(const std::string& name, const apitypes::NetworkConnect& connect) = 0;
  virtual Status DisconnectNetwork(const std::string& name,
                                   const apitypes::NetworkDisconnect& disconnect) = 0;
  // Ours: published ports of a container, whether it runs or not. Each "[ip:][host:]container[/proto]"; what a running
  // container got. To remove: a host port or address left out stands for every one.
  virtual Result<apitypes::PortMap> AddPorts(const std::string& container, const std::vector<std::string>& ports) = 0;
  virtual Status RemovePorts(const std::string& container, const std::vector<std::string>& ports) = 0;
  // Ours: what plugins say of a network of driver cni, and of each running container's attachment to it. In pairs: what
  // was looked at ("network blue", "container web"), and what is wrong with it, or nothing.
  using Findings = std::vector<std::pair<std::string, std::string>>;
  virtual Result<Findings> CheckNetwork(const std::string& name) = 0;
  virtual Result<apitypes::PruneReport> PruneNetworks(const apitypes::Filters& filters) = 0;

  // ---- system
  // ---------------------------------------------------------------------------------------------------
  // `done` once what the host's start was to bring back has been tried: what nobody was told of yet. After a
  // StopWithHost() it is brought back now.
  virtual void StartWithHost(std::function<void(Result<std::vector<BootStart>>)> done) = 0;
  // The engine ends a moment later, once this was answered; containers do not notice.
  virtual void End() = 0;
  // Stops all that runs, to come back with the host: who needs another first.
  virtual void StopWithHost(const StopRequest& request, Done done) = 0;
  virtual apitypes::Version GetVersion() = 0;  // without API versions, which the API layer knows
  virtual Result<apitypes::Info> GetInfo() = 0;
  // Docker's answer, with "Blobs" (Count, Size, Reclaimable) of ours. `types` are of container, image, volume and
  // build-cache; none: all.
  virtual Result<codec::Json> DiskUsage(const std::set<std::string>& types) = 0;
  // Reads every blob and compares every layer with what it was made of. With `repair`, what is broken is made again
  // from what is sound, or fetched. Fails when something broken is left, which the lines before name.
  virtual Status CheckStore(bool repair, ProgressCallbacks callbacks) = 0;
  virtual Result<Token> SubscribeEvents(const EventsRequest& request, EventsCallbacks callbacks) = 0;

  // Ends a wait, a subscription, a stats stream or one client's interest in a transfer; its callbacks may
  // still be running on another thread. Unknown tokens are fine.
  virtual void Cancel(Token token) = 0;

  // ---- own
  // --------------------------------------------------------------------------------------------------------
  // The plan of a container's last start, or of its next one.
  virtual Result<std::string> ExplainContainer(const std::string& id, ExplainFormat format) = 0;
  // The plan of a container that is not made.
  virtual Result<std::string> ExplainCreate(const std::string& name, apitypes::ContainerCreate create,
                                            ExplainFormat format) = 0;

  // SIGHUP: log level, log defaults, registries, limits for new containers; answers the keys that need a new
  // start.
  virtual std::vector<std::string> Reload(const Config& config) = 0;
  virtual Config CurrentConfig() const = 0;
  // True when nothing would be missed if the engine ended now: no container that runs needs it, no transfer,
  // no subscription.
  virtual bool Idle() = 0;
  // Before the end: no more callbacks, database closed in order. Containers go on.
  virtual void Stop() = 0;
};

}  // namespace estiba::engine
