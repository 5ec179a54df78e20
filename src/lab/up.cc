#include "lab/up.h"

#include <cerrno>

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/netlink.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "executor.h"
#include "net/topology.h"
#include "os/file.h"
#include "os/netns.h"
#include "processes.h"

namespace estiba::lab {
namespace {

Status NeedRoot() {
  if (::geteuid() == 0) return Ok();
  return Error(Code::kPermissionDenied, "labs need root: a lab makes network namespaces and names them in /run/netns")
      .Hint("run it with sudo");
}

// A name as /run/netns has it: a mounted namespace. Invalid when there is none; an empty file is a name half made.
Result<os::UniqueFd> OpenName(const std::string& path) {
  auto fd = os::OpenAt({AT_FDCWD}, path, O_RDONLY | O_NOFOLLOW);
  if (!fd.ok() && fd.error().errnum() == ENOENT) return os::UniqueFd();
  if (!fd.ok()) return std::move(fd).error();
  struct statfs found{};
  if (::fstatfs(fd->get(), &found) < 0) return Error::Errno(errno, "look at '" + path + "'");
  return found.f_type == NSFS_MAGIC ? std::move(*fd) : os::UniqueFd();
}

template <typename Do>
Status EachHostLink(const Lab& lab, Do each) {
  for (const Link& link : lab.links)
    for (const End& end : link.ends)
      if (lab.NodeOf(end).kind == NodeKind::kHost) TRY(each(link, end));
  return Ok();
}

Result<std::vector<std::string>> MakeUndo(const Lab& lab) {
  std::vector<std::string> undo;
  for (std::size_t i = 0; i < lab.nodes.size(); ++i) {
    if (lab.nodes[i].kind == NodeKind::kHost) continue;
    if (!lab.nodes[i].image.empty()) undo.push_back("container " + lab.Namespace(i));
    undo.push_back("netns " + lab.Namespace(i));
  }
  const auto add = [&](const Link&, const End& end) -> Status {
    undo.push_back("link " + end.interface);
    return Ok();
  };
  TRY(EachHostLink(lab, add));
  return undo;
}

// What has a name that somebody else uses would be undone with the lab: refused before anything is recorded.
Status CheckFree(const Lab& lab, const Places& places) {
  for (std::size_t i = 0; i < lab.nodes.size(); ++i) {
    if (lab.nodes[i].kind == NodeKind::kHost) continue;
    const std::string path = places.names + "/" + lab.Namespace(i);
    if (::access(path.c_str(), F_OK) == 0)
      return Error(Code::kAlreadyExists, WrongPlace(lab, lab.nodes[i].line) + "there is a network namespace '" +
                                             lab.Namespace(i) + "' already, of another lab or program")
          .Hint("rename the lab or the node, or delete it: ip netns del " + lab.Namespace(i));
  }
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_ROUTE));
  return EachHostLink(lab, [&](const Link& link, const End& end) -> Status {
    const bool taken = TRY(net::HasLink(socket, end.interface));
    if (!taken) return Ok();
    return Error(Code::kAlreadyExists,
                 WrongPlace(lab, link.line) + "this machine has an interface '" + end.interface + "' already")
        .Hint("give the lab's end another name");
  });
}

// True while every namespace of the lab still has its name.
Result<bool> IsThere(const Lab& lab, const Places& places) {
  for (std::size_t i = 0; i < lab.nodes.size(); ++i) {
    if (lab.nodes[i].kind == NodeKind::kHost) continue;
    const os::UniqueFd ns = TRY(OpenName(places.names + "/" + lab.Namespace(i)));
    if (!ns.valid()) return false;
  }
  return true;
}

class Undoer {
 public:
  Undoer(const std::string& lab, Containers& containers, const Places& places)
      : lab_(lab), containers_(containers), places_(places) {}

  // Everything is tried; the first failure is the answer.
  Status Run(const std::vector<std::string>& undo) {
    for (const std::string& line : undo) Add(line);
    Keep(RemoveContainers());
    // A container that is still there has its namespace.
    if (!first_.ok()) return std::move(first_);
    Keep(EndProcesses());
    if (!first_.ok()) return std::move(first_);
    for (const std::string& link : links_) Keep(DeleteLink(link));
    for (const std::string& name : names_) Keep(os::DeleteNamespaceName(places_.names + "/" + name));
    return std::move(first_);
  }

