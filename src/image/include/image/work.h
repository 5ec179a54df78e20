#pragma once
// What estiba-transfer does. In estiba::image_work (links libcurl and libarchive).

#include <functional>

#include "base/result.h"
#include "image/layer_mounts.h"
#include "image/transfer.h"
#include "store/content.h"
#include "store/snapshots.h"

namespace estiba::image {

struct Stores {
  const store::ContentStore& content;
  const store::Snapshots& snapshots;
  const LayerMounts* mounts = nullptr;  // for jobs that read a container: its layers that are images
};

// Borrowed descriptors (transfer.h says which job has which).
struct Handles {
  int archive = -1;
  int tree = -1;
};

// Called from several threads, one at a time.
using EventSink = std::function<void(const TransferEvent&)>;

// Runs a job to its end; images and progress are told to `events`, kFailed and kDone are the caller's to send.
// Nothing half-made stays, but what fill and put have written; blobs and layers that are whole do.
Status RunJob(const TransferJob& job, const Stores& stores, const Handles& handles, const EventSink& events);
// The same of those that work on paths (WorksOnPaths()), below `handles.tree`.
Status RunPathJob(const TransferJob& job, const Handles& handles, const EventSink& events);

}  // namespace estiba::image
