#pragma once
// The engine put together: every noun, and what lies between them.

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "backing.h"
#include "containers/containers.h"
#include "engine/engine.h"
#include "events.h"
#include "host.h"
#include "images.h"
#include "networks.h"
#include "tokens.h"
#include "transfers.h"
#include "volumes.h"

namespace estiba::engine {

inline constexpr const char* kMeta = "meta";  // the table of what is the engine's own

class EngineImpl final : public Engine {
 public:
  explicit EngineImpl(EngineOptions options);
  ~EngineImpl() override;
  Status Open();

  Result<apitypes::ContainerCreateResponse> CreateContainer(const std::string& name, const std::string& platform,
                                                            apitypes::ContainerCreate create) override;
  Status StartContainer(const std::string& id, const std::string& detach_keys) override;
  void StopContainer(const std::string& id, const StopRequest& request, Done done) override;
  void RestartContainer(const std::string& id, const StopRequest& request, Done done) override;
  void RunHealthcheck(const std::string& id, std::function<void(Result<apitypes::HealthRun>)> done) override;
  Status KillContainer(const std::string& id, const std::string& signal) override;
  Status PauseContainer(const std::string& id) override;
  Status UnpauseContainer(const std::string& id) override;
  void RemoveContainer(const std::string& id, const RemoveRequest& request, Done done) override;
  Status RemoveLink(const std::string& name) override;
  Status RenameContainer(const std::string& id, const std::string& name) override;
  Result<std::vector<std::string>> UpdateContainer(const std::string& id,
                                                   const apitypes::ContainerUpdate& update) override;
  Result<std::vector<apitypes::ContainerSummary>> ListContainers(const ListRequest& request) override;
  Result<apitypes::ContainerInspect> InspectContainer(const std::string& id, bool size) override;
  Result<Token> WaitContainer(const std::string& id, WaitCondition condition, WaitCallbacks callbacks) override;
  Status AttachContainer(const std::string& id, const AttachRequest& request, const TakeConnection& take) override;
  Status ResizeContainer(const std::string& id, std::uint16_t rows, std::uint16_t columns) override;
  Status ContainerLogs(const std::string& id, const LogsRequest& request, const TakeConnection& take,
                       const StreamSink& sink) override;
  Result<apitypes::ContainerTop> TopContainer(const std::string& id, const std::string& ps_args) override;
  Result<Token> ContainerStats(const std::string& id, bool stream, bool one_shot, StatsCallbacks callbacks) override;
  Result<apitypes::PruneReport> PruneContainers(const apitypes::Filters& filters) override;

  Result<std::string> CreateExec(const std::string& id, const apitypes::ExecCreate& create) override;
  Status StartExec(const std::string& exec_id, const apitypes::ExecStart& start, const TakeConnection& take) override;
  Result<apitypes::ExecInspect> InspectExec(const std::string& exec_id) override;
  Status ResizeExec(const std::string& exec_id, std::uint16_t rows, std::uint16_t columns) override;

  Result<std::vector<apitypes::ImageSummary>> ListImages(const ImageListRequest& request) override;
  Result<apitypes::ImageInspect> InspectImage(const std::string& name, const ImageQuestion& question) override;
  Result<std::vector<apitypes::ImageHistoryItem>> ImageHistory(const std::string& name,
                                                               const std::string& platform) override;
  Status TagImage(const std::string& name, const std::string& repository, const std::string& tag) override;
  Result<std::vector<apitypes::ImageDeleteItem>> RemoveImage(const std::string& name,
                                                             const ImageRemoveRequest& request) override;
  Result<apitypes::PruneReport> PruneImages(const apitypes::Filters& filters) override;
  Result<Token> CheckLogin(const apitypes::AuthConfig& auth, ProgressCallbacks callbacks) override;
  Result<Token> PullImage(const PullRequest& request, ProgressCallbacks callbacks) override;
  Result<Token> AskRegistry(const RegistryQuestion& question, ProgressCallbacks callbacks) override;
  Result<Token> PushImage(const PushRequest& request, ProgressCallbacks callbacks) override;
  Result<NameMeanings> ImageMeanings(const std::string& name, const std::optional<std::string>& alias) override;
  Result<Token> CopyImage(const CopyRequest& request, ProgressCallbacks callbacks) override;
  Result<Token> LoadImages(const LoadRequest& request, os::UniqueFd archive, ProgressCallbacks callbacks) override;
  Result<OutputStream> SaveImages(const SaveRequest& request) override;
  Result<Token> SaveImagesTo(const SaveRequest& request, os::UniqueFd file, Done done) override;
  Status CommitContainer(const CommitRequest& request, std::function<void(Result<std::string>)> done) override;
  Result<Token> ImportImage(const ImportRequest& request, os::UniqueFd archive, ProgressCallbacks callbacks) override;
  Result<OutputStream> ExportContainer(const std::string& id) override;
  Result<OutputStream> ContainerChanges(const std::string& id) override;
  Result<std::string> StatContainerPath(const std::string& id, const std::string& path) override;
  Result<PathArchive> TakeContainerPath(const std::string& id, const std::string& path, bool gzip) override;
  Result<Token> PutContainerPath(const PutRequest& request, os::UniqueFd archive, Done done) override;

