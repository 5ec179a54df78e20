#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "codec/json.h"

namespace estiba::apitypes {

// Body of POST /volumes/create.
struct VolumeCreate {
  std::string name;
  std::string driver;
  std::map<std::string, std::string> driver_opts;
  std::map<std::string, std::string> labels;

  codec::Json ToJson() const;
  static Result<VolumeCreate> FromJson(const codec::Json& json);
};

struct Volume {
  std::string created_at;  // RFC 3339
  std::string driver = "local";
  std::map<std::string, std::string> labels;
  std::string mountpoint;
  std::string name;
  std::map<std::string, std::string> options;
  std::string scope = "local";

  codec::Json ToJson() const;
  static Result<Volume> FromJson(const codec::Json& json);
};

struct VolumeList {
  std::vector<Volume> volumes;
  std::vector<std::string> warnings;

  codec::Json ToJson() const;
  static Result<VolumeList> FromJson(const codec::Json& json);
};

// Answer of POST /containers/prune, /volumes/prune, /networks/prune, /images/prune: `deleted` under the key
// that the object has there.
struct PruneReport {
  std::vector<std::string> deleted;
  std::uint64_t space_reclaimed = 0;
};

}  // namespace estiba::apitypes
