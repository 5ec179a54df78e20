#pragma once
// Exit codes of `--rm` containers that are gone. A client that waits while an engine dies asks the next one, which may
// have removed the container before it is asked: by the full id it still gets the code, for some minutes.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "base/guarded.h"
#include "base/result.h"
#include "store/database.h"

namespace estiba::engine {

class RemovedExits {
 public:
  static constexpr const char* kTable = "removed_exits";
  static constexpr std::size_t kMost = 256;
  static constexpr std::int64_t kKeepNs = std::int64_t{10} * 60 * 1'000'000'000;

  Status Load(const store::Database& database);
  // From here on known here; `batch` makes it durable and forgets the oldest.
  void Remember(const std::string& id, std::int32_t code, std::int64_t now_ns, store::Batch& batch);
  std::optional<std::int32_t> Find(const std::string& id, std::int64_t now_ns);

 private:
  struct Exit {
    std::int32_t code = 0;
    std::int64_t removed_at = 0;
  };
  struct State {
    std::map<std::string, Exit> by_id;
    std::deque<std::string> oldest_first;
  };
  Guarded<State> state_;
};

}  // namespace estiba::engine
