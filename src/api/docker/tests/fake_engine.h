#pragma once
// An engine that answers what a test tells it to and remembers what it was asked.

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include <unistd.h>

#include "base/text.h"
#include "engine/engine.h"
#include "os/file.h"

namespace estiba::api::docker {

class FakeEngine : public engine::Engine {
 public:
  // What was called, with the operands that matter.
  std::vector<std::string> calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  std::string last() {
    const std::lock_guard lock(mutex_);
    return calls_.empty() ? "" : calls_.back();
  }
  // Every call that can fail fails with this, when set.
  std::function<Status()> fail;
  std::function<void(engine::WaitCallbacks)> on_wait = [](const engine::WaitCallbacks& c) { c.accepted(); };
  std::function<Status(const engine::TakeConnection&)> on_attach;
  std::function<Status(const engine::LogsRequest&, const engine::StreamSink&)> on_logs;
  std::function<void(engine::ProgressCallbacks)> on_transfer;
  std::function<void(engine::EventsCallbacks)> on_events;
  std::function<void(engine::StatsCallbacks)> on_stats;
  apitypes::ContainerCreate created;
  apitypes::ContainerSummary listed = [] {
    apitypes::ContainerSummary item;
    item.id = "id1";
    item.names = {"/web"};
    return item;
  }();
  std::string loaded;
  std::string stat = R"({"name":"etc"})";

  Result<apitypes::ContainerCreateResponse> CreateContainer(const std::string& name,
                                                            const std::string& platform,
                                                            apitypes::ContainerCreate create) override {
    TRY(Called("create " + name + " " + platform));
    created = std::move(create);
    return apitypes::ContainerCreateResponse{"id1", {"careful"}};
  }
  Status StartContainer(const std::string& id, const std::string&) override { return Called("start " + id); }
  void StopContainer(const std::string& id, const engine::StopRequest& request, engine::Done done) override {
    done(Called("stop " + id + " " + std::to_string(request.timeout_seconds.value_or(-99)) + " " +
                request.signal));
  }
  void RestartContainer(const std::string& id, const engine::StopRequest&, engine::Done done) override {
    done(Called("restart " + id));
  }
  void RunHealthcheck(const std::string& id, std::function<void(Result<apitypes::HealthRun>)> done) override {
    const Status called = Called("healthcheck " + id);
    if (!called.ok()) return done(called.error().Clone());
    done(apitypes::HealthRun{"unhealthy", 7, "no"});
  }
  void StartWithHost(std::function<void(Result<std::vector<engine::BootStart>>)> done) override {
    const Status called = Called("start with host");
    if (!called.ok()) return done(called.error().Clone());
    done(std::vector<engine::BootStart>{{"id1", "web", ""}, {"id2", "db", "no such device"}});
  }
  void End() override { (void)Called("end").ok(); }
  void StopWithHost(const engine::StopRequest& request, engine::Done done) override {
    done(Called("stop with host " + std::to_string(request.timeout_seconds.value_or(-99))));
  }
  Status KillContainer(const std::string& id, const std::string& signal) override {
    return Called("kill " + id + " " + signal);
  }
  Status PauseContainer(const std::string& id) override { return Called("pause " + id); }
  Status UnpauseContainer(const std::string& id) override { return Called("unpause " + id); }
  void RemoveContainer(const std::string& id, const engine::RemoveRequest& request,
                       engine::Done done) override {
    done(Called("remove " + id + (request.force ? " force" : "") + (request.volumes ? " volumes" : "")));
  }
  Status RemoveLink(const std::string& name) override { return Called("unlink " + name); }
  Status RenameContainer(const std::string& id, const std::string& name) override {
    return Called("rename " + id + " " + name);
  }
  Result<std::vector<std::string>> UpdateContainer(const std::string& id,
                                                   const apitypes::ContainerUpdate& update) override {
    TRY(Called("update " + id + " " + std::to_string(update.resources.memory)));
    return std::vector<std::string>{};
  }
  Result<std::vector<apitypes::ContainerSummary>> ListContainers(
      const engine::ListRequest& request) override {
    TRY(Called("list " + std::to_string(request.limit) + (request.all ? " all" : "") + " " +
               request.filters.ToJson()));
    return std::vector<apitypes::ContainerSummary>{listed};
  }
  apitypes::ContainerInspect inspected;
  Result<apitypes::ContainerInspect> InspectContainer(const std::string& id, bool size) override {
    TRY(Called("inspect " + id + (size ? " size" : "")));
    inspected.id = id;
    return inspected;
  }
  Result<engine::Token> WaitContainer(const std::string& id, engine::WaitCondition condition,
                                      engine::WaitCallbacks callbacks) override {
    TRY(Called("wait " + id + " " + std::to_string(static_cast<int>(condition))));
    on_wait(std::move(callbacks));
    return engine::Token{7};
  }
  Status AttachContainer(const std::string& id, const engine::AttachRequest& request,
                         const engine::TakeConnection& take) override {
    TRY(Called("attach " + id + (request.in ? " in" : "") + (request.out ? " out" : "") +
               (request.stream ? " stream" : "")));
    return on_attach(take);
  }
  Status ResizeContainer(const std::string& id, std::uint16_t rows, std::uint16_t columns) override {
    return Called("resize " + id + " " + std::to_string(rows) + "x" + std::to_string(columns));
  }
  Status ContainerLogs(const std::string& id, const engine::LogsRequest& request,
                       const engine::TakeConnection&, const engine::StreamSink& sink) override {
    TRY(Called("logs " + id + " " + std::to_string(request.tail) + " " + std::to_string(request.since)));
    return on_logs(request, sink);
  }
  Result<apitypes::ContainerTop> TopContainer(const std::string& id, const std::string& ps_args) override {
    TRY(Called("top " + id + " " + ps_args));
    return apitypes::ContainerTop{{"PID"}, {{"1"}}};
  }
  Result<engine::Token> ContainerStats(const std::string& id, bool stream, bool one_shot,
                                       engine::StatsCallbacks callbacks) override {
    TRY(Called("stats " + id + (stream ? " stream" : "") + (one_shot ? " one-shot" : "")));
    on_stats(std::move(callbacks));
    return engine::Token{8};
  }
  Result<apitypes::PruneReport> PruneContainers(const apitypes::Filters&) override {
    return Pruned("containers");
  }

