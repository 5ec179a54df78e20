#pragma once
// The program that leads the user's network out: pasta or slirp4netns. A process of ours that stays in the host's
// network starts it, and starts it again whenever it has ended; it is the first of a PID namespace, so that however it
// ends, nothing of the program stays.

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "os/fd.h"

namespace estiba::uplink {

class WayOut {
 public:
  // Call in the host's network namespace, with one thread: forks. The process ends when this is gone.
  static Result<WayOut> Create();

  // Nobody will need it: the process ends.
  void Dismiss();
  // What it says can be read: Read().
  int fd() const { return control_.get(); }
  // `program`: a path that ends in "pasta" or "slirp4netns". Later calls change nothing.
  Status Start(const std::string& program, int netns);
  bool started() const { return !name_.empty(); }
  // It is up, or known not to come up now, though it is tried again.
  bool settled() const { return settled_; }
  // "pasta (it does not run: …)"; empty while it does, and before Start().
  std::string Trouble() const;
  // Takes in one piece of news; kUnavailable when the process is gone.
  Status Read();

 private:
  explicit WayOut(os::UniqueFd control) : control_(std::move(control)) {}
  os::UniqueFd control_;
  std::string name_;
  std::string trouble_;
  bool settled_ = false;
};

}  // namespace estiba::uplink
