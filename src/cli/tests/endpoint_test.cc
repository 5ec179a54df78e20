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
  around.host = "/plain.sock";
  EXPECT_EQ(FindEndpoint(around)->socket, "/plain.sock");
  EXPECT_FALSE(FindEndpoint(around)->ours);  // never started by us
}

TEST(Endpoint, HostsElsewhereAreRefusedByName) {
  Surroundings around = User();
  around.host = "tcp://10.0.0.1:2375";
  const auto endpoint = FindEndpoint(around);
  ASSERT_FALSE(endpoint.ok());
  EXPECT_EQ(endpoint.error().Message(), "unable to parse engine host 'tcp://10.0.0.1:2375'");
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