  Result<apitypes::VolumeList> ListVolumes(const apitypes::Filters& filters) override;
  Result<apitypes::Volume> InspectVolume(const std::string& name) override;
  Result<apitypes::Volume> CreateVolume(const apitypes::VolumeCreate& create) override;
  Status RemoveVolume(const std::string& name, bool force) override;
  Status RenameVolume(const std::string& name, const std::string& to) override;
  Result<apitypes::Volume> SnapshotVolume(const std::string& name, const std::string& copy) override;
  Result<OutputStream> ExportVolume(const std::string& name) override;
  Result<Token> ImportVolume(const std::string& name, os::UniqueFd archive, ProgressCallbacks callbacks) override;
  Result<apitypes::PruneReport> PruneVolumes(const apitypes::Filters& filters) override;
  Result<std::vector<apitypes::Network>> ListNetworks(const apitypes::Filters& filters) override;
  Result<apitypes::Network> InspectNetwork(const std::string& name) override;
  Result<apitypes::NetworkCreateResponse> CreateNetwork(const apitypes::NetworkCreate& create) override;
  Status RemoveNetwork(const std::string& name) override;
  Status ConnectNetwork(const std::string& name, const apitypes::NetworkConnect& connect) override;
  Status DisconnectNetwork(const std::string& name, const apitypes::NetworkDisconnect& disconnect) override;
  Result<Findings> CheckNetwork(const std::string& name) override;
  Result<apitypes::PortMap> AddPorts(const std::string& container, const std::vector<std::string>& ports) override;
  Status RemovePorts(const std::string& container, const std::vector<std::string>& ports) override;
  Result<apitypes::PruneReport> PruneNetworks(const apitypes::Filters& filters) override;

  void StartWithHost(std::function<void(Result<std::vector<BootStart>>)> done) override;
  void StopWithHost(const StopRequest& request, Done done) override;
  void End() override;
  apitypes::Version GetVersion() override;
  Result<apitypes::Info> GetInfo() override;
  Result<codec::Json> DiskUsage(const std::set<std::string>& types) override;
  Status CheckStore(bool repair, ProgressCallbacks callbacks) override;
  Result<Token> SubscribeEvents(const EventsRequest& request, EventsCallbacks callbacks) override;
  void Cancel(Token token) override;
  Result<std::string> ExplainContainer(const std::string& id, ExplainFormat format) override;
  Result<std::string> ExplainCreate(const std::string& name, apitypes::ContainerCreate create,
                                    ExplainFormat format) override;
  std::vector<std::string> Reload(const Config& config) override;
  Config CurrentConfig() const override;
  bool Idle() override;
  void Stop() override;

