#include "cni/leaf.h"

#include <array>
#include <cerrno>
#include <optional>

#include "base/text.h"
#include "os/event.h"
#include "os/memfd.h"
#include "os/process.h"

namespace estiba::cni {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxSaid = 64U << 10;

// What it says on standard output until it closes that, by its end. Nothing when the deadline is over.
Result<std::optional<std::string>> ReadUntil(int fd, Clock::time_point deadline) {
  std::string text;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return std::optional<std::string>();
    const bool readable = TRY(os::WaitReadable(fd, left));
    if (!readable) return std::optional<std::string>();
    std::array<char, 4096> buffer;
    const ssize_t size = ::read(fd, buffer.data(), buffer.size());
    if (const int err = errno; size < 0 && err != EINTR) return Error::Errno(err, "hear from estiba-cni");
    if (size == 0) return std::optional(std::move(text));
    if (size > 0 && text.size() < kMaxSaid) text.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

}  // namespace

Status RunLeaf(const std::string& program, const std::vector<std::string>& words, std::string_view request,
               std::chrono::milliseconds patience, int log_fd) {
  const os::UniqueFd input = TRY(os::MakeSealedMemfd("cni-request", request));
  os::Pipe output = TRY(os::MakePipe());
  os::SpawnOptions options;
  options.program = program;
  options.argv = {"estiba-cni"};
  options.argv.insert(options.argv.end(), words.begin(), words.end());
  options.fds = {{input.get(), STDIN_FILENO}, {output.write.get(), STDOUT_FILENO}, {log_fd, STDERR_FILENO}};
  // Who ends us with all our group leaves it to take back what it has begun.
  options.new_session = true;
  const auto deadline = Clock::now() + patience;
  os::Process process = TRY(os::Spawn(options));
  output.write.Reset();
  const std::optional<std::string> said = TRY(ReadUntil(output.read.get(), deadline));
  if (!said) {
    return Error(Code::kDeadlineExceeded,
                 "estiba-cni did not end within " + std::to_string(patience.count() / 1000) + " s and was killed");
  }
  const os::ExitStatus end = TRY(process.Wait());
  if (end.ToShell() == 0) return Ok();
  const std::string why(Trim(*said));
  if (!why.empty()) return Error(Code::kInternal, why);
  return Error(Code::kInternal, end.signal != 0 ? "estiba-cni was ended by signal " + std::to_string(end.signal)
                                                : "estiba-cni: exit status " + std::to_string(end.code));
}

}  // namespace estiba::cni
