#include "apitypes/container.h"
#include "apitypes/container_inspect.h"
#include "apitypes/image.h"
#include "apitypes/stats.h"
#include "apitypes/system.h"
#include "apitypes/volume.h"
#include "tests/support.h"

namespace estiba::apitypes {
namespace {

codec::Json Parse(std::string_view text) { return std::move(codec::ParseJson(text)).value(); }

TEST(ContainerCreate, ReadsWhatTheDockerCommandLineSends) {
  const codec::Json body =
      Parse(R"({"Hostname":"h","User":"1:2","AttachStdout":true,"ExposedPorts":{"80/tcp":{}},
    "Tty":false,"Env":["A=b"],"Cmd":["sleep","9"],"Image":"busybox","Volumes":{"/data":{}},"Entrypoint":null,
    "Labels":{"a":"b"},"StopTimeout":3,"OnBuild":null,
    "HostConfig":{"Binds":["/a:/b:ro"],"NetworkMode":"bridge",
    "PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"8080"}]},
      "RestartPolicy":{"Name":"on-failure","MaximumRetryCount":3},"Memory":67108864,"PidsLimit":10,"NanoCpus":500000000,
      "Ulimits":[{"Name":"nofile","Hard":20,"Soft":10}],"ConsoleSize":[24,80],"Init":true,"MaskedPaths":null,
      "Mounts":[{"Type":"tmpfs","Target":"/t","TmpfsOptions":{"SizeBytes":1024,"Mode":511}}],
      "Devices":[{"PathOnHost":"/dev/null","PathInContainer":"/dev/n","CgroupPermissions":"rwm"}],
      "DeviceRequests":[{"Driver":"","Count":-1,"DeviceIDs":null,"Capabilities":[["gpu"]],"Options":{}}]},
    "NetworkingConfig":{"EndpointsConfig":{"net1":{"IPAMConfig":{"IPv4Address":"10.0.0.5"},"Aliases":["x"]}}}})");
  ASSERT_OK_AND_ASSIGN(const ContainerCreate create, ContainerCreate::FromJson(body));
  EXPECT_EQ(create.config.cmd, (std::vector<std::string>{"sleep", "9"}));
  EXPECT_FALSE(create.config.entrypoint.has_value());
  EXPECT_TRUE(create.config.exposed_ports.contains("80/tcp"));
  EXPECT_TRUE(create.config.volumes.contains("/data"));
  EXPECT_EQ(create.config.stop_timeout, 3);
  const HostConfig& host = create.host_config;
  EXPECT_EQ(host.port_bindings.at("80/tcp"), (std::vector<PortBinding>{{"", "8080"}}));
  EXPECT_EQ(host.resources.memory, 67108864);
  EXPECT_EQ(host.resources.pids_limit, 10);
  EXPECT_EQ(host.resources.ulimits.at(0).soft, 10);
  EXPECT_EQ(host.resources.device_requests.at(0).capabilities.at(0).at(0), "gpu");
  EXPECT_EQ(host.mounts.at(0).tmpfs_options->mode, 511U);
  EXPECT_FALSE(host.masked_paths.has_value());
  EXPECT_EQ(host.init, true);
  EXPECT_EQ(create.endpoints.at("net1").ipam_config->ipv4_address, "10.0.0.5");
}

TEST(ContainerCreate, WritingAndReadingAgainGivesTheSame) {
  const codec::Json body = Parse(R"({"Image":"a","Cmd":[],"Entrypoint":["x"],"HostConfig":{"MaskedPaths":[],
    "PortBindings":{"1/udp":null},"Tmpfs":{"/t":"size=1m"},"OomKillDisable":false}})");
  ASSERT_OK_AND_ASSIGN(const ContainerCreate first, ContainerCreate::FromJson(body));
  ASSERT_OK_AND_ASSIGN(const ContainerCreate second, ContainerCreate::FromJson(first.ToJson()));
  EXPECT_EQ(first.ToJson(), second.ToJson());
  EXPECT_TRUE(second.config.cmd.has_value());
  EXPECT_TRUE(second.host_config.masked_paths.has_value());
  EXPECT_EQ(second.host_config.resources.oom_kill_disable, false);
  EXPECT_TRUE(second.host_config.port_bindings.contains("1/udp"));
}

TEST(ContainerCreate, NamesTheFieldOfAWrongType) {
  const auto wrong = ContainerCreate::FromJson(Parse(R"({"HostConfig":{"Ulimits":[{"Name":1}]}})"));
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().code(), Code::kInvalidArgument);
  EXPECT_EQ(wrong.error().Message(), "HostConfig.Ulimits[0].Name: expected a string, got a number");
}

