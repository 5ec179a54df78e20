#pragma once
// Rows of lists that more than one command shows.

#include <vector>

#include "base/clock.h"
#include "codec/json.h"

namespace estiba::cli {

// One row for each tag of an element of GET /images/json; one for a digest without tag; one "<none>" for an image
// without either. `truncate` shortens ids.
void AddImageRows(const codec::Json& image, bool truncate, WallTime now, std::vector<codec::Json>* rows);
// Of an element of GET /containers/json.
codec::Json ContainerRow(const codec::Json& container, bool truncate, WallTime now);

}  // namespace estiba::cli