  Result<std::string> CreateExec(const std::string& id, const apitypes::ExecCreate& create) override {
    TRY(Called("exec " + id + " " + create.cmd.front()));
    return std::string("exec1");
  }
  Status StartExec(const std::string& id, const apitypes::ExecStart& start,
                   const engine::TakeConnection& take) override {
    TRY(Called("start exec " + id + (start.detach ? " detach" : "")));
    return start.detach ? Ok() : on_attach(take);
  }
  Result<apitypes::ExecInspect> InspectExec(const std::string& id) override {
    TRY(Called("inspect exec " + id));
    apitypes::ExecInspect inspect;
    inspect.id = id;
    return inspect;
  }
  Status ResizeExec(const std::string& id, std::uint16_t rows, std::uint16_t columns) override {
    return Called("resize exec " + id + " " + std::to_string(rows) + "x" + std::to_string(columns));
  }

  apitypes::ImageSummary listed_image = [] {
    apitypes::ImageSummary image;
    image.size = 5;
    return image;
  }();
  Result<std::vector<apitypes::ImageSummary>> ListImages(const engine::ImageListRequest& request) override {
    TRY(Called("images " + request.filters.ToJson() + (request.shared_size ? " shared" : "") +
               (request.manifests ? " manifests" : "")));
    return std::vector<apitypes::ImageSummary>{listed_image};
  }
  apitypes::ImageInspect inspected_image;
  Result<apitypes::ImageInspect> InspectImage(const std::string& name,
                                              const engine::ImageQuestion& question) override {
    TRY(Called("inspect image " + name + (question.platform.empty() ? "" : " " + question.platform) +
               (question.manifests ? " manifests" : "")));
    inspected_image.id = name;
    return inspected_image;
  }
  Result<std::vector<apitypes::ImageHistoryItem>> ImageHistory(const std::string& name,
                                                               const std::string& platform) override {
    TRY(Called("history " + name + (platform.empty() ? "" : " " + platform)));
    return std::vector<apitypes::ImageHistoryItem>{};
  }
  Status TagImage(const std::string& name, const std::string& repository, const std::string& tag) override {
    return Called("tag " + name + " " + repository + " " + tag);
  }
  Result<std::vector<apitypes::ImageDeleteItem>> RemoveImage(const std::string& name,
                                                             const engine::ImageRemoveRequest& request) override {
    TRY(Called("rmi " + name + (request.force ? " force" : "") +
               (request.platforms.empty() ? "" : " of " + Join(request.platforms, " "))));
    return std::vector<apitypes::ImageDeleteItem>{{"a:1", ""}, {"", "sha256:x"}};
  }
  Result<apitypes::PruneReport> PruneImages(const apitypes::Filters&) override {
    TRY(Called("prune images"));
    return apitypes::PruneReport{{"a:1", "sha256:x"}, 3};
  }
  Result<engine::Token> CheckLogin(const apitypes::AuthConfig& auth, engine::ProgressCallbacks callbacks) override {
    TRY(Called("login " + auth.server_address + " " + auth.username));
    on_transfer(std::move(callbacks));
    return engine::Token{8};
  }
  Result<engine::Token> PullImage(const engine::PullRequest& request,
                                  engine::ProgressCallbacks callbacks) override {
    TRY(Called("pull " + request.reference + " " + request.auth.username));
    on_transfer(std::move(callbacks));
    return engine::Token{9};
  }
  Result<engine::Token> AskRegistry(const engine::RegistryQuestion& question,
                                    engine::ProgressCallbacks callbacks) override {
    TRY(Called("ask " + std::to_string(static_cast<int>(question.kind)) + " " + question.subject + " " +
               std::to_string(question.limit) + (question.insecure ? " insecure" : "")));
    on_transfer(std::move(callbacks));
    return engine::Token{9};
  }
  Result<engine::NameMeanings> ImageMeanings(const std::string& name,
                                             const std::optional<std::string>& alias) override {
    TRY(Called("meanings " + name + " " + alias.value_or("-")));
    engine::NameMeanings out;
    out.names = {"q.io/" + name, "r.io/" + name};
    out.here = "r.io/" + name;
    out.choice = sources::Meanings::Choice::kOffered;
    return out;
  }
  Result<engine::Token> CopyImage(const engine::CopyRequest& request,
                                  engine::ProgressCallbacks callbacks) override {
    TRY(Called("copy " + request.source + " " + request.destination + " '" + request.platform + "' " +
               (request.all ? "all " : "") + (request.referrers ? "referrers " : "") + request.source_auth.username +
               " " + request.destination_auth.username));
    on_transfer(std::move(callbacks));
    return engine::Token{9};
  }
  Result<engine::Token> PushImage(const engine::PushRequest& request,
                                  engine::ProgressCallbacks callbacks) override {
    TRY(Called("push " + request.name + " '" + request.tag + "' " + request.platform + " " + request.auth.username));
    on_transfer(std::move(callbacks));
    return engine::Token{9};
  }
  Result<engine::Token> LoadImages(const engine::LoadRequest& request, os::UniqueFd archive,
                                   engine::ProgressCallbacks callbacks) override {
    TRY(Called(std::string("load") + (request.quiet ? " quietly " : " ") + request.platform));
    char buffer[65536];
    ssize_t n = 0;
    while ((n = ::read(archive.get(), buffer, sizeof buffer)) > 0)
      loaded.append(buffer, static_cast<std::size_t>(n));
    on_transfer(std::move(callbacks));
    return engine::Token{10};
  }
  Status saved = Ok();  // how saving ends
  Result<engine::OutputStream> SaveImages(const engine::SaveRequest& request) override {
    TRY(Called("save " + request.names.front() + " " + request.format + request.platform));
    os::Pipe pipe = TRY(os::MakePipe());
    if (::write(pipe.write.get(), "archive", 7) != 7) std::abort();
    return engine::OutputStream{std::move(pipe.read), [this] { return saved.ok() ? Ok() : saved.error().Clone(); }};
  }

