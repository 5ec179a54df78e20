// What clients of each API version send, and what they are answered.

#include "versions.h"

#include <gmock/gmock.h>

#include "api_fixture.h"
#include "tests/golden.h"

namespace estiba::api::docker {
namespace {

using codec::Json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// ---- answers: in full for the newest version, and what differs for each before it from the one after it

void Flatten(const Json& json, const std::string& path, std::map<std::string, std::string>* lines) {
  if (json.IsObject() && !json.empty()) {
    for (const Json::Member& member : *json.IfObject())
      Flatten(member.value, path.empty() ? member.key : path + "." + member.key, lines);
  } else if (json.IsArray() && !json.empty()) {
    for (std::size_t i = 0; i < json.size(); ++i)
      Flatten((*json.IfArray())[i], path + "[" + std::to_string(i) + "]", lines);
  } else {
    (*lines)[path] = json.Dump();
  }
}

template <typename Answer>
std::string Across(Answer answer) {
  std::map<std::string, std::string> newer;
  Flatten(answer(kMaxMinor), "", &newer);
  std::string text = "API 1." + std::to_string(kMaxMinor) + "\n";
  for (const auto& [path, value] : newer) text += "  " + path + " " + value + "\n";
  for (int minor = kMaxMinor - 1; minor >= kMinMinor; --minor) {
    std::map<std::string, std::string> older;
    Flatten(answer(minor), "", &older);
    std::string changes;
    for (const auto& [path, value] : newer) {
      if (!older.contains(path)) changes += "- " + path + "\n";
    }
    for (const auto& [path, value] : older) {
      const auto before = newer.find(path);
      if (before == newer.end() || before->second != value) changes += "+ " + path + " " + value + "\n";
    }
    if (!changes.empty()) text += "API 1." + std::to_string(minor) + "\n" + changes;
    newer = std::move(older);
  }
  return text;
}

template <typename T>
void ExpectAcross(const std::string& name, const T& value) {
  testing::ExpectGolden("versions_" + name + ".txt", Across([&](int minor) { return ForVersion(minor, value); }));
}

apitypes::ManifestDescriptor Descriptor() {
  return {"application/vnd.oci.image.manifest.v1+json", "sha256:m", 7, "", {{"a", "b"}}};
}

TEST(VersionsOf, AContainerThatIsInspected) {
  apitypes::ContainerInspect container;
  container.id = std::string(64, 'a');
  container.config.hostname = "box";
  container.config.mac_address = "02:00:00:00:00:01";
  container.host_config.resources.kernel_memory_tcp = 5;
  container.image_manifest = Descriptor();
  container.network_settings.ip_address = "172.17.0.2";
  container.network_settings.networks["bridge"].ip_address = "172.17.0.2";
  container.network_settings.networks["web"].aliases = {"www", "box"};
  ExpectAcross("container_inspect", container);
}

TEST(VersionsOf, AContainerThatIsListed) {
  apitypes::ContainerSummary container;
  container.names = {"/web"};
  container.annotations = {{"a", "b"}};
  container.health = {"unhealthy", 3};
  ExpectAcross("container_summary", container);
}

TEST(VersionsOf, AnImageThatIsListed) {
  apitypes::ImageSummary image;
  image.id = "sha256:x";
  image.size = 5;
  image.containers = 2;
  image.descriptor = Descriptor();
  ExpectAcross("image_summary", image);
}

TEST(VersionsOf, AnImageThatIsInspected) {
  apitypes::ImageInspect image;
  image.id = "sha256:x";
  image.size = 5;
  image.descriptor = Descriptor();
  ExpectAcross("image_inspect", image);
  image.comment = "kept";
  image.author = "me";
  image.config.user = "1";
  image.config.env = {"A=1"};
  const Json newest = ForVersion(52, image);
  EXPECT_EQ(newest.GetString("Comment"), "kept");
  EXPECT_EQ(newest.GetString("Author"), "me");
  EXPECT_EQ(newest.Find("Config")->Dump(), R"({"User":"1","Env":["A=1"]})");
}

TEST(VersionsOf, ANetwork) {
  apitypes::Network network;
  network.name = "web";
  network.subnets["172.18.0.0/16"] = {3, 65533};
  ExpectAcross("network", network);
  network.subnets.clear();  // one of a list
  EXPECT_EQ(ForVersion(52, network).Find("Status"), nullptr);
}

TEST(VersionsOf, Stats) { ExpectAcross("stats", apitypes::Stats{}); }

TEST(VersionsOf, Info) { ExpectAcross("info", apitypes::Info{}); }

TEST(VersionsOf, DiskUsage) {
  const Json usage = *codec::ParseJson(R"({"LayersSize":100,
      "Images":[{"Id":"a","Size":70,"SharedSize":20,"Containers":1},
                {"Id":"b","Size":50,"SharedSize":20,"Containers":0}],
      "Blobs":{"Count":1},
      "Containers":[{"Id":"c","State":"running","SizeRw":3},{"Id":"d","State":"exited","SizeRw":4}],
      "Volumes":[{"Name":"v","UsageData":{"Size":6,"RefCount":1}},{"Name":"w","UsageData":{"Size":8,"RefCount":0}}],
      "BuildCache":[]})");
  for (const bool verbose : {false, true}) {
    testing::ExpectGolden(verbose ? "versions_disk_usage_verbose.txt" : "versions_disk_usage.txt",
                          Across([&](int minor) { return DiskUsageForVersion(minor, usage, verbose); }));
  }
  const Json volumes = *codec::ParseJson(R"({"Volumes":[]})");
  EXPECT_EQ(DiskUsageForVersion(52, volumes, true).Dump(),
            R"({"VolumeUsage":{"ActiveCount":0,"TotalCount":0,"Reclaimable":0,"TotalSize":0,"Items":[]}})");
}

// ---- events

TEST(VersionsOf, EventsHaveTheOldFieldsForCompose1) {
  const apitypes::Event event{"container", "start", "c1", {{"image", "busybox"}}, "local", 1'600'000'000'000'000'001};
  const std::string rest =
      R"("Type":"container","Action":"start","Actor":{"ID":"c1","Attributes":{"image":"busybox"}},"scope":"local",)"
      R"("time":1600000000,"timeNano":1600000000000000001})"
      "\n";
  const std::string whole = R"({"status":"start","id":"c1","from":"busybox",)" + rest;
  EXPECT_EQ(EventText(52, "application/jsonl", event), whole);
  EXPECT_EQ(EventText(51, "application/json", event), whole);
  EXPECT_EQ(EventText(52, "application/json-seq", event), "\x1e" + whole);
}

TEST(VersionsOf, ImagesThatAreCreatedAreToldSince146) {
  const apitypes::Event event{"image", "create", "sha256:x", {}, "local", 1};
  EXPECT_EQ(EventText(45, "application/json", event), "");
  EXPECT_THAT(EventText(46, "application/json", event), HasSubstr(R"("Action":"create")"));
}

TEST(VersionsOf, EventsComeAsTheClientTakesThem) {
  const auto type = [](const char* accept, int minor) { return EventsType(minor, {{"Accept", accept}}); };
  EXPECT_EQ(EventsType(52, {}), "application/jsonl");
  EXPECT_EQ(EventsType(51, {}), "application/json");
  EXPECT_EQ(type("*/*", 52), "application/jsonl");
  EXPECT_EQ(type("application/json", 52), "application/jsonl");
  EXPECT_EQ(type("application/x-ndjson", 44), "application/x-ndjson");
  EXPECT_EQ(type("text/html, Application/JSON-Seq ; q=0.5", 52), "application/json-seq");
  EXPECT_EQ(type("application/x-ndjson;q=0.2, application/json-seq;q=0.25", 52), "application/json-seq");
  EXPECT_EQ(type("application/json-seq, application/x-ndjson", 52), "application/x-ndjson");
  EXPECT_EQ(type("application/json-seq;q=0", 52), "application/jsonl");
  EXPECT_EQ(type("application/json-seq;q=0.000", 52), "application/jsonl");
  EXPECT_EQ(type("application/json-seq;q=much", 52), "application/jsonl");
}

// ---- requests

apitypes::ContainerCreate Create(const char* body) {
  return std::move(*apitypes::ContainerCreate::FromJson(*codec::ParseJson(body)));
}
// What is wrong with it for that version, or "".
std::string Refusal(int minor, const char* body) {
  apitypes::ContainerCreate create = Create(body);
  const auto adapted = AdaptCreate(minor, create);
  return adapted.ok() ? "" : adapted.error().Message();
}
std::vector<std::string> Warnings(int minor, const char* body) {
  apitypes::ContainerCreate create = Create(body);
  return *AdaptCreate(minor, create);
}

TEST(CreateOfVersion, MountsKnowWhatTheirVersionKnew) {
  constexpr auto kImage = R"({"HostConfig":{"Mounts":[{"Type":"image","Source":"i","Target":"/i"}]}})";
  EXPECT_EQ(Refusal(47, kImage), "Mount type \"Image\" needs API v1.48 or newer");
  EXPECT_EQ(Refusal(48, kImage), "");
  constexpr auto kSubpath =
      R"({"HostConfig":{"Mounts":[{"Type":"volume","Source":"v","Target":"/v","VolumeOptions":{"Subpath":"a"}}]}})";
  EXPECT_EQ(Refusal(44, kSubpath), "VolumeOptions.Subpath needs API v1.45 or newer");
  EXPECT_EQ(Refusal(45, kSubpath), "");
  constexpr auto kForced = R"({"HostConfig":{"Mounts":[{"Type":"bind","Source":"/s","Target":"/t",
      "BindOptions":{"ReadOnlyForceRecursive":true,"CreateMountpoint":true,"NonRecursive":true}}]}})";
  EXPECT_EQ(Refusal(43, kForced), "BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer");
  EXPECT_EQ(Refusal(44, kForced), "");
  constexpr auto kBind = R"({"HostConfig":{"Mounts":[{"Type":"bind","Source":"/s","Target":"/t",
      "BindOptions":{"CreateMountpoint":true,"NonRecursive":true}}]}})";
  const auto bind = [&](int minor) {
    apitypes::ContainerCreate create = Create(kBind);
    EXPECT_TRUE(AdaptCreate(minor, create).ok());
    const apitypes::BindOptions& options = *create.host_config.mounts.front().bind_options;
    return std::tuple(options.non_recursive, options.create_mountpoint, create.read_only_is_flat);
  };
  EXPECT_EQ(bind(39), std::tuple(false, false, true));
  EXPECT_EQ(bind(40), std::tuple(true, false, true));
  EXPECT_EQ(bind(43), std::tuple(true, true, true));
  EXPECT_EQ(bind(44), std::tuple(true, true, false));
}

