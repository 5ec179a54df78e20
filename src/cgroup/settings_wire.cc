// Writes as bytes for plans: version, count, then each write's length and fields, so that a reader can skip fields it
// does not know yet.

#include <cstring>

#include "cgroup/settings.h"

namespace estiba::cgroup {
namespace {

constexpr std::uint32_t kVersion = 1;
constexpr std::uint32_t kMostWrites = 4096;
enum : std::uint32_t { kOptional = 1, kCheckUsage = 2 };

void PutNumber(std::string& out, std::uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>((value >> shift) & 0xff);
}

void PutText(std::string& out, std::string_view text) {
  PutNumber(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}

// Reads from the front; once something is missing it stays failed and gives zeros.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}
  bool ok() const { return ok_; }
  std::uint32_t Number() {
    const std::string_view bytes = Take(4);
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
      value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
    return value;
  }
  std::string_view Text() { return Take(Number()); }

 private:
  std::string_view Take(std::size_t size) {
    if (!ok_ || size > left_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(size);
    return taken;
  }
  std::string_view left_;
  bool ok_ = true;
};

}  // namespace

std::string EncodeWrites(const std::vector<Write>& writes) {
  std::string out;
  PutNumber(out, kVersion);
  PutNumber(out, static_cast<std::uint32_t>(writes.size()));
  for (const Write& write : writes) {
    std::string one;
    PutNumber(one, (write.optional ? kOptional : 0U) | (write.check_usage ? kCheckUsage : 0U));
    for (const std::string* text : {&write.controller, &write.file, &write.value, &write.field,
                                    &write.alternative_file, &write.alternative_value})
      PutText(one, *text);
    PutText(out, one);
  }
  return out;
}

Result<std::vector<Write>> DecodeWrites(std::string_view bytes) {
  Reader in(bytes);
  const std::uint32_t version = in.Number();
  const std::uint32_t count = in.Number();
  if (!in.ok() || version != kVersion || count > kMostWrites)
    return Error(Code::kDataLoss, "decode cgroup writes: bad header");
  std::vector<Write> writes;
  for (std::uint32_t i = 0; i < count; ++i) {
    Reader one(in.Text());
    Write& write = writes.emplace_back();
    const std::uint32_t flags = one.Number();
    write.optional = (flags & kOptional) != 0;
    write.check_usage = (flags & kCheckUsage) != 0;
    for (std::string* text : {&write.controller, &write.file, &write.value, &write.field, &write.alternative_file,
                              &write.alternative_value})
      *text = one.Text();
    if (!in.ok() || !one.ok()) return Error(Code::kDataLoss, "decode cgroup writes: cut short");
  }
  return writes;
}

}  // namespace estiba::cgroup