  Result<engine::Token> SaveImagesTo(const engine::SaveRequest& request, os::UniqueFd file,
                                     engine::Done done) override {
    TRY(Called("save " + request.names.front() + " to a file"));
    TRY(os::WriteAll(file.get(), "archive"));
    done(saved.ok() ? Ok() : saved.error().Clone());
    return engine::Token{12};
  }

  std::optional<engine::CommitRequest> committed;
  Status CommitContainer(const engine::CommitRequest& request,
                         std::function<void(Result<std::string>)> done) override {
    TRY(Called("commit " + request.container));
    committed = request;
    done(std::string("sha256:new"));
    return Ok();
  }
  std::optional<engine::ImportRequest> imported;
  Result<engine::Token> ImportImage(const engine::ImportRequest& request, os::UniqueFd archive,
                                    engine::ProgressCallbacks callbacks) override {
    imported = request;
    TRY(LoadImages({}, std::move(archive), std::move(callbacks)));
    return engine::Token{11};
  }
  Result<engine::OutputStream> ExportContainer(const std::string& id) override { return SaveImages({{id}}); }
  Result<engine::OutputStream> ContainerChanges(const std::string& id) override { return SaveImages({{id}}); }
  Result<std::string> StatContainerPath(const std::string& id, const std::string& path) override {
    TRY(Called("stat " + id + " " + path));
    return stat;
  }
  Result<engine::PathArchive> TakeContainerPath(const std::string& id, const std::string& path, bool gzip) override {
    engine::PathArchive archive;
    archive.stat = stat;
    archive.stream = TRY(SaveImages({{id}}));
    TRY(Called("take " + id + " " + path + (gzip ? " gzip" : "")));
    return archive;
  }
  Result<engine::Token> PutContainerPath(const engine::PutRequest& request, os::UniqueFd archive,
                                         engine::Done done) override {
    TRY(Called("put " + request.container + " " + request.path + (request.keep_kinds ? " keep" : "") +
               (request.to_user ? " user" : "")));
    auto bytes = os::ReadAll(archive.get());
    loaded = bytes.ok() ? *bytes : bytes.error().Message();
    done(Ok());
    return engine::Token{1};
  }

