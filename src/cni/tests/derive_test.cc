#include "cni/derive.h"

#include "base/text.h"
#include "tests/golden.h"
#include "tests/support.h"

namespace estiba::cni {
namespace {

constexpr const char* kList = R"({"cniVersion": "VERSION", "name": "web", "plugins": [
  {"type": "bridge", "bridge": "cni0", "capabilities": {"mac": true, "ips": true}, "name": "not-this",
   "cniVersion": "0.1.0", "prevResult": {"from": "the file"}, "runtimeConfig": {"mac": "from the file"},
   "cni.dev/own": 1, "ipam": {"type": "host-local", "subnet": "10.9.0.0/24"}},
  {"type": "portmap", "capabilities": {"portMappings": true, "mac": false}, "snat": true}]})";

NetworkList ListOf(const std::string& version) {
  std::string text = kList;
  text.replace(text.find("VERSION"), 7, version);
  return ParseConfList(text).value();
}

Invocation Web() {
  using codec::Json;
  Invocation invocation;
  invocation.container = "c0ffee";
  invocation.netns = "/run/estiba/cni/c0ffee";
  invocation.ifname = "eth0";
  invocation.args = {{"IgnoreUnknown", "1"}, {"K8S_POD_NAME", "web"}};
  Json port = Json::MakeObject({{"hostPort", 8080}, {"containerPort", 80}, {"protocol", "tcp"}});
  Json ports = Json::MakeArray();
  ports.Append(std::move(port));
  invocation.capability_args.Set("portMappings", std::move(ports));
  invocation.capability_args.Set("mac", "02:00:00:00:00:01");
  invocation.capability_args.Set("ips", std::vector<std::string>{"10.9.0.7/24"});
  invocation.capability_args.Set("bandwidth", Json::MakeObject({{"ingressRate", 1000}}));
  return invocation;
}

AddResult Before() {
  return ParseResult(R"({"cniVersion": "1.1.0", "interfaces": [{"name": "cni0", "mac": "02:aa:00:00:00:01"},
      {"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/run/estiba/cni/c0ffee", "mtu": 1450}],
      "ips": [{"interface": 1, "address": "10.9.0.7/24", "gateway": "10.9.0.1"}, {"address": "fd00::7/64"}],
      "routes": [{"dst": "0.0.0.0/0", "gw": "10.9.0.1", "priority": 5}], "dns": {"nameservers": ["10.9.0.1"]}})",
                     Version::k110)
      .value();
}

// Every plugin of the list, in every version of the specification.
TEST(Derive, IsAsTheSpecificationHasIt) {
  std::string text;
  const Invocation web = Web();
  const AddResult before = Before();
  for (const Version version : kVersions) {
    const NetworkList list = ListOf(std::string(ToString(version)));
    text += "# " + std::string(ToString(version)) + "\n";
    text += Derive(list, list.plugins[0], web, nullptr) + "\n";
    text += Derive(list, list.plugins[1], web, &before) + "\n";
  }
  const NetworkList list = ListOf("1.1.0");
  const std::vector<ValidAttachment> valid = {{"c0ffee", "eth0"}, {"beef", "eth1"}};
  text += "# STATUS\n" + DeriveWithout(list, list.plugins[0], nullptr) + "\n";
  text += "# GC\n" + DeriveWithout(list, list.plugins[1], &valid) + "\n";
  const std::vector<ValidAttachment> none;
  text += DeriveWithout(list, list.plugins[1], &none) + "\n";
  text += "# VERSION\n" + DeriveVersion(Version::k110) + "\n";
  estiba::testing::ExpectGolden("derive.txt", text);
}

TEST(Environment, NamesTheContainerWhereThereIsOne) {
  const std::vector<std::string> dirs = {"/opt/cni/bin", "/usr/lib/cni"};
  std::string text;
  for (const Command command : {Command::kAdd, Command::kDel, Command::kCheck, Command::kGc, Command::kStatus,
                                Command::kVersion}) {
    text += Join(Environment(command, Web(), dirs), "\n") + "\n\n";
  }
  estiba::testing::ExpectGolden("environment.txt", text);
}

TEST(Invocation, RefusesWhatCannotBeTold) {
  Invocation invocation = Web();
  ASSERT_OK(CheckInvocation(invocation));
  invocation.args = {{"A", "b;CNI_X=1"}};
  EXPECT_FALSE(CheckInvocation(invocation).ok());
  invocation.args = {{"A=B", "c"}};
  EXPECT_FALSE(CheckInvocation(invocation).ok());
  invocation.args = {{"A", std::string("b\0c", 3)}};
  EXPECT_FALSE(CheckInvocation(invocation).ok());
  invocation.args.clear();
  invocation.ifname = "eth/0";
  EXPECT_FALSE(CheckInvocation(invocation).ok());
  invocation.ifname = "eth0";
  invocation.container = "../x";
  EXPECT_FALSE(CheckInvocation(invocation).ok());
}

}  // namespace
}  // namespace estiba::cni
