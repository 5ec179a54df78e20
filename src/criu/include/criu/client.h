#pragma once
// One conversation with a `criu swrk`: a child of ours that serves one socket.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "criu/messages.h"
#include "os/fd.h"
#include "os/process.h"

namespace estiba::criu {

// The first criu of $PATH; the error says how to get one.
Result<std::string> FindProgram();

class Worker {
 public:
  // Descriptors from this number on are free for `fds` (descriptor here, number there); 3 is the conversation's.
  static constexpr int kFirstFreeFd = 4;
  static Result<Worker> Start(const std::string& program, const std::vector<std::pair<int, int>>& fds = {});

  // What CRIU tells on the way: a script's name, the first process where it says one, and a descriptor (that of
  // "orphan-pts-master"), else invalid. A failure makes CRIU give up.
  using Notify = std::function<Status(const Reply& reply, os::UniqueFd fd)>;
  // Sends the request, answers notifications until the reply, which is a success.
  Result<Reply> Ask(const Request& request, const Notify& notify = {});
  // Hangs up and waits for its end.
  Status Finish();

  pid_t pid() const { return process_.pid(); }

 private:
  os::Process process_;
  os::UniqueFd socket_;
};

// One question each to a worker of its own.
Result<Version> AskVersion(const std::string& program);
Result<Features> AskFeatures(const std::string& program, const Features& about);

}  // namespace estiba::criu
