#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>

#include "codec/tar.h"

namespace estiba::codec {
namespace {

constexpr std::size_t kBlock = 512;
using Block = std::array<char, kBlock>;

// Offsets and widths of POSIX ustar, IEEE Std 1003.1-2017, pax.
struct Field {
  std::size_t at;
  std::size_t width;
};
constexpr Field kName{0, 100}, kMode{100, 8}, kUid{108, 8}, kGid{116, 8}, kSize{124, 12}, kTime{136, 12},
    kChecksum{148, 8}, kType{156, 1}, kLink{157, 100}, kMagic{257, 8}, kMajor{329, 8}, kMinor{337, 8},
    kPrefix{345, 155};

void PutText(Block& block, Field field, std::string_view text) {
  std::memcpy(block.data() + field.at, text.data(), std::min(text.size(), field.width));
}

bool FitsOctal(std::uint64_t value, std::size_t width) { return value < (std::uint64_t{1} << (3 * (width - 1))); }

// Zero-padded octal ending in NUL; 0 when the value does not fit (a pax record has it then).
void PutOctal(Block& block, Field field, std::uint64_t value) {
  if (!FitsOctal(value, field.width)) value = 0;
  for (std::size_t i = field.width - 1; i-- > 0; value >>= 3)
    block[field.at + i] = static_cast<char>('0' + static_cast<char>(value & 7U));
}

char TypeFlag(TarKind kind) {
  switch (kind) {
    case TarKind::kFile: return '0';
    case TarKind::kHardlink: return '1';
    case TarKind::kSymlink: return '2';
    case TarKind::kCharDevice: return '3';
    case TarKind::kBlockDevice: return '4';
    case TarKind::kDirectory: return '5';
    case TarKind::kFifo: return '6';
  }
  return '0';
}

void Seal(Block& block) {
  PutText(block, kMagic, std::string_view("ustar\0" "00", 8));
  std::memset(block.data() + kChecksum.at, ' ', kChecksum.width);
  std::uint64_t sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  PutOctal(block, {kChecksum.at, 7}, sum);
}

// "LENGTH KEY=VALUE\n", where LENGTH counts itself.
std::string Record(const std::string& key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest;
  while (std::to_string(length).size() + rest != length) length = std::to_string(length).size() + rest;
  return std::to_string(length) + " " + key + "=" + std::string(value) + "\n";
}

std::string Seconds(const TarEntry& entry) {
  std::string text = std::to_string(entry.mtime_s);
  if (entry.mtime_ns == 0) return text;
  std::string fraction = std::to_string(entry.mtime_ns);
  fraction.insert(0, 9 - std::min<std::size_t>(9, fraction.size()), '0');
  return text + "." + fraction;
}

// Where a long path is cut so that both halves fit; npos when it cannot be.
std::size_t PrefixCut(const std::string& path) {
  if (path.size() <= kName.width) return 0;
  const std::size_t slash = path.find('/', path.size() - kName.width - 1);
  const bool fits = slash != std::string::npos && slash > 0 && slash <= kPrefix.width && slash + 1 < path.size();
  return fits ? slash : std::string::npos;
}

bool IsAscii(const std::string& text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string PaxRecords(const TarEntry& entry) {
  std::string records;
  if (!IsAscii(entry.path) || PrefixCut(entry.path) == std::string::npos) records += Record("path", entry.path);
  if (!IsAscii(entry.link) || entry.link.size() > kLink.width) records += Record("linkpath", entry.link);
  if (!FitsOctal(entry.size, kSize.width)) records += Record("size", std::to_string(entry.size));
  if (!FitsOctal(entry.uid, kUid.width)) records += Record("uid", std::to_string(entry.uid));
  if (!FitsOctal(entry.gid, kGid.width)) records += Record("gid", std::to_string(entry.gid));
  if (entry.mtime_ns != 0 || entry.mtime_s < 0 || !FitsOctal(static_cast<std::uint64_t>(entry.mtime_s), kTime.width))
    records += Record("mtime", Seconds(entry));
  for (const auto& [name, value] : entry.xattrs) records += Record("SCHILY.xattr." + name, value);
  return records;
}

Block PaxHeader(std::size_t size) {
  Block block{};
  PutText(block, kName, "PaxHeaders/entry");
  PutOctal(block, kMode, 0644);
  PutOctal(block, kUid, 0);
  PutOctal(block, kGid, 0);
  PutOctal(block, kTime, 0);
  PutOctal(block, kSize, size);
  block[kType.at] = 'x';
  Seal(block);
  return block;
}

Block Header(const TarEntry& entry) {
  Block block{};
  const std::size_t cut = PrefixCut(entry.path);
  if (cut == 0 || cut == std::string::npos) {
    PutText(block, kName, entry.path);
  } else {
    PutText(block, kPrefix, std::string_view(entry.path).substr(0, cut));
    PutText(block, kName, std::string_view(entry.path).substr(cut + 1));
  }
  PutText(block, kLink, entry.link);
  PutOctal(block, kMode, entry.mode & 07777U);
  PutOctal(block, kUid, entry.uid);
  PutOctal(block, kGid, entry.gid);
  PutOctal(block, kSize, entry.kind == TarKind::kFile ? entry.size : 0);
  PutOctal(block, kTime, entry.mtime_s < 0 ? 0 : static_cast<std::uint64_t>(entry.mtime_s));
  PutOctal(block, kMajor, entry.device_major);
  PutOctal(block, kMinor, entry.device_minor);
  block[kType.at] = TypeFlag(entry.kind);
  Seal(block);
  return block;
}

std::string_view View(const Block& block) { return {block.data(), block.size()}; }

std::uint64_t Padding(std::uint64_t size) { return (kBlock - size % kBlock) % kBlock; }

}  // namespace

Status TarWriter::Add(const TarEntry& entry) {
  if (left_ != 0) return Error(Code::kInternal, "the archive entry before '" + entry.path + "' is incomplete");
  const std::string records = PaxRecords(entry);
  if (!records.empty()) {
    TRY(sink_(View(PaxHeader(records.size()))));
    TRY(sink_(records));
    padding_ = Padding(records.size());
    TRY(Pad());
  }
  TRY(sink_(View(Header(entry))));
  left_ = entry.kind == TarKind::kFile ? entry.size : 0;
  padding_ = Padding(left_);
  return Ok();
}

Status TarWriter::Write(std::string_view bytes) {
  if (bytes.size() > left_) return Error(Code::kInternal, "more bytes than the archive entry's size");
  left_ -= bytes.size();
  TRY(sink_(bytes));
  return left_ == 0 ? Pad() : Ok();
}

Status TarWriter::NoteWritten() {
  left_ = 0;
  return Pad();
}

Status TarWriter::AddFile(const TarEntry& entry, std::string_view content) {
  TarEntry sized = entry;
  sized.size = content.size();
  TRY(Add(sized));
  return content.empty() ? Ok() : Write(content);
}

Status TarWriter::Pad() {
  static constexpr Block kZeros{};
  const std::size_t size = static_cast<std::size_t>(std::exchange(padding_, 0));
  return size == 0 ? Ok() : sink_({kZeros.data(), size});
}

Status TarWriter::Finish() {
  if (left_ != 0) return Error(Code::kInternal, "the last archive entry is incomplete");
  return sink_(std::string(2 * kBlock, '\0'));
}

}  // namespace estiba::codec
