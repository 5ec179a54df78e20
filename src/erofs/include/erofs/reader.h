#pragma once
// Images of ours, read back. Every offset and count is checked against the file: kDataLoss for what cannot be.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "erofs/node.h"

namespace estiba::erofs {

class Reader {
 public:
  // Inodes by number (what stat(2) shows of a mounted image).
  using Number = std::uint64_t;

  struct Inode {
    Number number = 0;
    Kind kind = Kind::kFile;
    std::uint64_t size = 0;
    std::uint32_t links = 0;
    Metadata metadata;  // its attributes by AttributesOf()
    Device device;
  };

  // Borrows `file`. kDataLoss for what is no image of ours: wrong superblock or checksum, other features.
  static Result<Reader> Open(int file);
  Reader(Reader&&) noexcept;
  ~Reader();

  Number root() const;
  std::uint64_t inodes() const;
  // The image's size in bytes, as its superblock has it.
  std::uint64_t size() const;

  Result<Inode> Get(Number number) const;
  Result<Attributes> AttributesOf(Number number) const;
  Result<std::optional<std::string>> AttributeOf(Number number, std::string_view name) const;
  Result<std::string> LinkOf(Number number) const;
  // The next bytes of a file at or after `offset` that are no hole, at most `limit`, into `buffer`; nothing at its end.
  Result<Piece> Read(Number number, std::uint64_t offset, std::string& buffer, std::size_t limit) const;

  Result<std::optional<Number>> Find(Number directory, std::string_view name) const;
  // In order, without "." and "..". What the visitor answers first that is no success ends the listing.
  using Visitor = std::function<Status(std::string_view name, Number number, Kind kind)>;
  Status List(Number directory, const Visitor& visitor) const;

 private:
  struct Impl;
  explicit Reader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace estiba::erofs
