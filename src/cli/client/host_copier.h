#pragma once
// The user's own files into an archive, and out of one: by estiba-transfer, which is confined to the one directory and
// parses what a container made of the archive.

#include "base/result.h"
#include "image/transfer.h"
#include "os/fd.h"
#include "os/process.h"

namespace estiba::cli {

class HostCopier {
 public:
  // `directory` and `archive` are borrowed; the job's path, base and name say what of them.
  static Result<HostCopier> Start(image::TransferJob job, int directory, int archive);

  // Whether it has failed already, without waiting.
  bool Failed();
  // Waits for its end.
  Status Finish();

 private:
  HostCopier(os::Process process, os::UniqueFd events) : process_(std::move(process)), events_(std::move(events)) {}
  // What has come; false at the end.
  bool ReadSome();

  os::Process process_;
  os::UniqueFd events_;
  std::string text_;
  bool ended_ = false;
};

}  // namespace estiba::cli
