#pragma once
// An EROFS image, written as its files come: data and inodes go out in large writes, directories at the end. The same
// calls give the same bytes. In memory stays a name of each entry (some 50 bytes and the name) and the directories.

#include <memory>
#include <optional>
#include <string_view>

#include "erofs/node.h"

namespace estiba::erofs {

class Writer {
 public:
  // Directories by number; kRoot is there from the start (root:root 0755, time 0).
  using Directory = std::uint32_t;
  static constexpr Directory kRoot = 0;

  // What an entry is, and its number when it is a directory.
  struct Entry {
    Kind kind = Kind::kFile;
    Directory directory = 0;
    bool whiteout = false;  // a character device 0:0
  };

  // Borrows `file`: empty, writable, seekable.
  explicit Writer(int file);
  Writer(Writer&&) noexcept;
  Writer& operator=(Writer&&) noexcept;
  ~Writer();

  std::optional<Entry> Find(Directory parent, std::string_view name) const;

  // Each replaces the entry of that name, with all that is below it. kInvalidArgument for a name that no directory can
  // have; kResourceExhausted when the image, or what has to stay in memory, would be larger than it may.
  Result<Directory> AddDirectory(Directory parent, std::string_view name);
  // `size` with the holes; a piece beyond it, or before the end of the one before, is kInvalidArgument.
  Status AddFile(Directory parent, std::string_view name, const Metadata& metadata, std::uint64_t size,
                 const Content& content);
  Status AddSymlink(Directory parent, std::string_view name, const Metadata& metadata, std::string_view target);
  Status AddDevice(Directory parent, std::string_view name, const Metadata& metadata, Kind kind, Device device);
  Status AddFifo(Directory parent, std::string_view name, const Metadata& metadata);
  // Another name for what is no directory; kNotFound.
  Status AddLink(Directory parent, std::string_view name, Directory target_parent, std::string_view target_name);
  void Remove(Directory parent, std::string_view name);

  // Attributes are added to those the directory has.
  Status Describe(Directory directory, const Metadata& metadata);
  Status SetAttribute(Directory directory, std::string_view name, std::string_view value);

  // Gives up its buffers; they come back with the next call that needs them.
  Status Flush();
  // Directories, counts of links and the superblock with the UUID, 16 bytes that tell this image from others. Nothing
  // can be added afterwards.
  Status Finish(std::string_view uuid);

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace estiba::erofs
