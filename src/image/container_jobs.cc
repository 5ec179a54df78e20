#include "container_jobs.h"

#include <cerrno>

#include <sys/stat.h>

#include "codec/json.h"
#include "container_tree.h"
#include "new_image.h"
#include "os/file.h"

namespace estiba::image {
namespace {

// A container's directories, held open.
class OpenContainer {
 public:
  static Result<OpenContainer> Open(const TransferJob& job, const Stores& stores) {
    OpenContainer out;
    out.upper_ = TRY(stores.snapshots.OpenContainer(job.container.id));
    out.tree_.upper = out.upper_.get();
    out.tree_.copied = job.container.copied;
    const auto& layers = job.container.layers;
    for (auto chain = layers.rbegin(); chain != layers.rend(); ++chain) {
      store::Snapshots::Layer layer = TRY_CTX(stores.snapshots.OpenLayer(*chain), "open layer '" + *chain + "'");
      const bool image = layer.form == store::Snapshots::Form::kErofs;
      const int mount = stores.mounts != nullptr ? stores.mounts->Find(*chain) : -1;
      if (image && mount < 0) return Error(Code::kInternal, "layer '" + *chain + "' is an image that was not mounted");
      out.tree_.lowers.push_back(image ? mount : layer.fd.get());
      out.lowers_.push_back(std::move(layer.fd));
    }
    out.tree_.user_xattrs = job.user_xattrs;
    out.tree_.mount_points = job.container.mount_points;
    return out;
  }

  const ContainerTree& tree() const { return tree_; }

  // A removal renames first: while the container is where it was, nothing of it had been deleted when it was read.
  Status CheckThere(const TransferJob& job, const Stores& stores) const {
    const auto again = stores.snapshots.OpenContainer(job.container.id);
    struct stat before {};
    struct stat now {};
    const bool same = again.ok() && ::fstat(upper_.get(), &before) == 0 && ::fstat(again->get(), &now) == 0 &&
                      before.st_dev == now.st_dev && before.st_ino == now.st_ino;
    return same ? Ok() : Error(Code::kConflict, "the container was removed while its files were read");
  }

 private:
  os::UniqueFd upper_;
  std::vector<os::UniqueFd> lowers_;
  ContainerTree tree_;
};

}  // namespace

Status Commit(const TransferJob& job, const Stores& stores, Reporter& reporter) {
  const OpenContainer container = TRY(OpenContainer::Open(job, stores));
  const SendTar send = [&](const codec::ByteSink& sink) -> Status {
    TRY(WriteLayer(container.tree(), sink));
    return container.CheckThere(job, stores);
  };
  MadeLayer layer = TRY(MakeLayer(stores, send, {job.lease, job.user_xattrs, job.erofs}));
  return FinishImage(job, stores, std::move(layer), reporter);
}

Status Export(const TransferJob& job, const Stores& stores, int archive) {
  const OpenContainer container = TRY(OpenContainer::Open(job, stores));
  const codec::ByteSink sink = [archive](std::string_view bytes) -> Status {
    return TRY_CTX(os::WriteAll(archive, bytes), "write the archive");
  };
  TRY(WriteTree(container.tree(), sink));
  return container.CheckThere(job, stores);
}

Status Changes(const TransferJob& job, const Stores& stores, int archive) {
  const OpenContainer container = TRY(OpenContainer::Open(job, stores));
  const std::vector<Change> changes = TRY(ListChanges(container.tree()));
  TRY(container.CheckThere(job, stores));
  std::string text = "[";
  for (const Change& change : changes) {
    if (text.size() > 1) text += ",";
    text += codec::Json::MakeObject({{"Path", change.path}, {"Kind", static_cast<unsigned>(change.kind)}}).Dump();
  }
  text += "]\n";
  return TRY_CTX(os::WriteAll(archive, text), "write the changes");
}

}  // namespace estiba::image
