#include "tls/dialer.h"

#include <cerrno>
#include <chrono>
#include <memory>

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include "os/inet.h"
#include "relay.h"
#include "tls/telling.h"

namespace estiba::tls {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// As long as docker's clients wait.
constexpr auto kPatience = 30s;

// 0, or an errno.
int ConnectBy(int socket, const addrinfo& target, Clock::time_point deadline) {
  if (::connect(socket, target.ai_addr, target.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return ETIMEDOUT;
    pollfd wanted{socket, POLLOUT, 0};
    const int ready = ::poll(&wanted, 1, static_cast<int>(left));
    if (ready < 0 && errno != EINTR) return errno;
    if (ready > 0) return os::ConnectionError(socket);
  }
}

class DialerImpl final : public Dialer {
 public:
  DialerImpl(os::Loop& loop, os::UniqueFd plain, os::UniqueFd asker)
      : loop_(loop), plain_(std::move(plain)), asker_(std::move(asker)) {}

  Status Begin(os::UniqueFd socket, Session session) {
    TRY(os::SetNonBlocking(plain_.get(), true));
    relay_ = std::make_unique<Relay>(loop_, std::move(socket), std::move(session),
                                     Relay::Events{[this](Session&) { return OnMade(); },
                                                   [this](const std::string& failure) { OnEnd(failure); }});
    return relay_->Start();
  }

 private:
  Result<os::UniqueFd> OnMade() {
    TRY(TellMade(asker_.get()));
    return std::move(plain_);
  }

  void OnEnd(const std::string& failure) {
    if (!failure.empty()) (void)TellFailed(asker_.get(), failure).ok();  // who asked may have gone
    relay_.reset();
    loop_.Stop();
  }

  os::Loop& loop_;
  os::UniqueFd plain_;
  os::UniqueFd asker_;
  std::unique_ptr<Relay> relay_;
};

}  // namespace

Result<os::UniqueFd> Reach(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  if (const int failed = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &list); failed != 0)
    return Error(Code::kUnavailable, "look up '" + host + "': " + ::gai_strerror(failed));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
  const auto deadline = Clock::now() + kPatience;
  int err = EHOSTUNREACH;
  for (const addrinfo* target = list; target != nullptr; target = target->ai_next) {
    os::UniqueFd socket(::socket(target->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.valid()) {
      err = errno;
      continue;
    }
    err = ConnectBy(socket.get(), *target, deadline);
    if (err != 0) continue;
    TRY(os::RelayTcp(socket.get()));
    return socket;
  }
  return Error::Errno(err, "connect to '" + host + "', port " + port);
}

Result<std::unique_ptr<Dialer>> Dialer::Create(os::Loop& loop, const Context& context, const std::string& host,
                                               os::UniqueFd socket, os::UniqueFd plain, os::UniqueFd asker) {
  Session session = TRY(Session::Connect(context, socket.get(), host));
  auto dialer = std::make_unique<DialerImpl>(loop, std::move(plain), std::move(asker));
  TRY(dialer->Begin(std::move(socket), std::move(session)));
  return std::unique_ptr<Dialer>(std::move(dialer));
}

}  // namespace estiba::tls
