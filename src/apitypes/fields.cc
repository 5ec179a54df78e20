#include "fields.h"

namespace estiba::apitypes {

void Writer::Ports(const char* key, const PortMap& ports) {
  codec::Json map = codec::Json::MakeObject();
  for (const auto& [port, bindings] : ports) {
    codec::Json list;
    for (const PortBinding& binding : bindings) {
      list.Append(codec::Json::MakeObject({{"HostIp", binding.host_ip}, {"HostPort", binding.host_port}}));
    }
    map.Add(port, std::move(list));
  }
  json_.Add(key, std::move(map));
}

void Loader::Ports(const char* key, PortMap& ports) {
  const codec::Json* map = reader_.Take(key);
  if (map == nullptr) return;
  if (!map->IsObject()) return reader_.Fail(key, "expected an object");
  for (const auto& [port, bindings] : *map->IfObject()) {
    std::vector<PortBinding>& list = ports[port];
    if (!bindings.IsNull() && !bindings.IsArray())
      return reader_.Fail(key, "expected a list for '" + port + "'");
    for (std::size_t i = 0; i < bindings.size(); ++i) {
      const codec::Json& item = (*bindings.IfArray())[i];
      const std::string where = std::string(key) + "." + port + "[" + std::to_string(i) + "]";
      codec::Reader reader(item, where, codec::Reader::Keys::kFoldCase);
      PortBinding& binding = list.emplace_back();
      reader.Read("HostIp", &binding.host_ip);
      reader.Read("HostPort", &binding.host_port);
      if (Status status = reader.Finish(); !status.ok()) return reader_.Fail(std::move(status).error());
    }
  }
}

void Loader::StringOrList(const char* key, std::optional<std::vector<std::string>>& value) {
  if (!reader_.Has(key)) return;
  std::vector<std::string> list;
  reader_.ReadStringOrList(key, &list);
  if (reader_.ok()) value = std::move(list);
}

void Loader::Load(const char* key, std::vector<std::uint64_t>& values) {
  const codec::Json* list = reader_.Take(key);
  if (list == nullptr) return;
  if (!list->IsArray()) return reader_.Fail(key, "expected a list");
  for (const codec::Json& item : *list->IfArray()) {
    const auto number = item.IfUint();
    if (!number.has_value()) return reader_.Fail(key, "expected whole numbers");
    values.push_back(*number);
  }
}

void Loader::Load(const char* key, std::vector<std::vector<std::string>>& values) {
  const codec::Json* list = reader_.Take(key);
  if (list == nullptr) return;
  if (!list->IsArray()) return reader_.Fail(key, "expected a list of lists");
  for (const codec::Json& inner : *list->IfArray()) {
    if (!inner.IsArray()) return reader_.Fail(key, "expected a list of lists");
    std::vector<std::string>& row = values.emplace_back();
    for (const codec::Json& item : *inner.IfArray()) {
      if (!item.IsString()) return reader_.Fail(key, "expected lists of strings");
      row.push_back(*item.IfString());
    }
  }
}

void Loader::Load(const char* key, std::map<std::string, std::uint64_t>& values) {
  const codec::Json* map = reader_.Take(key);
  if (map == nullptr) return;
  if (!map->IsObject()) return reader_.Fail(key, "expected an object");
  for (const auto& [name, item] : *map->IfObject()) {
    const auto number = item.IfUint();
    if (!number.has_value()) return reader_.Fail(key, "expected a whole number for '" + name + "'");
    values[name] = *number;
  }
}

}  // namespace estiba::apitypes