TEST(ContainerCreate, FindsKeysInAnyCase) {
  ASSERT_OK_AND_ASSIGN(const ContainerCreate create,
                       ContainerCreate::FromJson(Parse(R"({"image":"a","hostconfig":{"memory":5}})")));
  EXPECT_EQ(create.config.image, "a");
  EXPECT_EQ(create.host_config.resources.memory, 5);
}

TEST(ContainerInspect, RoundTrips) {
  ContainerInspect inspect;
  inspect.id = "abc";
  inspect.state.status = "running";
  inspect.state.health = Health{"healthy", 0, {{"s", "e", 0, "ok"}}};
  inspect.network_settings.ports = {{"80/tcp", {{"0.0.0.0", "8080"}}}, {"81/tcp", {}}};
  inspect.network_settings.networks["bridge"].ip_address = "172.17.0.2";
  inspect.mounts.push_back({"volume", "v", "/src", "/dst", "local", "z", true, ""});
  const codec::Json json = inspect.ToJson();
  EXPECT_TRUE(json.FindPath({"NetworkSettings", "Ports", "81/tcp"})->IsNull());
  EXPECT_EQ(json.FindPath({"HostConfig", "ConsoleSize"})->Dump(), "[0,0]");
  ASSERT_OK_AND_ASSIGN(const ContainerInspect again, ContainerInspect::FromJson(json));
  EXPECT_EQ(again.ToJson(), json);
}

TEST(ExecInspect, TheExitCodeIsNullWhileItRuns) {
  ExecInspect exec;
  exec.running = true;
  EXPECT_TRUE(exec.ToJson().Find("ExitCode")->IsNull());
  exec.exit_code = 0;
  EXPECT_EQ(exec.ToJson().GetInt("ExitCode"), 0);
  EXPECT_FALSE(exec.ToJson().Find("ExitCode")->IsNull());
}

TEST(Event, CarriesTheOlderFieldsForContainers) {
  const Event event{"container",        "start", "id1", {{"image", "busybox"}, {"name", "web"}}, "local",
                    1500000000000000001};
  const codec::Json json = event.ToJson();
  EXPECT_EQ(json.GetString("status"), "start");
  EXPECT_EQ(json.GetString("from"), "busybox");
  EXPECT_EQ(json.GetInt("time"), 1500000000);
  ASSERT_OK_AND_ASSIGN(const Event again, Event::FromJson(json));
  EXPECT_EQ(again.ToJson(), json);
}

TEST(Info, KeepsInsecureRegistriesApartByForm) {
  Info info;
  info.insecure_registries = {"127.0.0.0/8", "host:5000"};
  const codec::Json json = info.ToJson();
  EXPECT_EQ(json.FindPath({"RegistryConfig", "InsecureRegistryCIDRs"})->Dump(), R"(["127.0.0.0/8"])");
  EXPECT_NE(json.FindPath({"RegistryConfig", "IndexConfigs", "host:5000"}), nullptr);
  ASSERT_OK_AND_ASSIGN(const Info again, Info::FromJson(json));
  EXPECT_EQ(again.insecure_registries, info.insecure_registries);
}

TEST(Progress, WritesBothErrorKeys) {
  Progress progress;
  progress.error = "no <space>";
  EXPECT_EQ(progress.ToJson().Dump(), R"({"errorDetail":{"message":"no <space>"},"error":"no <space>"})");
  progress = {};
  progress.status = "Downloading";
  progress.id = "abc";
  progress.current = 1;
  progress.total = 2;
  EXPECT_EQ(progress.ToJson().Dump(),
            R"({"status":"Downloading","progressDetail":{"current":1,"total":2},"id":"abc"})");
}

TEST(AuthConfig, TheHeaderRoundTripsAndGarbageIsNoAuthentication) {
  AuthConfig auth;
  auth.username = "u>?";
  auth.password = "p\xC3\xBF";
  const AuthConfig again = AuthConfig::FromHeader(auth.ToHeader());
  EXPECT_EQ(again.username, auth.username);
  EXPECT_EQ(again.password, auth.password);
  EXPECT_TRUE(AuthConfig::FromHeader("").empty());
  EXPECT_TRUE(AuthConfig::FromHeader("!!!").empty());
  EXPECT_TRUE(AuthConfig::FromHeader("e30=").empty());
}

}  // namespace
}  // namespace estiba::apitypes
