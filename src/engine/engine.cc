// Start and end of the engine, and the calls that one noun answers alone.

#include "engine/engine.h"

#include <chrono>
#include <ctime>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "engine_impl.h"
#include "os/file.h"
#include "os/socket.h"
#include "paths.h"
#include "pull_sources.h"
#include "security/capability.h"
#include "store/image_probe.h"
#include "store/overlay_probe.h"
#include "warn.h"

namespace estiba::engine {
namespace {

constexpr const char* kBuiltinImage = "docker.io/estiba/busybox:latest";

constexpr std::chrono::seconds kLockPatience{3};
// A socket that takes connections for so long is that of an engine that lives: one that is being killed has its files
// for a moment longer, first the socket, then the lock.
constexpr std::chrono::milliseconds kServesFor{200};

Error LockedError(const std::string& data_root) {
  return Error(Code::kFailedPrecondition, "another engine uses the data root '" + data_root + "'");
}

std::vector<store::Migration> Migrations() {
  return {store::CreateTables({"containers", "states", "execs", "images", "tags", "volumes", "networks", kMeta}),
          store::CreateTables({RemovedExits::kTable}), store::CreateTables({kImageUses})};
}

}  // namespace

EngineImpl::EngineImpl(EngineOptions options)
    : options_(std::move(options)), config_(std::make_shared<const Config>(options_.config)),
      events_(options_.loop, &tokens_) {}

EngineImpl::~EngineImpl() { Stop(); }

std::shared_ptr<const Config> EngineImpl::config() const { return *config_.Lock(); }
Config EngineImpl::CurrentConfig() const { return *config(); }

Result<std::unique_ptr<Engine>> Engine::Start(EngineOptions options) {
  auto engine = std::make_unique<EngineImpl>(std::move(options));
  TRY(engine->Open());
  return std::unique_ptr<Engine>(std::move(engine));
}

Status EngineImpl::TakeDataRoot() {
  const auto now = config();
  TRY(os::EnsureDirectory(now->data_root, 0711));
  TRY(os::EnsureDirectory(now->run_root, 0711));
  lock_ = TRY(os::OpenAt({AT_FDCWD}, now->data_root + "/engine.lock", O_RDWR | O_CREAT, 0600));
  // An engine that was killed holds it until the kernel is done with it; one that serves keeps it.
  const auto start = std::chrono::steady_clock::now();
  auto silent = start;  // when nobody answered last
  while (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return Error::Errno(errno, "lock '" + now->data_root + "/engine.lock'");
    const auto moment = std::chrono::steady_clock::now();
    if (!os::ConnectUnix(now->socket, SOCK_STREAM).ok()) silent = moment;
    if (moment > silent + kServesFor || moment > start + kLockPatience) return LockedError(now->data_root);
    const timespec step{0, 10'000'000};
    ::nanosleep(&step, nullptr);
  }
  // Who held it may have deleted it with the rest (reset): then it keeps nobody out.
  struct stat ours{};
  struct stat named{};
  const bool there = ::fstat(lock_.get(), &ours) == 0 && ::stat((now->data_root + "/engine.lock").c_str(), &named) == 0;
  return there && ours.st_ino == named.st_ino && ours.st_dev == named.st_dev ? Ok() : TakeDataRoot();
}

Status EngineImpl::OpenStores() {
  const std::string& root = config()->data_root;
  database_ = TRY(store::Database::Open(root + "/estiba.db", Migrations()));
  content_ = TRY(store::ContentStore::Open(root + "/content"));
  snapshots_ = TRY(store::Snapshots::Open(root + "/snapshots"));
  if (!TRY(Transfers::AwaitStrays(root + "/snapshots")))
    log::Warn("a transfer of the engine before this one does not end: what it leaves is cleared at the next start");
  TRY(content_->DeleteLeftovers(""));
  leftovers_ = TRY(snapshots_->ListUnfinished());
  return Ok();
}

// Whether containers are copies of their layers. One that cannot be an overlay where overlays were asked for says so
// when it starts: images can be pulled all the same.
bool EngineImpl::CopiesLayers(StorageDriver driver) const {
  if (driver == StorageDriver::kCopy) return true;
  const Status usable = store::ProbeOverlay(*snapshots_, config()->rootless);
  if (usable.ok()) return false;
  const bool copies = driver == StorageDriver::kAuto;
  log::Warn(copies ? "no overlay can be mounted on the data root: containers are copies of their layers"
                   : "no overlay can be mounted on the data root",
            {{"error", usable.error().Message()}, {"filesystem", backing_.name}});
  return copies;
}

// Images of layers may be there from a time with another driver: whether they can be used is asked in any case.
Status EngineImpl::FindStorage() {
  const auto now = config();
  const os::UniqueFd folder = TRY(os::OpenAt({AT_FDCWD}, now->data_root + "/snapshots", O_RDONLY | O_DIRECTORY));
  backing_ = TRY(LookAtBacking({folder.get()}));
  host_.copies = CopiesLayers(now->storage_driver);
  Status usable = Error(Code::kFailedPrecondition, "not in a user namespace");
  if (!now->rootless) usable = store::ProbeImages({folder.get()});
  host_.facts.erofs_layers = usable.ok();
  if (usable.ok() || !now->LayersAreImages()) return Ok();
  return std::move(usable)
      .error()
      .Context("storage_driver \"erofs\" cannot be used here")
      .Hint("it takes Linux 6.12 with EROFS from files; \"auto\" takes what there is");
}

Result<const monitorapi::Program*> EngineImpl::Monitor() {
  if (options_.before_spawn) options_.before_spawn();
  const std::lock_guard lock(monitor_loading_);
  if (!monitor_.has_value()) {
    const std::string opened = "/proc/self/fd/" + std::to_string(monitor_file_.get());
    monitor_ = TRY_CTX(monitorapi::Program::Load(opened), "read '" + monitor_path_ + "'");
  }
  return &*monitor_;
}

Status EngineImpl::OpenNouns() {
  const auto now = config();
  const std::string& programs = options_.program_directory;
  http::Workers::Options pool;
  pool.threads = 64;
  pool.queue = 100'000;  // one entry for each container that ends at once
  pool.name = "estibad-chores";
  workers_ = std::make_unique<http::Workers>(pool);
  images_ = TRY(Images::Open(&*database_, &*content_, &*snapshots_));
  volumes_ = TRY(Volumes::Open(&*database_, now->data_root + "/volumes"));
  networks_ = TRY(Networks::Open(&*database_, *now));
  monitor_path_ = TRY(FindProgram(programs, "estiba-monitor"));
  monitor_file_ = TRY(os::OpenAt({AT_FDCWD}, monitor_path_, O_RDONLY));
  auto transfer = FindProgram(programs, "estiba-transfer");
  auto init = FindProgram(programs, "estiba-init");
  auto netd = FindProgram(programs, "estiba-netd");
  auto cni = FindProgram(programs, "estiba-cni");
  auto uplink = FindProgram(programs, "estiba-uplink");
  Transfers::Wiring transfers{options_.loop, workers_.get(), &tokens_, &*content_, &*snapshots_,
                              transfer.ok() ? transfer.value() : "estiba-transfer", options_.before_spawn,
                              now->data_root + "/snapshots",
                              [this](const image::LoadedImage& loaded, const std::string& reference) -> Status {
                                TRY(images_->Record(loaded, reference));
                                TidyAfterTransfer();
                                return Ok();
                              },
                              [this](const image::PushedTag& pushed) { return images_->RecordPush(pushed); },
                              [this] { CollectLater(); }};
  transfers.proxies = [this] {
    const auto current = config();
    return Transfers::Proxies{current->http_proxy, current->https_proxy, current->no_proxy};
  };
  transfers_ = std::make_unique<Transfers>(std::move(transfers));
  Containers::Wiring wiring{};
  wiring.loop = options_.loop;
  wiring.workers = workers_.get();
  wiring.tokens = &tokens_;
  wiring.events = &events_;
  wiring.database = &*database_;
  wiring.snapshots = &*snapshots_;
  wiring.images = images_.get();
  wiring.volumes = volumes_.get();
  wiring.networks = networks_.get();
  wiring.host = &host_;
  constexpr unsigned kMacAdmin = 33;  // CAP_MAC_ADMIN
  const bool loads = !now->rootless && host_.facts.kernel.first_user_namespace &&
                     (host_.capabilities & security::CapabilityBit(kMacAdmin)) != 0;
  wiring.apparmor = &apparmor_.emplace(loads, options_.before_spawn);
  wiring.monitor = [this] { return Monitor(); };
  wiring.config = [this] { return config(); };
  wiring.image = [this](const std::string& name, const std::string& platform) -> Result<ImagePtr> {
    ImagePtr image = TRY(FindImage(name));
    if (image->artifact_type.empty()) return ForPlatform(std::move(image), platform);
    return Error(Code::kInvalidArgument, "'" + name + "' is no image but an artifact of type '" +
                                             image->artifact_type + "': it has no files to run or to mount")
        .Hint("'estiba save --format oci-archive' and 'estiba push' hand it on");
  };
  wiring.init_program = !now->init_program.empty() ? now->init_program : init.ok() ? init.value() : "estiba-init";
  wiring.netd_program = netd.ok() ? netd.value() : "estiba-netd";
  wiring.cni_program = cni.ok() ? cni.value() : "estiba-cni";
  wiring.before_spawn = options_.before_spawn;
  wiring.uplink_program = uplink.ok() ? uplink.value() : "estiba-uplink";
  wiring.log_fd = options_.log_fd;
  containers_ = TRY(Containers::Open(std::move(wiring)));
  Images::Callbacks callbacks;
  callbacks.users = [this](const std::string& id) { return containers_->UsersOfImage(id); };
  callbacks.layers_in_use = [this] { return containers_->LayersInUse(); };
  callbacks.event = [this](const std::string& action, const std::string& id, const std::string& name) {
    events_.Publish("image", action, id, {{"name", name}});
  };
  callbacks.keep_blobs = [this] { return config()->images.keep_blobs; };
  images_->SetCallbacks(std::move(callbacks));
  return Ok();
}

Status EngineImpl::Open() {
  TRY(TakeDataRoot());
  host_ = TRY(ProbeHost(config()->rootless));
  TRY(OpenStores());
  TRY(FindStorage());
  TRY(OpenNouns());
  const bool host_restarted = TRY(HostRestarted());
  TRY_CTX(containers_->Reconcile(host_restarted), "meet the containers again");
  if (host_restarted) containers_->StartWithHost([this] { NoteBoot(); });
  ClearLater();
  containers_->ClearCniLater();
  containers_->ClearHostLater();  // an engine before us may have been killed before it did
  TidyHourly();
  return Ok();
}

void EngineImpl::Stop() {
  if (!workers_) return;
  if (containers_) containers_->Stop();
  if (containers_) containers_->ClearHost();
  if (transfers_) transfers_->Stop();
  workers_->Stop();
  if (containers_) containers_->EmptyTrash();
  workers_.reset();
  if (database_.has_value()) {
    const Status checkpoint = database_->Checkpoint();
    if (!checkpoint.ok()) log::Warn("checkpoint the database", {{"error", checkpoint.error().Message()}});
  }
}

bool EngineImpl::Idle() {
  return tokens_.empty() && transfers_->Idle() && !collecting_ && !containers_->Booting() && containers_->NothingRuns();
}

std::vector<std::string> EngineImpl::Reload(const Config& fresh) {
  std::vector<std::string> later;
  const auto old = config();
  Config next = *old;
  const auto fixed = [&](bool same, const char* key) {
    if (!same) later.emplace_back(key);
  };
  fixed(old->data_root == fresh.data_root, "data_root");
  fixed(old->run_root == fresh.run_root, "run_root");
  fixed(old->socket == fresh.socket, "socket");
  fixed(old->socket_group == fresh.socket_group, "socket_group");
  fixed(old->hosts == fresh.hosts && old->tls == fresh.tls && old->tlsverify == fresh.tlsverify,
        "hosts, tls, tlsverify");
  fixed(old->bridge == fresh.bridge && old->mtu == fresh.mtu, "network.bridge, network.mtu");
  fixed(old->bridge_ipv6 == fresh.bridge_ipv6 && old->bridge_subnet6 == fresh.bridge_subnet6,
        "network.bridge_ipv6, network.bridge_subnet6");
  fixed(old->default_bind == fresh.default_bind, "network.default_bind");
  fixed(old->cni == fresh.cni, "network.cni");
  fixed(old->cgroup_parent == fresh.cgroup_parent, "cgroup_parent");
  fixed(old->storage_driver == fresh.storage_driver, "storage_driver");
  fixed(old->log_file == fresh.log_file, "log.file");
  next.log_level = fresh.log_level;
  next.log_max_size = fresh.log_max_size;
  next.log_max_files = fresh.log_max_files;
  next.container_log_max_size = fresh.container_log_max_size;
  next.container_log_max_files = fresh.container_log_max_files;
  next.insecure_registries = fresh.insecure_registries;
  next.certs_folders = fresh.certs_folders;
  next.http_proxy = fresh.http_proxy;
  next.https_proxy = fresh.https_proxy;
  next.no_proxy = fresh.no_proxy;
  next.default_registry = fresh.default_registry;
  next.registries_folders = fresh.registries_folders;
  next.registries_file = fresh.registries_file;
  next.signatures_folder = fresh.signatures_folder;
  next.images = fresh.images;
  next.dns = fresh.dns;
  next.limits = fresh.limits;
  next.userns_auto = fresh.userns_auto;
  next.userns_ids = fresh.userns_ids;
  *config_.Lock() = std::make_shared<const Config>(std::move(next));
  events_.Publish("daemon", "reload", host_.name, {{"name", host_.name}});
  return later;
}

void EngineImpl::Cancel(Token token) { tokens_.Cancel(token); }

Result<Token> EngineImpl::SubscribeEvents(const EventsRequest& request, EventsCallbacks callbacks) {
  return events_.Subscribe(request, std::move(callbacks));
}

// ---- images that come with us ------------------------------------------------------------------------------------

image::TransferJob EngineImpl::LoadJob() const {
  image::TransferJob job;
  job.kind = image::JobKind::kLoad;
  job.user_xattrs = config()->rootless;
  job.erofs = config()->LayersAreImages();
  return job;
}

Status EngineImpl::LoadBuiltin(const std::string& archive) {
  os::UniqueFd file = TRY(os::OpenAt({AT_FDCWD}, archive, O_RDONLY));
  return TRY_CTX(transfers_->RunAndWait("builtin:" + archive, LoadJob(), {std::move(file), {}}),
                 "load the built-in image");
}

Result<ImagePtr> EngineImpl::FindImage(const std::string& name) {
  auto found = images_->Get(name);
  if (found.ok() || found.error().code() != Code::kNotFound) return found;
  const auto reference = oci::ParseReferenceOrLatest(name);
  if (!reference.ok() || reference.value().ToString() != kBuiltinImage) return found;
  const auto archive = FindShared(options_.program_directory, "images/busybox.tar");
  if (!archive.ok()) return found;
  TRY(LoadBuiltin(archive.value()));
  return images_->Get(name);
}

// What an earlier engine did not finish; whole trees, which may take long.
void EngineImpl::ClearLater() {
  workers_->Submit([this, names = std::exchange(leftovers_, {})] {
    for (const std::string& name : names)
      WarnIf(snapshots_->DeleteTakenAway(name), "clear what was not finished", name);
  });
  CollectLater();
}

// Layers and blobs that nothing needs. Later, and not beside a transfer.
void EngineImpl::CollectLater() {
  if (collecting_.exchange(true)) return;
  const bool queued = workers_->Submit([this] {
    collecting_ = false;  // what is let go from here on is for the next one
    // Refused beside a transfer, whose end calls us again.
    (void)transfers_->WhenIdle([this] {
      WarnIf(images_->ApplyPolicy(config()->images, WallNow()), "apply the policy for images", "");
      const auto collected = images_->Collect();
      if (!collected.ok()) log::Warn("clear unused layers", {{"error", collected.error().Message()}});
    });
  });
  if (!queued) collecting_ = false;
}

// What nobody uses gets old while nothing else happens.
void EngineImpl::TidyHourly() {
  options_.loop->AddTimer(std::chrono::hours(1), [this] {
    if (config()->images.removes()) CollectLater();
    TidyHourly();
  });
}

// ---- images ---------------------------------------------------------------------------------------------------------

Result<std::vector<apitypes::ImageSummary>> EngineImpl::ListImages(const ImageListRequest& request) {
  std::vector<apitypes::ImageSummary> images = TRY(images_->List(request.filters));
  if (request.shared_size) {
    const Images::Usage usage = TRY(images_->MeasureUsage());
    for (apitypes::ImageSummary& image : images) image.shared_size = usage.SharedOf(image.id);
  }
  if (!request.manifests) return images;
  for (apitypes::ImageSummary& summary : images) {
    const auto image = images_->Get(summary.id);
    if (image.ok()) summary.manifests = images_->Manifests(**image);
  }
  return images;
}

Status EngineImpl::TagImage(const std::string& name, const std::string& repository, const std::string& tag) {
  return images_->Tag(name, repository, tag);
}

Result<std::vector<apitypes::ImageDeleteItem>> EngineImpl::RemoveImage(const std::string& name,
                                                                       const ImageRemoveRequest& request) {
  TRY(CheckRemovedPlatforms(name, request.platforms));
  auto items = TRY(images_->Remove(name, request.force));
  if (!request.no_prune) CollectLater();
  return items;
}

Result<apitypes::PruneReport> EngineImpl::PruneImages(const apitypes::Filters& filters) {
  std::optional<Result<apitypes::PruneReport>> report;
  if (!transfers_->WhenIdle([&] { report.emplace(images_->Prune(filters)); })) {
    return Error(Code::kConflict, "a prune cannot run while images are pulled, loaded or saved");
  }
  return std::move(*report);
}

Result<Token> EngineImpl::CheckLogin(const apitypes::AuthConfig& auth, ProgressCallbacks callbacks) {
  image::TransferJob job;
  job.kind = image::JobKind::kLogin;
  job.reference = TRY(oci::RegistryHost(auth.server_address));
  const auto now = config();
  job.insecure_registries = now->insecure_registries;
  job.sources = {TRY(RegistryAt(job.reference, *now))};
  job.auth = AuthOf(auth);
  return transfers_->Start("", std::move(job), {}, std::move(callbacks));
}

Result<NameMeanings> EngineImpl::ImageMeanings(const std::string& name, const std::optional<std::string>& alias) {
  const oci::Reference own = TRY(oci::ParseReferenceOrLatest(name));
  sources::Meanings found;
  if (own.ToString() == kBuiltinImage) {
    found.names = {own};
  } else {
    found = TRY(MeaningsOf(name, alias, *config()));
  }
  NameMeanings out;
  out.choice = found.choice;
  for (const oci::Reference& one : found.names) out.names.push_back(one.ToString());
  for (const oci::Reference& one : found.local) {
    if (!images_->Get(one.ToString()).ok()) continue;
    out.here = one.ToString();
    break;
  }
  return out;
}

Result<Token> EngineImpl::PullImage(const PullRequest& request, ProgressCallbacks callbacks) {
  const oci::Reference reference = TRY(oci::ParseReferenceOrLatest(request.reference));
  image::TransferJob job;
  const std::string key = "pull:" + reference.ToString() + " " + request.platform +
                          (request.all_platforms ? " all" : "");
  os::UniqueFd archive;
  const auto builtin = FindShared(options_.program_directory, "images/busybox.tar");
  if (reference.ToString() == kBuiltinImage && builtin.ok()) {
    job = LoadJob();
    archive = TRY(os::OpenAt({AT_FDCWD}, builtin.value(), O_RDONLY));
  } else {
    const auto now = config();
    job.kind = image::JobKind::kPull;
    job.reference = reference.ToString();
    job.user_xattrs = now->rootless;
    job.erofs = now->LayersAreImages();
    job.insecure_registries = now->insecure_registries;
    job.stall_timeout = static_cast<unsigned>(now->stall_timeout);
    job.parallel_ranges = static_cast<unsigned>(now->parallel_ranges);
    job.signed_by = TRY(SignaturesOf(reference, *now));
    job.sources = TRY(SourcesOf(reference, *now, job.signed_by));
    job.keep_blobs = now->images.keep_blobs;
    job.all_platforms = request.all_platforms;
    if (const auto known = images_->Get(job.reference); known.ok()) job.known_id = (*known)->id;
    if (!request.platform.empty()) job.platform = TRY(oci::ParsePlatform(request.platform));
    job.auth = AuthOf(request.auth);
  }
  const Done done = std::move(callbacks.done);
  callbacks.done = [this, done, name = reference.Familiar()](Status status) {
    if (status.ok()) events_.Publish("image", "pull", name, {{"name", name}});
    done(std::move(status));
  };
  return transfers_->Start(key, std::move(job), {std::move(archive), {}}, std::move(callbacks));
}

// Called while the transfer ends: what is refused beside it comes right behind it.
void EngineImpl::TidyAfterTransfer() {
  const ImagePolicy& policy = config()->images;
  if (policy.removes() || !policy.keep_blobs) CollectLater();
}

// What a save or a push sends: blobs that the settings have dropped come from their registry again.
Result<Images::Hold> EngineImpl::HoldBlobs(const ImageRecord& image) {
  Images::Hold hold = images_->HoldBlobs(image.id);
  if (images_->MissingBlobs(image).empty() || config()->images.keep_blobs) return hold;
  ProgressCallbacks silent;
  silent.line = [](std::string_view) {};
  TRY_CTX(RestoreImage(image, silent), "fetch the layers of '" + image.id + "' again (images.keep_blobs is false)");
  return hold;
}

}  // namespace estiba::engine
