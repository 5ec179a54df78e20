#include "apitypes/image.h"

#include "describe.h"

namespace estiba::apitypes {
template <typename A>
void Describe(A& f, ImageSummary& v) {
  f("Containers", v.containers);
  f("Created", v.created);
  f("Id", v.id);
  f.Null("Labels", v.labels);
  f("ParentId", v.parent_id);
  f("RepoDigests", v.repo_digests);
  f("RepoTags", v.repo_tags);
  f("SharedSize", v.shared_size);
  f("Size", v.size);
  f.Omit("Descriptor", v.descriptor);
}
template <typename A>
void Describe(A& f, ImageInspect& v) {
  f("Id", v.id);
  f("RepoTags", v.repo_tags);
  f("RepoDigests", v.repo_digests);
  f("Parent", v.parent);
  f("Comment", v.comment);
  f("Created", v.created);
  f("DockerVersion", v.docker_version);
  f("Author", v.author);
  f("Config", v.config);
  f("Architecture", v.architecture);
  f.Omit("Variant", v.variant);
  f("Os", v.os);
  f.Omit("OsVersion", v.os_version);
  f("Size", v.size);
  f("GraphDriver", v.graph_driver);
  f.Inside("RootFS", [&](auto& r) {
    std::string type = "layers";
    r("Type", type);
    r.Omit("Layers", v.layers);
  });
  f.Inside("Metadata", [&](auto& m) { m("LastTagTime", v.last_tag_time); });
  f.Omit("Descriptor", v.descriptor);
}
template <typename A>
void Describe(A& f, ImageHistoryItem& v) {
  f("Id", v.id);
  f("Created", v.created);
  f("CreatedBy", v.created_by);
  f.Null("Tags", v.tags);
  f("Size", v.size);
  f("Comment", v.comment);
}
template <typename A>
void Describe(A& f, ImageDeleteItem& v) {
  f.Omit("Untagged", v.untagged);
  f.Omit("Deleted", v.deleted);
}

codec::Json ManifestSummary::ToJson() const {
  Writer f;
  f("ID", id);
  f("Descriptor", descriptor);
  f("Available", available);
  f.Inside("Size", [&](Writer& size) {
    size("Content", content_size);
    size("Total", content_size + unpacked_size);
  });
  f("Kind", kind);
  if (kind == "image") {
    f.Inside("ImageData", [&](Writer& data) {
      data.Inside("Platform", [&](Writer& platform) {
        platform("architecture", architecture);
        platform("os", os);
        platform.Omit("os.version", os_version);
        platform.Omit("variant", variant);
      });
      data("Containers", containers);
      data.Inside("Size", [&](Writer& size) { size("Unpacked", unpacked_size); });
    });
  }
  if (kind == "attestation") f.Inside("AttestationData", [&](Writer& data) { data("For", attested); });
  return f.Take();
}

static codec::Json WithManifests(codec::Json image, const std::vector<ManifestSummary>& manifests) {
  if (manifests.empty()) return image;
  codec::Json& list = image.Add("Manifests", codec::Json::MakeArray());
  for (const ManifestSummary& one : manifests) list.Append(one.ToJson());
  return image;
}

codec::Json ImageSummary::ToJson() const { return WithManifests(Write(*this), manifests); }
Result<ImageSummary> ImageSummary::FromJson(const codec::Json& json) { return Load<ImageSummary>(json); }
codec::Json ImageInspect::ToJson() const { return WithManifests(Write(*this), manifests); }
Result<ImageInspect> ImageInspect::FromJson(const codec::Json& json) { return Load<ImageInspect>(json); }
codec::Json ImageHistoryItem::ToJson() const { return Write(*this); }
Result<ImageHistoryItem> ImageHistoryItem::FromJson(const codec::Json& json) {
  return Load<ImageHistoryItem>(json);
}
codec::Json ImageDeleteItem::ToJson() const { return Write(*this); }
Result<ImageDeleteItem> ImageDeleteItem::FromJson(const codec::Json& json) {
  return Load<ImageDeleteItem>(json);
}

codec::Json Progress::ToJson() const {
  Writer f;
  f.Omit("stream", stream);
  f.Omit("status", status);
  if (has_detail || current != 0 || total != 0) {
    f.Inside("progressDetail", [&](Writer& detail) {
      detail.Omit("current", current);
      detail.Omit("total", total);
    });
  }
  f.Omit("id", id);
  if (!error.empty()) {
    f.Inside("errorDetail", [&](Writer& detail) {
      detail.Omit("code", error_code);
      detail("message", error);
    });
    f("error", error);  // deprecated for ten years, and what docker-py looks at
  }
  if (aux.has_value()) f("aux", *aux);
  return f.Take();
}

Result<Progress> Progress::FromJson(const codec::Json& json) {
  codec::Reader reader(json, "", codec::Reader::Keys::kFoldCase);
  Progress progress;
  reader.Read("stream", &progress.stream);
  reader.Read("status", &progress.status);
  reader.Read("id", &progress.id);
  progress.has_detail = reader.Has("progressDetail");
  reader.Object("progressDetail", [&](codec::Reader& detail) {
    detail.Read("current", &progress.current);
    detail.Read("total", &progress.total);
  });
  reader.Read("error", &progress.error);
  reader.Object("errorDetail", [&](codec::Reader& detail) {
    detail.Read("code", &progress.error_code);
    detail.Read("message", &progress.error);
  });
  if (const codec::Json* value = reader.Take("aux")) progress.aux = *value;
  TRY(reader.Finish());
  return progress;
}

}  // namespace estiba::apitypes
