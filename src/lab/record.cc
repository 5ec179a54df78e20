#include "lab/record.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/text.h"
#include "os/file.h"

namespace estiba::lab {
namespace {

constexpr char kText[] = "lab.yaml", kFile[] = "file", kUndo[] = "undo", kWhole[] = "whole";
constexpr std::size_t kMaxRecord = 4U << 20;

// Nothing when it is not there.
Result<std::optional<std::string>> ReadIfThere(os::DirFd dir, const std::string& name) {
  auto text = os::ReadFileAt(dir, name, kMaxRecord);
  if (text.ok()) return std::optional(std::move(*text));
  if (text.error().errnum() == ENOENT) return std::optional<std::string>();
  return std::move(text).error();
}

// Name and text are of a lab that was read once already.
Result<std::optional<Record>> ReadRecord(os::DirFd dir) {
  const auto text = TRY(ReadIfThere(dir, kText));
  const auto file = TRY(ReadIfThere(dir, kFile));
  if (!text || !file) return std::optional<Record>();
  Record record;
  record.lab = TRY(ParseLab(*text, *file));
  record.text = *text;
  record.whole = TRY(ReadIfThere(dir, kWhole)).has_value();
  return std::optional(std::move(record));
}

Status EnsurePlaces(const Places& places) {
  // The folder above is shared with the engine, which keeps it open to those who look for its socket.
  TRY(os::EnsureDirectory(places.records.substr(0, places.records.rfind('/')), 0711));
  TRY(os::EnsureDirectory(places.records, 0700));
  return os::EnsureDirectory(places.names, 0755);
}

// True once held; false when the folder was deleted in between.
Result<bool> Lock(int fd, const std::string& name) {
  if (::flock(fd, LOCK_EX | LOCK_NB) < 0) {
    if (errno != EWOULDBLOCK) return Error::Errno(errno, "lock the record of lab '" + name + "'");
    return Error(Code::kUnavailable, "lab '" + name + "' is being brought up or down by another process")
        .Hint("wait for it to end, or end it");
  }
  struct stat found{};
  if (::fstat(fd, &found) < 0) return Error::Errno(errno, "look at the record of lab '" + name + "'");
  return found.st_nlink != 0;
}

}  // namespace

Result<Folder> Folder::Hold(const Places& places, const std::string& name) {
  TRY(EnsurePlaces(places));
  for (;;) {
    const os::UniqueFd parent = TRY(os::OpenAt({AT_FDCWD}, places.records, O_PATH | O_DIRECTORY));
    TRY(os::EnsureDirectoryAt({parent.get()}, name, 0700));
    auto held = TRY(HoldExisting(places, name));
    if (held) return std::move(*held);
  }
}

Result<std::optional<Folder>> Folder::HoldExisting(const Places& places, const std::string& name) {
  auto fd = os::OpenAt({AT_FDCWD}, places.records + "/" + name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!fd.ok() && fd.error().errnum() == ENOENT) return std::optional<Folder>();
  if (!fd.ok()) return std::move(fd).error();
  if (!TRY(Lock(fd->get(), name))) return std::optional<Folder>();
  return std::optional(Folder(places.records, name, std::move(*fd)));
}

Result<std::vector<std::string>> Folder::Undo() const {
  const auto text = TRY(ReadIfThere({fd_.get()}, kUndo));
  std::vector<std::string> lines = Split(text.value_or(""), '\n');
  std::erase(lines, "");
  return lines;
}

Result<std::optional<Record>> Folder::Read() const { return ReadRecord({fd_.get()}); }

Status Folder::Write(const Lab& lab, const std::string& text, const std::vector<std::string>& undo) const {
  TRY(os::ReplaceFile({fd_.get()}, kText, text, 0600));
  TRY(os::ReplaceFile({fd_.get()}, kFile, lab.file, 0600));
  return os::ReplaceFile({fd_.get()}, kUndo, Join(undo, "\n") + "\n", 0600);
}

Status Folder::MarkWhole() const { return os::ReplaceFile({fd_.get()}, kWhole, "", 0600); }

Status Folder::Delete() {
  const os::UniqueFd parent = TRY(os::OpenAt({AT_FDCWD}, parent_, O_RDONLY | O_DIRECTORY));
  return os::DeleteTree({parent.get()}, name_);
}

Result<std::vector<Record>> ListLabs(const Places& places) {
  std::vector<Record> records;
  auto parent = os::OpenAt({AT_FDCWD}, places.records, O_RDONLY | O_DIRECTORY);
  if (!parent.ok() && parent.error().errnum() == ENOENT) return records;
  if (!parent.ok()) return std::move(parent).error();
  std::vector<std::string> names = TRY(os::ListDirectory({parent->get()}, "."));
  std::ranges::sort(names);
  for (const std::string& name : names) {
    auto folder = os::OpenAt({parent->get()}, name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (!folder.ok()) continue;
    auto record = ReadRecord({folder->get()});
    if (record.ok() && *record) records.push_back(std::move(**record));
  }
  return records;
}

Result<Record> FindLab(const Places& places, const std::string& name) {
  std::vector<Record> records = TRY(ListLabs(places));
  std::string names;
  for (Record& record : records) {
    if (record.lab.name == name) return std::move(record);
    names += (names.empty() ? "" : ", ") + record.lab.name;
  }
  return Error(Code::kNotFound, "no lab '" + name + "' is up" + (names.empty() ? "" : "; there are " + names));
}

}  // namespace estiba::lab
