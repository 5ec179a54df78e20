#pragma once

#include "image/work.h"

namespace estiba::image {

// An OCI layout with docker-save's manifest.json in it, as docker writes since version 25: both kinds of reader, and
// the same images always give the same bytes.
Status Save(const TransferJob& job, const Stores& stores, int archive);

}  // namespace estiba::image
