#include "removed_exits.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "codec/json.h"
#include "codec/json_reader.h"

namespace estiba::engine {

Status RemovedExits::Load(const store::Database& database) {
  const std::vector<store::Document> documents = TRY(database.List(kTable));
  auto state = state_.Lock();
  for (const store::Document& document : documents) {
    const codec::Json json = TRY_CTX(codec::ParseJson(document.value), "exit of '" + document.key + "'");
    Exit exit;
    codec::Reader reader(json);
    reader.Read("code", &exit.code);
    reader.Read("removed_at", &exit.removed_at);
    TRY_CTX(reader.Finish(), "exit of '" + document.key + "'");
    state->by_id.emplace(document.key, exit);
    state->oldest_first.push_back(document.key);
  }
  std::sort(state->oldest_first.begin(), state->oldest_first.end(), [&](const auto& a, const auto& b) {
    return state->by_id.at(a).removed_at < state->by_id.at(b).removed_at;
  });
  return Ok();
}

void RemovedExits::Remember(const std::string& id, std::int32_t code, std::int64_t now_ns, store::Batch& batch) {
  batch.Put(kTable, id, codec::Json::MakeObject({{"code", code}, {"removed_at", now_ns}}).Dump());
  auto state = state_.Lock();
  if (state->by_id.insert_or_assign(id, Exit{code, now_ns}).second) state->oldest_first.push_back(id);
  while (state->oldest_first.size() > kMost ||
         state->by_id.at(state->oldest_first.front()).removed_at < now_ns - kKeepNs) {
    batch.Delete(kTable, state->oldest_first.front());
    state->by_id.erase(state->oldest_first.front());
    state->oldest_first.pop_front();
  }
}

std::optional<std::int32_t> RemovedExits::Find(const std::string& id, std::int64_t now_ns) {
  auto state = state_.Lock();
  const auto found = state->by_id.find(id);
  if (found == state->by_id.end() || found->second.removed_at < now_ns - kKeepNs) return std::nullopt;
  return found->second.code;
}

}  // namespace estiba::engine
