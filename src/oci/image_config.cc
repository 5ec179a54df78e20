#include "image_json.h"
#include "oci/reference.h"

namespace estiba::oci {
namespace {

using codec::Json;
using codec::Reader;

// Go writes sets as {"80/tcp":{}}.
void ReadSet(Reader& in, std::string_view key, std::vector<std::string>* out) {
  in.EachMember(key, [out](const std::string& name, Reader&) { out->push_back(name); });
}

Json SetOf(const std::vector<std::string>& names) {
  Json out = Json::MakeObject();
  for (const std::string& name : names) out.Add(name, Json::MakeObject());
  return out;
}

void ReadHealthcheck(Reader& in, Healthcheck* out) {
  in.Read("Test", &out->test);
  in.Read("Interval", &out->interval_ns);
  in.Read("Timeout", &out->timeout_ns);
  in.Read("StartPeriod", &out->start_period_ns);
  in.Read("StartInterval", &out->start_interval_ns);
  in.Read("Retries", &out->retries);
}

void ReadRunConfig(Reader& in, ImageRunConfig* out) {
  in.Read("User", &out->user);
  ReadSet(in, "ExposedPorts", &out->exposed_ports);
  in.Read("Env", &out->env);
  in.ReadStringOrList("Entrypoint", &out->entrypoint);
  in.ReadStringOrList("Cmd", &out->cmd);
  ReadSet(in, "Volumes", &out->volumes);
  in.Read("WorkingDir", &out->working_dir);
  if (const Json* labels = in.Take("Labels"); labels != nullptr && labels->IsObject()) {
    for (const Json::Member& label : *labels->IfObject()) {
      const std::string* text = label.value.IfString();
      if (text == nullptr) return in.Fail("Labels", "'" + label.key + "' is not a string");
      out->labels.emplace_back(label.key, *text);
    }
  }
  in.Read("StopSignal", &out->stop_signal);
  in.Read("Shell", &out->shell);
  in.Read("OnBuild", &out->on_build);
  in.Object("Healthcheck", [out](Reader& check) { ReadHealthcheck(check, &out->healthcheck.emplace()); });
}

void ReadHistory(Reader& in, HistoryEntry* out) {
  in.Read("created", &out->created);
  in.Read("created_by", &out->created_by);
  in.Read("author", &out->author);
  in.Read("comment", &out->comment);
  in.Read("empty_layer", &out->empty_layer);
}

void AddText(Json& out, const char* key, const std::string& value) {
  if (!value.empty()) out.Add(key, value);
}

void AddList(Json& out, const char* key, const std::vector<std::string>& value) {
  if (!value.empty()) out.Add(key, value);
}

Json WriteHealthcheck(const Healthcheck& check) {
  Json out = Json::MakeObject();
  AddList(out, "Test", check.test);
  if (check.interval_ns != 0) out.Add("Interval", check.interval_ns);
  if (check.timeout_ns != 0) out.Add("Timeout", check.timeout_ns);
  if (check.start_period_ns != 0) out.Add("StartPeriod", check.start_period_ns);
  if (check.start_interval_ns != 0) out.Add("StartInterval", check.start_interval_ns);
  if (check.retries != 0) out.Add("Retries", check.retries);
  return out;
}

Json WriteRunConfig(const ImageRunConfig& config) {
  Json out = Json::MakeObject();
  AddText(out, "User", config.user);
  if (!config.exposed_ports.empty()) out.Add("ExposedPorts", SetOf(config.exposed_ports));
  AddList(out, "Env", config.env);
  AddList(out, "Entrypoint", config.entrypoint);
  AddList(out, "Cmd", config.cmd);
  if (!config.volumes.empty()) out.Add("Volumes", SetOf(config.volumes));
  AddText(out, "WorkingDir", config.working_dir);
  if (!config.labels.empty()) {
    Json labels = Json::MakeObject();
    for (const auto& [key, value] : config.labels) labels.Set(key, value);
    out.Add("Labels", std::move(labels));
  }
  AddText(out, "StopSignal", config.stop_signal);
  AddList(out, "Shell", config.shell);
  AddList(out, "OnBuild", config.on_build);
  if (config.healthcheck) out.Add("Healthcheck", WriteHealthcheck(*config.healthcheck));
  return out;
}

Json WriteHistory(const HistoryEntry& entry) {
  Json out = Json::MakeObject();
  AddText(out, "created", entry.created);
  AddText(out, "created_by", entry.created_by);
  AddText(out, "author", entry.author);
  AddText(out, "comment", entry.comment);
  if (entry.empty_layer) out.Add("empty_layer", true);
  return out;
}

Status CheckLayers(const ImageConfig& config) {
  if (config.diff_ids.size() > kMaxLayers)
    return Error(Code::kResourceExhausted, "rootfs.diff_ids: " + std::to_string(config.diff_ids.size()) +
                                               " layers; at most " + std::to_string(kMaxLayers) + " are supported");
  for (std::size_t i = 0; i < config.diff_ids.size(); ++i) {
    if (!IsDigest(config.diff_ids[i]))
      return Error(Code::kInvalidArgument, "rootfs.diff_ids[" + std::to_string(i) + "]: '" +
                                               config.diff_ids[i].substr(0, 128) + "' is not a sha256 digest");
  }
  return Ok();
}

}  // namespace

void ReadPlatform(Reader& in, Platform* out) {
  in.Read("os", &out->os);
  in.Read("architecture", &out->architecture);
  in.Read("variant", &out->variant);
  in.Read("os.version", &out->os_version);
  in.Read("os.features", &out->os_features);
}

void WritePlatform(const Platform& platform, Json& out) {
  out.Add("architecture", platform.architecture);
  out.Add("os", platform.os);
  AddText(out, "os.version", platform.os_version);
  AddList(out, "os.features", platform.os_features);
  AddText(out, "variant", platform.variant);
}

Result<ImageConfig> ParseImageConfig(std::string_view text) {
  const Json json = TRY(ParseDocument(text, "image config"));
  ImageConfig out;
  Reader in(json);
  in.Read("created", &out.created);
  in.Read("author", &out.author);
  ReadPlatform(in, &out.platform);
  in.Object("config", [&out](Reader& config) { ReadRunConfig(config, &out.config); });
  in.Object("rootfs", [&out](Reader& rootfs) { rootfs.Read("diff_ids", &out.diff_ids); });
  in.EachObject("history", [&out](Reader& entry) { ReadHistory(entry, &out.history.emplace_back()); });
  TRY_CTX(in.Finish(), "parse image config");
  TRY_CTX(CheckLayers(out), "parse image config");
  return out;
}

std::string WriteImageConfig(const ImageConfig& config) {
  Json out = Json::MakeObject();
  AddText(out, "created", config.created);
  AddText(out, "author", config.author);
  WritePlatform(config.platform, out);
  out.Add("config", WriteRunConfig(config.config));
  Json rootfs = Json::MakeObject();
  rootfs.Add("type", "layers");
  rootfs.Add("diff_ids", config.diff_ids);
  out.Add("rootfs", std::move(rootfs));
  Json history = Json::MakeArray();
  for (const HistoryEntry& entry : config.history) history.Append(WriteHistory(entry));
  if (!config.history.empty()) out.Add("history", std::move(history));
  return out.Dump();
}

}  // namespace estiba::oci
