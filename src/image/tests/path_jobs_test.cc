#include "path_jobs.h"

#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/json.h"
#include "codec/tar.h"
#include "os/file.h"
#include "os/memfd.h"
#include "path_lookup.h"
#include "tests/support.h"

namespace estiba::image {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PathJobs : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(dir_ / "root/etc/sub");
    fs::create_directories(dir_ / "outside");
    Write("root/etc/file", "content");
    Write("outside/file", "secret");
    fs::create_symlink("/etc/file", dir_ / "root/absolute");
    fs::create_symlink("../../../../outside", dir_ / "root/up");
    fs::create_symlink("etc", dir_ / "root/todir");
    fs::create_symlink("absolute", dir_ / "root/twice");
    root_ = std::move(os::OpenAt({AT_FDCWD}, dir_ / "root", O_RDONLY | O_DIRECTORY)).value();
  }

  void Write(const char* path, const char* text) { std::ofstream(dir_ / path) << text; }
  std::string Read(const char* path) {
    auto text = os::ReadFile(dir_ / path);
    return text.ok() ? *text : text.error().Message();
  }

  static TransferJob Job(JobKind kind, const std::string& path) {
    TransferJob job;
    job.kind = kind;
    job.path.container = "web";
    job.path.path = path;
    job.path.running = true;
    return job;
  }

  // The answer, or the error.
  std::string Stat(const std::string& path) {
    std::string answer;
    const EventSink sink = [&](const TransferEvent& event) { answer = event.answer; };
    const Status done = RunPathJob(Job(JobKind::kStatPath, path), {-1, root_.get()}, sink);
    return done.ok() ? answer : done.error().Message();
  }

  std::string LinkTarget(const std::string& path) {
    const auto json = codec::ParseJson(Stat(path));
    return json.ok() ? json->GetString("linkTarget") : Stat(path);
  }

  std::vector<std::string> Take(const std::string& path) {
    const os::UniqueFd file(::memfd_create("archive", MFD_CLOEXEC));
    const Status done = RunPathJob(Job(JobKind::kTakePath, path), {file.get(), root_.get()}, [](const auto&) {});
    if (!done.ok()) return {done.error().Message()};
    std::vector<std::string> out;
    std::string text(1 << 20, '\0');
    const ssize_t size = ::pread(file.get(), text.data(), text.size(), 0);
    text.resize(static_cast<std::size_t>(size));
    bool given = false;
    codec::TarReader reader([&]() -> Result<std::string_view> {
      return std::exchange(given, true) ? std::string_view() : std::string_view(text);
    });
    codec::TarEntry entry;
    while (reader.Next(entry).value()) out.push_back(entry.path);
    return out;
  }

  std::string Put(const TransferJob& job, const std::vector<codec::TarEntry>& entries) {
    const os::UniqueFd file(::memfd_create("archive", MFD_CLOEXEC));
    codec::TarWriter writer([&](std::string_view bytes) { return os::WriteAll(file.get(), bytes); });
    for (const codec::TarEntry& entry : entries) {
      const std::string content = entry.kind == codec::TarKind::kFile ? "put" : "";
      codec::TarEntry one = entry;
      one.size = content.size();
      one.mode = 0755;
      one.uid = ::geteuid();
      one.gid = ::getegid();
      EXPECT_TRUE(writer.AddFile(one, content).ok());
    }
    EXPECT_TRUE(writer.Finish().ok());
    ::lseek(file.get(), 0, SEEK_SET);
    const Status done = RunPathJob(job, {file.get(), root_.get()}, [](const auto&) {});
    return done.ok() ? "" : done.error().Message();
  }

  static codec::TarEntry Entry(const char* path, codec::TarKind kind = codec::TarKind::kFile) {
    codec::TarEntry entry;
    entry.path = path;
    entry.kind = kind;
    return entry;
  }

  testing::TempDir dir_;
  os::UniqueFd root_;
};

TEST_F(PathJobs, AStatTellsOfTheLinkItself) {
  EXPECT_THAT(Stat("/etc/file"), HasSubstr(R"("name":"file","size":7)"));
  EXPECT_EQ(LinkTarget("/absolute"), "/etc/file");
  EXPECT_EQ(LinkTarget("/twice"), "/etc/file");
  EXPECT_EQ(LinkTarget("/up"), "/outside");  // which is not there
  EXPECT_EQ(LinkTarget("/todir/"), "");      // a directory's
  EXPECT_EQ(Stat("/none"), "Could not find the file /none in container web");
  EXPECT_EQ(Stat("/up/file"), "Could not find the file /up/file in container web");
  EXPECT_THAT(Stat("/etc/file/"), HasSubstr("lstat /etc/file/"));
}

