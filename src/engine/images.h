#pragma once
// Which images there are and what they are called. Blobs and layers are in the stores; this records them, finds them
// by name, and clears what no image and no container uses.

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "apitypes/filters.h"
#include "apitypes/image.h"
#include "apitypes/volume.h"
#include "base/clock.h"
#include "base/guarded.h"
#include "base/result.h"
#include "codec/json.h"
#include "engine/config.h"
#include "image/transfer.h"
#include "oci/image.h"
#include "oci/reference.h"
#include "spec/process.h"
#include "store/content.h"
#include "store/database.h"
#include "store/snapshots.h"

namespace estiba::engine {

inline constexpr const char* kImages = "images";  // table of the records, by id

inline constexpr const char* kImageUses = "image_uses";  // table: id → seconds of the last use

struct ImageRecord {
  std::string id;  // digest of the config
  std::string manifest_digest;
  std::vector<image::LayerInfo> layers;  // lowest first
  std::vector<std::string> repo_digests; // "docker.io/library/busybox@sha256:…"
  std::string artifact_type;              // of what is no image: `id` is its manifest's digest, it has no layers
  std::vector<std::string> indexes;       // digests of indexes it came from that are here with all they name
  std::vector<std::string> kept;          // blobs that stay for it besides: an artifact's, those of its indexes
  std::uint64_t size = 0;
  std::int64_t created = 0;  // seconds
  std::map<std::string, std::string> labels;

  // Digests of config, manifest, indexes and what is kept for them: they are here whatever the settings say.
  std::vector<std::string> Documents() const;
  std::vector<std::string> Blobs() const;      // with those of the layers
  codec::Json ToJson() const;
  static Result<ImageRecord> FromJson(const codec::Json& json);
};
using ImagePtr = std::shared_ptr<const ImageRecord>;

// Who uses an image: ids of containers, running ones first told apart.
struct ImageUser {
  std::string container_id;
  bool running = false;
};

class Images {
 public:
  // `users` gives the containers of an image id; `layers_in_use` the chain ids that containers stand on.
  struct Callbacks {
    std::function<std::vector<ImageUser>(const std::string& image_id)> users;
    std::function<std::set<std::string>()> layers_in_use;
    std::function<void(const std::string& action, const std::string& id, const std::string& name)> event;
    std::function<bool()> keep_blobs;
  };
  static Result<std::unique_ptr<Images>> Open(store::Database* database, store::ContentStore* content,
                                              store::Snapshots* snapshots);
  void SetCallbacks(Callbacks callbacks) { callbacks_ = std::move(callbacks); }

  // By reference, digest, id or prefix of an id; kNotFound "No such image: x".
  Result<ImagePtr> Get(const std::string& name) const;
  // One for the platform that was unpacked from an index which is kept for `image`; null. Of several the one of the
  // very variant; without it, `any_variant` has to be right.
  ImagePtr FindSibling(const ImageRecord& image, const oci::Platform& platform, bool any_variant) const;
  // Of an artifact one that says nothing but when it was made.
  Result<oci::ImageConfig> Config(const ImageRecord& image) const;
  static ImageDefaults Defaults(const oci::ImageConfig& config);
  static apitypes::ContainerConfig RunConfig(const oci::ImageRunConfig& run);
  std::size_t count() const;

  // What the policy of the settings asks for. Not while a transfer runs.
  Status ApplyPolicy(const ImagePolicy& policy, WallTime now);
  // An image is used when it comes, and when a container of it comes or goes.
  void NoteUse(const std::string& id, WallTime now);
  // While one lives, the blobs of the image's layers stay whatever the settings say.
  using Hold = std::shared_ptr<void>;
  Hold HoldBlobs(const std::string& id);
  // Layers' blobs that the settings have dropped.
  std::vector<std::string> MissingBlobs(const ImageRecord& image) const;

  // What a transfer brought. The names move to it from whatever they named before.
  Status Record(const image::LoadedImage& loaded, const std::string& pulled_reference);