TEST(CreateOfVersion, OptionsOfAnotherTypeOfMountWereLetPass) {
  constexpr auto kBody = R"({"HostConfig":{"Mounts":[
      {"Type":"bind","Source":"/s","Target":"/t","VolumeOptions":{},"TmpfsOptions":{}}]}})";
  for (const auto& [minor, kept] : {std::pair(41, false), {42, true}}) {
    apitypes::ContainerCreate create = Create(kBody);
    ASSERT_TRUE(AdaptCreate(minor, create).ok());
    EXPECT_EQ(create.host_config.mounts.front().volume_options.has_value(), kept);
    EXPECT_EQ(create.host_config.mounts.front().tmpfs_options.has_value(), kept);
  }
}

TEST(CreateOfVersion, DefaultsAndFieldsThatCameLater) {
  constexpr auto kBody = R"({"Healthcheck":{"StartInterval":5},
      "HostConfig":{"ConsoleSize":[24,80],"Annotations":{"a":"b"},"KernelMemoryTCP":7}})";
  const auto after = [&](int minor) {
    apitypes::ContainerCreate create = Create(kBody);
    EXPECT_TRUE(AdaptCreate(minor, create).ok());
    return create;
  };
  EXPECT_EQ(after(39).host_config.ipc_mode, "shareable");
  EXPECT_EQ(after(40).host_config.ipc_mode, "");
  EXPECT_THAT(after(41).host_config.console_size, IsEmpty());
  EXPECT_THAT(after(42).host_config.console_size, ElementsAre(24U, 80U));
  EXPECT_THAT(after(42).host_config.annotations, IsEmpty());
  EXPECT_EQ(after(43).host_config.annotations.size(), 1U);
  EXPECT_EQ(after(43).config.healthcheck->start_interval, 0);
  EXPECT_EQ(after(44).config.healthcheck->start_interval, 5);
  EXPECT_EQ(after(51).host_config.resources.kernel_memory_tcp, 7);
  EXPECT_EQ(after(52).host_config.resources.kernel_memory_tcp, 0);
}

