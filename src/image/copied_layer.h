#pragma once
// The layer of a container that is a copy of its image's layers: what differs from them, found by comparing.

#include "base/result.h"
#include "codec/stream.h"
#include "container_tree.h"

namespace estiba::image {

// As WriteLayer() (container_tree.h), for a tree that is `copied`. A file is left out only where kind, owner, mode,
// time, attributes, content and the names that are one file with it are what the image has: every file that looks the
// same is read.
Status WriteCopiedLayer(const ContainerTree& tree, const codec::ByteSink& sink);

}  // namespace estiba::image
