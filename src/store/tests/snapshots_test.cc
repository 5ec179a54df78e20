#include "store/snapshots.h"

#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "erofs/writer.h"
#include "os/file.h"
#include "store/image_probe.h"
#include "tests/disk_dir.h"
#include "tests/support.h"

namespace estiba::store {
namespace {

const std::string kChain = "sha256:" + std::string(64, 'c');

std::size_t Files(const testing::TempDir& dir, const char* folder) {
  return os::ListDirectory({AT_FDCWD}, dir / folder)->size();
}

// The second time there is nothing left to take.
void RemoveTwice(const Snapshots& snapshots, const testing::TempDir& dir) {
  for (int twice = 0; twice < 2; ++twice) {
    ASSERT_OK_AND_ASSIGN(const std::string away, snapshots.TakeLayerAway(kChain));
    EXPECT_FALSE(snapshots.HasLayer(kChain));
    ASSERT_OK(snapshots.DeleteTakenAway(away));
  }
  EXPECT_EQ(Files(dir, "layers"), 0U);
  EXPECT_EQ(Files(dir, "tmp"), 0U);
}

TEST(Snapshots, ALayerAppearsWhenCommitted) {
  const testing::TempDir dir;
  ASSERT_OK_AND_ASSIGN(Snapshots snapshots, Snapshots::Open(std::string(dir.path())));
  ASSERT_OK_AND_ASSIGN(const auto tree, snapshots.CreateUnfinished("pull1"));
  ASSERT_OK(os::ReplaceFile({tree.fd.get()}, "file", "12345", 0644));
  EXPECT_FALSE(snapshots.HasLayer(kChain));
  EXPECT_EQ(snapshots.LayerPath(kChain).error().code(), Code::kNotFound);
  ASSERT_OK(snapshots.Sync());
  ASSERT_OK(snapshots.CommitLayer(tree, kChain));
  EXPECT_TRUE(snapshots.HasLayer(kChain));
  ASSERT_OK_AND_ASSIGN(const std::string path, snapshots.LayerPath(kChain));
  EXPECT_EQ(os::ReadFile(path + "/file").value(), "12345");
  EXPECT_EQ(snapshots.LayerSize(kChain).value(), 5U);
  EXPECT_THAT(snapshots.ListLayers().value(), ::testing::ElementsAre(kChain));
  RemoveTwice(snapshots, dir);
}

TEST(Snapshots, TheFirstOfTwoEqualLayersStays) {
  const testing::TempDir dir;
  ASSERT_OK_AND_ASSIGN(Snapshots snapshots, Snapshots::Open(std::string(dir.path())));
  ASSERT_OK_AND_ASSIGN(const auto first, snapshots.CreateUnfinished("a"));
  ASSERT_OK_AND_ASSIGN(const auto second, snapshots.CreateUnfinished("b"));
  ASSERT_OK(os::ReplaceFile({first.fd.get()}, "first", "", 0644));
  ASSERT_OK(snapshots.CommitLayer(first, kChain));
  ASSERT_OK(snapshots.CommitLayer(second, kChain));
  EXPECT_EQ(Files(dir, ("layers/" + kChain.substr(7)).c_str()), 1U);
  EXPECT_EQ(Files(dir, "tmp"), 0U);
}

// An image of ours: a file of five bytes, and a root that is not root's.
Status WriteImage(int file) {
  erofs::Writer writer(file);
  erofs::Metadata root;
  root.mode = 01750;
  root.uid = 5;
  TRY(writer.Describe(erofs::Writer::kRoot, root));
  bool given = false;
  TRY(writer.AddFile(erofs::Writer::kRoot, "file", {}, 5, [&]() -> Result<erofs::Piece> {
    return std::exchange(given, true) ? erofs::Piece{} : erofs::Piece{0, "12345"};
  }));
  return writer.Finish("0123456789abcdef");
}

TEST(Snapshots, ALayerCanBeAnImage) {
  const testing::TempDir dir;
  ASSERT_OK_AND_ASSIGN(Snapshots snapshots, Snapshots::Open(std::string(dir.path())));
  EXPECT_EQ(snapshots.FormOf(kChain).error().code(), Code::kNotFound);
  ASSERT_OK_AND_ASSIGN(const auto image, snapshots.CreateUnfinished("pull1", Snapshots::Form::kErofs));
  ASSERT_OK(WriteImage(image.fd.get()));
  EXPECT_FALSE(snapshots.HasLayer(kChain));
  ASSERT_OK(snapshots.CommitLayer(image, kChain));
  EXPECT_EQ(snapshots.FormOf(kChain).value(), Snapshots::Form::kErofs);
  EXPECT_EQ(snapshots.LayerPath(kChain).value(), dir / ("layers/" + kChain.substr(7) + ".erofs").c_str());
  EXPECT_EQ(snapshots.LayerSize(kChain).value(), 5U);
  EXPECT_THAT(snapshots.ListLayers().value(), ::testing::ElementsAre(kChain));
  RemoveTwice(snapshots, dir);
}

TEST(Snapshots, AContainersRootLooksLikeItsImagesOwn) {
  REQUIRE(::geteuid() == 0, "root");
  const testing::TempDir dir;
  ASSERT_OK_AND_ASSIGN(Snapshots snapshots, Snapshots::Open(std::string(dir.path())));
  ASSERT_OK_AND_ASSIGN(const auto image, snapshots.CreateUnfinished("a", Snapshots::Form::kErofs));
  ASSERT_OK(WriteImage(image.fd.get()));
  ASSERT_OK(snapshots.CommitLayer(image, kChain));
  ASSERT_OK_AND_ASSIGN(const auto paths, snapshots.EnsureContainer("c1", kChain));
  struct stat info {};
  ASSERT_EQ(::stat(paths.upper.c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 5U);
  EXPECT_EQ(info.st_mode & 07777U, 01750U);
}

TEST(Snapshots, WhicheverFormWasFirstStays) {
  const testing::TempDir dir;
  ASSERT_OK_AND_ASSIGN(Snapshots snapshots, Snapshots::Open(std::string(dir.path())));
  ASSERT_OK_AND_ASSIGN(const auto image, snapshots.CreateUnfinished("a", Snapshots::Form::kErofs));
  ASSERT_OK_AND_ASSIGN(const auto tree, snapshots.CreateUnfinished("b"));
  ASSERT_OK(snapshots.CommitLayer(image, kChain));
  ASSERT_OK(snapshots.CommitLayer(tree, kChain));
  EXPECT_EQ(snapshots.FormOf(kChain).value(), Snapshots::Form::kErofs);
  EXPECT_EQ(Files(dir, "tmp"), 0U);
  // Two engines' transfers at once could have left both: they go together.
  ASSERT_OK(os::EnsureDirectory(dir / ("layers/" + kChain.substr(7)).c_str(), 0755));
  EXPECT_THAT(snapshots.ListLayers().value(), ::testing::ElementsAre(kChain));
  ASSERT_OK_AND_ASSIGN(const std::string away, snapshots.TakeLayerAway(kChain));
  EXPECT_FALSE(snapshots.HasLayer(kChain));
  ASSERT_OK(snapshots.DeleteTakenAway(away));
  EXPECT_EQ(Files(dir, "tmp"), 0U);
}

TEST(Snapshots, ADamagedImageIsToldOf) {
  const testing::TempDir dir;
  ASSERT_OK_AND_ASSIGN(Snapshots snapshots, Snapshots::Open(std::string(dir.path())));
  ASSERT_OK_AND_ASSIGN(const auto image, snapshots.CreateUnfinished("a", Snapshots::Form::kErofs));
  ASSERT_OK(WriteImage(image.fd.get()));
  ASSERT_EQ(::pwrite(image.fd.get(), "x", 1, 1100), 1);
  ASSERT_OK(snapshots.CommitLayer(image, kChain));
  EXPECT_EQ(snapshots.LayerSize(kChain).error().code(), Code::kDataLoss);
  EXPECT_EQ(snapshots.EnsureContainer("c1", kChain).error().code(), Code::kDataLoss);
}

TEST(ImageProbe, LeavesNothingAndSaysWhy) {
  REQUIRE(::geteuid() == 0, "root");
  const testing::DiskDir dir;
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd folder, os::OpenAt({AT_FDCWD}, dir.path(), O_RDONLY | O_DIRECTORY));
  const auto mounts = [] { return os::ReadFile("/proc/self/mountinfo").value(); };
  const std::string before = mounts();
  const Status usable = ProbeImages({folder.get()});
  EXPECT_EQ(mounts(), before);
  EXPECT_TRUE(os::ListDirectory({folder.get()}, ".")->empty());
  REQUIRE(usable.ok(), "EROFS images mounted from files: " + usable.error().Message());
}

TEST(Snapshots, AContainersRootLooksLikeItsImages) {
  REQUIRE(::geteuid() == 0, "root");
  const testing::TempDir dir;
  ASSERT_OK_AND_ASSIGN(Snapshots snapshots, Snapshots::Open(std::string(dir.path())));
  ASSERT_OK_AND_ASSIGN(const auto tree, snapshots.CreateUnfinished("a"));
  ASSERT_EQ(::fchown(tree.fd.get(), 5, 6), 0);
  ASSERT_EQ(::fchmod(tree.fd.get(), 01750), 0);
  ASSERT_OK(snapshots.CommitLayer(tree, kChain));
  ASSERT_OK_AND_ASSIGN(const auto paths, snapshots.EnsureContainer("c1", kChain));
  struct stat info {};
  ASSERT_EQ(::stat(paths.upper.c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 5U);
  EXPECT_EQ(info.st_mode & 07777U, 01750U);
  ASSERT_EQ(::chmod(paths.upper.c_str(), 0700), 0);
  ASSERT_OK(snapshots.EnsureContainer("c1", kChain));  // the container's own change stays
  ASSERT_EQ(::stat(paths.upper.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0700U);
}

TEST(Snapshots, AContainersLayerComesAndGoes) {
  const testing::TempDir dir;
  ASSERT_OK_AND_ASSIGN(Snapshots snapshots, Snapshots::Open(std::string(dir.path())));
  ASSERT_OK_AND_ASSIGN(const auto paths, snapshots.EnsureContainer("c1", ""));
  EXPECT_EQ(paths.upper, dir / "containers/c1/fs");
  ASSERT_OK(os::EnsureDirectory(paths.upper + "/a/b", 0755));
  ASSERT_OK(os::ReplaceFile({AT_FDCWD}, paths.upper + "/a/b/f", "1234567", 0600));
  ASSERT_EQ(::symlink("/etc", (paths.upper + "/a/link").c_str()), 0);
  EXPECT_EQ(snapshots.ContainerSize("c1").value(), 7U);
  EXPECT_THAT(snapshots.ListContainers().value(), ::testing::ElementsAre("c1"));
  ASSERT_OK(snapshots.DeleteContainer("c1"));
  ASSERT_OK(snapshots.DeleteContainer("c1"));
  EXPECT_EQ(Files(dir, "containers"), 0U);
  EXPECT_EQ(Files(dir, "tmp"), 0U);
}

TEST(Snapshots, WhatIsTakenAwayIsDeletedLater) {
  const testing::TempDir dir;
  ASSERT_OK_AND_ASSIGN(Snapshots snapshots, Snapshots::Open(std::string(dir.path())));
  ASSERT_OK_AND_ASSIGN(const auto paths, snapshots.EnsureContainer("c1", ""));
  ASSERT_OK(os::ReplaceFile({AT_FDCWD}, paths.upper + "/f", "1234567", 0600));
  ASSERT_OK(os::EnsureDirectory(dir / "folder/a", 0755));
  ASSERT_OK_AND_ASSIGN(const std::string layer, snapshots.TakeContainerAway("c1"));
  ASSERT_OK_AND_ASSIGN(const std::string folder, snapshots.TakeAway({AT_FDCWD}, dir / "folder"));
  EXPECT_EQ(Files(dir, "containers"), 0U);
  EXPECT_NE(::access((dir / "folder").c_str(), F_OK), 0);
  EXPECT_EQ(Files(dir, "tmp"), 2U);
  ASSERT_OK(snapshots.DeleteTakenAway(layer));
  ASSERT_OK(snapshots.DeleteTakenAway(folder));
  EXPECT_EQ(Files(dir, "tmp"), 0U);
  ASSERT_OK_AND_ASSIGN(const std::string gone, snapshots.TakeContainerAway("c1"));
  ASSERT_OK(snapshots.DeleteTakenAway(gone));
}

TEST(Snapshots, TakeNoPathForAnId) {
  const testing::TempDir dir;
  ASSERT_OK_AND_ASSIGN(Snapshots snapshots, Snapshots::Open(std::string(dir.path())));
  for (const char* id : {"", "..", "a/b", "../x"}) {
    EXPECT_FALSE(snapshots.EnsureContainer(id, "").ok()) << id;
    EXPECT_FALSE(snapshots.DeleteContainer(id).ok()) << id;
  }
  EXPECT_FALSE(snapshots.TakeLayerAway("sha256:..").ok());
}

}  // namespace
}  // namespace estiba::store
