// A file system of its own, for a volume that has one.

#include <array>
#include <cstring>
#include <string_view>

#include "child/step.h"
#include "os/mount.h"
#include "session.h"

namespace estiba::runtime {
namespace {

using plan::Step;

Status SetSuper(os::FilesystemContext& context, std::uint64_t flags) {
  constexpr struct {
    std::uint64_t flag;
    const char* name;
  } kNames[] = {{child::kSuperReadOnly, "ro"}, {child::kSuperSync, "sync"}, {child::kSuperDirSync, "dirsync"},
                {child::kSuperLazyTime, "lazytime"}};
  for (const auto& each : kNames) {
    if ((flags & each.flag) != 0) TRY(context.SetFlag(each.name));
  }
  return Ok();
}

// "fKEY\0" sets a flag, "sKEY\0VALUE\0" a string.
Status SetOptions(os::FilesystemContext& context, const std::string& blob) {
  for (std::size_t at = 0; at < blob.size();) {
    const bool flag = blob[at] == 'f';
    const std::string key = blob.data() + at + 1;
    at += key.size() + 2;
    if (flag) {
      TRY(context.SetFlag(key));
      continue;
    }
    const std::string value = blob.data() + at;
    at += value.size() + 1;
    Status set = context.SetString(key, value);
    if (set.ok()) continue;
    const bool secret = key.starts_with("pass");
    if (secret) return Error::Errno(set.error().errnum(), "option '" + key + "' (not shown)");
    return set;
  }
  return Ok();
}

Error Refused(Error error, const Step& step) {
  Error failure = std::move(error).Context("failed to mount local volume: mount " + step.text.at(1) + " of type '" +
                                           step.text.at(0) + "'");
  if (failure.errnum() == ENODEV)
    return std::move(failure).Hint("this kernel has no file system '" + step.text[0] + "': load its module");
  if (failure.errnum() == EPERM)
    return std::move(failure).Hint("a user namespace may mount few types, such as tmpfs: the others need root");
  return failure;
}

Result<os::DetachedMount> Mount(const Step& step) {
  auto context = TRY(os::FilesystemContext::Open(step.text.at(0)));
  if (!step.text.at(1).empty()) TRY(context.SetString("source", step.text[1]));
  TRY(SetSuper(context, step.numbers.at(1)));
  TRY(SetOptions(context, step.blob));
  return context.Mount(step.numbers.at(0));
}

}  // namespace

Status MountFilesystem(Session& session, const Step& step) {
  auto mount = Mount(step);
  if (!mount.ok()) return Refused(std::move(mount).error(), step);
  session.Fill(step, mount->Release());
  return Ok();
}

}  // namespace estiba::runtime