TEST_F(PathJobs, AnArchiveBeginsWithTheLastName) {
  EXPECT_THAT(Take("/etc"), ElementsAre("etc/", "etc/file", "etc/sub/"));
  EXPECT_THAT(Take("etc/."), ElementsAre("./", "./file", "./sub/"));
  EXPECT_THAT(Take("/todir/"), ElementsAre("todir/", "todir/file", "todir/sub/"));
  EXPECT_THAT(Take("/todir"), ElementsAre("todir"));
  EXPECT_THAT(Take("/todir/file"), ElementsAre("file"));
  EXPECT_THAT(Take("/up"), ElementsAre("up"));
  EXPECT_THAT(Take("/up/"), ElementsAre("Could not find the file /up/ in container web"));
}

TEST_F(PathJobs, AnArchiveLandsInTheContainer) {
  TransferJob job = Job(JobKind::kPutPath, "/etc");
  EXPECT_EQ(Put(job, {Entry("new"), Entry("/abs"), Entry("deep/x/y")}), "");
  EXPECT_EQ(Read("root/etc/new"), "put");
  EXPECT_EQ(Read("root/etc/abs"), "put");
  EXPECT_EQ(Read("root/etc/deep/x/y"), "put");
  EXPECT_THAT(Put(job, {Entry("../out")}), HasSubstr("outside of"));
  EXPECT_EQ(Put(Job(JobKind::kPutPath, "/etc/file"), {}), "extraction point is not a directory");
  EXPECT_EQ(Put(Job(JobKind::kPutPath, "/none"), {}), "Could not find the file /none in container web");
}

TEST_F(PathJobs, LinksInTheWayAreTheContainers) {
  const TransferJob job = Job(JobKind::kPutPath, "/");
  EXPECT_EQ(Put(job, {Entry("todir/through"), Entry("todir/made/through")}), "");
  EXPECT_EQ(Read("root/etc/through"), "put");
  EXPECT_EQ(Read("root/etc/made/through"), "put");
  EXPECT_NE(Put(job, {Entry("up/file")}), "");
  EXPECT_EQ(Read("outside/file"), "secret");
  EXPECT_EQ(Put(job, {Entry("absolute")}), "");  // the link itself is replaced
  EXPECT_EQ(Read("root/etc/file"), "content");
  EXPECT_EQ(Read("root/absolute"), "put");
}

TEST_F(PathJobs, KindsAreKeptWhenAskedFor) {
  TransferJob job = Job(JobKind::kPutPath, "/");
  job.path.keep_kinds = true;
  EXPECT_THAT(Put(job, {Entry("etc")}), HasSubstr("cannot overwrite directory \"/etc\""));
  EXPECT_THAT(Put(job, {Entry("todir", codec::TarKind::kDirectory)}), HasSubstr("cannot overwrite non-directory"));
  EXPECT_EQ(Put(job, {Entry("etc", codec::TarKind::kDirectory), Entry("etc/file")}), "");
  job.path.keep_kinds = false;
  EXPECT_EQ(Put(job, {Entry("etc")}), "");
  EXPECT_EQ(Read("root/etc"), "put");
}

TEST_F(PathJobs, OnTheUsersSideNoLinkIsFollowed) {
  TransferJob job = Job(JobKind::kPutPath, "/home");
  job.path.on_host = true;
  job.path.base = "etc";
  job.path.name = "todir";
  EXPECT_NE(Put(job, {Entry("etc/evil")}), "");
  job.path.name = "renamed";
  EXPECT_EQ(Put(job, {Entry("etc/", codec::TarKind::kDirectory), Entry("etc/new")}), "");
  EXPECT_EQ(Read("root/renamed/new"), "put");
  EXPECT_FALSE(fs::exists(dir_ / "root/etc/new"));
}

TEST_F(PathJobs, ProcfsIsNoContent) {
  root_ = std::move(os::OpenAt({AT_FDCWD}, "/", O_RDONLY | O_DIRECTORY)).value();
  EXPECT_EQ(Stat("/proc/self/environ"), "Could not find the file /proc/self/environ in container web");
  EXPECT_THAT(Take("/proc"), ElementsAre("proc/"));
  EXPECT_EQ(Put(Job(JobKind::kPutPath, "/proc"), {}), "Could not find the file /proc in container web");
}

TEST(IdRanges, BothWays) {
  const std::vector<IdRange> ranges = {{0, 100000, 10}, {50, 200000, 1}};
  EXPECT_EQ(ToContainer(ranges, 100003), 3U);
  EXPECT_EQ(ToContainer(ranges, 200000), 50U);
  EXPECT_EQ(ToContainer(ranges, 0), 65534U);
  ASSERT_OK_AND_ASSIGN(const std::uint32_t host, ToHost(ranges, 50));
  EXPECT_EQ(host, 200000U);
  EXPECT_FALSE(ToHost(ranges, 10).ok());
  EXPECT_EQ(ToContainer({}, 7), 7U);
}

}  // namespace
}  // namespace estiba::image
