#include "compare.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/attributes.h"
#include "os/file.h"
#include "tree.h"

namespace estiba::image {
namespace {

constexpr std::size_t kPiece = 256U << 10;
constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

using What = std::optional<std::string>;  // nothing: equal

Result<std::string> LinkTarget(int parent, const std::string& name) {
  std::string target(PATH_MAX, '\0');
  const ssize_t n = ::readlinkat(parent, name.c_str(), target.data(), target.size());
  if (n < 0) return Error::Errno(errno, "read link '" + name + "'");
  target.resize(static_cast<std::size_t>(n));
  return target;
}

bool SameTime(const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

What CompareMetadata(const struct stat& expected, const struct stat& actual, bool timeless) {
  if ((expected.st_mode & S_IFMT) != (actual.st_mode & S_IFMT)) return "is of another kind";
  if (expected.st_mode != actual.st_mode) return "has another mode";
  if (expected.st_uid != actual.st_uid || expected.st_gid != actual.st_gid) return "has another owner";
  const bool directory = S_ISDIR(expected.st_mode);
  if (!directory && expected.st_size != actual.st_size) return "has another size";
  if (!directory && expected.st_nlink != actual.st_nlink) return "has other hard links";
  if ((S_ISCHR(expected.st_mode) || S_ISBLK(expected.st_mode)) && expected.st_rdev != actual.st_rdev)
    return "is another device";
  if (!timeless && !SameTime(expected.st_mtim, actual.st_mtim)) return "has another time";
  return std::nullopt;
}

Result<off_t> NextData(int file, off_t from, off_t size) {
  const off_t found = ::lseek(file, from, SEEK_DATA);
  if (found >= 0) return found;
  if (errno == ENXIO) return size;
  return Error::Errno(errno, "look for holes");
}

// Less than `size` bytes where the file ends.
Result<std::size_t> ReadPiece(int file, off_t at, std::string& buffer, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t n = ::pread(file, buffer.data() + done, size - done, at + static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::Errno(errno, "read");
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

class Comparer {
 public:
  Comparer(os::DirFd expected, os::DirFd actual, const std::set<std::string>& timeless)
      : expected_(expected), actual_(actual), timeless_(timeless) {}

  Result<std::optional<Difference>> Run() {
    std::vector<std::string> todo{""};
    while (!todo.empty()) {
      const std::string path = std::move(todo.back());
      todo.pop_back();
      auto difference = TRY_CTX(CompareDirectory(path, todo), "compare '" + path + "'");
      if (difference) return difference;
    }
    return std::optional<Difference>();
  }

 private:
  // Adds the directories in it to `todo`.
  Result<std::optional<Difference>> CompareDirectory(const std::string& path, std::vector<std::string>& todo) {
    const std::string at = path.empty() ? "." : path;
    const os::UniqueFd left = TRY(os::OpenBeneath(expected_, at, kDirectory));
    const os::UniqueFd right = TRY(os::OpenBeneath(actual_, at, kDirectory));
    if (path.empty()) {
      What what = TRY(CompareRoots(left.get(), right.get()));
      if (what) return Found(path, "", std::move(*what));
    }
    std::vector<std::string> names = TRY(os::ListDirectory({left.get()}, "."));
    std::vector<std::string> others = TRY(os::ListDirectory({right.get()}, "."));
    std::ranges::sort(names);
    std::ranges::sort(others);
    for (const std::string& name : others) {
      if (!std::ranges::binary_search(names, name)) return Found(path, name, "does not belong to the layer");
    }
    for (const std::string& name : names) {
      if (!std::ranges::binary_search(others, name)) return Found(path, name, "is missing");
      const std::string whole = path.empty() ? name : path + "/" + name;
      What what = TRY(CompareEntry(left.get(), right.get(), name, timeless_.contains(whole)));
      if (what) return Found(path, name, std::move(*what));
      if (is_directory_) todo.push_back(whole);
    }
    return std::optional<Difference>();
  }

  static std::optional<Difference> Found(const std::string& path, const std::string& name, std::string what) {
    return Difference{path.empty() ? name : path + "/" + name, std::move(what)};
  }

  static Result<What> CompareRoots(int left, int right) {
    struct stat expected {};
    struct stat actual {};
    if (::fstat(left, &expected) < 0 || ::fstat(right, &actual) < 0) return Error::Errno(errno, "look at the root");
    if (What what = CompareMetadata(expected, actual, /*timeless=*/true)) return what;
    return CompareAttributes(left, right);
  }

  Result<What> CompareEntry(int left, int right, const std::string& name, bool timeless) {
    struct stat expected {};
    struct stat actual {};
    if (::fstatat(left, name.c_str(), &expected, AT_SYMLINK_NOFOLLOW) < 0 ||
        ::fstatat(right, name.c_str(), &actual, AT_SYMLINK_NOFOLLOW) < 0)
      return Error::Errno(errno, "look at '" + name + "'");
    is_directory_ = S_ISDIR(expected.st_mode);
    if (IsWhiteout(expected) && IsWhiteout(actual)) return What();  // of no owner, mode or time
    if (What what = CompareMetadata(expected, actual, timeless)) return what;
    if (S_ISLNK(expected.st_mode)) return CompareLinks(left, right, name);
    if (!S_ISREG(expected.st_mode) && !is_directory_) return What();
    if (!is_directory_ && expected.st_nlink > 1) {
      const auto [known, fresh] = partners_.emplace(expected.st_ino, actual.st_ino);
      if (known->second != actual.st_ino) return What("has other hard links");
      if (!fresh) return What();  // compared by its first name
    }
    const int flags = O_RDONLY | O_NOFOLLOW | (is_directory_ ? O_DIRECTORY : 0);
    const os::UniqueFd mine = TRY(os::OpenAt({left}, name, flags));
    const os::UniqueFd theirs = TRY(os::OpenAt({right}, name, flags));
    What what = TRY(CompareAttributes(mine.get(), theirs.get()));
    if (what || is_directory_) return what;
    const std::optional<off_t> at = TRY(FirstDifference(mine.get(), theirs.get(), expected.st_size));
    return at ? What("has other content") : What();
  }

  static Result<What> CompareLinks(int left, int right, const std::string& name) {
    const std::string expected = TRY(LinkTarget(left, name));
    const std::string actual = TRY(LinkTarget(right, name));
    return expected == actual ? What() : What("leads to '" + actual + "', not '" + expected + "'");
  }

  // Of files or directories.
  static Result<What> CompareAttributes(int left, int right) {
    const auto mine = TRY(os::ReadAttributes(left));
    const auto theirs = TRY(os::ReadAttributes(right));
    return mine == theirs ? What() : What("has other attributes");
  }

  os::DirFd expected_;
  os::DirFd actual_;
  const std::set<std::string>& timeless_;
  bool is_directory_ = false;  // the entry compared last
  std::map<ino_t, ino_t> partners_;  // of files with several names
};

}  // namespace

Result<std::optional<off_t>> FirstDifference(int expected, int actual, off_t size) {
  std::string left(kPiece, '\0');
  std::string right(kPiece, '\0');
  for (off_t at = 0; at < size;) {
    // Where both have holes nothing has to be read: sparse files can be large.
    const off_t next = TRY(NextData(expected, at, size));
    const off_t other = TRY(NextData(actual, at, size));
    at = std::min(next, other);
    const auto piece = static_cast<std::size_t>(std::clamp<off_t>(size - at, 0, kPiece));
    const std::size_t mine = TRY(ReadPiece(expected, at, left, piece));
    const std::size_t theirs = TRY(ReadPiece(actual, at, right, piece));
    const std::string_view wanted = std::string_view(left).substr(0, mine);
    const std::string_view found = std::string_view(right).substr(0, theirs);
    const auto differ = std::ranges::mismatch(wanted, found);
    const bool same = differ.in1 == wanted.end() && differ.in2 == found.end();
    if (!same || mine < piece) return std::optional<off_t>(at + (differ.in1 - wanted.begin()));
    at += static_cast<off_t>(piece);
  }
  return std::optional<off_t>();
}

Result<std::optional<Difference>> CompareTrees(os::DirFd expected, os::DirFd actual,
                                               const std::set<std::string>& timeless) {
  return Comparer(expected, actual, timeless).Run();
}

Result<std::optional<Difference>> CompareImages(int expected, int actual) {
  struct stat ours {};
  struct stat theirs {};
  if (::fstat(expected, &ours) < 0 || ::fstat(actual, &theirs) < 0) return Error::Errno(errno, "look at an image");
  if (ours.st_size != theirs.st_size) {
    const std::string wanted = std::to_string(ours.st_size);
    return std::optional<Difference>(
        {"", "is an image of " + std::to_string(theirs.st_size) + " bytes and should be of " + wanted});
  }
  const std::optional<off_t> at = TRY_CTX(FirstDifference(expected, actual, ours.st_size), "compare images");
  if (!at) return std::optional<Difference>();
  return std::optional<Difference>({"", "is an image with other content at byte " + std::to_string(*at)});
}

}  // namespace estiba::image
