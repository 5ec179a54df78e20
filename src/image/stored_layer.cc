#include "stored_layer.h"

namespace estiba::image {

using Form = store::Snapshots::Form;

std::unique_ptr<Destination> MakeDestination(const store::Snapshots::Unfinished& layer, bool user_xattrs) {
  if (layer.form == Form::kErofs) return MakeErofsDestination(layer.fd.get());
  return MakeDirectoryDestination({layer.fd.get()}, user_xattrs);
}

Result<std::unique_ptr<Lower>> MakeLower(int fd, Form form) {
  if (form == Form::kErofs) return MakeErofsLower(fd);
  return MakeDirectoryLower({fd});
}

}  // namespace estiba::image
