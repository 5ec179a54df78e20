#include <fcntl.h>
#include <linux/mount.h>

#include "base/parse.h"
#include "base/text.h"
#include "cgroup/systemd.h"
#include "os/mount.h"
#include "session.h"

namespace estiba::runtime {
namespace {

using plan::Op;
using plan::Step;

// Made by an earlier step, or (exec) made long ago by another process.
Result<const cgroup::Cgroup*> CgroupOf(Session& session) {
  if (!session.cgroup.has_value()) {
    const cgroup::Hierarchies* hierarchies = TRY(HierarchiesOf(session));
    session.cgroup = TRY(cgroup::Cgroup::Open(*hierarchies, session.plan.cgroup_path));
  }
  return &*session.cgroup;
}

Status Create(Session& session, const Step& step) {
  const cgroup::Hierarchies* hierarchies = TRY(HierarchiesOf(session));
  cgroup::Cgroup::Wishes wishes;
  wishes.controllers.assign(step.text.begin() + 1, step.text.end());
  wishes.everywhere = !step.numbers.empty() && step.numbers[0] != 0;
  session.cgroup = TRY(cgroup::Cgroup::Create(*hierarchies, step.text.at(0), wishes));
  return Ok();
}

Status StartScope(Session& session, const Step& step) {
  auto systemd = TRY(cgroup::Systemd::Connect(step.numbers.at(0) != 0));
  const std::vector<std::string> properties(step.text.begin() + 2, step.text.end());
  Status started = systemd.StartScope(step.text.at(0), properties, session.child.pid());
  session.anothers_scope = !started.ok() && started.error().code() == Code::kAlreadyExists;
  return started;
}

Status JoinScope(Session& session, const Step& step) {
  auto systemd = TRY(cgroup::Systemd::Connect(step.numbers.at(0) != 0));
  return systemd.Attach(step.text.at(0), session.child.pid());
}

Status Write(Session& session, const Step& step) {
  const cgroup::Cgroup* group = TRY(CgroupOf(session));
  cgroup::Write write;
  write.controller = step.text.at(0);
  write.file = step.text.at(1);
  write.value = step.text.at(2);
  if (step.text.size() > 4) {
    write.alternative_file = step.text[3];
    write.alternative_value = step.text[4];
  }
  write.field = step.why;
  write.optional = step.numbers.at(0) != 0;
  return group->Apply({write});
}

std::optional<std::int64_t> ParseNumber(const std::string& text) {
  if (text == "*") return std::nullopt;
  auto number = ParseInt(text);
  return number.ok() ? std::optional<std::int64_t>(*number) : std::nullopt;
}

// "allow c 1:3 rwm"
Result<oci::DeviceRule> ParseRule(const std::string& text) {
  const std::vector<std::string> words = Split(text, ' ');
  const std::vector<std::string> numbers = words.size() == 4 ? Split(words[2], ':') : std::vector<std::string>();
  if (numbers.size() != 2 || words[1].size() != 1) {
    return Error(Code::kDataLoss, "device rule '" + text + "' cannot be read");
  }
  oci::DeviceRule rule;
  rule.allow = words[0] == "allow";
  rule.type = words[1][0];
  rule.major = ParseNumber(numbers[0]);
  rule.minor = ParseNumber(numbers[1]);
  rule.access = words[3];
  return rule;
}

Status Devices(Session& session, const Step& step) {
  const cgroup::Cgroup* group = TRY(CgroupOf(session));
  std::vector<oci::DeviceRule> rules;
  for (const std::string& text : step.text) rules.push_back(TRY(ParseRule(text)));
  return group->ApplyDevices(rules);
}

Status HandOver(Session& session, const Step& step) {
  const cgroup::Cgroup* group = TRY(CgroupOf(session));
  return group->HandOver(static_cast<uid_t>(step.numbers.at(0)));
}

// A path below the container's cgroup as one relative to its directory; "." for the cgroup itself.
std::string Below(const Step& step, std::size_t index) {
  std::string path = ".";
  if (step.text.size() <= index) return path;
  for (const std::string& part : Split(step.text[index], '/')) path += part.empty() ? "" : "/" + part;
  return path;
}

// In runc's words.
std::string AddingTo(const Step& step, std::size_t index) {
  return "error adding pid to cgroup '" + (index < step.text.size() ? step.text[index] : std::string()) + "'";
}

// Where the container's first process is now: it may have left the cgroup that was made for it, which is gone then.
Status OpenInitsGroup(Session& session, const Step& step) {
  const cgroup::Hierarchies* hierarchies = TRY(HierarchiesOf(session));
  const std::string path = TRY(cgroup::UnifiedPathOf(*hierarchies, session.init));
  session.Fill(step, TRY(os::OpenAt({AT_FDCWD}, hierarchies->Unified()->mountpoint + path,
                                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW)));
  return Ok();
}

Status OpenDirectory(Session& session, const Step& step) {
  const bool anywhere = session.plan.kind == plan::Kind::kExec && step.text.empty();
  if (anywhere && TRY(HierarchiesOf(session))->mode == cgroup::Mode::kUnified) {
    const auto found = CgroupOf(session);
    if (!found.ok() && found.error().code() == Code::kNotFound) return OpenInitsGroup(session, step);
  }
  const cgroup::Cgroup* group = TRY(CgroupOf(session));
  if (group->unified_fd() < 0) return Ok();
  if (anywhere) {
    const cgroup::Hierarchies* hierarchies = TRY(HierarchiesOf(session));
    session.Fill(step, TRY(group->OpenForExec(*hierarchies, session.init)));
    return Ok();
  }
  session.Fill(step, TRY_CTX(os::OpenAt({group->unified_fd()}, Below(step, 0), O_RDONLY | O_DIRECTORY),
                             AddingTo(step, 0)));
  return Ok();
}

Status OpenTasks(Session& session, const Step& step) {
  const cgroup::Cgroup* group = TRY(CgroupOf(session));
  const int directory = group->controller_fd(step.text.at(0));
  if (directory < 0) return Ok();  // a hierarchy not used for containers
  session.Fill(step, TRY_CTX(os::OpenAt({directory}, Below(step, 1) + "/tasks", O_WRONLY),
                             AddingTo(step, 1)));
  return Ok();
}

Status OpenMount(Session& session, const Step& step) {
  const cgroup::Cgroup* group = TRY(CgroupOf(session));
  const int directory = group->controller_fd(step.text.at(0));
  if (directory < 0) return Ok();
  auto tree = TRY(os::CloneTree({directory}, "", /*recursive=*/false));
  os::MountAttributes attributes;
  attributes.set = step.numbers.at(0);
  attributes.propagation = 1U << 18;  // MS_PRIVATE
  if (attributes.set != 0) TRY(os::SetMountAttributes(tree.fd(), attributes, /*recursive=*/false));
  session.Fill(step, tree.Release());
  return Ok();
}

}  // namespace

Status RunCgroupStep(Session& session, const Step& step) {
  switch (step.op) {
    case Op::kCreateCgroup: return Create(session, step);
    case Op::kStartScope: return StartScope(session, step);
    case Op::kJoinScope: return JoinScope(session, step);
    case Op::kWriteCgroup: return Write(session, step);
    case Op::kCgroupDevices: return Devices(session, step);
    case Op::kOwnCgroup: return HandOver(session, step);
    case Op::kOpenUnified: return OpenDirectory(session, step);
    case Op::kOpenTasks: return OpenTasks(session, step);
    default: return OpenMount(session, step);
  }
}

}  // namespace estiba::runtime
