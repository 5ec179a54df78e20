// Runs CNI plugins for one container, or clears after several: a leaf, so that neither an engine nor a monitor reads
// what plugins print. Started by a container's monitor (attach, detach) or by the engine, with a request on standard
// input; says why it failed on standard output.

#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/parse.h"
#include "cni/attach.h"
#include "os/file.h"

namespace estiba::cni {
namespace {

constexpr int kUsage = 2;

// Whoever started us holds the other end of the pipe on standard output as long as it lives.
bool Wanted() {
  pollfd output{STDOUT_FILENO, 0, 0};
  return ::poll(&output, 1, 0) <= 0 || (output.revents & (POLLERR | POLLHUP)) == 0;
}

Status AttachBy(const std::vector<std::string>& words) {
  const std::string text = TRY(os::ReadAll(STDIN_FILENO));
  AttachRequest request = TRY_CTX(ParseAttachRequest(text), "read the request");
  const Records records = TRY(Records::Open(words[1]));
  const auto pid = TRY(ParseUint(words[2], 1U << 30));
  return Attach(records, std::move(request), static_cast<int>(pid), Wanted);
}

Status Clear(const std::string& folder) {
  const std::string text = TRY(os::ReadAll(STDIN_FILENO));
  const GarbageRequest request = TRY_CTX(ParseGarbageRequest(text), "read the request");
  const Records records = TRY(Records::Open(folder));
  return ClearGarbage(records, request);
}

Status Ask() {
  const std::string text = TRY(os::ReadAll(STDIN_FILENO));
  const GarbageRequest request = TRY_CTX(ParseGarbageRequest(text), "read the request");
  const Surroundings around{request.bin_dirs, request.timeout, -1, nullptr};
  for (const NetworkList& list : request.networks) TRY(AskStatus(around, list));
  return Ok();
}

int Main(const std::vector<std::string>& words) {
  const auto is = [&](const char* command, std::size_t count) { return words.size() == count && words[0] == command; };
  Status done = Ok();
  if (is("attach", 3)) {
    done = AttachBy(words);
  } else if (is("detach", 3)) {
    auto records = Records::Open(words[1]);
    done = records.ok() ? Detach(*records, words[2]) : Status(std::move(records).error());
  } else if (is("check", 3)) {
    auto records = Records::Open(words[1]);
    done = records.ok() ? CheckAttachments(*records, words[2]) : Status(std::move(records).error());
  } else if (is("clear", 2)) {
    done = Clear(words[1]);
  } else if (is("status", 1)) {
    done = Ask();
  } else {
    std::fputs("estiba-cni is started by estiba-monitor and estibad\n", stderr);
    return kUsage;
  }
  if (done.ok()) return 0;
  const std::string text = done.error().Message();
  (void)os::WriteAll(STDOUT_FILENO, text).ok();  // nobody may be left to read it
  return 1;
}

}  // namespace
}  // namespace estiba::cni

int main(int argc, char** argv) {
  ::umask(077);
  ::signal(SIGPIPE, SIG_IGN);
  estiba::log::Configure(2, estiba::log::Level::kInfo);
  return estiba::cni::Main({argv + 1, argv + argc});
}
