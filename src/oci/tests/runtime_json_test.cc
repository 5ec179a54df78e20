#include "oci/runtime_json.h"

#include <gmock/gmock.h>

#include "codec/json.h"
#include "oci/features.h"
#include "oci/state.h"
#include "tests/support.h"

namespace estiba::oci {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Every field of the specification once.
constexpr const char* kEverything = R"({
  "ociVersion": "1.3.0",
  "process": {
    "terminal": true, "consoleSize": {"height": 24, "width": 80},
    "user": {"uid": 1000, "gid": 1001, "umask": 18, "additionalGids": [5, 6]},
    "args": ["sh", "-c", "exit 3"], "env": ["PATH=/bin", "A="], "cwd": "/tmp",
    "capabilities": {"bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "inheritable": ["CAP_CHOWN"],
                     "permitted": ["CAP_KILL"], "ambient": ["CAP_KILL"]},
    "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 18446744073709551615, "soft": 1024}],
    "noNewPrivileges": true, "oomScoreAdj": 0, "apparmorProfile": "p", "selinuxLabel": "l",
    "scheduler": {"policy": "SCHED_FIFO", "priority": 3, "flags": ["SCHED_FLAG_RESET_ON_FORK"]},
    "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 4},
    "execCPUAffinity": {"initial": "0", "final": "0-1"}
  },
  "root": {"path": "rootfs", "readonly": true},
  "hostname": "h", "domainname": "d",
  "mounts": [{"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid"],
              "uidMappings": [{"containerID": 0, "hostID": 100000, "size": 10}],
              "gidMappings": [{"containerID": 0, "hostID": 100000, "size": 10}]}],
  "hooks": {"prestart": [{"path": "/a"}],
    "createRuntime": [{"path": "/b", "args": ["b", "x"], "env": [], "timeout": 3}],
            "createContainer": [{"path": "/c"}], "startContainer": [{"path": "/d"}], "poststart": [{"path": "/e"}],
            "poststop": [{"path": "/f"}]},
  "annotations": {"z": "1", "a": "2"},
  "linux": {
    "namespaces": [{"type": "pid"}, {"type": "network", "path": "/proc/1/ns/net"}, {"type": "user"}, {"type": "uts"},
                   {"type": "time"}],
    "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 65536}],
    "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 65536}],
    "timeOffsets": {"monotonic": {"secs": -5, "nanosecs": 7}, "boottime": {"secs": 1, "nanosecs": 0}},
    "devices": [{"path": "/dev/x", "type": "c", "major": 10, "minor": 229, "fileMode": 438, "uid": 0, "gid": 0}],
    "netDevices": {"eth1": {"name": "inner"}},
    "cgroupsPath": "/c/d",
    "resources": {
      "devices": [{"allow": false, "access": "rwm"},
        {"allow": true, "type": "c", "major": 1, "minor": 3, "access": "r"}],
      "memory": {"limit": 1, "reservation": 2, "swap": -1, "swappiness": 60, "disableOOMKiller": false,
                 "useHierarchy": true, "checkBeforeUpdate": true},
      "cpu": {"shares": 1024, "quota": -1, "burst": 0, "period": 100000, "cpus": "0", "mems": "0", "idle": 1},
      "pids": {"limit": 0},
      "blockIO": {"weight": 10, "weightDevice": [{"major": 8, "minor": 0, "weight": 500}],
                  "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 600}]},
      "hugepageLimits": [{"pageSize": "2MB", "limit": 9}],
      "network": {"classID": 1048577, "priorities": [{"name": "eth0", "priority": 500}]},
      "rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 10000}},
      "unified": {"memory.high": "100"}},
    "rootfsPropagation": "slave",
    "seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "architectures": ["SCMP_ARCH_X86_64"],
                "flags": [], "listenerPath": "/s", "listenerMetadata": "m",
                "syscalls": [{"names": ["clone"], "action": "SCMP_ACT_ALLOW", "errnoRet": 4,
                              "args": [{"index": 0, "value": 2114060288, "valueTwo": 1, "op": "SCMP_CMP_MASKED_EQ"}]}]},
    "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"], "mountLabel": "ml",
    "sysctl": {"net.ipv4.ip_forward": "1"}, "personality": {"domain": "LINUX32"},
    "intelRdt": {"closID": "g", "schemata": ["L3:0=f"], "enableMonitoring": true},
    "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0-1", "flags": ["MPOL_F_STATIC_NODES"]}
  }
})";

