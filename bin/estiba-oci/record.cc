#include "record.h"

#include "codec/json.h"
#include "codec/json_reader.h"

namespace estiba::ocicli {

Result<Record> ParseRecord(std::string_view json) {
  const codec::Json document = TRY(codec::ParseJson(json));
  codec::Reader in(document);
  Record record;
  std::uint64_t start_time = 0;
  in.Read("id", &record.id);
  in.Read("ociVersion", &record.oci_version);
  in.Read("bundle", &record.bundle);
  in.Read("rootfs", &record.rootfs);
  in.Read("created", &record.created);
  in.Read("pid", &record.pid);
  in.Read("startTime", &start_time);
  in.Read("cgroupPath", &record.cgroup_path);
  in.Read("ownPids", &record.own_pids);
  if (const codec::Json* map = in.Take("annotations"); map != nullptr && map->IsObject())
    for (const auto& member : *map->IfObject())
      if (const std::string* value = member.value.IfString()) record.annotations.emplace_back(member.key, *value);
  TRY(in.Finish());
  record.start_time = start_time;
  return record;
}

std::string WriteRecord(const Record& record) {
  using codec::Json;
  Json out = Json::MakeObject({{"id", record.id},
                               {"ociVersion", record.oci_version},
                               {"bundle", record.bundle},
                               {"rootfs", record.rootfs},
                               {"created", record.created},
                               {"pid", record.pid},
                               {"startTime", record.start_time},
                               {"cgroupPath", record.cgroup_path},
                               {"ownPids", record.own_pids}});
  Json annotations = Json::MakeObject();
  for (const auto& [key, value] : record.annotations) annotations.Set(key, value);
  out.Set("annotations", std::move(annotations));
  return out.Dump();
}

}  // namespace estiba::ocicli
