#include "options/create_flags.h"

#include <gmock/gmock.h>

#include "options/mounts.h"
#include "options/ports.h"
#include "tests/support.h"

namespace estiba::cli {
namespace {

const char* NoVariables(const char*) { return nullptr; }

Result<CreateRequest> Build(const std::vector<std::string_view>& words) {
  const auto options = ParseFlags(RunFlags(), words, true);
  if (!options.ok()) return options.error().Clone();
  return BuildCreate(*options, options->On("detach"), NoVariables);
}

std::string Complaint(const std::vector<std::string_view>& words) {
  const auto built = Build(words);
  return built.ok() ? "" : built.error().Message();
}

TEST(Publish, TakesEveryForm) {
  apitypes::PortMap ports;
  std::set<std::string> exposed;
  for (const char* text : {"8080:80", "127.0.0.1:53:53/udp", "9000", "[::1]:81:81", "7000-7001:70-71",
                           "6000-6009:60", "target=443,published=8443,protocol=tcp", "10.0.0.1::90"})
    ASSERT_OK(ParsePublish(text, &ports, &exposed));
  using Binding = apitypes::PortBinding;
  EXPECT_THAT(ports["80/tcp"], ::testing::ElementsAre(Binding{"", "8080"}));
  EXPECT_THAT(ports["53/udp"], ::testing::ElementsAre(Binding{"127.0.0.1", "53"}));
  EXPECT_THAT(ports["9000/tcp"], ::testing::ElementsAre(Binding{"", ""}));
  EXPECT_THAT(ports["81/tcp"], ::testing::ElementsAre(Binding{"::1", "81"}));
  EXPECT_THAT(ports["71/tcp"], ::testing::ElementsAre(Binding{"", "7001"}));
  EXPECT_THAT(ports["60/tcp"], ::testing::ElementsAre(Binding{"", "6000-6009"}));
  EXPECT_THAT(ports["443/tcp"], ::testing::ElementsAre(Binding{"", "8443"}));
  EXPECT_THAT(ports["90/tcp"], ::testing::ElementsAre(Binding{"10.0.0.1", ""}));
  EXPECT_EQ(exposed.count("70/tcp"), 1U);
}

TEST(Publish, ErrorsAreDockers) {
  apitypes::PortMap ports;
  std::set<std::string> exposed;
  const auto complaint = [&](const char* text) {
    return ParsePublish(text, &ports, &exposed).error().Message();
  };
  EXPECT_EQ(complaint("x"), "invalid containerPort: x");
  EXPECT_EQ(complaint("x:80"), "invalid hostPort: x");
  EXPECT_EQ(complaint("300.0.0.1:80:80"), "invalid IP address: 300.0.0.1");
  EXPECT_EQ(complaint("80:80/icmp"), "invalid proto: icmp");
  EXPECT_EQ(complaint("80-82:80-81"),
            "invalid ranges specified for container and host Ports: 80-81 and 80-82");
  EXPECT_EQ(complaint("70000:80"), "invalid hostPort: 70000");
}

TEST(Mount, TakesItsTypeAndOptions) {
  ASSERT_OK_AND_ASSIGN(const auto bind,
                       ParseMount("type=bind,source=/a,target=/b,readonly,bind-propagation=rslave"));
  EXPECT_EQ(bind.type, "bind");
  EXPECT_TRUE(bind.read_only);
  EXPECT_EQ(bind.bind_options->propagation, "rslave");
  ASSERT_OK_AND_ASSIGN(const auto tmpfs, ParseMount("type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770"));
  EXPECT_EQ(tmpfs.tmpfs_options->size_bytes, 1 << 20);
  EXPECT_EQ(tmpfs.tmpfs_options->mode, 01770U);
  ASSERT_OK_AND_ASSIGN(const auto volume, ParseMount("src=v,dst=/d,\"volume-opt=o=addr=1,rw\",ro=false"));
  EXPECT_EQ(volume.type, "volume");
  EXPECT_EQ(volume.volume_options->driver_options.at("o"), "addr=1,rw");
  EXPECT_FALSE(volume.read_only);
}

TEST(Mount, MistakesAreNamed) {
  const auto complaint = [](const char* text) { return ParseMount(text).error().Message(); };
  EXPECT_EQ(complaint("type=bind,source=/a"), "target is required");
  EXPECT_EQ(complaint("type=bind,target=/a,speed=1"), "unexpected key 'speed' in 'speed=1'");
  EXPECT_EQ(complaint("type=bind,target"), "invalid field 'target' must be a key=value pair");
  EXPECT_EQ(complaint("type=bind,target=/a,tmpfs-size=1m"),
            "cannot mix 'tmpfs-*' options with mount type 'bind'");
  EXPECT_EQ(complaint("type=bind,target=/a,readonly=maybe"), "invalid value for readonly: maybe");
}

TEST(Volume, WithoutSourceIsAnonymous) {
  std::vector<std::string> binds;
  std::set<std::string> anonymous;
  ASSERT_OK(ParseVolume("/data", &binds, &anonymous));
  ASSERT_OK(ParseVolume("/a:/b:ro", &binds, &anonymous));
  ASSERT_OK(ParseVolume("name:/c", &binds, &anonymous));
  ASSERT_OK(ParseVolume("./x:/d", &binds, &anonymous));
  EXPECT_THAT(anonymous, ::testing::ElementsAre("/data"));
  EXPECT_THAT(binds, ::testing::ElementsAre("/a:/b:ro", "name:/c", ::testing::MatchesRegex("/.*[^.]/x:/d")));
  EXPECT_FALSE(ParseVolume(":/b", &binds, &anonymous).ok());
  EXPECT_FALSE(ParseVolume("", &binds, &anonymous).ok());
}

TEST(Create, AttachesOutputUnlessDetached) {
  ASSERT_OK_AND_ASSIGN(const auto plain, Build({"busybox", "true"}));
  EXPECT_TRUE(plain.create.config.attach_stdout && plain.create.config.attach_stderr);
  EXPECT_FALSE(plain.create.config.attach_stdin);
  ASSERT_OK_AND_ASSIGN(const auto detached, Build({"-dit", "busybox"}));
  EXPECT_FALSE(detached.create.config.attach_stdout);
  EXPECT_TRUE(detached.create.config.open_stdin);
  EXPECT_FALSE(detached.create.config.stdin_once);
  ASSERT_OK_AND_ASSIGN(const auto interactive, Build({"-i", "busybox"}));
  EXPECT_TRUE(interactive.create.config.stdin_once);
  ASSERT_OK_AND_ASSIGN(const auto chosen, Build({"-a", "STDERR", "busybox"}));
  EXPECT_FALSE(chosen.create.config.attach_stdout);
  EXPECT_TRUE(chosen.create.config.attach_stderr);
}

TEST(Create, AnEmptyEntrypointTakesTheImagesAway) {
  ASSERT_OK_AND_ASSIGN(const auto none, Build({"busybox"}));
  EXPECT_FALSE(none.create.config.entrypoint.has_value());
  EXPECT_FALSE(none.create.config.cmd.has_value());
  ASSERT_OK_AND_ASSIGN(const auto empty, Build({"--entrypoint", "", "busybox", "ls"}));
  EXPECT_THAT(*empty.create.config.entrypoint, ::testing::ElementsAre(""));
  EXPECT_THAT(*empty.create.config.cmd, ::testing::ElementsAre("ls"));
}

TEST(Create, LimitsArriveInTheApisUnits) {
  ASSERT_OK_AND_ASSIGN(const auto request,
                       Build({"-m64m", "--memory-swap=-1", "--cpus=1.5", "--pids-limit=100", "--shm-size",
                              "1m", "--oom-score-adj=-5", "busybox"}));
  const auto& host = request.create.host_config;
  EXPECT_EQ(host.resources.memory, 64 << 20);
  EXPECT_EQ(host.resources.memory_swap, -1);
  EXPECT_EQ(host.resources.nano_cpus, 1'500'000'000);
  EXPECT_EQ(host.resources.pids_limit, 100);
  EXPECT_EQ(host.shm_size, 1 << 20);
  EXPECT_EQ(host.oom_score_adj, -5);
}

TEST(Create, TheFirstNetworkIsTheMode) {
  ASSERT_OK_AND_ASSIGN(const auto none, Build({"busybox"}));
  EXPECT_EQ(none.create.host_config.network_mode, "default");
  EXPECT_TRUE(none.create.endpoints.empty());
  ASSERT_OK_AND_ASSIGN(const auto request,
                       Build({"--network", "name=front,alias=web,ip=10.1.0.5", "--network=back",
                              "--mac-address=02:00:00:00:00:01", "busybox"}));
  EXPECT_EQ(request.create.host_config.network_mode, "front");
  const auto& front = request.create.endpoints.at("front");
  EXPECT_EQ(front.ipam_config->ipv4_address, "10.1.0.5");
  EXPECT_EQ(front.mac_address, "02:00:00:00:00:01");
  EXPECT_THAT(front.aliases, ::testing::ElementsAre("web"));
  EXPECT_EQ(request.create.endpoints.count("back"), 1U);
}

TEST(Create, NetworksAsPodmanWritesThem) {
  ASSERT_OK_AND_ASSIGN(const auto both, Build({"--network", "front,back", "x"}));
  EXPECT_EQ(both.create.host_config.network_mode, "front");
  EXPECT_EQ(both.create.endpoints.count("back"), 1U);
  ASSERT_OK_AND_ASSIGN(const auto request,
                       Build({"--network", "front:ip=10.1.0.5,ip6=fd00::5,mac=02:00:00:00:00:01,alias=web,alias=shop,"
                              "interface_name=lan0", "x"}));
  EXPECT_EQ(request.create.host_config.network_mode, "front");
  const auto& front = request.create.endpoints.at("front");
  EXPECT_EQ(front.ipam_config->ipv4_address, "10.1.0.5");
  EXPECT_EQ(front.ipam_config->ipv6_address, "fd00::5");
  EXPECT_EQ(front.mac_address, "02:00:00:00:00:01");
  EXPECT_THAT(front.aliases, ::testing::ElementsAre("web", "shop"));
  EXPECT_EQ(front.driver_opts.at("com.docker.network.endpoint.ifname"), "lan0");
  EXPECT_EQ(Complaint({"--network", "front:color=red", "x"}),
            "invalid argument \"front:color=red\" for \"--network\" flag: invalid field key color");
  ASSERT_OK_AND_ASSIGN(const auto path, Build({"--network", "ns:/run/a=b", "x"}));
  EXPECT_EQ(path.create.host_config.network_mode, "ns:/run/a=b");
}

TEST(Create, LinksAndLinkLocalAddressesAreTheFirstNetworks) {
  ASSERT_OK_AND_ASSIGN(const auto request, Build({"--network=front", "--network=back", "--link=db:database",
                                                  "--link-local-ip=169.254.7.7", "x"}));
  const auto& front = request.create.endpoints.at("front");
  EXPECT_THAT(front.links, ::testing::ElementsAre("db:database"));
  EXPECT_THAT(front.ipam_config->link_local_ips, ::testing::ElementsAre("169.254.7.7"));
  EXPECT_TRUE(request.create.endpoints.at("back").links.empty());
  ASSERT_OK_AND_ASSIGN(const auto none, Build({"--link=db", "x"}));
  EXPECT_THAT(none.create.host_config.links, ::testing::ElementsAre("db"));
  EXPECT_TRUE(none.create.endpoints.empty());
  for (const char* text : {"a:b:c", ":b", "a:"})
    EXPECT_EQ(Complaint({"--link", text, "x"}), std::string("invalid argument \"") + text +
                                                    "\" for \"--link\" flag: bad format for links: " + text);
}

TEST(Create, ConflictsAreRefused) {
  EXPECT_EQ(Complaint({"--rm", "--restart=always", "x"}),
            "conflicting options: cannot specify both --restart and --rm");
  EXPECT_EQ(Complaint({"-d", "-a", "stdout", "x"}),
            "conflicting options: cannot specify both --attach and --detach");
  EXPECT_EQ(Complaint({"--pull=often", "x"}),
            "invalid pull option: 'often': must be one of \"always\", \"missing\" or \"never\"");
  EXPECT_EQ(Complaint({"--pid=mine", "x"}), "--pid: invalid PID mode");
  EXPECT_EQ(Complaint({"--no-healthcheck", "--health-cmd=true", "x"}),
            "--no-healthcheck conflicts with --health-* options");
  EXPECT_EQ(Complaint({"--no-healthcheck", "--health-on-failure=kill", "x"}),
            "--no-healthcheck conflicts with --health-* options");
  EXPECT_EQ(Complaint({"--mount", "type=bind", "x"}),
            "invalid argument \"type=bind\" for \"--mount\" flag: target is required");
}

// A value for an option of `run` or `update` that is not what is sent without it.
std::string SampleOf(const Flag& flag) {
  const std::map<std::string_view, const char*> samples{{"add-host", "a:1.2.3.4"},
                                                        {"attach", "stdin"},
                                                        {"blkio-weight", "100"},
                                                        {"cgroupns", "host"},
                                                        {"cpus", "1.5"},
                                                        {"device", "/dev/fuse"},
                                                        {"device-read-bps", "/dev/x:1m"},
                                                        {"device-read-iops", "/dev/x:1"},
                                                        {"device-write-bps", "/dev/x:1m"},
                                                        {"device-write-iops", "/dev/x:1"},
                                                        {"env-file", "/dev/null"},
                                                        {"expose", "80"},
                                                        {"health-interval", "1s"},
                                                        {"health-start-interval", "1s"},
                                                        {"health-start-period", "1s"},
                                                        {"health-timeout", "1s"},
                                                        {"ipc", "host"},
                                                        {"label-file", "/dev/null"},
                                                        {"mount", "target=/x"},
                                                        {"pid", "host"},
                                                        {"publish", "80"},
                                                        {"pull", "always"},
                                                        {"restart", "always"},
                                                        {"security-opt", "no-new-privileges"},
                                                        {"ulimit", "nofile=1"},
                                                        {"userns", "host"},
                                                        {"uts", "host"},
                                                        {"storage-opt", "size=1"}};
  if (const auto sample = samples.find(flag.name); sample != samples.end()) return sample->second;
  switch (flag.kind) {
    case Kind::kBool: return "true";
    case Kind::kInt: return "3";
    case Kind::kBytes:
    case Kind::kSwap: return "64m";
    default: return "a";
  }
}

// Everything that a command line asks for, as text.
std::string Asked(const std::vector<std::string_view>& words) {
  const auto built = Build(words);
  if (!built.ok()) return "refused: " + built.error().Message();
  return built->create.ToJson().Dump() + built->name + built->platform + built->pull + built->cid_file +
         (built->quiet ? "quiet" : "");
}

TEST(Create, EveryOptionIsSentOrUsed) {
  // What the command itself does with them, tests/e2e looks at; files that are empty say nothing.
  const std::set<std::string_view> elsewhere{"detach-keys", "dry-run",  "json",
                                             "sig-proxy",   "env-file", "label-file"};
  const std::string plain = Asked({"image"});
  for (const Flag& flag : RunFlags()) {
    const std::string option = "--" + std::string(flag.name) + "=" + SampleOf(flag);
    const std::string asked = Asked({option, "image"});
    EXPECT_EQ(asked == plain, elsewhere.count(flag.name) == 1) << option;
    EXPECT_FALSE(asked.starts_with("refused")) << option << ": " << asked;
  }
}

TEST(Update, EveryOptionIsSent) {
  const auto body = [](const std::vector<std::string_view>& words) {
    const auto options = ParseFlags(UpdateFlags(), words, false);
    return options.ok() ? BuildUpdate(*options)->ToJson().Dump() : options.error().Message();
  };
  const std::string plain = body({"web"});
  EXPECT_FALSE(UpdateFlags().empty());
  for (const Flag& flag : UpdateFlags()) {
    const std::string option = "--" + std::string(flag.name) + "=" + SampleOf(flag);
    EXPECT_NE(body({option, "web"}), plain) << option;
  }
}

TEST(Update, ChecksWhatCreateChecks) {
  const std::vector<std::string_view> words{"--blkio-weight=70000", "web"};
  ASSERT_OK_AND_ASSIGN(const Options options, ParseFlags(UpdateFlags(), words, false));
  EXPECT_FALSE(BuildUpdate(options).ok());
}

TEST(Create, SystemPathsUnconfinedEmptiesTheLists) {
  ASSERT_OK_AND_ASSIGN(const auto request, Build({"--security-opt", "systempaths=unconfined", "busybox"}));
  ASSERT_TRUE(request.create.host_config.masked_paths.has_value());
  EXPECT_TRUE(request.create.host_config.masked_paths->empty());
  EXPECT_TRUE(request.create.host_config.security_opt.empty());
}

}  // namespace
}  // namespace estiba::cli
