#include "client/endpoint.h"

#include <fstream>

#include "commands/attachment.h"
#include "tests/support.h"

namespace estiba::cli {
namespace {

Surroundings User() {
  Surroundings around;
  around.uid = 1000;
  around.home = "/home/u";
  around.data_home = "/home/u/.local/share";
  around.config_home = "/nonexistent";
  around.runtime_dir = "/run/user/1000";
  return around;
}

TEST(Endpoint, TheOptionComesBeforeTheEnvironment) {
  Surroundings around = User();
  around.docker_host = "unix:///docker.sock";
  EXPECT_EQ(FindEndpoint(around)->socket, "/docker.sock");
  around.estiba_host = "unix:///estiba.sock";
  EXPECT_EQ(FindEndpoint(around)->socket, "/estiba.sock");
  around.flags.host = "/plain.sock";
  EXPECT_EQ(FindEndpoint(around)->socket, "/plain.sock");
  EXPECT_FALSE(FindEndpoint(around)->ours);  // never started by us
}

Result<Endpoint> At(const std::string& host) {
  Surroundings around = User();
  around.flags.host = host;
  return FindEndpoint(around);
}

TEST(Endpoint, TcpHasTheUsualPorts) {
  ASSERT_OK_AND_ASSIGN(const Endpoint plain, At("tcp://10.0.0.1"));
  EXPECT_EQ(plain.kind, Endpoint::Kind::kTcp);
  EXPECT_EQ(plain.host + " " + plain.port, "10.0.0.1 2375");
  EXPECT_FALSE(plain.here());
  Surroundings around = User();
  around.flags = {.host = "tcp://[fd00::1]", .tlsverify = true};
  ASSERT_OK_AND_ASSIGN(const Endpoint verified, FindEndpoint(around));
  EXPECT_EQ(verified.host + " " + verified.port, "fd00::1 2376");
  EXPECT_EQ(verified.Display(), "tcp://[fd00::1]");
}

TEST(Endpoint, TlsIsAskedForByFlagsAndByDockersVariables) {
  Surroundings around = User();
  EXPECT_FALSE(ChooseTls(around).on);
  around.docker_tls = true;
  EXPECT_TRUE(ChooseTls(around).on);
  EXPECT_FALSE(ChooseTls(around).verify);
  around.docker_tls_verify = true;
  EXPECT_TRUE(ChooseTls(around).verify);
  around.flags.tlsverify = false;
  EXPECT_TRUE(ChooseTls(around).on);
  EXPECT_FALSE(ChooseTls(around).verify);
}

TEST(Endpoint, FilesThatNobodyNamedCountWhereTheyAre) {
  const testing::TempDir dir;
  Surroundings around = User();
  around.flags.tlsverify = true;
  around.cert_path = dir.path();
  std::ofstream(dir / "ca.pem") << "";
  EXPECT_EQ(ChooseTls(around).ca, dir / "ca.pem");
  EXPECT_EQ(ChooseTls(around).cert, "");
  around.flags.tlscert = "mine";  // there or not
  EXPECT_EQ(ChooseTls(around).cert, "mine");
}

TEST(Endpoint, SshIsReadAsDockerReadsIt) {
  ASSERT_OK_AND_ASSIGN(const Endpoint whole, At("ssh://me@there:99/run/other.sock"));
  EXPECT_EQ(whole.kind, Endpoint::Kind::kSsh);
  EXPECT_EQ(whole.user + " " + whole.host + " " + whole.port + " " + whole.socket, "me there 99 /run/other.sock");
  ASSERT_OK_AND_ASSIGN(const Endpoint bare, At("ssh://there"));
  EXPECT_EQ(bare.user + bare.port + bare.socket, "");
}

TEST(Endpoint, HostsThatAreNoneAreRefusedByName) {
  const std::pair<const char*, const char*> hosts[] = {
      {"tcp://10.0.0.1:0", "'0' is no port"},
      {"tcp://10.0.0.1:1/x", "a path cannot be reached by TCP"},
      {"tcp://-oProxyCommand=x:1", "'-oProxyCommand=x' is no host"},
      {"ssh://-oProxyCommand=x", "'-oProxyCommand=x' is no host"},
      {"ssh://-l@there", "'-l' is no user"},
      {"ssh://me:secret@there", "plain-text password is not supported"},
      {"ssh://me@", "no host is named"},
      {"ssh://there/run/x';reboot;'", "'/run/x';reboot;'' has characters that a shell would take for others"},
      {"there", "no kind of host is known that begins so"}};
  for (const auto& [host, why] : hosts) {
    const auto endpoint = At(host);
    ASSERT_FALSE(endpoint.ok()) << host;
    EXPECT_EQ(endpoint.error().Message(), "unable to parse engine host '" + std::string(host) + "': " + why);
  }
}

TEST(Endpoint, UsersHaveTheirOwnEngine) {
  EXPECT_EQ(FindEndpoint(User())->socket, "/run/user/1000/estiba/estiba.sock");
  EXPECT_TRUE(FindEndpoint(User())->ours);
  Surroundings bare = User();
  bare.runtime_dir.clear();
  EXPECT_EQ(FindEndpoint(bare)->socket, "/tmp/estiba-1000/estiba.sock");
}

TEST(Endpoint, TheConfigurationNamesTheSocket) {
  const testing::TempDir dir;
  const std::string file = dir / "estibad.toml";
  std::ofstream(file) << "run_root = \"/r\"\ndata_root = \"/d\"\n";
  Surroundings around = User();
  around.config = file;
  ASSERT_OK_AND_ASSIGN(const Endpoint roots, FindEndpoint(around));
  EXPECT_EQ(roots.socket, "/r/estiba.sock");
  EXPECT_EQ(roots.log, "/d/estibad.log");
  EXPECT_EQ(roots.config, file);
  std::ofstream(file) << "socket = \"/s.sock\"\n[log]\nfile = \"/l\"\n";
  ASSERT_OK_AND_ASSIGN(const Endpoint named, FindEndpoint(around));
  EXPECT_EQ(named.socket, "/s.sock");
  EXPECT_EQ(named.log, "/l");
  around.config = dir / "missing.toml";
  EXPECT_FALSE(FindEndpoint(around).ok());
}

TEST(StartError, DecidesTheExitCode) {
  EXPECT_EQ(CodeOfStartError("exec: \"nope\": executable file not found in $PATH"), 127);
  EXPECT_EQ(CodeOfStartError("exec: \"/etc/passwd\": permission denied"), 126);
  EXPECT_EQ(CodeOfStartError("exec: \"/\": is a directory"), 126);
  EXPECT_EQ(CodeOfStartError("port is already allocated"), 125);
}

}  // namespace
}  // namespace estiba::cli