 private:
  void Add(const std::string& line) {
    const std::size_t blank = line.find(' ');
    const std::string what = line.substr(0, blank), name = line.substr(blank + 1);
    if (what == "container") containers_made_.push_back(name);
    if (what == "netns") names_.push_back(name);
    if (what == "link") links_.push_back(name);
  }
  void Keep(Status status) {
    if (first_.ok() && !status.ok()) first_ = std::move(status);
  }
  Status RemoveContainers() {
    for (const std::string& name : containers_made_) TRY(containers_.Remove(name, lab_));
    return Ok();
  }
  Status EndProcesses() {
    std::vector<os::UniqueFd> open;
    std::vector<int> namespaces;
    for (const std::string& name : names_) {
      os::UniqueFd ns = TRY(OpenName(places_.names + "/" + name));
      if (!ns.valid()) continue;
      namespaces.push_back(ns.get());
      open.push_back(std::move(ns));
    }
    return namespaces.empty() ? Ok() : EndProcessesIn(namespaces);
  }
  // The kernel takes its time with the namespace that has the other end; this machine shall be as it was at once.
  static Status DeleteLink(const std::string& name) {
    os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_ROUTE));
    return net::DeletePair(socket, name);
  }

  const std::string& lab_;
  Containers& containers_;
  const Places& places_;
  std::vector<std::string> containers_made_, names_, links_;
  Status first_ = Ok();
};

Status TakeBack(Folder& folder, const std::string& name, Containers& containers, const Places& places) {
  const std::vector<std::string> undo = TRY(folder.Undo());
  TRY(Undoer(name, containers, places).Run(undo));
  return folder.Delete();
}

Status MakeAll(const Lab& lab, const std::string& text, Folder& folder, Containers& containers, const Places& places) {
  TRY(CheckKernel(lab));
  TRY(CheckFree(lab, places));
  const std::vector<std::string> undo = TRY(MakeUndo(lab));
  TRY(folder.Write(lab, text, undo));
  auto status = Executor(lab, containers, places).Run();
  if (status.ok()) return folder.MarkWhole();
  auto undone = TakeBack(folder, lab.name, containers, places);
  if (!undone.ok())
    return std::move(status).error().Hint("and it could not be undone: " + undone.error().Message() +
                                          "; try 'estiba lab down " + lab.name + "'");
  return status;
}

}  // namespace

Result<os::UniqueFd> OpenNode(const Lab& lab, std::size_t node, const Places& places) {
  if (lab.nodes[node].kind == NodeKind::kHost) return os::OpenAt({AT_FDCWD}, "/proc/self/ns/net", O_RDONLY);
  os::UniqueFd ns = TRY(OpenName(places.names + "/" + lab.Namespace(node)));
  if (ns.valid()) return ns;
  return Error(Code::kNotFound, "there is no network namespace '" + lab.Namespace(node) + "'")
      .Hint("bring the lab up: estiba lab up " + lab.file);
}

Result<UpOutcome> Up(const Lab& lab, const std::string& text, Containers& containers, const Places& places) {
  TRY(NeedRoot());
  Folder folder = TRY(Folder::Hold(places, lab.name));
  const auto before = TRY(folder.Read());
  if (before && before->whole && before->text != text)
    return Error(Code::kFailedPrecondition,
                 "lab '" + lab.name + "' is up, from another version of the file (" + before->lab.file + ")")
        .Hint("take it down first: estiba lab down " + lab.name);
  const bool was_up = before && before->whole && TRY(IsThere(lab, places));
  if (was_up) return UpOutcome::kWasUp;
  const std::vector<std::string> undo = TRY(folder.Undo());
  if (!undo.empty()) {
    TRY_CTX(TakeBack(folder, lab.name, containers, places), "undo what an earlier 'up' left");
    folder = TRY(Folder::Hold(places, lab.name));
  }
  auto status = MakeAll(lab, text, folder, containers, places);
  if (status.ok()) return UpOutcome::kMade;
  // A lab that was not begun leaves no record.
  if (const auto left = folder.Undo(); left.ok() && left->empty()) (void)folder.Delete().ok();
  return std::move(status).error();
}

Result<bool> Down(const std::string& name, Containers& containers, const Places& places) {
  TRY(NeedRoot());
  if (!IsName(name)) return Error(Code::kInvalidArgument, "'" + name + "' is no name for a lab");
  auto folder = TRY(Folder::HoldExisting(places, name));
  if (!folder) return false;
  TRY(TakeBack(*folder, name, containers, places));
  return true;
}

}  // namespace estiba::lab