TEST(CreateOfVersion, NetworksAndTheirAddresses) {
  constexpr auto kTwo = R"({"NetworkingConfig":{"EndpointsConfig":{"a":{},"b":{}}}})";
  EXPECT_EQ(Refusal(43, kTwo), "Container cannot be created with multiple network endpoints: a, b");
  EXPECT_EQ(Refusal(44, kTwo), "");
  constexpr auto kOne = R"({"HostConfig":{"NetworkMode":"a"},"NetworkingConfig":{"EndpointsConfig":{
      "a":{"MacAddress":"02:00:00:00:00:01","GwPriority":9}}}})";
  const auto endpoint = [&](int minor) {
    apitypes::ContainerCreate create = Create(kOne);
    EXPECT_TRUE(AdaptCreate(minor, create).ok());
    return std::pair(create.endpoints.at("a").mac_address, create.endpoints.at("a").gw_priority);
  };
  EXPECT_EQ(endpoint(43), std::pair(std::string(), std::int64_t{0}));
  EXPECT_EQ(endpoint(47), std::pair(std::string("02:00:00:00:00:01"), std::int64_t{0}));
  EXPECT_EQ(endpoint(48), std::pair(std::string("02:00:00:00:00:01"), std::int64_t{9}));
}

TEST(CreateOfVersion, TheContainersOwnHardwareAddress) {
  constexpr auto kAlone = R"({"MacAddress":"02:00:00:00:00:01","HostConfig":{"NetworkMode":"a"}})";
  EXPECT_THAT(Warnings(43, kAlone), IsEmpty());
  EXPECT_THAT(Warnings(51, kAlone), ElementsAre(HasSubstr("MacAddress field is now deprecated")));
  EXPECT_EQ(Refusal(52, kAlone),
            "container-wide MAC address no longer supported; use endpoint-specific MAC address instead");
  constexpr auto kOther = R"({"MacAddress":"02:00:00:00:00:01","HostConfig":{"NetworkMode":"a"},
      "NetworkingConfig":{"EndpointsConfig":{"a":{"MacAddress":"02:00:00:00:00:02"}}}})";
  EXPECT_THAT(Refusal(44, kOther), HasSubstr("must match the endpoint-specific MAC address"));
}