TEST(RuntimeSpec, EveryFieldIsRead) {
  ASSERT_OK_AND_ASSIGN(const RuntimeSpec spec, ParseRuntimeSpec(kEverything));
  ASSERT_TRUE(spec.process);
  EXPECT_EQ(spec.process->user.uid, 1000U);
  EXPECT_EQ(spec.process->user.umask, 18U);
  EXPECT_EQ(spec.process->rlimits[0].hard, UINT64_MAX);
  EXPECT_EQ(spec.process->oom_score_adj, 0);
  EXPECT_EQ(spec.mounts[0].uid_mappings[0].host_id, 100000U);
  ASSERT_TRUE(spec.hooks.create_runtime[0].env);
  EXPECT_TRUE(spec.hooks.create_runtime[0].env->empty());
  EXPECT_FALSE(spec.hooks.prestart[0].env);
  EXPECT_THAT(spec.annotations, ElementsAre(std::pair("z", "1"), std::pair("a", "2")));
  const Linux& config = spec.linux_config;
  EXPECT_TRUE(HasNewNamespace(config, NamespaceType::kPid));
  EXPECT_FALSE(HasNewNamespace(config, NamespaceType::kNetwork));
  EXPECT_EQ(FindNamespace(config, NamespaceType::kNetwork)->path, "/proc/1/ns/net");
  EXPECT_EQ(FindNamespace(config, NamespaceType::kIpc), nullptr);
  EXPECT_EQ(config.monotonic_offset->secs, -5);
  EXPECT_EQ(config.resources.memory.swap, -1);
  EXPECT_EQ(config.resources.pids_limit, 0);
  EXPECT_FALSE(config.resources.devices[0].major);
  EXPECT_EQ(config.resources.devices[0].type, 'a');
  ASSERT_TRUE(config.seccomp);
  EXPECT_TRUE(config.seccomp->flags);
  EXPECT_EQ(config.seccomp->syscalls[0].args[0].op, SeccompOp::kMaskedEqual);
  EXPECT_EQ(config.personality, "LINUX32");
  EXPECT_EQ(config.net_devices[0].name, "inner");
  ASSERT_OK(ValidateRuntimeSpec(spec));
}

TEST(RuntimeSpec, WhatIsWrittenIsWhatWasRead) {
  ASSERT_OK_AND_ASSIGN(const RuntimeSpec spec, ParseRuntimeSpec(kEverything));
  const std::string written = WriteRuntimeSpec(spec);
  ASSERT_OK_AND_ASSIGN(const RuntimeSpec again, ParseRuntimeSpec(written));
  EXPECT_EQ(WriteRuntimeSpec(again), written);
  ASSERT_OK_AND_ASSIGN(const auto original, codec::ParseJson(kEverything));
  // Nothing of the original is lost: each top member is there with as many members as it had.
  ASSERT_OK_AND_ASSIGN(const auto document, codec::ParseJson(written));
  for (const auto& member : *original.IfObject()) {
    ASSERT_NE(document.Find(member.key), nullptr) << member.key;
    EXPECT_EQ(document.Find(member.key)->size(), member.value.size()) << member.key;
  }
  EXPECT_EQ(document.Find("linux")->Find("resources")->size(),
            original.Find("linux")->Find("resources")->size());
}

TEST(RuntimeSpec, UnknownFieldsAreIgnored) {
  EXPECT_TRUE(
      ParseRuntimeSpec(R"({"ociVersion": "1.9.0", "vm": {"x": 1}, "windows": {}, "linux": {"new": [1]}})")
          .ok());
}

TEST(RuntimeSpec, AWrongTypeIsRefusedWithItsPath) {
  const auto message = [](const char* json) {
    const auto parsed = ParseRuntimeSpec(json);
    return parsed.ok() ? std::string("accepted") : parsed.error().Message();
  };
  EXPECT_THAT(message(R"({"linux": {"resources": {"memory": {"limit": "1g"}}}})"),
              HasSubstr("linux.resources.memory.limit"));
  EXPECT_THAT(message(R"({"process": {"user": {"uid": 4294967296}}})"), HasSubstr("process.user.uid"));
  EXPECT_THAT(message(R"({"process": {"user": {"uid": -1}}})"), HasSubstr("process.user.uid"));
  EXPECT_THAT(message(R"({"process": {"args": "sh"}})"), HasSubstr("process.args"));
  EXPECT_THAT(message(R"({"annotations": {"a": 1}})"), HasSubstr("annotations.a"));
  EXPECT_THAT(message(R"({"linux": {"namespaces": [{"type": "pid"}, {"type": "fish"}]}})"),
              HasSubstr("linux.namespaces[1].type"));
  EXPECT_THAT(message(R"({"linux": {"seccomp": {"defaultAction": "NO"}}})"), HasSubstr("defaultAction"));
  EXPECT_THAT(message("[]"), HasSubstr("expected an object"));
  EXPECT_THAT(message("{"), ::testing::Not("accepted"));
}

RuntimeSpec Valid() {
  RuntimeSpec spec;
  spec.root.path = "rootfs";
  spec.process.emplace().args = {"true"};
  return spec;
}

