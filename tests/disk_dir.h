#pragma once
// A folder for one test on a disk, where the kernel is to mount a file of it: EROFS takes none of a tmpfs, which /tmp
// often is, while /var/tmp outlives the machine's boot (hier(7)).

#include <cstdlib>
#include <filesystem>
#include <string>

namespace estiba::testing {

class DiskDir {
 public:
  DiskDir() {
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
  }
  DiskDir(const DiskDir&) = delete;
  DiskDir& operator=(const DiskDir&) = delete;
  ~DiskDir() { std::filesystem::remove_all(path_); }
  const char* path() const { return path_.c_str(); }
  std::string operator/(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_ = "/var/tmp/estiba-test.XXXXXX";
};

}  // namespace estiba::testing
