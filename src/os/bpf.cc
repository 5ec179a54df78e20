#include "os/bpf.h"

#include <cerrno>

#include <sys/syscall.h>
#include <unistd.h>

namespace estiba::os {
namespace {

constexpr std::uint32_t kMostPrograms = 64;  // BPF_CGROUP_MAX_PROGS

int Bpf(bpf_cmd command, bpf_attr& attributes) {
  return static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof attributes));
}

}  // namespace

Result<UniqueFd> LoadDeviceProgram(const std::vector<bpf_insn>& instructions) {
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = reinterpret_cast<std::uint64_t>(instructions.data());
  attributes.insn_cnt = static_cast<std::uint32_t>(instructions.size());
  attributes.license = reinterpret_cast<std::uint64_t>("Apache");
  const int fd = Bpf(BPF_PROG_LOAD, attributes);
  if (const int err = errno; fd < 0) return Error::Errno(err, "load a device program");
  return UniqueFd(fd);  // the kernel makes BPF descriptors CLOEXEC
}

Status AttachDeviceProgram(int cgroup, int program) {
  bpf_attr attributes{};
  attributes.target_fd = static_cast<std::uint32_t>(cgroup);
  attributes.attach_bpf_fd = static_cast<std::uint32_t>(program);
  attributes.attach_type = BPF_CGROUP_DEVICE;
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  const int rc = Bpf(BPF_PROG_ATTACH, attributes);
  if (const int err = errno; rc < 0) return Error::Errno(err, "attach a device program");
  return Ok();
}

Status DetachDeviceProgram(int cgroup, int program) {
  bpf_attr attributes{};
  attributes.target_fd = static_cast<std::uint32_t>(cgroup);
  attributes.attach_bpf_fd = static_cast<std::uint32_t>(program);
  attributes.attach_type = BPF_CGROUP_DEVICE;
  const int rc = Bpf(BPF_PROG_DETACH, attributes);
  if (const int err = errno; rc < 0) return Error::Errno(err, "detach a device program");
  return Ok();
}

Result<std::vector<std::uint32_t>> QueryDevicePrograms(int cgroup) {
  std::vector<std::uint32_t> ids(kMostPrograms);
  bpf_attr attributes{};
  attributes.query.target_fd = static_cast<std::uint32_t>(cgroup);
  attributes.query.attach_type = BPF_CGROUP_DEVICE;
  attributes.query.prog_ids = reinterpret_cast<std::uint64_t>(ids.data());
  attributes.query.prog_cnt = kMostPrograms;
  const int rc = Bpf(BPF_PROG_QUERY, attributes);
  if (const int err = errno; rc < 0) {
    // EINVAL: the attach type is unknown, the kernel is older than 4.15 or has no CONFIG_CGROUP_BPF.
    if (err == EINVAL) return Error(Code::kNotImplemented, "this kernel has no device programs for cgroups");
    return Error::Errno(err, "list device programs");
  }
  ids.resize(attributes.query.prog_cnt);
  return ids;
}

Result<UniqueFd> OpenProgram(std::uint32_t id) {
  bpf_attr attributes{};
  attributes.prog_id = id;
  const int fd = Bpf(BPF_PROG_GET_FD_BY_ID, attributes);
  if (const int err = errno; fd < 0) return Error::Errno(err, "open device program " + std::to_string(id));
  return UniqueFd(fd);
}

}  // namespace estiba::os
