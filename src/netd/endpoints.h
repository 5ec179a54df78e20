#pragma once
// The endpoints' files as a zone that follows them.

#include <string>

#include "dns/zone.h"
#include "os/fd.h"

namespace estiba::netd {

class Endpoints {
 public:
  // Reads the files of the folder and watches it.
  static Result<Endpoints> Open(os::UniqueFd folder);

  os::DirFd folder() const { return {folder_.get()}; }
  // Takes in what has changed since: when it returns, whatever was written before the call is known.
  void Refresh();
  dns::Zone& zone() { return *zone_; }

 private:
  Endpoints(os::UniqueFd folder, os::UniqueFd watch);
  void Load(const std::string& name);
  Status LoadAll();

  os::UniqueFd folder_;
  os::UniqueFd watch_;
  std::unique_ptr<dns::Zone> zone_;
};

}  // namespace estiba::netd
