// The requests as JSON.

#include "cni/attach.h"
#include "codec/json_reader.h"

namespace estiba::cni {
namespace {

using codec::Json;
using codec::Reader;

constexpr codec::JsonLimits kLimits{.depth = 64, .bytes = 64U << 20};

}  // namespace

std::string AttachRequest::Encode() const {
  Json json = Json::MakeObject({{"record", record.ToJson()}});
  json.Set("hosts", Json::MakeObject({{"path", hosts.path}, {"text", hosts.text}, {"names", hosts.names}}));
  json.Set("names", Json::MakeObject({{"path", names.path}, {"text", names.text}, {"ask_theirs", names.ask_theirs}}));
  return json.Dump();
}

Result<AttachRequest> ParseAttachRequest(std::string_view text) {
  const Json json = TRY(codec::ParseJson(text, kLimits));
  AttachRequest request;
  const Json* record = json.Find("record");
  if (record == nullptr) return Error(Code::kDataLoss, "a request without a record");
  request.record = TRY(ParseRecord(record->Dump()));
  Reader reader(json);
  reader.Object("hosts", [&](Reader& hosts) {
    hosts.Read("path", &request.hosts.path);
    hosts.Read("text", &request.hosts.text);
    hosts.Read("names", &request.hosts.names);
  });
  reader.Object("names", [&](Reader& names) {
    names.Read("path", &request.names.path);
    names.Read("text", &request.names.text);
    names.Read("ask_theirs", &request.names.ask_theirs);
  });
  TRY(reader.Finish());
  return request;
}

std::string GarbageRequest::Encode() const {
  Json json = Json::MakeObject({{"timeout_ms", static_cast<std::int64_t>(timeout.count())}});
  json.Set("bin_dirs", bin_dirs);
  Json& gone = json.Set("stale", Json::MakeArray());
  for (const Stale& one : stale)
    gone.Append(Json::MakeObject({{"container", one.container}, {"serial", one.serial}}));
  Json& lists = json.Set("networks", Json::MakeArray());
  for (const NetworkList& list : networks) lists.Append(cni::ToJson(list));
  return json.Dump();
}

Result<GarbageRequest> ParseGarbageRequest(std::string_view text) {
  const Json json = TRY(codec::ParseJson(text, kLimits));
  GarbageRequest request;
  Reader reader(json);
  std::int64_t timeout = request.timeout.count();
  reader.Read("timeout_ms", &timeout);
  reader.Read("bin_dirs", &request.bin_dirs);
  reader.EachObject("stale", [&](Reader& item) {
    GarbageRequest::Stale& stale = request.stale.emplace_back();
    item.Require("container", &stale.container);
    item.Read("serial", &stale.serial);
  });
  reader.EachObject("networks", [&](Reader& item) {
    auto list = ListFromJson(item.value());
    if (!list.ok()) return item.Fail(std::move(list).error());
    request.networks.push_back(std::move(list).value());
  });
  TRY(reader.Finish());
  request.timeout = std::chrono::milliseconds(timeout);
  return request;
}

}  // namespace estiba::cni
