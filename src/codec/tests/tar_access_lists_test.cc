#include <array>
#include <charconv>

#include <gmock/gmock.h>

#include "codec/tar.h"
#include "tests/support.h"

namespace estiba::codec {
namespace {

using ::testing::IsEmpty;
using ::testing::Pair;

constexpr std::size_t kType = 156;      // in a header: its kind
constexpr std::size_t kChecksum = 148;  // eight bytes

std::string Record(const std::string& key, const std::string& value) {
  const std::string rest = " " + key + "=" + value + "\n";
  std::size_t size = rest.size();
  while (std::to_string(size).size() + rest.size() != size) size = std::to_string(size).size() + rest.size();
  return std::to_string(size) + rest;
}

// Makes a pax header of the file whose header this is.
void MakePax(std::string& archive) {
  archive[kType] = 'x';
  archive.replace(kChecksum, 8, 8, ' ');
  unsigned sum = 0;
  for (std::size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>(archive[i]);
  char octal[8] = {};
  std::to_chars(octal, octal + 6, sum, 8);
  archive.replace(kChecksum, 8, octal, 8);
}

TarEntry Entry(TarKind kind, std::uint32_t mode) {
  TarEntry entry;
  entry.path = "entry";
  entry.kind = kind;
  entry.mode = mode;
  return entry;
}

// What is read of an entry with these pax records.
TarEntry Read(const TarEntry& entry, const std::string& records) {
  std::string bytes;
  TarWriter writer([&bytes](std::string_view piece) -> Status {
    bytes.append(piece);
    return Ok();
  });
  EXPECT_TRUE(writer.AddFile(Entry(TarKind::kFile, 0644), records).ok());
  EXPECT_TRUE(writer.Add(entry).ok());
  EXPECT_TRUE(writer.Finish().ok());
  MakePax(bytes);
  TarReader reader([&, given = false]() mutable -> Result<std::string_view> {
    return std::exchange(given, true) ? std::string_view() : std::string_view(bytes);
  });
  TarEntry out;
  const auto found = reader.Next(out);
  EXPECT_TRUE(found.ok() && *found);
  return out;
}

TarEntry ReadAccess(const std::string& text, std::uint32_t mode = 0660) {
  return Read(Entry(TarKind::kFile, mode), Record("SCHILY.acl.access", text));
}

// As the kernel keeps them: version 2, then tag, permissions and id of each.
std::string Kept(const std::vector<std::array<std::uint32_t, 3>>& entries) {
  std::string out("\2\0\0\0", 4);
  for (const auto& [tag, permissions, id] : entries) {
    out += {static_cast<char>(tag), 0, static_cast<char>(permissions), 0};
    for (int i = 0; i < 4; ++i) out += static_cast<char>(id >> (8 * i));
  }
  return out;
}

constexpr std::uint32_t kNone = 0xFFFFFFFF;
const std::string kList = Kept({{1, 6, kNone}, {2, 6, 1000}, {4, 0, kNone}, {16, 6, kNone}, {32, 0, kNone}});

TEST(TarAccessLists, BecomeAttributesInTheKernelsOrder) {
  for (const char* text : {"user::rw-,user:1000:rw-,group::---,mask::rw-,other::---",
                           "user::rw-\nuser:1000:rw-\t#effective:rw-\ngroup::---\nmask::rw-\nother::---\n",
                           "other::---,mask::rw-,group::---,user:someone:rw-:1000,user::rw-"}) {
    const TarEntry entry = ReadAccess(text);
    EXPECT_THAT(entry.xattrs, ::testing::ElementsAre(Pair("system.posix_acl_access", kList))) << text;
    EXPECT_EQ(entry.mode, 0660U);  // of the header, not of the list's owning group
  }
}

TEST(TarAccessLists, SeveralOfAKindAreSortedById) {
  const TarEntry entry =
      ReadAccess("user::rwx,user:70000:r-x,user:7:---,group::r-x,group:9:r--,mask::r-x,other::r--", 0754);
  EXPECT_THAT(entry.xattrs,
              ::testing::ElementsAre(Pair("system.posix_acl_access",
                                          Kept({{1, 7, kNone}, {2, 0, 7}, {2, 5, 70000}, {4, 5, kNone}, {8, 4, 9},
                                                {16, 5, kNone}, {32, 4, kNone}}))));
}

TEST(TarAccessLists, DefaultsAreOfDirectoriesAlone) {
  const std::string record =
      Record("SCHILY.acl.default", "user::rw-,user:1000:rw-,group::---,mask::rw-,other::---");
  EXPECT_THAT(Read(Entry(TarKind::kDirectory, 0755), record).xattrs,
              ::testing::ElementsAre(Pair("system.posix_acl_default", kList)));
  EXPECT_THAT(Read(Entry(TarKind::kFile, 0755), record).xattrs, IsEmpty());
}

TEST(TarAccessLists, OnesWithNothingBesidesTheModeAreNone) {
  const TarEntry entry = ReadAccess("user::rw-,group::r--,other::---", 0640);
  EXPECT_THAT(entry.xattrs, IsEmpty());
  EXPECT_EQ(entry.mode, 0640U);
}

TEST(TarAccessLists, WhatCannotBeKeptIsLeftOutWhole) {
  for (const char* text : {
           "user::rw-,user:someone:rw-,group::---,mask::rw-,other::---",     // nobody here knows whom
           "user::rw-,user:1000:rw-,group::---,other::---",                  // no mask
           "user::rw-,user:99999999999999999999:rw-,group::---,mask::rw-,other::---",
           "no list at all", "", ",,,:::", "user:1000"}) {
    EXPECT_THAT(ReadAccess(text).xattrs, IsEmpty()) << text;
  }
}

TEST(TarAccessLists, AnAttributeOfThatNameGoesBefore) {
  const std::string record = Record("SCHILY.acl.access", "user::rw-,user:1:rw-,group::---,mask::rw-,other::---") +
                             Record("SCHILY.xattr.system.posix_acl_access", kList);
  EXPECT_THAT(Read(Entry(TarKind::kFile, 0660), record).xattrs,
              ::testing::ElementsAre(Pair("system.posix_acl_access", kList)));
}

TEST(TarAccessLists, OneOfManyThousandsIsRefusedByTheNameOfItsEntry) {
  std::string text = "user::rw-,group::---,mask::rw-,other::---";
  for (int id = 1; id < 20'000; ++id) text += ",user:" + std::to_string(id) + ":r--";
  std::string bytes;
  TarWriter writer([&bytes](std::string_view piece) -> Status {
    bytes.append(piece);
    return Ok();
  });
  ASSERT_OK(writer.AddFile(Entry(TarKind::kFile, 0644), Record("SCHILY.acl.access", text)));
  ASSERT_OK(writer.Add(Entry(TarKind::kFile, 0660)));
  ASSERT_OK(writer.Finish());
  MakePax(bytes);
  TarReader reader([&, given = false]() mutable -> Result<std::string_view> {
    return std::exchange(given, true) ? std::string_view() : std::string_view(bytes);
  });
  TarEntry entry;
  const auto found = reader.Next(entry);
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code(), Code::kResourceExhausted);
  EXPECT_THAT(found.error().Message(), ::testing::HasSubstr("'entry' has too long an access list"));
}

}  // namespace
}  // namespace estiba::codec
