// What the image has in a directory becomes the first content of the empty volume mounted over it.

#include <cerrno>
#include <optional>

#include <fcntl.h>

#include "os/copy_tree.h"
#include "os/file.h"
#include "os/fsids.h"
#include "session.h"

namespace estiba::runtime {

Status CopyUp(Session& session, const plan::Step& step) {
  const std::string context = "volume '" + step.text.at(1) + "'";
  const int mount = session.In(step, 1);
  // Through an id-mapped mount only who is mapped may write.
  std::optional<os::FileIds> owner;
  if (step.numbers.size() > 2 && step.numbers[0] != 0)
    owner.emplace(TRY(os::FileIds::Assume(static_cast<uid_t>(step.numbers[1]), static_cast<gid_t>(step.numbers[2]))));
  auto volume = mount >= 0 ? os::OpenAt({mount}, ".", O_RDONLY | O_DIRECTORY)
                           : os::OpenAt({AT_FDCWD}, step.text[1], O_RDONLY | O_DIRECTORY);
  if (!volume.ok()) return std::move(volume).error().Context(context);
  const std::vector<std::string> present = TRY_CTX(os::ListDirectory({volume->get()}, "."), context);
  if (!present.empty()) return Ok();  // only an empty volume takes the image's content
  auto source = os::OpenInRoot({session.In(step)}, step.text.at(0), O_RDONLY | O_DIRECTORY);
  if (!source.ok()) {
    const int err = source.error().errnum();
    if (err == ENOENT || err == ENOTDIR || err == ELOOP) return Ok();  // nothing there to copy
    return std::move(source).error();
  }
  return TRY_CTX(os::CopyTree({source->get()}, {volume->get()}), context);
}

}  // namespace estiba::runtime
