// Calls of the EROFS writer in any order; what it wrote must be an image to our reader, with every name that the writer
// says is there.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <sys/mman.h>

#include "erofs/reader.h"
#include "erofs/writer.h"
#include "os/fd.h"

namespace {

using namespace estiba;
using erofs::Kind;
using erofs::Metadata;
using erofs::Reader;
using erofs::Writer;

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : bytes_(reinterpret_cast<const char*>(data), size) {}
  bool empty() const { return bytes_.empty(); }
  std::uint8_t Byte() {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<std::uint8_t>(bytes_[0]);
    bytes_.remove_prefix(1);
    return byte;
  }
  std::uint64_t Number() {
    std::uint64_t out = 0;
    for (unsigned i = Byte() % 6; i > 0; --i) out = out << 8 | Byte();
    return out;
  }
  std::string_view Text() {
    const std::string_view out = bytes_.substr(0, Byte() % 64);
    bytes_.remove_prefix(out.size());
    return out;
  }

 private:
  std::string_view bytes_;
};

[[noreturn]] void Wrong(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

Metadata AnyMetadata(Input& input) {
  Metadata out;
  out.mode = static_cast<std::uint32_t>(input.Number());
  out.uid = static_cast<std::uint32_t>(input.Number());
  out.mtime_s = static_cast<std::int64_t>(input.Number());
  for (unsigned i = input.Byte() % 3; i > 0; --i) {
    const std::string name = "user." + std::string(input.Text());
    out.attributes.emplace_back(name, std::string(input.Number() % 5000, 'v'));
  }
  return out;
}

Status AddFile(Writer& writer, Input& input, Writer::Directory parent, std::string_view name) {
  const Metadata metadata = AnyMetadata(input);
  const std::uint64_t size = input.Number() % (std::uint64_t{1} << (input.Byte() % 40));
  std::uint64_t at = 0;
  std::string bytes;
  return writer.AddFile(parent, name, metadata, size, [&]() -> Result<erofs::Piece> {
    at += bytes.size() + input.Number();
    const bool more = input.Byte() % 2 != 0 && at < size;
    bytes.assign(more ? std::min<std::uint64_t>(size - at, input.Number() % 20'000) : 0, 'x');
    return erofs::Piece{at, bytes};
  });
}

void Step(Writer& writer, Input& input, std::vector<Writer::Directory>& directories) {
  const Writer::Directory parent = directories[input.Byte() % directories.size()];
  const std::string_view name = input.Text();
  switch (input.Byte() % 9) {
    case 0: {
      const auto made = writer.AddDirectory(parent, name);
      if (made.ok()) directories.push_back(*made);
      break;
    }
    case 1: (void)AddFile(writer, input, parent, name).ok(); break;
    case 2: (void)writer.AddSymlink(parent, name, AnyMetadata(input), input.Text()).ok(); break;
    case 3: (void)writer.AddFifo(parent, name, AnyMetadata(input)).ok(); break;
    case 4: {
      const erofs::Device device{static_cast<std::uint32_t>(input.Number()), input.Byte()};
      (void)writer.AddDevice(parent, name, AnyMetadata(input), Kind::kCharDevice, device).ok();
      break;
    }
    case 5: {
      const Writer::Directory holder = directories[input.Byte() % directories.size()];
      (void)writer.AddLink(parent, name, holder, input.Text()).ok();
      break;
    }
    case 6: writer.Remove(parent, name); break;
    case 7: (void)writer.Describe(parent, AnyMetadata(input)).ok(); break;
    default: (void)writer.Flush().ok(); break;
  }
}

// Every entry that is listed is what the writer knows; every inode can be read.
void Compare(const Writer& writer, Writer::Directory directory, const Reader& reader, Reader::Number number) {
  const Status listed = reader.List(number, [&](std::string_view name, Reader::Number child, Kind kind) -> Status {
    const auto known = writer.Find(directory, name);
    if (!known || known->kind != kind) Wrong("a name that was not written");
    const auto inode = reader.Get(child);
    if (!inode.ok() || inode->kind != kind) Wrong("an inode of another kind");
    if (!reader.AttributesOf(child).ok()) Wrong("attributes that cannot be read");
    std::string buffer;
    if (kind == Kind::kFile && !reader.Read(child, 0, buffer, 1U << 16).ok()) Wrong("content that cannot be read");
    if (kind == Kind::kSymlink && !reader.LinkOf(child).ok()) Wrong("a link that cannot be read");
    if (kind == Kind::kDirectory) Compare(writer, known->directory, reader, child);
    return Ok();
  });
  if (!listed.ok()) Wrong("a directory that cannot be listed");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const os::UniqueFd file(::memfd_create("image", MFD_CLOEXEC));
  Writer writer(file.get());
  std::vector<Writer::Directory> directories = {Writer::kRoot};
  Input input(data, size);
  for (int steps = 0; steps < 200 && !input.empty(); ++steps) Step(writer, input, directories);
  if (!writer.Finish("0123456789abcdef").ok()) return 0;  // the root's attributes have a limit
  const auto reader = Reader::Open(file.get());
  if (!reader.ok()) Wrong("the image cannot be opened");
  Compare(writer, Writer::kRoot, *reader, reader->root());
  return 0;
}
