#include "rootfs.h"

#include <algorithm>
#include <cerrno>

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "codec/tar.h"
#include "os/file.h"
#include "os/process.h"

namespace estiba::images {
namespace {

struct Directory {
  const char* path;
  std::uint32_t mode;
};
constexpr Directory kDirectories[] = {
    {"bin", 0755},     {"dev", 0755},      {"etc", 0755},      {"home", 0755},    {"lib", 0755},  {"mnt", 0755},
    {"proc", 0555},    {"root", 0700},     {"run", 0755},      {"sbin", 0755},    {"sys", 0555},  {"tmp", 01777},
    {"usr", 0755},     {"usr/bin", 0755},  {"usr/sbin", 0755}, {"usr/lib", 0755}, {"var", 0755},  {"var/log", 0755},
    {"var/spool", 0755}, {"var/spool/mail", 0755}, {"var/tmp", 01777}, {"var/www", 0755},
};

struct File {
  const char* path;
  std::uint32_t mode;
  const char* content;
};
constexpr File kFiles[] = {
    {"etc/group", 0644,
     "root:x:0:\ndaemon:x:1:\nbin:x:2:\nsys:x:3:\nadm:x:4:\ntty:x:5:\ndisk:x:6:\nmail:x:8:\nwheel:x:10:root\n"
     "kmem:x:15:\nutmp:x:43:\naudio:x:29:\nvideo:x:44:\nwww-data:x:33:\nusers:x:100:\nnogroup:x:65534:\n"},
    // Engines mount their own over these: where they are missing, every container would have to make them.
    {"etc/hostname", 0644, "localhost\n"},
    {"etc/hosts", 0644, "127.0.0.1\tlocalhost\n::1\tlocalhost\n"},
    {"etc/nsswitch.conf", 0644, "passwd: files\ngroup: files\nhosts: files dns\n"},
    {"etc/passwd", 0644,
     "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nbin:x:2:2:bin:/bin:/bin/false\n"
     "sys:x:3:3:sys:/dev:/bin/false\nmail:x:8:8:mail:/var/spool/mail:/bin/false\n"
     "www-data:x:33:33:www-data:/var/www:/bin/false\noperator:x:37:37:operator:/var:/bin/false\n"
     "nobody:x:65534:65534:nobody:/home:/bin/false\n"},
    {"etc/profile", 0644, "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"},
    {"etc/resolv.conf", 0644, ""},
    {"etc/shadow", 0600,
     "root:*:::::::\ndaemon:*:::::::\nbin:*:::::::\nsys:*:::::::\nmail:*:::::::\nwww-data:*:::::::\n"
     "operator:*:::::::\nnobody:*:::::::\n"},
};

codec::TarEntry Entry(std::string path, codec::TarKind kind, std::uint32_t mode, std::int64_t time) {
  codec::TarEntry entry;
  entry.path = std::move(path);
  entry.kind = kind;
  entry.mode = mode;
  entry.mtime_s = time;
  return entry;
}

// A program that needs a loader would not start in an image that has none.
bool IsStatic(const std::string& program) {
  if (program.size() < sizeof(Elf64_Ehdr) || !program.starts_with(ELFMAG)) return false;
  Elf64_Ehdr header{};
  program.copy(reinterpret_cast<char*>(&header), sizeof header);
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment{};
    const std::size_t at = header.e_phoff + i * sizeof segment;
    if (at + sizeof segment > program.size()) return false;
    program.copy(reinterpret_cast<char*>(&segment), sizeof segment, at);
    if (segment.p_type == PT_INTERP) return false;
  }
  return true;
}

Result<std::vector<std::string>> ListApplets(const std::string& path) {
  os::Pipe pipe = TRY(os::MakePipe());
  os::SpawnOptions options;
  options.program = path;
  options.argv = {"busybox", "--list-full"};
  options.fds = {{pipe.write.get(), 1}};
  os::Process child = TRY(os::Spawn(options));
  pipe.write.Reset();
  const std::string text = TRY(os::ReadAll(pipe.read.get()));
  const os::ExitStatus status = TRY(child.Wait());
  if (status.ToShell() != 0) return Error(Code::kFailedPrecondition, "'" + path + " --list-full' ended with an error");
  std::vector<std::string> applets = Split(Trim(text), '\n');
  std::ranges::sort(applets);
  std::erase_if(applets, [](const std::string& applet) {
    return applet.find("bin/") == std::string::npos || applet.ends_with("bin/busybox");
  });
  return applets;
}

Status WriteLayer(const Busybox& busybox, codec::TarWriter& writer) {
  TRY(writer.Add(Entry("./", codec::TarKind::kDirectory, 0755, busybox.time)));
  for (const Directory& one : kDirectories)
    TRY(writer.Add(Entry(std::string(one.path) + "/", codec::TarKind::kDirectory, one.mode, busybox.time)));
  TRY(writer.AddFile(Entry("bin/busybox", codec::TarKind::kFile, 0755, busybox.time), busybox.program));
  for (const std::string& applet : busybox.applets) {
    codec::TarEntry link = Entry(applet, codec::TarKind::kSymlink, 0777, busybox.time);
    link.link = "/bin/busybox";
    TRY(writer.Add(link));
  }
  for (const File& one : kFiles)
    TRY(writer.AddFile(Entry(one.path, codec::TarKind::kFile, one.mode, busybox.time), one.content));
  return writer.Finish();
}

}  // namespace

Result<Busybox> ReadBusybox(const std::string& path) {
  Busybox out;
  out.program = TRY(os::ReadFile(path));
  if (!IsStatic(out.program))
    return Error(Code::kFailedPrecondition, "'" + path + "' is not a static program").Hint("install busybox-static");
  struct stat info {};
  if (::stat(path.c_str(), &info) < 0) return Error::Errno(errno, "look at '" + path + "'");
  out.time = info.st_mtime;
  out.applets = TRY(ListApplets(path));
  return out;
}

Result<std::string> MakeLayer(const Busybox& busybox) {
  std::string tar;
  codec::TarWriter writer([&tar](std::string_view bytes) -> Status {
    tar.append(bytes);
    return Ok();
  });
  TRY(WriteLayer(busybox, writer));
  return tar;
}

}  // namespace estiba::images
