#pragma once
// A container's trees in a temporary directory, what they hold told as text, and changes such as containers make.

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "codec/tar.h"
#include "container_tree.h"
#include "image/unpack.h"
#include "os/file.h"
#include "tests/support.h"

namespace estiba::image {

namespace fs = std::filesystem;

inline void Check(bool good, const std::string& what) {
  if (!good) throw std::runtime_error(what + ": " + std::strerror(errno));
}

inline void Put(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

// A tree's entries: path → everything that an image keeps of it.
using Described = std::map<std::string, std::string>;

inline std::string AttributesOf(const std::string& path) {
  std::string names(4096, '\0');
  const ssize_t size = ::llistxattr(path.c_str(), names.data(), names.size());
  names.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  std::map<std::string, std::string> values;
  for (std::size_t at = 0; at < names.size(); at += std::strlen(names.c_str() + at) + 1) {
    const std::string name = names.c_str() + at;
    std::string value(256, '\0');
    const ssize_t length = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    if (!name.starts_with("trusted.overlay.") && length >= 0)
      values[name] = value.substr(0, static_cast<std::size_t>(length));
  }
  std::string out;
  for (const auto& [name, value] : values) out += " " + name + "=" + value;
  return out;
}

// `names` gathers what is one file under several names.
inline void DescribeOne(const std::string& root, const std::string& path,
                        std::map<ino_t, std::vector<std::string>>& names, Described& out) {
  const std::string whole = root + "/" + path;
  struct stat info {};
  Check(::lstat(whole.c_str(), &info) == 0, whole);
  std::string text = std::to_string(info.st_mode) + " " + std::to_string(info.st_uid) + ":" +
                     std::to_string(info.st_gid);
  if (!S_ISDIR(info.st_mode))  // making an entry in it, or copying it up, sets a directory's
    text += " " + std::to_string(info.st_mtim.tv_sec) + "." + std::to_string(info.st_mtim.tv_nsec);
  if (S_ISREG(info.st_mode)) text += " " + os::ReadFile(whole).value();
  if (S_ISLNK(info.st_mode)) text += " -> " + fs::read_symlink(whole).string();
  if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode)) text += " " + std::to_string(info.st_rdev);
  text += AttributesOf(whole);
  if (!S_ISDIR(info.st_mode)) names[info.st_ino].push_back(path);
  out[path] = text;
}

inline Described Describe(const std::string& root) {
  std::vector<std::string> paths;
  for (const auto& entry : fs::recursive_directory_iterator(root))
    paths.push_back(entry.path().lexically_relative(root).string());
  std::ranges::sort(paths);
  Described out;
  std::map<ino_t, std::vector<std::string>> names;
  for (const std::string& path : paths) DescribeOne(root, path, names, out);
  for (const auto& [inode, same] : names) {
    for (const std::string& path : same)
      if (same.size() > 1) out[path] += " = " + same.front();
  }
  return out;
}

inline os::UniqueFd Open(const std::string& path) {
  return os::OpenAt({AT_FDCWD}, path, O_RDONLY | O_DIRECTORY).value();
}

// A container: an image of two layers, and what it changed, below one temporary directory.
class Trees : public ::testing::Test {
 protected:
  void SetUp() override {
    REQUIRE(::geteuid() == 0, "root");
    for (const char* name : {"low", "mid", "up", "work", "merged", "layer", "again", "tree"})
      fs::create_directory(dir_ / name);
  }

  // Of upper and lowers as they are now.
  virtual ContainerTree Tree() {
    fds_.clear();
    for (const char* name : {"up", "mid", "low"}) fds_.push_back(Open(dir_ / name));
    ContainerTree tree;
    tree.upper = fds_[0].get();
    tree.lowers = {fds_[1].get(), fds_[2].get()};
    tree.mount_points = {"proc", "dev", "etc/hosts", "etc/resolv.conf"};
    return tree;
  }

  static codec::ByteSink Into(std::string& bytes) {
    return [&bytes](std::string_view piece) -> Status {
      bytes.append(piece);
      return Ok();
    };
  }

