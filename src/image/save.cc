#include "save.h"

#include <optional>
#include <set>

#include "codec/json.h"
#include "codec/sha256.h"
#include "oci/reference.h"
#include "save_output.h"
#include "stored_image.h"

namespace estiba::image {
namespace {

using codec::Json;

std::string HexOf(const std::string& digest) { return digest.substr(digest.find(':') + 1); }

// One of the job's images, found whole before the first byte is out: whoever reads a pipe learns nothing of what is
// missing later.
struct Source {
  const SaveItem* item = nullptr;
  StoredDocument document;  // its manifest
  oci::Manifest manifest;
  std::string artifact_type;
  std::optional<StoredDocument> index;  // saved in its place, with all its images
  std::vector<std::string> index_parts;
};

class Finder {
 public:
  Finder(const TransferJob& job, const store::ContentStore& content) : job_(job), content_(content) {}

  Result<Source> Find(const SaveItem& item) const {
    Source out;
    out.item = &item;
    const std::string digest = TRY(FindManifestFor(content_, item, job_.platform));
    out.document = TRY(ReadDocument(content_, digest));
    out.manifest = TRY(oci::ParseManifest(out.document.text));
    out.artifact_type = oci::ArtifactTypeOf(out.manifest);
    TRY(content_.Size(out.manifest.config.digest));
    for (const oci::Descriptor& layer : out.manifest.layers) TRY(content_.Size(layer.digest));
    const bool with_index = job_.form == ArchiveForm::kBoth || job_.form == ArchiveForm::kOci;
    if (!with_index || !job_.platform.os.empty()) return out;
    out.index = FindWholeIndex(content_, item.index_digests);
    if (!out.index) return out;
    const oci::Index index = TRY(oci::ParseIndex(out.index->text));
    out.index_parts = PartsOfIndex(content_, index).value_or(std::vector<std::string>{});
    return out;
  }

 private:
  const TransferJob& job_;
  const store::ContentStore& content_;
};

class Saver {
 public:
  Saver(ArchiveForm form, const store::ContentStore& content, SaveOutput& output)
      : form_(form), content_(content), output_(output) {}

  Status Run(const std::vector<Source>& sources) {
    if (form_ == ArchiveForm::kPlain) return SavePlain(sources);
    if (form_ != ArchiveForm::kDocker) {
      TRY(output_.AddDirectory("blobs"));
      TRY(output_.AddDirectory("blobs/sha256"));
    }
    for (const Source& source : sources)
      TRY_CTX(AddImage(source), "save image '" + source.item->manifest_digest + "'");
    if (form_ != ArchiveForm::kDocker) TRY(output_.AddText("index.json", oci::WriteIndex(index_)));
    if (form_ != ArchiveForm::kOci) TRY(output_.AddText("manifest.json", manifests_.Dump()));
    if (form_ != ArchiveForm::kDocker) TRY(output_.AddText("oci-layout", R"({"imageLayoutVersion":"1.0.0"})"));
    return output_.Finish();
  }

 private:
  // containers-transports(5), "dir".
  Status SavePlain(const std::vector<Source>& sources) {
    const oci::Manifest manifest = TRY(oci::ToDocker(sources.front().manifest));
    TRY(output_.AddText("version", "Directory Transport Version: 1.1\n"));
    TRY(AddBlob(manifest.config.digest));
    for (const oci::Descriptor& layer : manifest.layers) TRY(AddBlob(layer.digest));
    const bool same = manifest.config.media_type == sources.front().manifest.config.media_type;
    TRY(output_.AddText("manifest.json", same ? sources.front().document.text : oci::WriteManifest(manifest)));
    return output_.Finish();
  }

  std::string PathOf(const std::string& digest, const char* docker_suffix = "") const {
    if (form_ == ArchiveForm::kPlain) return HexOf(digest);
    if (form_ == ArchiveForm::kDocker) return HexOf(digest) + docker_suffix;
    return "blobs/sha256/" + HexOf(digest);
  }

