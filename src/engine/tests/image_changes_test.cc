#include "spec/image_changes.h"

#include <gmock/gmock.h>

#include "tests/support.h"

namespace estiba::engine {
namespace {

using apitypes::ContainerConfig;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

ContainerConfig Apply(const std::vector<std::string>& changes, ContainerConfig config = {}) {
  auto out = ApplyChanges(std::move(config), changes);
  EXPECT_TRUE(out.ok()) << (out.ok() ? "" : out.error().Message());
  return out.ok() ? std::move(*out) : ContainerConfig{};
}

std::string Refused(const std::string& change) {
  const auto out = ApplyChanges({}, {change});
  return out.ok() ? "taken" : out.error().Message();
}

TEST(ImageChanges, CommandsHaveAnExecAndAShellForm) {
  EXPECT_THAT(*Apply({R"(CMD ["a", "b c"])"}).cmd, ElementsAre("a", "b c"));
  EXPECT_THAT(*Apply({"cmd echo $HOME"}).cmd, ElementsAre("/bin/sh", "-c", "echo $HOME"));
  ContainerConfig config;
  config.shell = {"/bin/bash", "-e"};
  EXPECT_THAT(*Apply({"ENTRYPOINT x"}, config).entrypoint, ElementsAre("/bin/bash", "-e", "x"));
  EXPECT_THAT(*Apply({R"(CMD ["a", 1])"}).cmd, ElementsAre("/bin/sh", "-c", R"(["a", 1])"));
}

TEST(ImageChanges, AnEntrypointDropsACommandThatWasForAnother) {
  ContainerConfig config;
  config.cmd = {"old"};
  EXPECT_FALSE(Apply({R"(ENTRYPOINT ["x"])"}, config).cmd.has_value());
  EXPECT_THAT(*Apply({R"(CMD ["new"])", R"(ENTRYPOINT ["x"])"}, config).cmd, ElementsAre("new"));
}

TEST(ImageChanges, EnvironmentAndLabels) {
  ContainerConfig config;
  config.env = {"PATH=/bin", "A=1"};
  config = Apply({"ENV A=2 B='x $A' C=\"y $A\" D=a\\ b", "ENV OLD form of  $A", "ENV PATH=$PATH:/opt ${A:-no}X=1",
                  "LABEL a.b=\"c d\" e=${NONE:-f}${A:+g}"},
                 config);
  EXPECT_THAT(config.env, ElementsAre("PATH=/bin:/opt", "A=2", "B=x $A", "C=y 1", "D=a b", "OLD=form of  2", "2X=1"));
  EXPECT_EQ(config.labels["a.b"], "c d");
  EXPECT_EQ(config.labels["e"], "fg");
}

TEST(ImageChanges, PortsVolumesUserAndFolder) {
  const ContainerConfig config =
      Apply({"EXPOSE 80 53/udp 8000-8002", "VOLUME /a /b", R"(VOLUME ["/c d"])", "USER 1:2", "WORKDIR /x/y",
             "WORKDIR ../z/.", "STOPSIGNAL SIGINT", "ONBUILD RUN  x y", "# a comment", "ENV A=1 \\\n B=2"});
  EXPECT_THAT(config.exposed_ports, ElementsAre("53/udp", "80/tcp", "8000/tcp", "8001/tcp", "8002/tcp"));
  EXPECT_THAT(config.volumes, ElementsAre("/a", "/b", "/c d"));
  EXPECT_EQ(config.user, "1:2");
  EXPECT_EQ(config.working_dir, "/x/z");
  EXPECT_EQ(config.stop_signal, "SIGINT");
  EXPECT_THAT(config.on_build, ElementsAre("RUN  x y"));
  EXPECT_THAT(config.env, ElementsAre("A=1", "B=2"));
}

TEST(ImageChanges, Healthchecks) {
  const auto check = Apply({"HEALTHCHECK --interval=5s --retries=3 --start-period=1m CMD curl -f x"}).healthcheck;
  ASSERT_TRUE(check.has_value());
  EXPECT_THAT(check->test, ElementsAre("CMD-SHELL", "curl -f x"));
  EXPECT_EQ(check->interval, 5'000'000'000);
  EXPECT_EQ(check->start_period, 60'000'000'000);
  EXPECT_EQ(check->retries, 3);
  EXPECT_THAT(Apply({R"(HEALTHCHECK CMD ["a"])"}).healthcheck->test, ElementsAre("CMD", "a"));
  EXPECT_THAT(Apply({"HEALTHCHECK NONE"}).healthcheck->test, ElementsAre("NONE"));
}

TEST(ImageChanges, WhatIsWrongIsNamed) {
  EXPECT_EQ(Refused("RUN x"), "RUN is not a valid change command");
  EXPECT_EQ(Refused("nonsense"), "NONSENSE is not a valid change command");
  EXPECT_THAT(Refused("ENV"), HasSubstr("ENV requires at least one argument"));
  EXPECT_THAT(Refused("ENV A=1 B"), HasSubstr("can't find = in \"B\""));
  EXPECT_THAT(Refused("ENV A='x"), HasSubstr("single quote"));
  EXPECT_THAT(Refused("EXPOSE 70000"), HasSubstr("Invalid containerPort: 70000"));
  EXPECT_THAT(Refused("EXPOSE 80/icmp"), HasSubstr("Invalid proto: icmp"));
  EXPECT_THAT(Refused("STOPSIGNAL NEVER"), HasSubstr("NEVER"));
  EXPECT_THAT(Refused("USER a b"), HasSubstr("exactly one argument"));
  EXPECT_THAT(Refused("ONBUILD FROM x"), HasSubstr("FROM isn't allowed as an ONBUILD trigger"));
  EXPECT_THAT(Refused("HEALTHCHECK --foo=1 CMD x"), HasSubstr("unknown flag: --foo"));
  EXPECT_THAT(Refused("HEALTHCHECK CMD"), HasSubstr("Missing command after HEALTHCHECK CMD"));
}

TEST(MergeConfig, TheContainersConfigurationFillsWhatIsLeftOpen) {
  ContainerConfig container;
  container.user = "1";
  container.env = {"A=1", "B=2"};
  container.cmd = {"run"};
  container.entrypoint = {"enter"};
  container.exposed_ports = {"1/tcp"};
  container.labels = {{"x", "1"}};
  ContainerConfig wanted;
  wanted.env = {"B=3"};
  wanted.labels = {{"x", "2"}};
  wanted.exposed_ports = {"2/tcp"};
  const ContainerConfig merged = MergeConfig(wanted, container);
  EXPECT_EQ(merged.user, "1");
  EXPECT_THAT(merged.env, ElementsAre("B=3", "A=1"));
  EXPECT_THAT(*merged.cmd, ElementsAre("run"));
  EXPECT_THAT(*merged.entrypoint, ElementsAre("enter"));
  EXPECT_THAT(merged.exposed_ports, ElementsAre("1/tcp", "2/tcp"));
  EXPECT_EQ(merged.labels.at("x"), "2");
  wanted.entrypoint = std::vector<std::string>{"other"};
  EXPECT_FALSE(MergeConfig(wanted, container).cmd.has_value());
}

}  // namespace
}  // namespace estiba::engine
