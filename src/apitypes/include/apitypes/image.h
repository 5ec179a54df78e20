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

// Of an image that stands in an index: one of the manifests that the index names.
struct ManifestSummary {
  std::string id;  // its digest
  ManifestDescriptor descriptor;
  bool available = false;          // with its config and all its layers
  std::int64_t content_size = 0;   // of its blobs that are here
  std::string kind;                // "image", "attestation", "unknown"
  std::string os, architecture, variant, os_version;  // of an image
  std::vector<std::string> containers;                // of an image: their ids
  std::int64_t unpacked_size = 0;                     // of an image
  std::string attested;                               // of an attestation: the digest of the manifest it is for

  codec::Json ToJson() const;
};

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
  std::optional<ManifestDescriptor> descriptor;
  std::vector<ManifestSummary> manifests;  // when they are asked for

  codec::Json ToJson() const;
  static Result<ImageSummary> FromJson(const codec::Json& json);
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
  std::vector<ManifestSummary> manifests;  // when they are asked for

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
