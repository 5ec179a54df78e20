#pragma once
// What is known of a container's attachments, kept in one file a container from before the first ADD until the last
// DEL has succeeded. Whoever finds such a file can take everything back, with nothing else at hand.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "cni/chain.h"
#include "os/fd.h"

namespace estiba::cni {

struct Attachment {
  Invocation invocation;
  std::string file;  // where the network was described, for messages
  NetworkList list;
  std::optional<AddResult> result;  // of ADD; nothing while it runs, or when it failed
};

struct Record {
  std::string container;
  std::string serial;  // another one each time the container is attached
  std::string netns;   // where its namespace is held (netns.h)
  std::vector<std::string> bin_dirs;
  std::chrono::milliseconds timeout{30'000};
  std::vector<Attachment> attachments;  // in the order in which they were begun

  codec::Json ToJson() const;
};
Result<Record> ParseRecord(std::string_view text);

// The folder of those files, and of their locks.
class Records {
 public:
  // Makes the folder when it is missing.
  static Result<Records> Open(const std::string& folder);

  // Held by whoever changes a container's attachments, and by every plugin that is started meanwhile: who has it knows
  // that none runs any more. kUnavailable when `patience` is over.
  Result<os::UniqueFd> Lock(const std::string& container, std::chrono::milliseconds patience) const;
  // Lets go of it for good, when no record is left.
  void Unlock(const std::string& container, os::UniqueFd lock) const;
  // Shared by those that add, alone for who collects garbage.
  Result<os::UniqueFd> LockAll(bool alone, std::chrono::milliseconds patience) const;

  Result<std::optional<Record>> Read(const std::string& container) const;
  Status Write(const Record& record) const;
  Status Delete(const std::string& container) const;
  // Files that cannot be read are told of in the log.
  Result<std::vector<Record>> List() const;

 private:
  explicit Records(os::UniqueFd folder) : folder_(std::move(folder)) {}
  os::UniqueFd folder_;
};

}  // namespace estiba::cni
