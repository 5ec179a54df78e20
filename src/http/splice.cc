#include "splice.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace estiba::http {
namespace {

Error PeerGone(const char* how) { return Error(Code::kUnavailable, std::string("write to the client: it ") + how); }

class Splicer {
 public:
  Splicer(int pipe, int socket, std::chrono::milliseconds timeout) : pipe_(pipe), socket_(socket), timeout_(timeout) {}

  // Bytes that are in the pipe; 0 at its end. However long it takes: the peer waits, too, and says when it leaves.
  Result<std::size_t> Await() const {
    std::array<pollfd, 2> both{{{pipe_, POLLIN, 0}, {socket_, 0, 0}}};
    while (::poll(both.data(), both.size(), -1) < 0) {
      if (errno != EINTR) return Error::Errno(errno, "wait for what to send");
    }
    if ((both[1].revents & (POLLERR | POLLHUP)) != 0) return PeerGone("has gone");
    int there = 0;
    if (::ioctl(pipe_, FIONREAD, &there) < 0) return Error::Errno(errno, "look at what to send");
    return static_cast<std::size_t>(there);
  }

  Status Move(std::size_t bytes) const {
    while (bytes > 0) {
      const ssize_t n = ::splice(pipe_, nullptr, socket_, nullptr, bytes, SPLICE_F_MOVE | SPLICE_F_MORE);
      if (n > 0) bytes -= static_cast<std::size_t>(n);
      if (n == 0) return Error(Code::kInternal, "the pipe has less than it said");
      if (n < 0) TRY(AwaitRoom(errno));
    }
    return Ok();
  }

  Status Send(std::string_view bytes, int flags) const {
    while (!bytes.empty()) {
      const ssize_t n = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | flags);
      if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
      if (n < 0) TRY(AwaitRoom(errno));
    }
    return Ok();
  }

 private:
  // After a call that failed with `error`.
  Status AwaitRoom(int error) const {
    if (error == EINTR) return Ok();
    if (error != EAGAIN) return PeerGone("has gone");
    pollfd room{socket_, POLLOUT, 0};
    const int ready = ::poll(&room, 1, static_cast<int>(timeout_.count()));
    if (ready < 0 && errno != EINTR) return Error::Errno(errno, "wait for the client");
    return ready == 0 ? Status(PeerGone("takes nothing")) : Ok();
  }

  int pipe_;
  int socket_;
  std::chrono::milliseconds timeout_;
};

std::string ChunkSize(std::size_t bytes) {
  std::array<char, 20> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), bytes, 16);
  return std::string(text.data(), end.ptr) + "\r\n";
}

}  // namespace

Status SplicePipe(int pipe, int socket, bool chunked, std::chrono::milliseconds timeout) {
  const Splicer splicer(pipe, socket, timeout);
  for (;;) {
    const std::size_t there = TRY(splicer.Await());
    if (there == 0) return Ok();
    if (chunked) TRY(splicer.Send(ChunkSize(there), MSG_MORE));
    TRY(splicer.Move(there));
    if (chunked) TRY(splicer.Send("\r\n", 0));
  }
}

}  // namespace estiba::http