  Result<apitypes::VolumeList> ListVolumes(const apitypes::Filters&) override {
    TRY(Called("volumes"));
    return apitypes::VolumeList{};
  }
  Result<apitypes::Volume> InspectVolume(const std::string& name) override {
    TRY(Called("inspect volume " + name));
    return apitypes::Volume{};
  }
  Result<apitypes::Volume> CreateVolume(const apitypes::VolumeCreate& create) override {
    TRY(Called("create volume " + create.name));
    return apitypes::Volume{};
  }
  Status RemoveVolume(const std::string& name, bool force) override {
    return Called("remove volume " + name + (force ? " force" : ""));
  }
  Status RenameVolume(const std::string& name, const std::string& to) override {
    return Called("rename volume " + name + " " + to);
  }
  Result<engine::OutputStream> ExportVolume(const std::string& name) override { return SaveImages({{name}}); }
  Result<engine::Token> ImportVolume(const std::string& name, os::UniqueFd archive,
                                     engine::ProgressCallbacks callbacks) override {
    TRY(Called("import volume " + name));
    return LoadImages({}, std::move(archive), std::move(callbacks));
  }
  Result<apitypes::Volume> SnapshotVolume(const std::string& name, const std::string& copy) override {
    TRY(Called("snapshot volume " + name + " " + copy));
    return apitypes::Volume{};
  }
  Result<apitypes::PruneReport> PruneVolumes(const apitypes::Filters& filters) override {
    return Pruned("volumes " + filters.ToJson());
  }
  Result<std::vector<apitypes::Network>> ListNetworks(const apitypes::Filters&) override {
    TRY(Called("networks"));
    return std::vector<apitypes::Network>{};
  }
  apitypes::Network inspected_network;
  Result<apitypes::Network> InspectNetwork(const std::string& name) override {
    TRY(Called("inspect network " + name));
    return inspected_network;
  }
  Result<apitypes::NetworkCreateResponse> CreateNetwork(const apitypes::NetworkCreate& create) override {
    TRY(Called("create network " + create.name + (create.enable_ipv4 ? " says IPv4" : "")));
    return apitypes::NetworkCreateResponse{"net1", ""};
  }
  Status RemoveNetwork(const std::string& name) override { return Called("remove network " + name); }
  Status ConnectNetwork(const std::string& name, const apitypes::NetworkConnect& connect) override {
    return Called("connect " + name + " " + connect.container);
  }
  Status DisconnectNetwork(const std::string& name, const apitypes::NetworkDisconnect& disconnect) override {
    return Called("disconnect " + name + " " + disconnect.container);
  }
  Result<apitypes::PortMap> AddPorts(const std::string& container, const std::vector<std::string>& ports) override {
    TRY(Called("add ports " + container + " " + Join(ports, " ")));
    return apitypes::PortMap{{"80/tcp", {{"0.0.0.0", "8080"}}}};
  }
  Status RemovePorts(const std::string& container, const std::vector<std::string>& ports) override {
    return Called("remove ports " + container + " " + Join(ports, " "));
  }
  Result<Findings> CheckNetwork(const std::string& name) override {
    TRY(Called("check network " + name));
    return Findings{{"network " + name, ""}, {"container web", "it has no address"}};
  }
  Result<apitypes::PruneReport> PruneNetworks(const apitypes::Filters&) override {
    return Pruned("networks");
  }

