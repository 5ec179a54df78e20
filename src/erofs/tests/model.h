#pragma once
// A tree as a test means it, and two views of an image to compare it with: the kernel's and our reader's.

#include <map>
#include <string>
#include <vector>

#include "erofs/node.h"
#include "erofs/reader.h"
#include "os/fd.h"

namespace estiba::erofs {

struct ModelNode {
  Kind kind = Kind::kFile;
  Metadata metadata;
  std::uint64_t size = 0;
  std::map<std::uint64_t, std::string> pieces;  // of a file
  std::string target;
  Device device;
  std::uint32_t links = 1;
  std::uint64_t id = 0;  // the same for names of one inode
};

// By path; "" is the root.
using Model = std::map<std::string, ModelNode>;

// One line for each entry: everything of it but its content's bytes, which are told by length and a checksum of the
// pieces. Equal trees give equal texts.
using Listing = std::map<std::string, std::string>;

Listing ListModel(const Model& model);
// Reads the pieces that the model has of each file, and that the file shows zeros elsewhere where that is little.
Result<Listing> ListMounted(os::DirFd root, const Model& model);
Result<Listing> ListRead(const Reader& reader, const Model& model);

// The first entry in which two differ; empty when there is none.
std::string Difference(const Listing& found, const Listing& wanted);

}  // namespace estiba::erofs
