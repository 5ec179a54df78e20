#pragma once
// Images and the progress of pull, load and the like.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apitypes/container.h"
#include "apitypes/container_inspect.h"
#include "codec/json.h"

namespace estiba::apitypes {

// Element of GET /images/json.
struct ImageSummary {
  std::string id;  // "sha256:…"
  std::string parent_id;
  std::vector<std::string> repo_tags;
  std::vector<std::string> repo_digests;
  std::int64_t created = 0;  // seconds
  std::int64_t size = 0;
  std::int64_t shared_size = -1;
  std::map<std::string, std::string> labels;
  std::int64_t containers = -1;

  codec::Json ToJson() const;
  static Result<ImageSummary> FromJson(const codec::Json& json);
};

// What an image's name stands for, as registries describe it (OCI image-spec, "Descriptor"); `annotations` are those of
// its manifest.
struct ManifestDescriptor {
  std::string media_type;
  std::string digest;
  std::int64_t size = 0;
  std::string artifact_type;  // of what is no image
  std::map<std::string, std::string> annotations;
};

struct ImageInspect {
  std::string id;
  std::vector<std::string> repo_tags;
  std::vector<std::string> repo_digests;
  std::string parent;
  std::string comment;
  std::string created;  // RFC 3339
  std::string docker_version;
  std::string author;
  ContainerConfig config;
  std::string architecture;
  std::string variant;
  std::string os;
  std::string os_version;
  std::int64_t size = 0;
  GraphDriver graph_driver;
  std::vector<std::string> layers;  // RootFS.Layers: diff ids
  std::string last_tag_time = "0001-01-01T00:00:00Z";
  std::optional<ManifestDescriptor> descriptor;

  codec::Json ToJson() const;
  static Result<ImageInspect> FromJson(const codec::Json& json);
};

struct ImageHistoryItem {
  std::string id;  // "sha256:…" or "<missing>"
  std::int64_t created = 0;
  std::string created_by;
  std::vector<std::string> tags;
  std::int64_t size = 0;
  std::string comment;

  codec::Json ToJson() const;
  static Result<ImageHistoryItem> FromJson(const codec::Json& json);
};

// Element of the answer of DELETE /images/{name}: exactly one is set.
struct ImageDeleteItem {
  std::string untagged;
  std::string deleted;

  codec::Json ToJson() const;
  static Result<ImageDeleteItem> FromJson(const codec::Json& json);
};

// One line of a progress stream.
struct Progress {
  std::string stream;
  std::string status;
  std::string id;
  bool has_detail = false;  // writes "progressDetail":{} even without numbers
  std::int64_t current = 0;
  std::int64_t total = 0;
  std::string error;  // writes errorDetail and the older "error"
  std::int64_t error_code = 0;
  std::optional<codec::Json> aux;

  codec::Json ToJson() const;
  static Result<Progress> FromJson(const codec::Json& json);
};

// X-Registry-Auth, decoded.
struct AuthConfig {
  std::string username;
  std::string password;
  std::string email;
  std::string server_address;
  std::string identity_token;
  std::string registry_token;

  bool empty() const { return username.empty() && identity_token.empty() && registry_token.empty(); }
  codec::Json ToJson() const;
  static Result<AuthConfig> FromJson(const codec::Json& json);
  // base64url (padded or not; the standard alphabet too) of the JSON. As Docker: an empty or unreadable
  // header is no authentication.
  static AuthConfig FromHeader(const std::string& header);
  std::string ToHeader() const;
};

}  // namespace estiba::apitypes
