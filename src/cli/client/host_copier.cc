#include "client/host_copier.h"

#include <cerrno>
#include <optional>

#include <poll.h>
#include <unistd.h>

#include "base/text.h"
#include "client/siblings.h"
#include "os/memfd.h"

namespace estiba::cli {

Result<HostCopier> HostCopier::Start(image::TransferJob job, int directory, int archive) {
  job.path.on_host = true;
  job.lease = "cp";
  const os::UniqueFd text = TRY(os::MakeSealedMemfd("estiba-job", image::WriteJob(job)));
  os::Pipe events = TRY(os::MakePipe());
  os::SpawnOptions options;
  options.program = TRY(FindSibling("estiba-transfer"));
  options.argv = {"estiba-transfer"};
  options.fds = {{text.get(), image::kJobFd}, {events.write.get(), image::kEventFd}, {STDERR_FILENO, STDERR_FILENO},
                 {archive, image::kArchiveFd}, {directory, image::kTreeFd}};
  os::Process process = TRY_CTX(os::Spawn(options), "start estiba-transfer");
  return HostCopier(std::move(process), std::move(events.read));
}

bool HostCopier::ReadSome() {
  char bytes[4096];
  const ssize_t n = ::read(events_.get(), bytes, sizeof bytes);
  if (n < 0 && errno == EINTR) return true;
  if (n <= 0) ended_ = true;
  else text_.append(bytes, static_cast<std::size_t>(n));
  return !ended_;
}

bool HostCopier::Failed() {
  pollfd ready{events_.get(), POLLIN, 0};
  while (!ended_ && ::poll(&ready, 1, 0) > 0) ReadSome();
  for (const std::string& line : Split(text_, '\n')) {
    const auto event = image::ParseEvent(line);
    if (event.ok() && event->kind == image::EventKind::kFailed) return true;
  }
  return false;
}

Status HostCopier::Finish() {
  while (!ended_) ReadSome();
  TRY(process_.Wait());
  bool done = false;
  for (const std::string& line : Split(text_, '\n')) {
    if (line.empty()) continue;
    const image::TransferEvent event = TRY(image::ParseEvent(line));
    if (event.kind == image::EventKind::kDone) done = true;
    if (event.kind == image::EventKind::kFailed) return Error(event.code, event.message).Hint(event.hint);
  }
  return done ? Ok() : Status(Error(Code::kAborted, "estiba-transfer has ended early"));
}

}  // namespace estiba::cli
