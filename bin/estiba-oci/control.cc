// state, list, kill, delete, pause, resume.

#include <csignal>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "commands.h"
#include "oci/state.h"
#include "os/file.h"
#include "os/process.h"
#include "remove.h"
#include "signal_name.h"
#include "state_dir.h"

namespace estiba::ocicli {
namespace {

Status Say(const std::string& text) { return TRY_CTX(os::WriteAll(1, text), "write the answer"); }

// By the host's own list: other sources of names would need the dynamic loader, which a static program has not.
std::string UserName(uid_t uid) {
  const std::string id = std::to_string(uid);
  const auto text = os::ReadFile("/etc/passwd");
  for (const std::string& line : Split(text.ok() ? *text : std::string(), '\n')) {
    const auto fields = Split(line, ':');
    if (fields.size() > 2 && fields[2] == id) return fields[0];
  }
  return "#" + id;
}

oci::State StateOf(const Snapshot& now, const StateDir& dir) {
  oci::State state;
  state.oci_version = now.record.oci_version.empty() ? "1.3.0" : now.record.oci_version;
  state.id = now.record.id;
  state.status = now.status;
  state.pid = now.Alive() ? now.record.pid : 0;
  state.bundle = now.record.bundle;
  state.rootfs = now.record.rootfs;
  state.created = now.record.created;
  state.annotations = now.record.annotations;
  struct stat info {};
  if (::fstat(dir.dir().fd, &info) == 0) state.owner = info.st_uid == 0 ? "root" : UserName(info.st_uid);
  return state;
}

Result<StateDir> OpenNamed(const Context& context) {
  return StateDir::Open(context.globals.root, context.flags.rest().front());
}

std::string Padded(const std::string& text, std::size_t width) {
  return text + std::string(width > text.size() ? width - text.size() : 0, ' ');
}

// Columns as wide as their longest cell and three blanks, twelve at least.
std::string Table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(rows.front().size(), 12);
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size() + 3);
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) text += Padded(row[i], widths[i]);
    text += row.back() + "\n";
  }
  return text;
}

// All containers; one that goes while we look is left out.
Result<std::vector<oci::State>> AllStates(const Context& context) {
  std::vector<oci::State> states;
  const auto ids = TRY(StateDir::List(context.globals.root));
  for (const std::string& id : ids) {
    const auto dir = StateDir::Open(context.globals.root, id);
    if (!dir.ok()) continue;
    const auto now = Look(*dir);
    if (now.ok()) states.push_back(StateOf(*now, *dir));
  }
  return states;
}

}  // namespace

Result<int> StateCommand(const Context& context) {
  const StateDir dir = TRY(OpenNamed(context));
  const Snapshot now = TRY(Look(dir));
  TRY(Say(oci::WriteState(StateOf(now, dir), /*indent=*/true) + "\n"));
  return 0;
}

Result<int> ListCommand(const Context& context) {
  const auto states = TRY(AllStates(context));
  const std::string format = context.flags.Get("format");
  if (context.flags.On("quiet")) {
    for (const auto& state : states) TRY(Say(state.id + "\n"));
  } else if (format == "json") {
    std::string text;
    for (const auto& state : states) text += (text.empty() ? "[" : ",") + oci::WriteState(state);
    TRY(Say(text.empty() ? "null\n" : text + "]\n"));
  } else if (format.empty() || format == "table") {
    std::vector<std::vector<std::string>> rows = {{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}};
    for (const auto& s : states) rows.push_back({s.id, std::to_string(s.pid), s.status, s.bundle, s.created, s.owner});
    TRY(Say(Table(rows)));
  } else {
    return Error(Code::kInvalidArgument, "invalid format option");
  }
  return 0;
}

Result<int> KillCommand(const Context& context) {
  const auto& words = context.flags.rest();
  const int signal = TRY(ParseSignal(words.size() > 1 ? words[1] : "SIGTERM"));
  const StateDir dir = TRY(OpenNamed(context));
  const Snapshot now = TRY(Look(dir));
  const bool all = context.flags.On("all") || (signal == SIGKILL && !now.record.own_pids);
  if (all && !now.record.cgroup_path.empty()) {
    const auto group = OpenCgroup(now);
    if (group.ok()) {
      TRY(signal == SIGKILL ? group->Kill() : group->Signal(signal));
      return 0;
    }
    if (group.error().code() != Code::kNotFound) return group.error().Clone();
  }
  if (!now.Alive()) return Error(Code::kFailedPrecondition, "container not running");
  Status sent = os::SendSignal(now.pidfd.get(), signal);
  if (!sent.ok() && sent.error().code() == Code::kNotFound)
    return Error(Code::kFailedPrecondition, "container not running");
  TRY(std::move(sent));
  // A process that v1's freezer holds gets no signal, not even this one.
  if (signal == SIGKILL && now.status == "paused") {
    const auto group = TRY(OpenCgroup(now));
    TRY(group.Thaw());
  }
  return 0;
}

Result<int> DeleteCommand(const Context& context) {
  const bool force = context.flags.On("force");
  auto opened = OpenNamed(context);
  if (!opened.ok() && opened.error().code() == Code::kNotFound && force) return 0;
  const StateDir dir = TRY(std::move(opened));
  Status locked = dir.Lock();
  if (!locked.ok() && locked.error().code() == Code::kNotFound && force) return 0;
  TRY(std::move(locked));
  const std::string status = TRY(Look(dir)).status;
  if (status != "stopped" && status != "created" && !force)
    return Error(Code::kFailedPrecondition, "cannot delete container " + dir.id() + " that is not stopped: " + status);
  TRY(EndContainer(dir));
  TRY(RemoveContainer(dir, context.reporter));
  return 0;
}

Result<int> PauseCommand(const Context& context) {
  const StateDir dir = TRY(OpenNamed(context));
  const Snapshot now = TRY(Look(dir));
  if (now.status != "running" && now.status != "created")
    return Error(Code::kFailedPrecondition, "container not running or created: " + now.status);
  const auto group = TRY(OpenCgroup(now));
  TRY(group.Freeze());
  return 0;
}

Result<int> ResumeCommand(const Context& context) {
  const StateDir dir = TRY(OpenNamed(context));
  const Snapshot now = TRY(Look(dir));
  if (now.status != "paused") return Error(Code::kFailedPrecondition, "container not paused");
  const auto group = TRY(OpenCgroup(now));
  TRY(group.Thaw());
  return 0;
}

}  // namespace estiba::ocicli
