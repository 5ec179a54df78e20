#include "cni/record.h"

#include "codec/json_reader.h"

namespace estiba::cni {
namespace {

using codec::Json;
using codec::Reader;

constexpr std::size_t kMaxAttachments = 64;

Json ArgsJson(const Invocation& invocation) {
  Json json = Json::MakeArray();
  for (const auto& [key, value] : invocation.args) json.Append(Json(std::vector<std::string>{key, value}));
  return json;
}

Status ReadArgs(const Json* json, Invocation& invocation) {
  if (json == nullptr) return Ok();
  const auto broken = [] { return Error(Code::kDataLoss, "args: expected pairs of strings"); };
  if (!json->IsArray()) return broken();
  for (const Json& pair : *json->IfArray()) {
    if (!pair.IsArray() || pair.size() != 2) return broken();
    const std::string* key = (*pair.IfArray())[0].IfString();
    const std::string* value = (*pair.IfArray())[1].IfString();
    if (key == nullptr || value == nullptr) return broken();
    invocation.args.emplace_back(*key, *value);
  }
  return Ok();
}

Result<Attachment> AttachmentOf(const Record& record, const Json& json) {
  Attachment made;
  Reader reader(json);
  reader.Require("ifname", &made.invocation.ifname);
  reader.Read("file", &made.file);
  TRY(reader.Finish());
  made.invocation.container = record.container;
  made.invocation.netns = record.netns;
  TRY(ReadArgs(reader.Take("args"), made.invocation));
  if (const Json* args = reader.Take("capability_args"); args != nullptr && args->IsObject())
    made.invocation.capability_args = *args;
  const Json* list = reader.Take("list");
  if (list == nullptr) return Error(Code::kDataLoss, "an attachment without its network");
  made.list = TRY_CTX(ListFromJson(*list), "list");
  if (const Json* result = reader.Take("result"); result != nullptr)
    made.result = TRY_CTX(ResultFromJson(*result, Version::k110), "result");
  return made;
}

}  // namespace

Json Record::ToJson() const {
  Json json = Json::MakeObject({{"version", 1}, {"container", container}, {"serial", serial}, {"netns", netns}});
  json.Set("bin_dirs", bin_dirs);
  json.Set("timeout_ms", static_cast<std::int64_t>(timeout.count()));
  Json& list = json.Set("attachments", Json::MakeArray());
  for (const Attachment& attachment : attachments) {
    Json& made = list.Append(Json::MakeObject({{"ifname", attachment.invocation.ifname}, {"file", attachment.file}}));
    made.Set("args", ArgsJson(attachment.invocation));
    made.Set("capability_args", attachment.invocation.capability_args);
    made.Set("list", cni::ToJson(attachment.list));
    if (attachment.result) made.Set("result", cni::ToJson(*attachment.result, Version::k110));
  }
  return json;
}

Result<Record> ParseRecord(std::string_view text) {
  constexpr std::size_t kMaxRecord = 64U << 20;
  const Json json = TRY(codec::ParseJson(text, {.depth = 48, .bytes = kMaxRecord}));
  if (!json.IsObject()) return Error(Code::kDataLoss, "a record that is no JSON object");
  Record record;
  Reader reader(json);
  std::int64_t timeout = record.timeout.count();
  reader.Require("container", &record.container);
  reader.Read("serial", &record.serial);
  reader.Read("netns", &record.netns);
  reader.Read("bin_dirs", &record.bin_dirs);
  reader.Read("timeout_ms", &timeout);
  TRY(reader.Finish());
  if (!IsName(record.container)) return Error(Code::kDataLoss, "a record of no container");
  if (timeout < 1 || timeout > 3'600'000) return Error(Code::kDataLoss, "a record with a timeout out of range");
  record.timeout = std::chrono::milliseconds(timeout);
  const Json* list = reader.Take("attachments");
  const std::size_t count = list != nullptr ? list->size() : 0;
  if (count > kMaxAttachments) return Error(Code::kDataLoss, "a record with too many attachments");
  for (std::size_t i = 0; i < count && list->IsArray(); ++i)
    record.attachments.push_back(TRY(AttachmentOf(record, (*list->IfArray())[i])));
  return record;
}

}  // namespace estiba::cni
