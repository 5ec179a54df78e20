#pragma once
// What the engine and estiba-transfer say to each other: one job as JSON on the program's descriptor 0 (to its end),
// events as JSON lines on its descriptor 1. Descriptors: 3 the content store's directory, 4 the snapshots', 5 the
// archive (read by load, import, fill and put, written by save, export, changes, pack and take; of load and save it
// may be a directory), 6 the directory that pack and take read, and fill and put write: of stat, take and put, which
// open no store, the root of a running container, or a directory of a user's. The last event is kDone or kFailed;
// without one the program died. The engine ends a transfer by killing it, and clears what it left by its lease
// (ContentStore and Snapshots::DeleteLeftovers).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/ids.h"
#include "oci/image.h"
#include "oci/signature.h"
#include "oci/registry_auth.h"
#include "oci/registry_endpoint.h"

namespace estiba::image {

inline constexpr std::size_t kMaxJob = 64U << 20;  // bytes: a check names every layer there is
inline constexpr int kJobFd = 0;
inline constexpr int kEventFd = 1;
inline constexpr int kContentFd = 3;
inline constexpr int kSnapshotsFd = 4;
inline constexpr int kArchiveFd = 5;
inline constexpr int kTreeFd = 6;

enum class JobKind : unsigned char {
  kPull,
  kLoad,
  kSave,
  kLogin,
  kPush,
  kCheck,
  kRestore,
  kAsk,
  kCommit,
  kImport,
  kExport,
  kChanges,
  kPack,  // a directory that is no layer, a volume's, into an archive
  kFill,  // and an archive into one
  kCopy,
  kUnpack,    // the image for a platform of an index that is kept
  kStatPath,  // what is at a path of a container; the answer is docker's
  kTakePath,  // that answer, and what is there into an archive
  kPutPath    // an archive into a directory of a container
};

// What a save writes: what docker 25 and later do, docker-save's manifest.json and an OCI layout in one; the one or the
// other alone; or skopeo's "dir", one image's manifest and blobs side by side.
enum class ArchiveForm : unsigned char { kBoth, kDocker, kOci, kPlain };

// One image to save: its manifest in the content store and the names to write for it (normalised references; may be
// empty).
struct SaveItem {
  std::string manifest_digest;
  std::vector<std::string> names;
  // Indexes that it came from: the first whose every image is in the content store is saved with all of them.
  std::vector<std::string> index_digests = {};
};

// One tag to push.
struct PushItem {
  std::string tag;
  std::string image_id;
  std::string manifest_digest;
  // Indexes that it came from: the first whose every image is in the content store is pushed in its place.
  std::vector<std::string> index_digests;
  // No registry knows the manifest: layers that are not compressed are sent, and from then on kept, in gzip's form.
  bool compress = false;
};

// Repositories of the push's own registry that have a blob.
struct BlobOrigin {
  std::string digest;
  std::vector<std::string> repositories;
};

// What a registry is asked. The answer is JSON: a list of tags; of descriptors; of docker's search results; docker's
// DistributionInspect; {"Ref", "Descriptor", "Raw" in base64} of what a reference names; that with its platform, and of
// an index a list of these, of all that it names.
enum class Question : unsigned char { kTags, kReferrers, kSearch, kDistribution, kManifest, kManifests };

// A place to pull from, tried in order; or the one to push to.
struct PullSource {
  std::string host;  // "docker.io", "localhost:5000"
  std::string path;  // of the repository there
  oci::RegistryEndpoint via = {};
  bool resolves = true;  // may be asked what a tag means
  bool pulls = true;     // may be asked for what a digest names
  // Where signatures of its images are, when the job asks for some: file:///PATH, http://… or https://…; empty: nowhere.
  std::string lookaside = {};
  bool attachments = true;  // cosign's signatures in the repository itself are read
};

// Of a URL below a lookaside, or of one: the path of file:///PATH; empty for others.
std::string FolderOfLookaside(std::string_view url);

// Where a copy goes, and how much of its source does.
struct CopyTarget {
  std::string reference;  // normalised by the program; with a digest, the source has to have it
  PullSource place;       // no host: the reference's own registry
  oci::RegistryAuth auth;
  bool all = false;        // an index with all that it names; else the image of one platform
  bool referrers = false;  // with what refers to it: signatures, bills of materials
};

// Whose files commit, export and changes read.
struct ContainerFiles {
  std::string id;                   // its writable layer's name in the snapshots
  std::vector<std::string> layers;  // chain ids, lowest first
  bool copied = false;              // its files are a copy of the layers with its changes in it
  // Where the engine itself mounts things, as clean paths: empty files and directories there are no content.
  std::vector<std::string> mount_points;
};

// An applied layer, lowest first in what has several.
struct LayerInfo {
  std::string digest;    // of the blob in the content store; empty in a check: it is not kept
  std::string diff_id;   // of the uncompressed tar
  std::string chain_id;  // names the snapshot
  std::uint64_t size = 0;           // of the blob
  std::uint64_t unpacked_size = 0;  // bytes of the files (0 for a layer that was there already)
};

// One image to check.
struct CheckItem {
  std::vector<std::string> blobs;  // digests of its documents: manifest, config, index
  std::vector<LayerInfo> layers;
};

// The image that commit and import make: a layer on top of another image's, or on nothing.
struct NewImage {
  std::string config;         // JSON; the layer's diff id is added to those it has
  std::string base_manifest;  // digest of the manifest below; empty: there is none
  std::vector<LayerInfo> layers;   // below
  std::vector<std::string> names;  // normalised references to give it
};

// What a container that does not run would see mounted.
struct ViewMount {
  std::string source;               // on the host; empty: `layers`
  std::string target;               // in the container
  std::string subpath;              // of the source
  std::vector<std::string> layers;  // chain ids of an image, lowest first
  bool read_only = false;
  bool recursive = true;
  bool optional = false;            // without a source there is no mount
};

// Of stat, take and put.
struct PathJob {
  std::string container;  // as the client called it, for errors
  std::string path;       // in the container. Of take and put of a user's directory: a name in it, or "."
  // Without: `container` of the job does not run and is mounted by the program, with `mounts`.
  bool running = false;
  bool read_only = false;  // its root
  std::vector<ViewMount> mounts;
  std::vector<IdRange> uids;  // of a running container's user namespace; none: it has the host's ids
  std::vector<IdRange> gids;
  bool gzip = false;          // take: the archive is compressed
  bool keep_kinds = false;    // put: no directory in the place of something else, and the other way round
  std::string owner;          // put: "user[:group]" that all will belong to; empty: as the archive says