 private:
  Status TakeDataRoot();
  Status OpenStores();
  Status FindStorage();
  bool CopiesLayers(StorageDriver driver) const;
  Status OpenNouns();
  // ---- engine_boot.cc
  // True when the host was restarted since an engine has last brought back what is to come back with it.
  Result<bool> HostRestarted();
  void NoteBoot();
  // ----
  std::shared_ptr<const Config> config() const;
  Result<ImagePtr> FindImage(const std::string& name);
  Status LoadBuiltin(const std::string& archive);
  image::TransferJob LoadJob() const;
  // ---- engine_platforms.cc
  // `image`, or if it is for another platform, one of the index it came from (pull --all-platforms, load), which is
  // unpacked when it is asked for first. `image` too when none is here whole.
  Result<ImagePtr> ForPlatform(ImagePtr image, const std::string& platform);
  // The same of a name, where only an image for that platform will do.
  Result<ImagePtr> OfPlatform(const std::string& name, const std::string& platform);
  // Whether all that is here of the image is for these platforms.
  Status CheckRemovedPlatforms(const std::string& name, const std::vector<std::string>& platforms);
  // ---- engine_formats.cc
  Result<image::NewImage> ImageOf(const CommitRequest& request, const Containers::Source& source);
  void TellNamed(const std::string& id, const std::string& name);
  // What the job writes; `what` is for the log, `after` is called at its end. `line` hears what it answers besides, and
  // `end` how it ended: true when that will be answered.
  struct Saving {
    image::TransferJob job;
    std::function<void()> after;  // lets go of what was held for it
  };
  Result<Saving> SavingOf(const SaveRequest& request);
  Result<OutputStream> StreamOut(image::TransferJob job, const std::string& what, std::function<void()> after = {},
                                 os::UniqueFd tree = {}, std::function<void(std::string_view)> line = {},
                                 std::function<bool(const Status&)> end = {}, Token* token = nullptr);
  Result<OutputStream> StreamContainer(const std::string& id, image::JobKind kind, const std::string& what);
  // ---- engine_paths.cc
  struct PathTransfer {
    image::TransferJob job;
    os::UniqueFd root;
    std::string user;            // of the container's processes
    std::shared_ptr<void> hold;  // until it is done
  };
  Result<PathTransfer> TransferOf(image::JobKind kind, const std::string& id, const std::string& path);
  // ----
  void CollectLater();
  void TidyHourly();
  void TidyAfterTransfer();
  Result<Images::Hold> HoldBlobs(const ImageRecord& image);
  Status RunCheck(bool repair, const ProgressCallbacks& callbacks);
  Result<std::vector<image::TransferEvent>> FindBroken(const ProgressCallbacks& callbacks);
  // Answers how many findings are left.
  Result<std::size_t> Repair(const std::vector<image::TransferEvent>& broken, const ProgressCallbacks& callbacks);
  bool KeepsAll(const ImageRecord& image) const;
  Status RestoreImage(const ImageRecord& image, const ProgressCallbacks& callbacks);
  Result<image::TransferJob> FetchJob(const std::string& reference) const;
  Status AddImageUsage(codec::Json& report);
  Status AddContainerUsage(codec::Json& report);
  Status AddVolumeUsage(codec::Json& report);
  void ClearLater();
  // Read when first needed: most commands start no container. It is the file that was there at our start.
  Result<const monitorapi::Program*> Monitor();
  apitypes::Network NetworkView(const NetworkRecord& record);
  Result<bool> NetworkPasses(const NetworkRecord& record, const apitypes::Filters& filters);

  EngineOptions options_;
  mutable Guarded<std::shared_ptr<const Config>> config_;
  os::UniqueFd lock_;
  Host host_;
  Backing backing_;  // of the data root
  std::optional<AppArmor> apparmor_;
  Tokens tokens_;
  Events events_;
  std::unique_ptr<http::Workers> workers_;
  std::optional<store::Database> database_;
  std::optional<store::ContentStore> content_;
  std::optional<store::Snapshots> snapshots_;
  std::vector<std::string> leftovers_;
  std::string monitor_path_;
  os::UniqueFd monitor_file_;
  std::mutex monitor_loading_;
  std::optional<monitorapi::Program> monitor_;
  std::unique_ptr<Images> images_;
  std::unique_ptr<Volumes> volumes_;
  std::unique_ptr<Networks> networks_;
  std::unique_ptr<Transfers> transfers_;
  std::unique_ptr<Containers> containers_;
  std::atomic<bool> collecting_ = false;
  std::atomic<bool> checking_ = false;
};

}  // namespace estiba::engine