  Status AddImage(const Source& source) {
    oci::Descriptor described = TRY(form_ == ArchiveForm::kDocker ? oci::Descriptor() : AddDocuments(source));
    const std::string config = TRY(AddBlob(source.manifest.config.digest, ".json"));
    Json layers = Json::MakeArray();
    for (const oci::Descriptor& layer : source.manifest.layers) {
      const std::string path = TRY(AddBlob(layer.digest, ".tar"));
      layers.Append(path);
    }
    Json tags = Json::MakeArray();
    for (const std::string& name : source.item->names) {
      const oci::Reference reference = TRY(oci::ParseReference(name));
      if (reference.tag.empty()) continue;
      tags.Append(reference.Familiar());
      AddToIndex(described, &reference);
    }
    if (tags.empty()) AddToIndex(described, nullptr);
    if (!source.artifact_type.empty()) return Ok();  // docker-save has no word for it
    manifests_.Append(Json::MakeObject(
        {{"Config", config}, {"RepoTags", tags.empty() ? Json() : tags}, {"Layers", layers}}));
    return Ok();
  }

  // The manifest, or the index and all it names; answers which of them the layout's index has to name.
  Result<oci::Descriptor> AddDocuments(const Source& source) {
    if (!source.index) return AddManifest(source);
    for (const std::string& digest : source.index_parts) TRY(AddBlob(digest));
    TRY(AddBlob(source.index->digest));
    oci::Descriptor out;
    out.media_type = source.index->media_type;
    out.digest = source.index->digest;
    out.size = source.index->text.size();
    return out;
  }

  // As it is when it is OCI's; docker's is written anew, for readers of OCI layouts skip what they do not know.
  Result<oci::Descriptor> AddManifest(const Source& source) {
    oci::Descriptor out;
    out.media_type = oci::media::kOciManifest;
    out.digest = source.document.digest;
    out.size = source.document.text.size();
    out.artifact_type = source.artifact_type;
    if (source.manifest.config.media_type != oci::media::kDockerConfig) {
      TRY(AddBlob(out.digest));
      return out;
    }
    const std::string bytes = oci::WriteManifest(oci::ToOci(source.manifest));
    out.digest = codec::DigestOf(bytes);
    out.size = bytes.size();
    if (added_.insert(out.digest).second) TRY(output_.AddText(PathOf(out.digest), bytes));
    return out;
  }

  void AddToIndex(oci::Descriptor described, const oci::Reference* name) {
    if (name != nullptr) {
      described.annotations["io.containerd.image.name"] = name->ToString();
      described.annotations["org.opencontainers.image.ref.name"] = name->tag;
    }
    index_.manifests.push_back(std::move(described));
  }

  // Each once; answers its path.
  Result<std::string> AddBlob(const std::string& digest, const char* docker_suffix = "") {
    TRY(oci::DigestHex(digest));
    std::string path = PathOf(digest, docker_suffix);
    if (!added_.insert(digest).second) return path;
    const std::uint64_t size = TRY(content_.Size(digest));
    const os::UniqueFd blob = TRY(content_.OpenBlob(digest));
    TRY_CTX(output_.AddFile(path, blob.get(), size), "blob '" + digest + "'");
    return path;
  }

  const ArchiveForm form_;
  const store::ContentStore& content_;
  SaveOutput& output_;
  oci::Index index_{std::string(oci::media::kOciIndex), {}, {}};
  Json manifests_ = Json::MakeArray();
  std::set<std::string> added_;
};

Status CheckForm(const TransferJob& job, const std::vector<Source>& sources) {
  if (job.form == ArchiveForm::kPlain && sources.size() != 1)
    return Error(Code::kInvalidArgument, "a docker-dir holds one image, not " + std::to_string(sources.size()));
  if (job.form != ArchiveForm::kPlain && job.form != ArchiveForm::kDocker) return Ok();
  for (const Source& source : sources) {
    if (source.artifact_type.empty()) continue;
    return Error(Code::kInvalidArgument, "'" + source.item->manifest_digest + "' is an artifact of type '" +
                                             source.artifact_type + "', which docker's formats cannot hold")
        .Hint("save it in one of OCI's formats");
  }
  return Ok();
}

}  // namespace

Status Save(const TransferJob& job, const Stores& stores, int archive) {
  if (job.images.empty()) return Error(Code::kInvalidArgument, "no image to save");
  const Finder finder(job, stores.content);
  std::vector<Source> sources;
  for (const SaveItem& item : job.images)
    sources.push_back(TRY_CTX(finder.Find(item), "save image '" + item.manifest_digest + "'"));
  TRY(CheckForm(job, sources));
  const std::unique_ptr<SaveOutput> output = TRY(MakeSaveOutput(archive));
  return Saver(job.form, stores.content, *output).Run(sources);
}

}  // namespace estiba::image