  // Take and put of a user's own directory, kTreeFd.
  bool on_host = false;
  std::string base;  // take: what `path` is called in the archive; put: what stands for it there…
  std::string name;  // …and put: what it is called instead
};

struct TransferJob {
  JobKind kind = JobKind::kPull;
  std::string lease;  // letters, digits, '.', '_': starts every temporary name
  // In a user namespace trusted.* attributes cannot be set and devices not be made: overlay reads user.overlay.*
  // instead ("userxattr").
  bool user_xattrs = false;
  bool erofs = false;  // layers are stored as EROFS images, not as directories

  // pull, push, login, copy (what it reads); the platform of load and save, too
  std::string reference;                 // "localhost:5000/app:1"; normalised by the program. Push: without a tag.
                                         // Login: a host
  oci::Platform platform;                // empty: the host's (and no check against the image's config)
  std::string known_id;                  // the image that the reference names now, or empty
  std::vector<PullSource> sources;       // none: the reference's own registry. Login, push: the one
  oci::RegistryAuth auth;                     // for the reference's own registry, wherever else is looked
  std::vector<std::string> insecure_registries;  // "host:port" that may be spoken to without TLS or a valid certificate
  // Layers fetched and unpacked (the default, 0, is 3) or blobs pushed or copied (5) at the same time.
  unsigned parallel = 0;
  std::vector<oci::SignedBy> signed_by;  // what the policy asks of a pull or a copy
  bool all_platforms = false;  // pull: every image of an index is kept, the one for the platform unpacked
  bool keep_blobs = true;  // false: the blob of a layer that is unpacked already is not fetched
  unsigned stall_timeout = 0;  // seconds without a byte until a connection is given up; 0: the default, 60
  // Ranges of one large blob fetched at the same time; 0: blobs are fetched whole.
  unsigned parallel_ranges = 0;

