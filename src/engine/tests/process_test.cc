#include "spec/process.h"

#include <gmock/gmock.h>

#include "spec/links.h"
#include "spec/validate.h"
#include "tests/support.h"

namespace estiba::engine {
namespace {

using Words = std::vector<std::string>;

ImageDefaults Image() {
  ImageDefaults image;
  image.entrypoint = {"/entry"};
  image.cmd = {"default"};
  image.env = {"A=image", "B=image"};
  return image;
}

TEST(Command, ACommandReplacesTheImagesAndKeepsItsEntrypoint) {
  ASSERT_OK_AND_ASSIGN(Command command, MergeCommand(std::nullopt, {"mine"}, Image()));
  EXPECT_EQ(command.Argv(), (Words{"/entry", "mine"}));
}

TEST(Command, AnEntrypointDropsTheImagesCommand) {
  ASSERT_OK_AND_ASSIGN(Command command, MergeCommand(Words{"/mine"}, {}, Image()));
  EXPECT_EQ(command.Argv(), (Words{"/mine"}));
}

TEST(Command, AnEmptyEntrypointTakesTheImagesAway) {
  ASSERT_OK_AND_ASSIGN(Command command, MergeCommand(Words{""}, {"sh"}, Image()));
  EXPECT_EQ(command.Argv(), (Words{"sh"}));
}

TEST(Command, NothingToRunIsAnError) { EXPECT_FALSE(MergeCommand(std::nullopt, {}, ImageDefaults{}).ok()); }

TEST(Env, TheRequestWinsOverTheImageAndTheImageOverTheDefaults) {
  EXPECT_EQ(MergeEnv({"A=mine"}, Image().env), (Words{"A=mine", "B=image"}));
  EXPECT_EQ(ProcessEnv({"PATH=/p", "X=1"}, "host", true), (Words{"PATH=/p", "HOSTNAME=host", "TERM=xterm", "X=1"}));
  EXPECT_EQ(ApplyEnv({"A=1", "B=2"}, {"A", "C=3"}), (Words{"B=2", "C=3"}));
}

TEST(Signals, NamesAndNumbersMeanTheSame) {
  for (const char* text : {"15", "TERM", "SIGTERM", "sigterm"}) {
    ASSERT_OK_AND_ASSIGN(int signal, ParseSignal(text));
    EXPECT_EQ(signal, 15) << text;
  }
  ASSERT_OK_AND_ASSIGN(int real_time, ParseSignal("SIGRTMIN+3"));
  EXPECT_EQ(real_time, 37);
  for (const char* bad : {"", "0", "65", "SIGFOO", "RTMIN+99"}) EXPECT_FALSE(ParseSignal(bad).ok()) << bad;
}

std::string Refusal(const std::function<void(apitypes::ContainerCreate&)>& change) {
  apitypes::ContainerCreate create;
  change(create);
  std::vector<std::string> warnings;
  const Status status = ValidateCreate(create, {2, true}, &warnings);
  return status.ok() ? "" : status.error().Message();
}

TEST(Links, EnvironmentIsDockers) {
  const LinkedContainer linked{"my-db", "store", "0123", "172.17.0.2",
                               {"80/udp", "80/tcp", "81/tcp", "82/tcp", "5432/tcp"},
                               {"A=b=c", "PATH=/bin", "HOME=/", "EMPTY="}};
  const std::vector<std::string> env = LinkEnvironment("web", linked);
  EXPECT_THAT(env, ::testing::IsSupersetOf(
                       {"MY_DB_PORT=tcp://172.17.0.2:80", "MY_DB_PORT_80_TCP_START=tcp://172.17.0.2:80",
                        "MY_DB_PORT_80_TCP_END=tcp://172.17.0.2:82", "MY_DB_PORT_80_TCP_PORT_START=80",
                        "MY_DB_PORT_80_TCP_PORT_END=82", "MY_DB_PORT_80_UDP=udp://172.17.0.2:80",
                        "MY_DB_PORT_5432_TCP=tcp://172.17.0.2:5432", "MY_DB_PORT_5432_TCP_ADDR=172.17.0.2",
                        "MY_DB_PORT_5432_TCP_PORT=5432", "MY_DB_PORT_5432_TCP_PROTO=tcp", "MY_DB_NAME=/web/my-db",
                        "MY_DB_ENV_A=b=c", "MY_DB_ENV_EMPTY="}));
  for (const std::string& entry : env) EXPECT_FALSE(entry.starts_with("MY_DB_ENV_PATH")) << entry;
  EXPECT_EQ(LinkHostNames(linked), "my-db 0123 store");
  EXPECT_THAT(LinkEnvironment("web", {"x", "x", "", "172.17.0.2", {}, {}}), ::testing::ElementsAre("X_NAME=/web/x"));
}

TEST(Validate, WhatTheEngineDoesNotDoIsRefusedByName) {
  EXPECT_EQ(Refusal([](auto& c) { c.host_config.links = {"a:b"}; }), "");
  EXPECT_THAT(Refusal([](auto& c) {
                c.host_config.links = {"a:b"};
                c.host_config.network_mode = "host";
              }),
              ::testing::HasSubstr("can't be used with links"));
  EXPECT_EQ(Refusal([](auto& c) {
              c.host_config.links = {"a:b"};
              c.host_config.network_mode = "blue";
            }),
            "");
  EXPECT_THAT(Refusal([](auto& c) { c.host_config.storage_opt["colour"] = "1g"; }), ::testing::HasSubstr("colour"));
  EXPECT_THAT(Refusal([](auto& c) { c.host_config.resources.memory = 1 << 20; }), ::testing::HasSubstr("6MB"));
  EXPECT_THAT(Refusal([](auto& c) { c.host_config.resources.nano_cpus = 3'000'000'000; }),
              ::testing::HasSubstr("only 2 CPUs available"));
  EXPECT_THAT(Refusal([](auto& c) { c.host_config.security_opt = {"what=ever"}; }), ::testing::HasSubstr("what=ever"));
  EXPECT_THAT(Refusal([](auto& c) { c.config.working_dir = "rel"; }), ::testing::HasSubstr("absolute path"));
  EXPECT_THAT(Refusal([](auto& c) {
                c.host_config.auto_remove = true;
                c.host_config.restart_policy.name = "always";
              }),
              ::testing::HasSubstr("can't create 'AutoRemove' container with restart policy"));
  EXPECT_EQ(Refusal([](auto&) {}), "");
}

}  // namespace
}  // namespace estiba::engine
