// estiba-transfer: one pull, push, load, save, login, cp and so on (image/transfer.h says how it is talked to). It
// parses what registries and archives send, in a sandbox, and writes only below the directories it was given.

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <optional>
#include <thread>
#include <utility>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/openpgp.h"
#include "image/container_view.h"
#include "image/layer_mounts.h"
#include "image/work.h"
#include "os/file.h"
#include "os/fsids.h"
#include "sandbox.h"

namespace estiba::transfer {
namespace {

void Send(const image::TransferEvent& event) {
  // Nobody listens any more: the engine is gone or has given up, and will clear what is left by the lease.
  if (!os::WriteAll(image::kEventFd, image::WriteEvent(event)).ok()) ::_exit(1);
}

void SendFailure(const Error& error) {
  image::TransferEvent event;
  event.kind = image::EventKind::kFailed;
  event.code = error.code();
  event.message = error.Message();
  event.hint = error.hint();
  Send(event);
}

// Ends the program when the other end of the event pipe closes, whatever it is busy with.
void WatchEngine() {
  std::thread([] {
    while (true) {
      pollfd end{image::kEventFd, 0, 0};
      const int ready = ::poll(&end, 1, -1);
      if (ready > 0 && (end.revents & (POLLERR | POLLHUP)) != 0) ::_exit(1);
      if (ready < 0 && errno != EINTR) return;
    }
  }).detach();
}

// By a store of its own: the descriptors that the sandbox is built on stay open.
Result<image::LayerMounts> MountLayers(const image::TransferJob& job) {
  if (job.container.id.empty()) return image::LayerMounts();
  os::UniqueFd folder = TRY(os::Duplicate(image::kSnapshotsFd));
  const store::Snapshots snapshots = TRY_CTX(store::Snapshots::Open(std::move(folder)), "snapshots");
  return image::LayerMounts::Make(job, snapshots);
}

// On id-mapped layers root of the host, who is nobody there, could make no file. For good: ids cannot be changed in the
// sandbox.
Status AssumeIds(const image::PathJob& job) {
  static std::optional<os::FileIds> assumed;
  if (job.uids.empty()) return Ok();
  const std::uint32_t uid = TRY(image::ToHost(job.uids, 0));
  const std::uint32_t gid = TRY(image::ToHost(job.gids, 0));
  assumed.emplace(TRY(os::FileIds::Assume(uid, gid)));
  return Ok();
}

// Of a job on paths: the directory that it works in. None for others.
Result<os::UniqueFd> OpenPathRoot(const image::TransferJob& job, const image::LayerMounts& mounts) {
  if (!image::WorksOnPaths(job.kind)) return os::UniqueFd();
  TRY(AssumeIds(job.path));
  if (job.path.running || job.path.on_host) return os::UniqueFd(image::kTreeFd);
  return image::MountView(job, image::kSnapshotsFd, mounts);
}

Status Run(const image::TransferJob& job, const image::LayerMounts& mounts, int root) {
  if (image::WorksOnPaths(job.kind)) return image::RunPathJob(job, {image::kArchiveFd, root}, Send);
  // Read-only descriptors, not O_PATH: the stores list and sync through them.
  const store::ContentStore content =
      TRY_CTX(store::ContentStore::Open(os::UniqueFd(image::kContentFd)), "content store");
  const store::Snapshots snapshots = TRY_CTX(store::Snapshots::Open(os::UniqueFd(image::kSnapshotsFd)), "snapshots");
  return image::RunJob(job, {content, snapshots, &mounts}, {image::kArchiveFd, image::kTreeFd}, Send);
}

int Main() {
  ::umask(0);
  ::signal(SIGPIPE, SIG_IGN);
  const auto text = os::ReadAll(image::kJobFd, image::kMaxJob);
  if (!text.ok()) return SendFailure(text.error()), 1;
  const auto job = image::ParseJob(*text);
  if (!job.ok()) return SendFailure(job.error()), 1;
  // Now: the sandbox lets libraries be found only where distributions put them.
  const bool open_pgp = std::ranges::any_of(
      job->signed_by, [](const oci::SignedBy& one) { return one.form == oci::SignatureForm::kOpenPgp; });
  if (const Status loaded = open_pgp ? codec::LoadOpenPgp() : Ok(); !loaded.ok()) return SendFailure(loaded.error()), 1;
  const auto mounts = MountLayers(*job);
  if (!mounts.ok()) return SendFailure(mounts.error()), 1;
  const auto root = OpenPathRoot(*job, *mounts);
  if (!root.ok()) return SendFailure(root.error()), 1;
  if (const Status entered = EnterSandbox(*job, mounts->Roots(), root->get()); !entered.ok())
    return SendFailure(entered.error().Clone().Context("enter the sandbox")), 1;
  WatchEngine();
  const Status done = Run(*job, *mounts, root->get());
  if (!done.ok()) return SendFailure(done.error()), 1;
  image::TransferEvent event;
  event.kind = image::EventKind::kDone;
  Send(event);
  return 0;
}

}  // namespace
}  // namespace estiba::transfer

int main(int argc, char** argv) {
  if (argc > 1) {
    std::fprintf(stderr, "%s: the engine starts this program with a job on its standard input\n", argv[0]);
    return 2;
  }
  const int code = estiba::transfer::Main();
  // A detached thread watches the engine: no destructor of the process may race with it.
  ::_exit(code);
}
