// A kernel without nf_tables, as far as a filter of system calls can make one of this.
#include <gmock/gmock.h>

#include <cerrno>
#include <cstddef>

#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "net/setup.h"
#include "tests/fake_net.h"
#include "tests/support.h"

namespace estiba::net {
namespace {

using testing::InFreshNetwork;

// socket(AF_NETLINK, …, NETLINK_NETFILTER) answers as where the kernel has no nfnetlink. For good, for this process.
void LoseNetfilter() {
  constexpr unsigned kFamily = offsetof(seccomp_data, args[0]), kProtocol = offsetof(seccomp_data, args[2]);
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 5),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kFamily),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kProtocol),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NETLINK_NETFILTER, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPROTONOSUPPORT),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{static_cast<unsigned short>(std::size(code)), code};
  ASSERT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

TEST(KernelWithoutNfTables, IsToldWhatItLacks) {
  REQUIRE(testing::CanMakeNetworks(), "network namespaces");
  InFreshNetwork([] {
    LoseNetfilter();
    const Status made = EnsureTable();
    ASSERT_FALSE(made.ok());
    EXPECT_EQ(made.error().errnum(), EPROTONOSUPPORT);
    EXPECT_THAT(made.error().ToString(), ::testing::AllOf(::testing::HasSubstr("set up nft table 'estiba'"),
                                                          ::testing::HasSubstr("CONFIG_NF_TABLES"),
                                                          ::testing::HasSubstr("--network host")));
  });
}

}  // namespace
}  // namespace estiba::net