  apitypes::Version GetVersion() override {
    apitypes::Version version;
    version.components.push_back({"Engine", "1", {}});
    return version;
  }
  apitypes::Info info;
  Result<apitypes::Info> GetInfo() override {
    TRY(Called("info"));
    return info;
  }
  Status CheckStore(bool, engine::ProgressCallbacks) override { return Called("check"); }
  std::set<std::string> usage_types;
  codec::Json usage = codec::Json::MakeObject();
  Result<codec::Json> DiskUsage(const std::set<std::string>& types) override {
    usage_types = types;
    return usage;
  }
  Result<engine::Token> SubscribeEvents(const engine::EventsRequest& request,
                                        engine::EventsCallbacks callbacks) override {
    TRY(Called("events " + std::to_string(request.since) + " " + std::to_string(request.until)));
    on_events(std::move(callbacks));
    return engine::Token{11};
  }
  void Cancel(engine::Token token) override { (void)Called("cancel " + std::to_string(token)).ok(); }

  Result<std::string> ExplainContainer(const std::string& id, engine::ExplainFormat format) override {
    TRY(Called("explain " + id + " " + std::to_string(static_cast<int>(format))));
    return std::string("the plan");
  }
  Result<std::string> ExplainCreate(const std::string& name, apitypes::ContainerCreate create,
                                    engine::ExplainFormat) override {
    TRY(Called("dry run " + name + " " + create.config.image));
    return std::string("the plan");
  }
  std::vector<std::string> Reload(const engine::Config&) override { return {}; }
  engine::Config CurrentConfig() const override { return {}; }
  bool Idle() override { return true; }
  void Stop() override {}

 private:
  Status Called(const std::string& call) {
    {
      const std::lock_guard lock(mutex_);
      calls_.push_back(call);
    }
    return fail ? fail() : Ok();
  }
  Result<apitypes::PruneReport> Pruned(const std::string& what) {
    TRY(Called("prune " + what));
    return apitypes::PruneReport{{"x"}, 3};
  }

  std::mutex mutex_;
  std::vector<std::string> calls_;
};

}  // namespace estiba::api::docker
