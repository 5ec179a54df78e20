// Intel RDT and its kin: classes and monitoring groups are directories of resctrl, joined by writing to their files.

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "os/file.h"
#include "runtime/container.h"
#include "session.h"
#include "undo_steps.h"

namespace estiba::runtime {
namespace {

Status MakeGroup(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) == 0) return Ok();
  const int err = errno;
  if (err == EEXIST) return Ok();
  Error error = Error::Errno(err, "make resctrl group '" + path + "'");
  if (err == ENOSPC) return std::move(error).Hint("the processor has no further class or monitoring id");
  return error;
}

Status WriteTo(const std::string& group, const char* name, const std::string& text) {
  const os::UniqueFd file =
      TRY(os::OpenAt({AT_FDCWD}, group + "/" + name, O_WRONLY | O_CREAT | O_NOFOLLOW, 0644));
  return TRY_CTX(os::WriteAll(file.get(), text), "write '" + group + "/" + name + "'");
}

// The kernel says in a file what it did not like.
Status WriteSchemata(const std::string& group, const std::string& text) {
  Status written = WriteTo(group, "schemata", text);
  if (written.ok()) return written;
  const std::size_t slash = group.rfind('/');
  for (const std::string& base : {group, group.substr(0, slash)}) {
    const auto reason = os::ReadFile(base + "/info/last_cmd_status");
    if (reason.ok()) return std::move(written).error().Hint(std::string(Trim(*reason)));
  }
  return written;
}

}  // namespace

Status JoinResctrl(Session& session, const plan::Step& step) {
  const std::string& group = step.text.at(0);
  const std::string& monitor = step.text.at(1);
  const std::string pid = std::to_string(session.child.pid());
  if (step.numbers.at(0) != 0) TRY(MakeGroup(group));
  std::string schemata;
  for (std::size_t i = 2; i < step.text.size(); ++i) schemata += step.text[i] + "\n";
  if (!schemata.empty()) TRY(WriteSchemata(group, schemata));
  TRY(WriteTo(group, "tasks", pid));
  if (monitor.empty()) return Ok();
  TRY(MakeGroup(monitor));
  return WriteTo(monitor, "tasks", pid);
}

Status UpdateResctrl(const plan::Plan& plan, const std::vector<std::string>& schemata) {
  const auto step = std::ranges::find(plan.steps, plan::Op::kIntelRdt, &plan::Step::op);
  if (step == plan.steps.end())
    return Error(Code::kFailedPrecondition, "updating a non-existent Intel RDT configuration is not supported")
        .Hint("give the container linux.intelRdt when it is created");
  std::string text;
  for (const std::string& schema : schemata) text += schema + "\n";
  return WriteSchemata(step->text.at(0), text);
}

Status DeleteResctrl(const std::string& group) {
  if (::rmdir(group.c_str()) == 0) return Ok();
  const int err = errno;
  if (err == ENOENT) return Ok();
  return Error::Errno(err, "delete resctrl group '" + group + "'");
}

Status FindResctrl(plan::HostFacts& facts) {
  const std::string mounts = TRY(os::ReadFile("/proc/self/mounts"));
  for (const std::string& line : Split(mounts, '\n')) {
    const std::vector<std::string> words = Split(line, ' ');
    if (words.size() < 3 || words[2] != "resctrl") continue;
    facts.resctrl = words[1];
    facts.resctrl_classes = TRY(os::ListDirectory({AT_FDCWD}, words[1]));
    break;
  }
  return Ok();
}

}  // namespace estiba::runtime