TEST(Validate, RefusesByField) {
  const auto message = [](void (*spoil)(RuntimeSpec&)) {
    RuntimeSpec spec = Valid();
    spoil(spec);
    const Status status = ValidateRuntimeSpec(spec);
    return status.ok() ? std::string("accepted") : status.error().Message();
  };
  EXPECT_EQ(message([](RuntimeSpec&) {}), "accepted");
  EXPECT_THAT(message([](RuntimeSpec& s) { s.oci_version = "2.0.0"; }), HasSubstr("ociVersion"));
  EXPECT_THAT(message([](RuntimeSpec& s) { s.oci_version = "1"; }), HasSubstr("ociVersion"));
  EXPECT_EQ(message([](RuntimeSpec& s) { s.oci_version = "1.0.2-dev"; }), "accepted");
  EXPECT_THAT(message([](RuntimeSpec& s) { s.root.path = ""; }), HasSubstr("root.path"));
  EXPECT_THAT(message([](RuntimeSpec& s) { s.process->cwd = "tmp"; }), HasSubstr("process.cwd"));
  EXPECT_THAT(message([](RuntimeSpec& s) { s.process->args.clear(); }), HasSubstr("process.args"));
  EXPECT_THAT(
      message([](RuntimeSpec& s) { s.process->rlimits = {{"RLIMIT_CPU", 1, 1}, {"RLIMIT_CPU", 1, 1}}; }),
      HasSubstr("process.rlimits[1]"));
  EXPECT_THAT(message([](RuntimeSpec& s) { s.process->rlimits = {{"RLIMIT_FISH", 1, 1}}; }),
              HasSubstr("RLIMIT_FISH"));
  EXPECT_THAT(message([](RuntimeSpec& s) { s.process->rlimits = {{"RLIMIT_CPU", 2, 1}}; }),
              HasSubstr("soft"));
  EXPECT_THAT(message([](RuntimeSpec& s) { s.process->oom_score_adj = 1001; }), HasSubstr("oomScoreAdj"));
  EXPECT_THAT(message([](RuntimeSpec& s) { s.hostname = "x"; }), HasSubstr("UTS"));
  EXPECT_THAT(message([](RuntimeSpec& s) {
                s.linux_config.namespaces = {{.type = NamespaceType::kPid}, {.type = NamespaceType::kPid}};
              }),
              HasSubstr("linux.namespaces[1]"));
  EXPECT_THAT(message([](RuntimeSpec& s) { s.linux_config.namespaces = {{.type = NamespaceType::kUser}}; }),
              HasSubstr("linux.uidMappings"));
  EXPECT_THAT(message([](RuntimeSpec& s) { s.hooks.poststop = {{.path = "x"}}; }),
              HasSubstr("hooks.poststop[0]"));
  EXPECT_THAT(message([](RuntimeSpec& s) { s.hooks.poststop = {{.path = "/x", .timeout = 0}}; }),
              HasSubstr("timeout"));
  EXPECT_THAT(message([](RuntimeSpec& s) { s.linux_config.rootfs_propagation = "wild"; }), HasSubstr("wild"));
  EXPECT_THAT(message([](RuntimeSpec& s) { s.linux_config.masked_paths = {"proc"}; }),
              HasSubstr("maskedPaths[0]"));
}

TEST(NumberList, IsTheBitsOfWholeWords) {
  ASSERT_OK_AND_ASSIGN(const std::string few, ParseNumberList("0-2,5"));
  EXPECT_EQ(few, std::string("\x27\0\0\0\0\0\0\0", 8));
  ASSERT_OK_AND_ASSIGN(const std::string far, ParseNumberList("64"));
  EXPECT_EQ(far, std::string(8, '\0') + std::string("\1\0\0\0\0\0\0\0", 8));
}

TEST(NumberList, RefusesWhatIsNone) {
  for (const char* text : {"", "x", "1-", "-1", "3-1", "1-2-3", "8192", "0,,1"})
    EXPECT_FALSE(ParseNumberList(text).ok()) << text;
}

TEST(State, HasWhatTheSpecificationAsksFor) {
  State state{.id = "c", .status = "running", .pid = 7, .bundle = "/b", .annotations = {{"k", "v"}}};
  EXPECT_EQ(
      WriteState(state),
      R"({"ociVersion":"1.3.0","id":"c","pid":7,"status":"running","bundle":"/b","annotations":{"k":"v"}})");
}

TEST(Features, VersionsAreAlwaysThere) {
  ASSERT_OK_AND_ASSIGN(const auto document, codec::ParseJson(WriteFeatures({.hooks = {"poststop"}})));
  EXPECT_EQ(document.GetString("ociVersionMin"), "1.0.0");
  EXPECT_EQ(document.GetString("ociVersionMax"), "1.3.0");
  EXPECT_EQ(document.Find("hooks")->size(), 1U);
}

TEST(ParseRuntimeSpec, ANulByteIsRefusedByName) {
  const auto spec = ParseRuntimeSpec(R"({"mounts": [{"destination": "/a"}, {"destination": "/x\u0000y"}]})");
  ASSERT_FALSE(spec.ok());
  EXPECT_THAT(spec.error().Message(), ::testing::HasSubstr("mounts[1].destination: has a NUL byte"));
  EXPECT_TRUE(ParseRuntimeSpec(R"({"hostname": "\\u0000"})").ok());  // a backslash and five letters
}

}  // namespace
}  // namespace estiba::oci
