// system dial-stdio: the standard streams as a connection to the engine. Who has a shell on this host, by ssh above
// all, reaches the engine by it: the docker CLI runs `docker system dial-stdio` for DOCKER_HOST=ssh://….

#include <array>
#include <cerrno>
#include <string>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "commands/commands.h"

namespace estiba::cli {
namespace {

// After poll(2) has found room, a pipe takes so much without waiting (pipe(7), PIPE_BUF).
constexpr std::size_t kPiece = 4096;

// One direction: what was read and is not written yet.
class Way {
 public:
  Way(int from, int to) : from_(from), to_(to) {}

  bool over() const { return ended_ && pending_.empty(); }
  pollfd Wanted() const {
    if (!pending_.empty()) return {to_, POLLOUT, 0};
    return {ended_ ? -1 : from_, POLLIN, 0};
  }

  // When what was wanted has come.
  Status Go() {
    if (pending_.empty()) return Read();
    const ssize_t n = ::write(to_, pending_.data(), pending_.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return Ok();
    if (n < 0) return Error::Errno(errno, "write");
    pending_.erase(0, static_cast<std::size_t>(n));
    return Ok();
  }

  // Nobody takes it any more.
  void Abandon() {
    pending_.clear();
    ended_ = true;
  }

 private:
  Status Read() {
    pending_.resize(kPiece);
    const ssize_t n = ::read(from_, pending_.data(), pending_.size());
    const int err = errno;
    pending_.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    ended_ = n == 0;
    if (n < 0 && err != EINTR && err != EAGAIN) return Error::Errno(err, "read");
    return Ok();
  }

  int from_;
  int to_;
  std::string pending_;
  bool ended_ = false;
};

// Until the engine has said all, whether or not there is more to say to it.
Status Connect(int socket) {
  Way up(STDIN_FILENO, socket);
  Way down(socket, STDOUT_FILENO);
  bool told = false;  // that nothing more comes
  while (!down.over()) {
    if (up.over() && !told) {
      (void)::shutdown(socket, SHUT_WR);  // it may be gone
      told = true;
    }
    std::array<pollfd, 2> wanted{up.Wanted(), down.Wanted()};
    if (::poll(wanted.data(), wanted.size(), -1) < 0 && errno != EINTR) return Error::Errno(errno, "wait");
    if (wanted[0].revents != 0 && !up.Go().ok()) up.Abandon();
    if (wanted[1].revents != 0) TRY(down.Go());
  }
  return Ok();
}

Result<int> RunDialStdio(App& app, const Options&) {
  Api* engine = TRY(app.Engine());
  TRY(engine->EnsureEngine());
  const os::UniqueFd socket = TRY(engine->Connect());
  TRY(Connect(socket.get()));
  return 0;
}

}  // namespace

constinit const Command kDialStdio{.name = "dial-stdio",
                                   .usage = "",
                                   .summary = "Pass the standard streams on to the engine and back",
                                   .flags = {},
                                   .max_args = 0,
                                   .run = RunDialStdio,
                                   .details =
                                       "The docker CLI runs it on this host for DOCKER_HOST=ssh://HOST, where estiba\n"
                                       "is called docker, too."};

}  // namespace estiba::cli
