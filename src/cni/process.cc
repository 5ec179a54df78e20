#include "cni/process.h"

#include <array>
#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "os/memfd.h"

namespace estiba::cni {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxSaid = 16U << 10;
constexpr int kKept = 3;

// One stream of the program's; closed when it ends.
struct Stream {
  os::UniqueFd fd;
  std::string* text;
  std::size_t limit;
  bool over = false;  // more came than the limit
};

void Read(Stream& stream) {
  std::array<char, 16384> buffer;
  const ssize_t size = ::read(stream.fd.get(), buffer.data(), buffer.size());
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (size <= 0) return stream.fd.Reset();
  const auto got = static_cast<std::size_t>(size);
  const std::size_t room = stream.limit - stream.text->size();
  stream.text->append(buffer.data(), std::min(got, room));
  stream.over = stream.over || got > room;
}

// It made itself the first of a session, so its children have its number, too.
void Kill(const os::Process& process) {
  ::kill(-process.pid(), SIGKILL);
  (void)os::SendSignal(process.pidfd(), SIGKILL).ok();  // gone already is as good
}

int MillisecondsTo(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return left < 0 ? 0 : static_cast<int>(std::min<long long>(left + 1, 3'600'000));
}

// Until the program has ended and nothing more is to be read. What outlives it may keep its streams open for ever:
// then what is there already is all.
void Follow(const os::Process& process, Clock::time_point deadline, Stream& out, Stream& err, ProgramOutput& result) {
  bool ended = false;
  while (!ended) {
    std::array<pollfd, 3> fds = {pollfd{process.pidfd(), POLLIN, 0}, pollfd{out.fd.get(), POLLIN, 0},
                                 pollfd{err.fd.get(), POLLIN, 0}};
    const int ready = ::poll(fds.data(), fds.size(), MillisecondsTo(deadline));
    if (ready < 0) continue;  // a signal
    result.timed_out = ready == 0;
    if (result.timed_out) return Kill(process);
    ended = fds[0].revents != 0;
    if (fds[1].revents != 0) Read(out);
    if (fds[2].revents != 0) Read(err);
    result.too_long = out.over;
    if (out.over) return Kill(process);
  }
  for (Stream* stream : {&out, &err}) {
    while (stream->fd.valid() && !stream->over) {
      pollfd rest{stream->fd.get(), POLLIN, 0};
      if (::poll(&rest, 1, 0) <= 0) break;
      Read(*stream);
    }
  }
  result.too_long = out.over;
}

}  // namespace

Result<ProgramOutput> RunProgram(const ProgramInput& input) {
  // A file, not a pipe: a program that does not read it cannot end us.
  const os::UniqueFd in = TRY(os::MakeSealedMemfd("cni", input.text));
  os::Pipe out = TRY(os::MakePipe());
  os::Pipe err = TRY(os::MakePipe());
  os::SpawnOptions options;
  options.program = input.program;
  options.argv = {input.program};
  options.env = input.env;
  options.fds = {{in.get(), 0}, {out.write.get(), 1}, {err.write.get(), 2}};
  if (input.kept_fd >= 0) options.fds.emplace_back(input.kept_fd, kKept);
  options.new_session = true;
  const auto deadline = Clock::now() + input.timeout;
  os::Process process = TRY(os::Spawn(options));
  out.write.Reset();
  err.write.Reset();
  ProgramOutput result;
  Stream printed{std::move(out.read), &result.out, kMaxOutput};
  Stream said{std::move(err.read), &result.err, kMaxSaid};
  Follow(process, deadline, printed, said, result);
  result.end = TRY(process.Wait());
  return result;
}

Result<std::string> FindPlugin(const std::string& type, const std::vector<std::string>& bin_dirs) {
  for (const std::string& folder : bin_dirs) {
    const std::string path = folder + "/" + type;
    struct stat found {};
    if (::stat(path.c_str(), &found) == 0 && S_ISREG(found.st_mode) && ::access(path.c_str(), X_OK) == 0) return path;
  }
  return Error(Code::kNotFound, "plugin '" + type + "' is in none of " + Join(bin_dirs, ", "));
}

}  // namespace estiba::cni
