#pragma once
// Collects writes, and says why a controller is not to be had.

#include <string>
#include <utility>
#include <vector>

#include "cgroup/settings.h"

namespace estiba::cgroup {

class Builder {
 public:
  explicit Builder(const Hierarchies& hierarchies) : hierarchies_(hierarchies) {}

  const Hierarchies& hierarchies() const { return hierarchies_; }
  // The controller's hierarchy, or an error that names the setting that wants it.
  Result<const Hierarchy*> Require(const std::string& controller, const std::string& field) const {
    const Hierarchy* found = hierarchies_.Find(controller);
    if (found == nullptr)
      return Error(Code::kFailedPrecondition,
                   "linux.resources." + field + ": this host has no '" + controller + "' cgroup controller");
    if (!found->delegated)
      return Error(Code::kPermissionDenied, "linux.resources." + field + ": the '" + controller +
                                                "' cgroup controller is not delegated to this user")
          .Hint("'" + found->mountpoint + found->base + "' must be writable: with systemd, log in with a user "
                "manager and delegate the controller, else leave the limit away");
    return found;
  }
  // `field` is relative to linux.resources.
  Write& Add(const std::string& controller, std::string file, std::string value, const std::string& field) {
    Write write;
    write.controller = controller;
    write.file = std::move(file);
    write.value = std::move(value);
    write.field = "linux.resources." + field;
    return writes_.emplace_back(std::move(write));
  }
  std::vector<Write> Take() && { return std::move(writes_); }

 private:
  const Hierarchies& hierarchies_;
  std::vector<Write> writes_;
};

}  // namespace estiba::cgroup
