#include "sandbox.h"

#include <cerrno>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "os/sandbox.h"

namespace estiba::transfer {
namespace {

constexpr std::uint64_t Bit(unsigned number) { return std::uint64_t{1} << number; }

// What unpacking takes: any owner and mode, devices, file capabilities, trusted.* attributes (SYS_ADMIN).
constexpr std::uint64_t kCapabilities = Bit(CAP_CHOWN) | Bit(CAP_DAC_OVERRIDE) | Bit(CAP_DAC_READ_SEARCH) |
                                        Bit(CAP_FOWNER) | Bit(CAP_FSETID) | Bit(CAP_MKNOD) | Bit(CAP_SETFCAP) |
                                        Bit(CAP_SYS_ADMIN);

// Name look-up and certificates.
const std::vector<std::string> kNetworkFiles{
    "/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/services",
    "/etc/protocols", "/etc/ld.so.cache", "/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates", "/usr/lib", "/usr/lib64", "/lib", "/lib64", "/run/systemd/resolve",
    "/run/resolvconf", "/run/NetworkManager", "/dev/urandom"};

Status Limit(__rlimit_resource resource, rlim_t value, const char* name) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) < 0) return Error::Errno(errno, std::string("read the limit ") + name);
  if (limit.rlim_max < value) return Ok();
  const rlimit wanted{value, value};
  if (::setrlimit(resource, &wanted) < 0) return Error::Errno(errno, std::string("set the limit ") + name);
  return Ok();
}

bool IsDirectory(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

bool NeedsNetwork(const image::TransferJob& job) {
  switch (job.kind) {
    case image::JobKind::kPull:
    case image::JobKind::kPush:
    case image::JobKind::kCopy:
    case image::JobKind::kAsk:
    case image::JobKind::kLogin: return true;
    case image::JobKind::kRestore: return !job.reference.empty();
    case image::JobKind::kImport: return !job.source.empty();
    case image::JobKind::kLoad:
    case image::JobKind::kSave:
    case image::JobKind::kCommit:
    case image::JobKind::kExport:
    case image::JobKind::kChanges:
    case image::JobKind::kPack:
    case image::JobKind::kFill:
    case image::JobKind::kUnpack:
    case image::JobKind::kStatPath:
    case image::JobKind::kTakePath:
    case image::JobKind::kPutPath:
    case image::JobKind::kCheck: return false;
  }
  return false;
}

}  // namespace

Status EnterSandbox(const image::TransferJob& job, std::vector<int> listed, int root) {
  const bool network = NeedsNetwork(job);
  TRY(Limit(RLIMIT_CORE, 0, "core"));
  TRY(Limit(RLIMIT_NOFILE, 4096, "nofile"));
  TRY(Limit(RLIMIT_AS, rlim_t{2} << 30, "as"));
  TRY(os::SetNoNewPrivileges());
  TRY(os::KeepCapabilities(kCapabilities));
  os::FileAccess access;
  if (image::WorksOnPaths(job.kind)) {
    (job.kind == image::JobKind::kPutPath ? access.writable : access.listed).push_back(root);
  } else {
    access.writable = {image::kContentFd, image::kSnapshotsFd};
    access.listed = std::move(listed);
  }
  if (job.kind == image::JobKind::kFill) access.writable.push_back(image::kTreeFd);
  if (job.kind == image::JobKind::kPack) access.listed.push_back(image::kTreeFd);
  if (network) access.readable = kNetworkFiles;
  for (const image::PullSource& source : job.sources) {
    const std::string signatures = image::FolderOfLookaside(source.lookaside);
    if (!signatures.empty()) access.readable.push_back(signatures);
  }
  // An OCI layout as a directory instead of an archive. (Another job's is closed, or what comes is no directory.)
  const bool directory = IsDirectory(image::kArchiveFd);
  if (directory && job.kind == image::JobKind::kSave) access.writable.push_back(image::kArchiveFd);
  if (directory && job.kind == image::JobKind::kLoad)
    access.readable.push_back("/proc/self/fd/" + std::to_string(image::kArchiveFd));
  for (const char* name : {"SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE"}) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet
    if (const char* path = std::getenv(name); network && path != nullptr) access.readable.emplace_back(path);
  }
  // Without Landlock (before 5.19, or switched off) the descriptors and openat2 still confine what archives can name.
  const bool confined = TRY(os::RestrictFiles(access));
  if (!confined && !job.path.on_host)
    log::Warn("estiba-transfer runs without Landlock: seccomp and few capabilities alone confine it",
              {{"needs", "Linux 5.19 with landlock among its security modules"}});
  std::vector<long> denied = os::CallsOfNoLeaf();
  denied.insert(denied.end(), {SYS_listen, SYS_accept, SYS_accept4});
  if (!network) denied.insert(denied.end(), {SYS_socket, SYS_connect, SYS_socketpair});
  return os::DenyCalls(denied);
}

}  // namespace estiba::transfer
