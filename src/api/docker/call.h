#pragma once
// One request on its way to the engine: parameters, body, and the answers every route gives alike.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "apitypes/filters.h"
#include "base/result.h"
#include "codec/json.h"
#include "engine/engine.h"
#include "http/exchange.h"
#include "versions.h"

namespace estiba::api::docker {

using ExchangePtr = std::shared_ptr<http::Exchange>;

struct Call {
  ExchangePtr exchange;
  engine::Engine* engine;
  int minor;                                // of the API version asked for
  std::map<std::string, std::string> path;  // by the names in the route's pattern

  const std::string& id() const { return path.at("id"); }
  const std::string& query(std::string_view name) const { return exchange->query().Get(name); }
  bool has(std::string_view name) const { return exchange->query().Has(name); }
  bool flag(std::string_view name) const { return apitypes::ParseFlag(query(name)); }
  // Missing or empty: nothing.
  Result<std::optional<std::int64_t>> number(std::string_view name) const;
  // "1600000000", "1600000000.000000001" or RFC 3339 as nanoseconds; 0 when missing.
  Result<std::int64_t> time(std::string_view name) const;
  Result<apitypes::Filters> filters() const { return apitypes::Filters::Parse(query("filters")); }

  // The JSON body. An empty one is an empty object unless `required`.
  Result<codec::Json> body(bool required) const;
};

void RespondJson(http::Exchange& exchange, int status, const codec::Json& json);
inline void RespondJson(const Call& call, int status, const codec::Json& json) {
  RespondJson(*call.exchange, status, json);
}
void RespondEmpty(http::Exchange& exchange, int status);
// The status that belongs to the error's code, and {"message": …} (nothing for 304).
void RespondError(http::Exchange& exchange, const Error& error);
// 204, or the error: what answers a `done` callback.
void RespondStatus(http::Exchange& exchange, const Status& status);

int HttpStatus(Code code);

// As a client of the call's version knows them (versions.h).
template <typename T>
codec::Json ListForVersion(const Call& call, const std::vector<T>& items) {
  codec::Json list = codec::Json::MakeArray();
  for (const T& item : items) list.Append(ForVersion(call.minor, item));
  return list;
}

template <typename T>
codec::Json JsonList(const std::vector<T>& items) {
  codec::Json list = codec::Json::MakeArray();
  for (const T& item : items) list.Append(item.ToJson());
  return list;
}

}  // namespace estiba::api::docker
