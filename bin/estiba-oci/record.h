#pragma once
// What is known of a container while it lives: state.json. Pure.

#include <string>
#include <string_view>

#include "base/result.h"
#include "oci/runtime_spec.h"

namespace estiba::ocicli {

struct Record {
  std::string id;
  std::string bundle;
  std::string rootfs;
  std::string created;  // RFC 3339
  int pid = 0;
  unsigned long long start_time = 0;
  std::string cgroup_path;  // empty: none
  bool own_pids = true;     // the end of its first process is the end of all
  std::string oci_version;
  oci::StringMap annotations;
};
// kInvalidArgument or kDataLoss for what is no record.
Result<Record> ParseRecord(std::string_view json);
std::string WriteRecord(const Record& record);

}  // namespace estiba::ocicli