  static Status Unpack(const std::string& bytes, const std::string& to) {
    bool given = false;
    const codec::ByteSource source = [&]() -> Result<std::string_view> {
      return std::exchange(given, true) ? std::string_view() : std::string_view(bytes);
    };
    const os::UniqueFd root = Open(to);
    const auto layer = MakeDirectoryDestination({root.get()}, /*user_xattrs=*/false);
    const Unpacked out = TRY(UnpackLayer(*layer, source, {}));
    EXPECT_FALSE(out.NeedsSettling());
    return layer->Finish("");
  }

  std::vector<std::string> Names(const std::string& bytes) {
    bool given = false;
    codec::TarReader reader([&]() -> Result<std::string_view> {
      return std::exchange(given, true) ? std::string_view() : std::string_view(bytes);
    });
    std::vector<std::string> out;
    codec::TarEntry entry;
    while (reader.Next(entry).value()) out.push_back(entry.path);
    return out;
  }

  std::string Layer() {
    std::string bytes;
    const Status written = WriteLayer(Tree(), Into(bytes));
    EXPECT_TRUE(written.ok()) << written.error().Message();
    return bytes;
  }
  std::vector<std::string> Changes() {
    std::vector<std::string> out;
    auto changes = ListChanges(Tree());
    EXPECT_TRUE(changes.ok());
    for (const Change& change : *changes) out.push_back("CAD"[static_cast<int>(change.kind)] + change.path);
    return out;
  }
  // An overlay of "low", "mid" and `upper` on "merged".
  Status Mount(const std::string& upper, const std::string& work) {
    const std::string options = "lowerdir=" + (dir_ / "mid") + ":" + (dir_ / "low") +
                                ",upperdir=" + (dir_ / upper.c_str()) + ",workdir=" + (dir_ / work.c_str()) +
                                ",index=off,metacopy=off,redirect_dir=off";
    if (::mount("overlay", (dir_ / "merged").c_str(), "overlay", 0, options.c_str()) == 0) return Ok();
    return Error::Errno(errno, "mount overlay");
  }
  Status Unmount() {
    if (::umount2((dir_ / "merged").c_str(), MNT_DETACH) == 0) return Ok();
    return Error::Errno(errno, "unmount");
  }
  std::string operator/(const char* name) const { return dir_ / name; }
  void Whiteout(const char* path) { Check(::mknod((dir_ / path).c_str(), S_IFCHR, 0) == 0, path); }

  testing::TempDir dir_;
  std::vector<os::UniqueFd> fds_;
};

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::size_t Below(std::size_t end) { return std::uniform_int_distribution<std::size_t>(0, end - 1)(engine_); }
  std::string Name() { return std::string(1, "abcdefgh"[Below(8)]); }

 private:
  std::mt19937 engine_;
};

// Some path of a tree: a few names, three deep.
inline std::string AnyPath(Random& random, const std::string& root) {
  std::string path = root + "/" + random.Name();
  for (std::size_t depth = random.Below(3); depth > 0 && fs::is_directory(fs::symlink_status(path)); --depth)
    path += "/" + random.Name();
  return path;
}

// One change such as containers make; what cannot be done is left.
inline void Change1(Random& random, const std::string& root) {
  std::error_code ignored;
  const std::string path = AnyPath(random, root);
  const std::string other = AnyPath(random, root);
  switch (random.Below(12)) {
    case 0:
    case 1:
      // Opening a fifo would wait for a reader; a link may lead into a layer, past the mount.
      if (!fs::is_fifo(path, ignored) && !fs::is_symlink(path, ignored)) Put(path, std::string(random.Below(40), 'x'));
      break;
    case 2:
    case 3: fs::create_directory(path, ignored); break;
    case 4: fs::remove_all(path, ignored); break;
    case 5: fs::create_symlink(other, path, ignored); break;
    case 6: (void)!::linkat(AT_FDCWD, path.c_str(), AT_FDCWD, other.c_str(), 0); break;
    case 7: fs::rename(path, other, ignored); break;
    case 8: (void)!::lchown(path.c_str(), static_cast<uid_t>(random.Below(3)), 7); break;
    case 9:
      if (!fs::is_symlink(path)) (void)!::chmod(path.c_str(), static_cast<mode_t>(0400 + random.Below(0377)));
      break;
    case 10: (void)!::lsetxattr(path.c_str(), "trusted.note", "value", random.Below(6), 0); break;
    case 11: (void)!::mkfifo(path.c_str(), 0600); break;
  }
}

}  // namespace estiba::image
