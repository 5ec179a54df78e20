#include "filter_cache.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <string_view>

#include "codec/crc32.h"
#include "os/file.h"

namespace estiba::ocicli {
namespace {

constexpr std::size_t kMostFiles = 128;         // then all are thrown away
constexpr std::size_t kLargestFile = 1U << 20;  // 4096 instructions and a long profile
constexpr std::string_view kFormat = "estiba-filter 1\n";

// ---- the key: everything the result depends on, in full ----

template <typename Number>
void Put(std::string& out, Number number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void Put(std::string& out, const std::string& text) {
  Put(out, text.size());
  out += text;
}

void Put(std::string& out, const std::vector<std::string>& texts) {
  Put(out, texts.size());
  for (const std::string& text : texts) Put(out, text);
}

void Put(std::string& out, const std::optional<std::uint32_t>& number) {
  Put(out, number.has_value() ? 1 : 0);
  Put(out, number.value_or(0));
}

void Put(std::string& out, const oci::SeccompRule& rule) {
  Put(out, rule.names);
  Put(out, static_cast<int>(rule.action));
  Put(out, rule.errno_ret);
  Put(out, rule.args.size());
  for (const oci::SeccompArg& arg : rule.args) {
    Put(out, arg.index);
    Put(out, static_cast<int>(arg.op));
    Put(out, arg.value);
    Put(out, arg.value_two);
  }
}

// The linker's digest of this program (--build-id); empty when it made none.
std::string BuildId() {
  std::string found;
  const auto look = [](dl_phdr_info* info, std::size_t, void* into) {
    for (int i = 0; i < info->dlpi_phnum; ++i) {
      const ElfW(Phdr)& segment = info->dlpi_phdr[i];
      if (segment.p_type != PT_NOTE) continue;
      const char* at = reinterpret_cast<const char*>(info->dlpi_addr + segment.p_vaddr);
      const char* const end = at + segment.p_memsz;
      while (at + sizeof(ElfW(Nhdr)) <= end) {
        ElfW(Nhdr) note;
        std::memcpy(&note, at, sizeof note);
        const char* description = at + sizeof note + (note.n_namesz + 3U) / 4 * 4;
        if (note.n_type == NT_GNU_BUILD_ID) static_cast<std::string*>(into)->assign(description, note.n_descsz);
        at = description + (note.n_descsz + 3U) / 4 * 4;
      }
    }
    return 1;  // the program itself comes first
  };
  ::dl_iterate_phdr(look, &found);
  return found;
}

// Empty: what is compiled now could not be told from what another build compiles.
std::string KeyOf(const oci::Seccomp& seccomp) {
  const std::string build = BuildId();
  struct utsname host{};
  if (build.empty() || ::uname(&host) != 0) return {};
  std::string key;
  Put(key, build);
  for (const char* text : {host.release, host.version, host.machine}) Put(key, std::string(text));
  Put(key, std::string(security::ArchName(security::NativeArch())));
  Put(key, static_cast<int>(seccomp.default_action));
  Put(key, seccomp.default_errno_ret);
  Put(key, seccomp.architectures);
  Put(key, seccomp.flags.has_value() ? 1 : 0);
  Put(key, seccomp.flags.value_or(std::vector<std::string>()));
  Put(key, seccomp.syscalls.size());
  for (const oci::SeccompRule& rule : seccomp.syscalls) Put(key, rule);
  return key;
}

// Two keys of one name replace each other; the key in the file says which it is.
std::string NameOf(const std::string& key) {
  return "filter-" + std::to_string(codec::Crc32c(key)) + "-" + std::to_string(key.size());
}

// ---- the file: format, key, filter, checksum ----

std::string Encode(const std::string& key, const security::CompiledSeccomp& filter) {
  std::string file(kFormat);
  Put(file, key);
  Put(file, filter.flags);
  Put(file, filter.has_notify ? 1 : 0);
  Put(file, std::string(reinterpret_cast<const char*>(filter.program.data()),
                        filter.program.size() * sizeof(sock_filter)));
  Put(file, codec::Crc32c(file));
  return file;
}

// Nothing unless the file is, byte for byte, one that holds this key.
std::optional<security::CompiledSeccomp> Decode(std::string_view file, const std::string& key) {
  security::CompiledSeccomp filter;
  std::string head(kFormat);
  Put(head, key);
  std::uint32_t sum = 0;
  int notify = 0;
  std::size_t bytes = 0;
  const std::size_t fixed = head.size() + sizeof filter.flags + sizeof notify + sizeof bytes;
  if (file.size() < fixed + sizeof sum || !file.starts_with(head)) return std::nullopt;
  std::memcpy(&sum, file.data() + file.size() - sizeof sum, sizeof sum);
  file.remove_suffix(sizeof sum);
  if (codec::Crc32c(file) != sum) return std::nullopt;
  const char* at = file.data() + head.size();
  std::memcpy(&filter.flags, at, sizeof filter.flags);
  std::memcpy(&notify, at + sizeof filter.flags, sizeof notify);
  std::memcpy(&bytes, at + sizeof filter.flags + sizeof notify, sizeof bytes);
  if (bytes == 0 || bytes != file.size() - fixed || bytes % sizeof(sock_filter) != 0) return std::nullopt;
  filter.has_notify = notify != 0;
  filter.program.resize(bytes / sizeof(sock_filter));
  std::memcpy(filter.program.data(), file.data() + fixed, bytes);
  return filter;
}

// ---- the folder ----

// Root's is the system's; anybody else's is below their home. Empty: there is no place for one.
std::string FolderPath() {
  if (::geteuid() == 0) return "/var/cache/estiba/filters";
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache == '/') return std::string(cache) + "/estiba/filters";
  const char* home = std::getenv("HOME");
  return home != nullptr && *home == '/' ? std::string(home) + "/.cache/estiba/filters" : "";
}

Status CheckOurs(int fd, const std::string& what, mode_t nobody_else_may) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return Error::Errno(errno, "look at '" + what + "'");
  if (info.st_uid == ::geteuid() && (info.st_mode & nobody_else_may) == 0) return Ok();
  return Error(Code::kPermissionDenied, "'" + what + "' is somebody else's, or others may write it");
}

Result<os::UniqueFd> OpenFolder(bool make) {
  const std::string path = FolderPath();
  if (path.empty()) return Error(Code::kNotFound, "neither XDG_CACHE_HOME nor HOME is set");
  if (make) {
    TRY(os::EnsureDirectory(path.substr(0, path.rfind('/')), 0755));
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return Error::Errno(errno, "make '" + path + "'");
  }
  os::UniqueFd folder = TRY(os::OpenAt({AT_FDCWD}, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  TRY(CheckOurs(folder.get(), path, 077));
  return folder;
}

Result<security::CompiledSeccomp> Load(const std::string& key) {
  const os::UniqueFd folder = TRY(OpenFolder(/*make=*/false));
  const std::string name = NameOf(key);
  const os::UniqueFd file = TRY(os::OpenAt({folder.get()}, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  TRY(CheckOurs(file.get(), name, 022));
  const std::string bytes = TRY(os::ReadAll(file.get(), kLargestFile));
  auto filter = Decode(bytes, key);
  if (!filter) return Error(Code::kDataLoss, "'" + name + "' is damaged, or of another profile");
  return std::move(*filter);
}

Status Keep(const std::string& key, const security::CompiledSeccomp& filter) {
  const os::UniqueFd folder = TRY(OpenFolder(/*make=*/true));
  const auto names = TRY(os::ListDirectory({folder.get()}, "."));
  if (names.size() >= kMostFiles) {
    for (const std::string& name : names) TRY(os::DeleteTree({folder.get()}, name));
  }
  return os::ReplaceFile({folder.get()}, NameOf(key), Encode(key, filter), 0600);
}

}  // namespace

Result<security::CompiledSeccomp> CompiledFilter(const oci::Seccomp& seccomp, const Reporter& reporter) {
  const std::string key = KeyOf(seccomp);
  if (!key.empty()) {
    auto kept = Load(key);
    if (kept.ok()) return kept;
    if (reporter.debug()) reporter.Debug("seccomp filter is compiled: " + kept.error().Message());
  }
  security::CompiledSeccomp filter = TRY_CTX(security::CompileSeccomp(seccomp), "linux.seccomp");
  if (key.empty()) return filter;
  const Status done = Keep(key, filter);
  if (!done.ok() && reporter.debug()) reporter.Debug("seccomp filter is not kept: " + done.error().Message());
  return filter;
}

}  // namespace estiba::ocicli
