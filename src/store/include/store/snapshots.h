#pragma once
// File trees on disk: snapshots/layers/CHAINHEX (unpacked, overlay form, never changed) or snapshots/layers/
// CHAINHEX.erofs (the same as one EROFS image), snapshots/tmp/LEASE-… (being made or deleted) and
// snapshots/containers/ID/{fs,work} (writable). The engine records a container's before it makes it; a layer is known
// by being there, in either form: a store may hold both kinds.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include "base/result.h"
#include "os/fd.h"
#include "store/limits.h"

namespace estiba::store {

class Snapshots {
 public:
  // Makes what is missing of `path`/{layers,tmp,containers}.
  static Result<Snapshots> Open(const std::string& path);
  // The same below an open directory; paths are then "layers/…", relative to it.
  static Result<Snapshots> Open(os::UniqueFd directory);

  // Layers, by chain id ("sha256:…").
  bool HasLayer(const std::string& chain_id) const;
  enum class Form : unsigned char { kDirectory, kErofs };
  // How it is stored; kNotFound.
  Result<Form> FormOf(const std::string& chain_id) const;
  // Where a layer is: a directory for overlay's lowerdir, or an EROFS image.
  Result<std::string> LayerPath(const std::string& chain_id) const;
  // The directory that all layers are in.
  std::string LayersPath() const { return path_ + "layers"; }
  struct Layer {
    Form form = Form::kDirectory;
    os::UniqueFd fd;  // the directory, or the image's file; for reading
  };
  Result<Layer> OpenLayer(const std::string& chain_id) const;
  Result<std::vector<std::string>> ListLayers() const;
  // Deletes a layer in two steps, so that it is whole or not there: the first is quick and answers what to delete in
  // the second. Succeeds if it is gone.
  Result<std::string> TakeLayerAway(const std::string& chain_id) const;
  Status DeleteTakenAway(const std::string& name) const;
  // The same of any tree; one on another file system is deleted at once.
  Result<std::string> TakeAway(os::DirFd parent, const std::string& name) const;

  // A layer to make: an empty directory, or an empty file for an image. CommitLayer gives it its place; if another
  // transfer was first, that one stays and this is deleted.
  struct Unfinished {
    std::string name;  // in tmp/
    os::UniqueFd fd;
    Form form = Form::kDirectory;
  };
  Result<Unfinished> CreateUnfinished(const std::string& lease, Form form = Form::kDirectory) const;
  // syncfs(2): once before the layers of an image are committed, so that after a power failure each is whole or not
  // there.
  Status Sync() const;
  Status CommitLayer(const Unfinished& tree, const std::string& chain_id) const;
  Status DeleteUnfinished(const Unfinished& tree) const;
  // Deletes what an owner left half-made.
  Status DeleteLeftovers(const std::string& lease) const;
  // Everybody's, for DeleteTakenAway(): at start, before anything is unpacked or deleted.
  Result<std::vector<std::string>> ListUnfinished() const;

  // Writable layers of containers.
  struct ContainerPaths {
    std::string home;   // …/ID
    std::string upper;  // …/ID/fs
    std::string work;   // …/ID/work
  };
  ContainerPaths PathsOf(const std::string& container_id) const;
  // kFailedPrecondition, with what to do, where the file system keeps no limits of projects.
  Status CheckLimits() const;
  // From `first` on one that is nobody's on the file system, and not in `taken`.
  Result<std::uint32_t> FindProject(std::uint32_t first, const std::vector<std::uint32_t>& taken) const;
  // Once nothing of the container is left.
  Status ReleaseProject(std::uint32_t project) const;
  // Ensures fs and work. A new fs gets the owner and mode of the root of the topmost layer (`top_chain_id`,
  // or root:root 0755 when empty): overlayfs shows the upper's.
  Result<ContainerPaths> EnsureContainer(const std::string& container_id, const std::string& top_chain_id,
                                         const SizeLimit& limit = SizeLimit()) const;
  // Where a container is no overlay: its fs becomes a copy of the layers, lowest first. For one that was just ensured
  // with the same limit, which bounds what comes after the copy; what is half-made goes with the container.
  Status FillContainer(const std::string& container_id, const std::vector<std::string>& chain_ids,
                       const SizeLimit& limit = SizeLimit()) const;
  // Its upper directory, or its copy.
  Result<os::UniqueFd> OpenContainer(const std::string& container_id) const;
  // For DeleteTakenAway().
  Result<std::string> TakeContainerAway(const std::string& container_id) const;
  // Succeeds if it is gone.
  Status DeleteContainer(const std::string& container_id) const;
  Result<std::vector<std::string>> ListContainers() const;  // ids
  // Bytes that the files of a writable layer take (`ps -s`).
  Result<std::uint64_t> ContainerSize(const std::string& container_id) const;
  Result<std::uint64_t> LayerSize(const std::string& chain_id) const;

 private:
  Snapshots(std::string path, os::UniqueFd layers, os::UniqueFd tmp, os::UniqueFd containers)
      : path_(std::move(path)), layers_(std::move(layers)), tmp_(std::move(tmp)), containers_(std::move(containers)) {}
  Status CopyLayers(os::DirFd to, const std::vector<std::string>& chain_ids) const;
  // Mode and owner of the layer's "/"; root:root 0755 for none.
  Result<struct stat> RootOf(const std::string& chain_id) const;

  std::string path_;  // with a final '/', or empty
  os::UniqueFd layers_;
  os::UniqueFd tmp_;
  os::UniqueFd containers_;
};

}  // namespace estiba::store