  Result<std::vector<apitypes::ImageSummary>> List(const apitypes::Filters& filters) const;
  // Its manifest; nothing when that cannot be read.
  std::optional<apitypes::ManifestDescriptor> Describe(const ImageRecord& image) const;
  // Of the index that the image came from, if it is here; else of the image alone.
  std::vector<apitypes::ManifestSummary> Manifests(const ImageRecord& image) const;
  Result<apitypes::ImageInspect> Inspect(const std::string& name) const;
  Result<std::vector<apitypes::ImageHistoryItem>> History(const std::string& name) const;
  Status Tag(const std::string& name, const std::string& repository, const std::string& tag);
  Result<std::vector<apitypes::ImageDeleteItem>> Remove(const std::string& name, bool force);
  Result<apitypes::PruneReport> Prune(const apitypes::Filters& filters);
  // Digests of the indexes that an image came from.
  static std::vector<std::string> IndexesOf(const ImageRecord& image);
  Result<image::SaveItem> ForSave(const std::string& name) const;
  // What a push of a name's tag, or of all its tags, sends. kNotFound in docker's words.
  Result<std::vector<image::PushItem>> ForPush(const oci::Reference& name, const std::string& tag) const;
  // Where else on that registry the blobs of these images are, as far as pulls and pushes have told.
  std::vector<image::BlobOrigin> OriginsOf(const std::vector<image::PushItem>& items, const oci::Reference& name) const;
  // The registry has the image by this digest now. Nothing when the image has gone meanwhile.
  Status RecordPush(const image::PushedTag& pushed);
  // Runs `hold` if the image is there; it cannot go meanwhile. What `hold` makes known to the callbacks keeps it.
  Status WhileThere(const std::vector<std::string>& ids, const std::function<void()>& hold);
  // References that name this image, normalised.
  std::vector<std::string> NamesOf(const std::string& id) const;

  // Deletes blobs and layers nothing needs; answers how many bytes that freed. Not while a transfer runs: what it
  // brings is not recorded yet.
  Result<std::uint64_t> Collect();

  // Every image there is.
  std::vector<ImagePtr> All() const;

  // Room on disk, each layer and blob counted once.
  struct Usage {
    std::uint64_t layers = 0;      // unpacked
    std::uint64_t blobs = 0;       // as registries have them
    std::uint64_t droppable = 0;   // of the blobs: layers that a registry has too
    std::size_t blob_count = 0;
    std::map<std::string, std::uint64_t> shared;  // image id → unpacked bytes of layers that other images have too
    std::int64_t SharedOf(const std::string& id) const;
  };
  Result<Usage> MeasureUsage() const;

 private:
  struct State {
    std::map<std::string, ImagePtr> by_id;
    std::map<std::string, std::string> tags;  // normalised reference → id
    std::map<std::string, WallTime> used;     // id → when it was used last
    std::map<std::string, apitypes::ManifestDescriptor> described;  // by id, once it was asked for
  };

  // What of a manifest is here: all that it names, and its bytes.
  struct Presence {
    bool whole = false;
    std::uint64_t bytes = 0;
  };

  Images(store::Database* database, store::ContentStore* content, store::Snapshots* snapshots)
      : database_(database), content_(content), snapshots_(snapshots) {}
  std::vector<oci::Descriptor> ManifestsBeside(const ImageRecord& image) const;
  Presence PresenceOf(const std::string& manifest_digest) const;
  apitypes::ManifestSummary SummaryOf(const oci::Descriptor& descriptor,
                                      const std::map<std::string, ImagePtr>& by_manifest) const;
  Status Load();
  Status LoadUses(WallTime now);
  // These three hold `changes_`.
  Result<std::vector<apitypes::ImageDeleteItem>> Untag(const ImagePtr& image, const std::string& reference, bool force);
  Result<std::vector<apitypes::ImageDeleteItem>> DeleteImage(const ImagePtr& image, bool force);
  apitypes::ImageSummary Summary(const ImageRecord& image, const std::map<std::string, std::string>& tags) const;
  Result<bool> Passes(const ImageRecord& image, const apitypes::ImageSummary& summary,
                      const apitypes::Filters& filters) const;
  struct Unused {
    std::vector<std::string> layers;  // what they are renamed to
    std::uint64_t bytes = 0;          // of blobs, which are deleted, and of layers
  };
  Result<Unused> TakeUnusedAway();
  // Bytes that those of `by_id` take, and containers' layers.
  static std::uint64_t Needed(const std::map<std::string, ImagePtr>& by_id);
  Result<bool> RemoveByPolicy(const ImagePtr& image, const char* why);
  void Tell(const char* action, const std::string& id, const std::string& name) const;

  store::Database* database_;
  store::ContentStore* content_;
  store::Snapshots* snapshots_;
  Callbacks callbacks_;
  std::mutex changes_;  // one change at a time: what was looked up is still so when it is recorded
  mutable Guarded<State> state_;
  // Id → how many hold its blobs. Shared with them: one may outlive this.
  std::shared_ptr<Guarded<std::map<std::string, unsigned>>> held_ =
      std::make_shared<Guarded<std::map<std::string, unsigned>>>();
};

}  // namespace estiba::engine