  // ask; `reference` is a name, an image, or the host to search
  Question question = Question::kTags;
  std::string term;
  unsigned limit = 0;

  CopyTarget copy;

  // push
  std::vector<PushItem> pushes;
  std::vector<BlobOrigin> origins;

  // save; unpack: one, whose indexes name the platform's; restore: the manifest of one image whose missing blobs and
  // layers are to be made from what is there, and from `reference`'s registry if there is one. With `all_platforms` it
  // is an index, all of whose images are to be there
  std::vector<SaveItem> images;
  ArchiveForm form = ArchiveForm::kBoth;

  bool quiet = false;  // load: only what was loaded is told

  // check
  std::vector<CheckItem> checks;

  // commit, export, changes, and stat, take and put of one that does not run
  ContainerFiles container;
  PathJob path;
  // commit, import
  NewImage image;
  std::string source;  // import: a URL to fetch the archive from; empty: it is kArchiveFd
};

// An image whose blobs and layers are in the stores: for the engine to record.
struct LoadedImage {
  std::string id;               // digest of the config: docker's image id
  std::string manifest_digest;
  std::string manifest_media_type;
  std::string repo_digest;      // what the reference resolved to (an index's digest for a multi-platform image)
  std::vector<std::string> names;  // normalised references to give it
  std::vector<LayerInfo> layers;
  std::uint64_t size = 0;       // unpacked bytes of all layers
  std::string artifact_type;    // of what is no image: `id` is its manifest's digest then, and nothing is unpacked
  // What is kept for it besides: of an artifact all its blobs; of an index that is here whole, its images, and their
  // blobs.
  std::vector<std::string> kept;
  std::string index_digest;     // that index
  bool up_to_date = false;      // pull: the reference named this very image, and all of it was there
};

enum class EventKind : unsigned char { kProgress, kImage, kFailed, kDone, kLogin, kPushed, kFinding, kAnswer };

// A tag that the registry has taken.
struct PushedTag {
  std::string tag;
  std::string image_id;
  std::string repo_digest;  // "localhost:5000/app@sha256:…"
  std::uint64_t size = 0;   // of the manifest
};

struct TransferEvent {
  EventKind kind = EventKind::kProgress;

  // kProgress: docker's words. `id` is the short layer digest, or the tag for "Pulling from …", or empty. total 0
  // means unknown or no counter.
  std::string id;
  std::string status;
  std::uint64_t current = 0;
  std::uint64_t total = 0;
  std::string stream;  // load: "Loaded image: …\n" (docker sends it as "stream")

  LoadedImage image;  // kImage

  PushedTag pushed;  // kPushed
  // kFinding of a check: `status` is "blob" or "layer", `id` its digest or chain id, `message` what is wrong with it.

  std::string answer;  // kAnswer: JSON

  std::string identity_token;  // kLogin: what to keep instead of the password, or empty

  // kFailed (the message also of kFinding)
  Code code = Code::kUnknown;
  std::string message;
  std::string hint;
};

// Whether the job works on the paths of a container or a user, without the stores.
bool WorksOnPaths(JobKind kind);

std::string WriteJob(const TransferJob& job);
Result<TransferJob> ParseJob(std::string_view json);
// One line, with its '\n'.
std::string WriteEvent(const TransferEvent& event);
Result<TransferEvent> ParseEvent(std::string_view line);

// A progress event as docker's API sends it: {"status":…,"progressDetail":{…},"progress":"[==> ] 1.2MB/3MB","id":…}
// ended by "\r\n"; empty for an event that clients do not see.
std::string DockerProgressLine(const TransferEvent& event);
// The "aux" line of docker's API for a tag that was pushed.
std::string DockerPushedLine(const TransferEvent& event);
// The answer of docker's API to a login that went well.
std::string DockerLoginAnswer(const TransferEvent& event);

}  // namespace estiba::image
