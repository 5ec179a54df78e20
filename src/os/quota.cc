#include "os/quota.h"

#include <cerrno>
#include <string>

#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace estiba::os {
namespace {

constexpr std::uint64_t kBlock = 1024;  // of limits, whatever the file system's
constexpr long kQuotactlFd = 443;        // the same on every architecture
// Not every libc has them as unsigned.
constexpr int kGetAttributes = static_cast<int>(FS_IOC_FSGETXATTR);
constexpr int kSetAttributes = static_cast<int>(FS_IOC_FSSETXATTR);

long Quotactl(int fd, unsigned command, std::uint32_t project, void* argument) {
  return ::syscall(kQuotactlFd, fd, QCMD(command, PRJQUOTA), project, argument);
}

std::string Name(std::uint32_t project) { return "project " + std::to_string(project); }

// All zero for a project that nobody has named yet.
Result<if_dqblk> Quota(int fd, std::uint32_t project) {
  if_dqblk quota{};
  if (Quotactl(fd, Q_GETQUOTA, project, &quota) == 0) return quota;
  if (errno == ENOENT || errno == ESRCH) return if_dqblk{};
  return Error::Errno(errno, "look at the quota of " + Name(project));
}

}  // namespace

bool KeepsProjectLimits(int fd) {
  fs_quota_statv state{};
  state.qs_version = FS_QSTATV_VERSION1;
  return Quotactl(fd, Q_XGETQSTATV, 0, &state) == 0 && (state.qs_flags & FS_QUOTA_PDQ_ENFD) != 0;
}

Result<std::uint64_t> ProjectUsage(int fd, std::uint32_t project) {
  const if_dqblk quota = TRY(Quota(fd, project));
  return quota.dqb_curspace;
}

Result<bool> IsProjectFree(int fd, std::uint32_t project) {
  const if_dqblk quota = TRY(Quota(fd, project));
  return quota.dqb_curspace == 0 && quota.dqb_curinodes == 0 && quota.dqb_bhardlimit == 0 && quota.dqb_ihardlimit == 0;
}

Status SetProject(int directory, std::uint32_t project) {
  fsxattr attributes{};
  if (::ioctl(directory, kGetAttributes, &attributes) != 0) return Error::Errno(errno, "read a directory's project");
  attributes.fsx_projid = project;
  attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
  if (::ioctl(directory, kSetAttributes, &attributes) == 0) return Ok();
  return Error::Errno(errno, "give a directory to " + Name(project));
}

Status SetProjectLimit(int fd, std::uint32_t project, std::uint64_t bytes) {
  if_dqblk limits{};
  limits.dqb_bhardlimit = limits.dqb_bsoftlimit = (bytes + kBlock - 1) / kBlock;
  limits.dqb_valid = QIF_BLIMITS;
  if (Quotactl(fd, Q_SETQUOTA, project, &limits) == 0) return Ok();
  return Error::Errno(errno, "limit " + Name(project) + " to " + std::to_string(bytes) + " bytes");
}

}  // namespace estiba::os