TEST(CreateOfVersion, WarningsOfTheNewerOnes) {
  constexpr auto kPorts = R"({"HostConfig":{"PortBindings":{"80/tcp":[],"81/tcp":[{"HostPort":"1"}]}}})";
  apitypes::ContainerCreate create = Create(kPorts);
  EXPECT_THAT(*AdaptCreate(51, create), IsEmpty());
  EXPECT_EQ(create.host_config.port_bindings.at("80/tcp").size(), 1U);
  EXPECT_THAT(Warnings(52, kPorts),
              ElementsAre("Following container port(s) have an empty list of port-bindings: 80/tcp. Such bindings will "
                          "be discarded in a future version."));
  constexpr auto kDriver = R"({"HostConfig":{"VolumeDriver":"local","Mounts":[{"Type":"volume","Target":"/v"}]}})";
  EXPECT_THAT(Warnings(47, kDriver), IsEmpty());
  EXPECT_THAT(Warnings(48, kDriver), ElementsAre(HasSubstr("volume-driver configuration is ignored")));
}

// ---- routes

TEST_F(Api, PlatformsAreReadByTheVersionsThatKnowThem) {
  const std::string arm = http::PercentEncode(R"({"os":"linux","architecture":"arm64"})");
  const auto called = [&](int minor, const std::string& method, const std::string& target) {
    return Called(200, method, "/v1." + std::to_string(minor) + target);
  };
  EXPECT_EQ(called(48, "GET", "/images/a/json?platform=" + arm), "inspect image a");
  EXPECT_EQ(called(49, "GET", "/images/a/json?platform=" + arm), "inspect image a linux/arm64");
  EXPECT_EQ(called(47, "GET", "/images/a/json?manifests=1"), "inspect image a");
  EXPECT_EQ(called(48, "GET", "/images/a/json?manifests=1"), "inspect image a manifests");
  EXPECT_EQ(called(47, "GET", "/images/a/history?platform=" + arm), "history a");
  EXPECT_EQ(called(48, "GET", "/images/a/history?platform=" + arm), "history a linux/arm64");
  EXPECT_EQ(called(49, "DELETE", "/images/a?platforms=" + arm), "rmi a");
  EXPECT_EQ(called(50, "DELETE", "/images/a?platforms=" + arm + "&platforms=" + arm),
            "rmi a of linux/arm64 linux/arm64");
  EXPECT_EQ(called(47, "GET", "/images/a/get?platform=" + arm), "save a ");
  EXPECT_EQ(called(48, "GET", "/images/a/get?platform=" + arm), "save a linux/arm64");
  EXPECT_EQ(called(41, "GET", "/images/json?shared-size=1"), "images {}");
  EXPECT_EQ(called(46, "GET", "/images/json?shared-size=1&manifests=1"), "images {} shared");
  EXPECT_EQ(called(47, "GET", "/images/json?manifests=1"), "images {} manifests");
}

