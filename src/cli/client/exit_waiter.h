#pragma once
// The exit code of a container, asked for before it starts, so that it cannot be missed, and asked for again
// when the engine dies in between.

#include <memory>
#include <optional>
#include <string>

#include "client/api.h"

namespace estiba::cli {

class ExitWaiter {
 public:
  // `removed`: wait until --rm has been carried out, too. `condition` of the first request: "next-exit"
  // before a start, "not-running" for a container that runs. The answer comes with its head at once.
  static Result<ExitWaiter> Begin(Api* api, std::string id, bool removed, std::string_view condition);

  // To poll for, or -1 when the answer is there.
  int fd() const;
  // Takes what made fd() readable: the answer, or the engine's end, after which another engine is asked.
  void Advance();
  // Blocks until the code is known. An error the engine reports with it is printed, and is 125 without a
  // code.
  Result<int> Finish();

 private:
  ExitWaiter(Api* api, std::string id, bool removed) : api_(api), id_(std::move(id)), removed_(removed) {}
  Status Ask(std::string_view condition);
  Status AskAgain();
  // One answer read to its end; nothing when the connection broke first.
  std::optional<int> ReadAnswer();

  Api* api_;
  std::string id_;
  bool removed_;
  std::unique_ptr<http::ResponseStream> stream_;
  std::optional<Result<int>> result_;
  int attempts_ = 0;
};

}  // namespace estiba::cli
