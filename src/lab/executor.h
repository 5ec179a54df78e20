#pragma once
// Carries out a lab's plan by netlink and nf_tables messages.

#include <optional>
#include <string>

#include "lab/plan.h"
#include "lab/up.h"
#include "os/netlink.h"

namespace estiba::lab {

class Executor {
 public:
  Executor(const Lab& lab, Containers& containers, const Places& places)
      : lab_(lab), containers_(containers), places_(places) {}
  Status Run();

  Status operator()(const MakeNamespace&);
  Status operator()(const MakeContainer& container);
  Status operator()(const SetSysctl& sysctl);
  Status operator()(const MakeBridge& bridge);
  Status operator()(const MakePair& pair);
  Status operator()(const JoinBridge& join);
  Status operator()(const AddAddress& add);
  Status operator()(const Shape& shape);
  Status operator()(const Lose& lose);
  Status operator()(const AddRules&);
  Status operator()(const BringUp& up);
  Status operator()(const AddRoute& add);
  Status operator()(const RunCommand& run);

 private:
  // The node that is worked on, opened once for the operations in a row.
  Status Enter(std::size_t node);
  std::string PathOf(std::size_t node) const;
  Result<os::NetlinkSocket> Netfilter() const;
  Status Settle();

  const Lab& lab_;
  Containers& containers_;
  const Places& places_;
  std::size_t node_ = 0;
  os::UniqueFd ns_;
  std::optional<os::NetlinkSocket> socket_;  // rtnetlink; none before there is a namespace
};

// "lan.yaml:12: ".
std::string WrongPlace(const Lab& lab, unsigned line);

// Fails, with the line that asks for it, when the kernel has not what the lab's links need.
Status CheckKernel(const Lab& lab);

}  // namespace estiba::lab
