// Deleting a link without the kernel's wait at the end. A deleted link is gone from the host within a millisecond or
// two, but netdev_run_todo() then waits, without any lock, until no reader anywhere can still have it (rcu_barrier());
// the system call returns 10 to 20 ms after the fact. So a thread makes the call, and we look for the link.

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <pthread.h>
#include <sys/socket.h>

#include "link.h"
#include "os/fd.h"

namespace estiba::net {
namespace {

struct Deletion {
  struct Request {
    nlmsghdr header;
    ifinfomsg link;
  };
  os::UniqueFd socket;
  Request request;
  std::atomic<bool> done = false;
};

// A system call and nothing else: small programs allocate for one thread (bin/small/memory.cc).
void* Send(void* argument) {
  auto& deletion = *static_cast<Deletion*>(argument);
  ::send(deletion.socket.get(), &deletion.request, sizeof deletion.request, 0);
  deletion.done.store(true, std::memory_order_release);
  return nullptr;
}

// Null when there can be no thread.
const Deletion* Begin(int index) {
  os::UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket.valid()) return nullptr;
  Deletion::Request request{};
  request.header = {sizeof request, RTM_DELLINK, NLM_F_REQUEST, 1, 0};
  request.link.ifi_index = index;
  auto deletion = std::unique_ptr<Deletion>(new Deletion{.socket = std::move(socket), .request = request});
  pthread_t thread;
  if (::pthread_create(&thread, nullptr, Send, deletion.get()) != 0) return nullptr;
  ::pthread_detach(thread);
  return deletion.release();  // the thread may have it until the process ends
}

}  // namespace

Status DeleteLinkAtEnd(os::NetlinkSocket& socket, int index, const std::string& what) {
  constexpr std::chrono::microseconds kPause{100};
  const Deletion* deletion = Begin(index);
  while (deletion != nullptr && !deletion->done.load(std::memory_order_acquire)) {
    // Waits for the kernel's lock when the deletion has that.
    const auto link = TRY(FindLink(socket, index));
    if (!link) return Ok();
    std::this_thread::sleep_for(kPause);
  }
  return DeleteLink(socket, index, what);  // there is nothing left, or it says why it cannot
}

}  // namespace estiba::net