TEST_F(Api, PlatformsThatCannotBe) {
  const std::string arm = http::PercentEncode(R"({"os":"linux","architecture":"arm64"})");
  const std::string os = http::PercentEncode(R"({"os":"linux"})");
  EXPECT_THAT(Send("GET", "/images/a/json?platform=" + os).body, HasSubstr("both OS and Architecture"));
  EXPECT_EQ(Send("GET", "/images/a/json?platform=arm64").status, 400);
  EXPECT_THAT(Send("GET", "/images/a/json?manifests=1&platform=" + arm).body, HasSubstr("cannot both be set"));
  EXPECT_EQ(Send("GET", "/v1.51/images/a/get?platform=" + arm + "&platform=" + arm).status, 400);
  EXPECT_EQ(Send("GET", "/v1.52/images/a/get?platform=" + arm + "&platform=" + arm).status, 501);
}

TEST_F(Api, ParametersAndFieldsOfLaterVersionsAreNotRead) {
  constexpr auto kNetwork = R"({"Name":"n","EnableIPv4":false})";
  EXPECT_EQ(Called(201, "POST", "/v1.47/networks/create", kNetwork), "create network n");
  EXPECT_EQ(Called(201, "POST", "/v1.48/networks/create", kNetwork), "create network n says IPv4");
  EXPECT_EQ(Send("GET", "/v1.41/system/df?type=image").status, 200);
  EXPECT_TRUE(engine_.usage_types.empty());
  EXPECT_EQ(Send("GET", "/v1.42/system/df?type=image").status, 200);
  EXPECT_EQ(engine_.usage_types, std::set<std::string>{"image"});
  EXPECT_EQ(Called(201, "POST", "/v1.40/containers/create?platform=linux/arm64", R"({"Image":"x"})"), "create  ");
  EXPECT_EQ(Called(201, "POST", "/v1.41/containers/create?platform=linux/arm64", R"({"Image":"x"})"),
            "create  linux/arm64");
}

TEST_F(Api, WarningsOfTheVersionComeWithTheEngines) {
  constexpr auto kBody = R"({"Image":"x","HostConfig":{"PortBindings":{"80/tcp":[]}}})";
  EXPECT_EQ(Send("POST", "/v1.52/containers/create", kBody).body,
            "{\"Id\":\"id1\",\"Warnings\":[\"careful\",\"Following container port(s) have an empty list of "
            "port-bindings: 80/tcp. Such bindings will be discarded in a future version.\"]}\n");
}

}  // namespace
}  // namespace estiba::api::docker
