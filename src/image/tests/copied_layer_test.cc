#include <cstring>

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "container_trees.h"
#include "os/copy_tree.h"
#include "os/mountns.h"
#include "tests/support.h"

namespace estiba::image {
namespace {

using ::testing::ElementsAre;

// A container whose directory "up" is a copy of the image's two layers.
class CopiedTrees : public Trees {
 protected:
  ContainerTree Tree() override {
    ContainerTree tree = Trees::Tree();
    tree.copied = true;
    return tree;
  }
  // As the engine makes it.
  void Fill() {
    const os::UniqueFd up = Open(dir_ / "up");
    for (const char* layer : {"low", "mid"}) {
      const os::UniqueFd from = Open(dir_ / layer);
      ASSERT_OK(os::CopyLayer({from.get()}, {up.get()}));
    }
  }
  // The file's content without its time.
  void PutUnseen(const char* name, const std::string& content) {
    struct stat before {};
    Check(::lstat((dir_ / name).c_str(), &before) == 0, name);
    Put(dir_ / name, content);
    const timespec times[2] = {before.st_atim, before.st_mtim};
    Check(::utimensat(AT_FDCWD, (dir_ / name).c_str(), times, 0) == 0, name);
  }
};

TEST_F(CopiedTrees, WhatWasNotTouchedIsNotInTheLayer) {
  fs::create_directories(dir_ / "low/d/e");
  Put(dir_ / "low/d/file", "x");
  Put(dir_ / "low/d/e/gone", "x");
  fs::create_hard_link(dir_ / "low/d/file", dir_ / "low/d/other");
  fs::create_directories(dir_ / "mid/d/e");
  Whiteout("mid/d/e/gone");
  Check(::setxattr((dir_ / "mid/d/e").c_str(), "trusted.overlay.opaque", "y", 1, 0) == 0, "opaque");
  Fill();
  EXPECT_THAT(Names(Layer()), ElementsAre());
  EXPECT_THAT(Changes(), ElementsAre());
}

TEST_F(CopiedTrees, WhatIsGoneIsMarkedAndWhatIsNewIsWhole) {
  fs::create_directories(dir_ / "low/d/sub");
  for (const char* name : {"low/d/kept", "low/d/gone", "low/d/sub/x", "low/replaced"}) Put(dir_ / name, "x");
  fs::create_directories(dir_ / "low/becomes");
  Put(dir_ / "low/becomes/hidden", "x");
  Fill();
  fs::remove(dir_ / "up/d/gone");
  fs::remove_all(dir_ / "up/d/sub");
  fs::create_directories(dir_ / "up/d/new/below");
  Put(dir_ / "up/d/new/below/file", "x");
  fs::remove(dir_ / "up/replaced");
  fs::create_directories(dir_ / "up/replaced");
  fs::remove_all(dir_ / "up/becomes");
  Put(dir_ / "up/becomes", "x");
  EXPECT_THAT(Names(Layer()), ElementsAre("becomes", "d/", "d/.wh.gone", "d/.wh.sub", "d/new/", "d/new/below/",
                                          "d/new/below/file", "replaced/"));
  EXPECT_THAT(Changes(), ElementsAre("C/becomes", "C/d", "D/d/gone", "A/d/new", "A/d/new/below", "A/d/new/below/file",
                                     "D/d/sub", "C/replaced"));
}

TEST_F(CopiedTrees, ContentCountsWhateverItsSizeAndTimeSay) {
  for (const char* name : {"low/a", "low/b"}) Put(dir_ / name, std::string(300'000, 'x'));
  Fill();
  PutUnseen("up/b", std::string(299'999, 'x') + "y");
  EXPECT_THAT(Names(Layer()), ElementsAre("b"));
}

TEST_F(CopiedTrees, OwnersModesTimesAttributesAndTargetsCount) {
  for (const char* name : {"low/owner", "low/mode", "low/time", "low/attribute", "low/same"}) Put(dir_ / name, "x");
  Check(::symlink("one", (dir_ / "low/link").c_str()) == 0, "symlink");
  struct stat link {};
  Check(::lstat((dir_ / "low/link").c_str(), &link) == 0, "link");
  Fill();
  Check(::chown((dir_ / "up/owner").c_str(), 7, 8) == 0, "chown");
  Check(::chmod((dir_ / "up/mode").c_str(), 04755) == 0, "chmod");
  const timespec times[2] = {{1, 2}, {3, 4}};
  Check(::utimensat(AT_FDCWD, (dir_ / "up/time").c_str(), times, 0) == 0, "time");
  Check(::setxattr((dir_ / "up/attribute").c_str(), "user.note", "v", 1, 0) == 0, "setxattr");
  fs::remove(dir_ / "up/link");
  Check(::symlink("two", (dir_ / "up/link").c_str()) == 0, "symlink");
  const timespec old[2] = {link.st_atim, link.st_mtim};
  Check(::utimensat(AT_FDCWD, (dir_ / "up/link").c_str(), old, AT_SYMLINK_NOFOLLOW) == 0, "time");
  EXPECT_THAT(Names(Layer()), ElementsAre("attribute", "link", "mode", "owner", "time"));
}

TEST_F(CopiedTrees, NamesOfOneFileGoTogether) {
  for (const char* name : {"low/a", "low/b", "low/c", "low/single"}) Put(dir_ / name, "same");
  fs::create_hard_link(dir_ / "low/a", dir_ / "low/a2");
  fs::create_hard_link(dir_ / "low/b", dir_ / "low/b2");
  fs::create_hard_link(dir_ / "low/c", dir_ / "low/c2");
  Fill();
  fs::create_hard_link(dir_ / "up/single", dir_ / "up/new");  // the new name links to nothing but what comes with it
  fs::remove(dir_ / "up/a2");                                  // and leaves a as it was
  Check(::chmod((dir_ / "up/b2").c_str(), 0600) == 0, "chmod");
  // c2 becomes a file of its own, which looks the same.
  Put(dir_ / "up/tmp", "same");
  fs::last_write_time(dir_ / "up/tmp", fs::last_write_time(dir_ / "up/c2"));
  fs::rename(dir_ / "up/tmp", dir_ / "up/c2");
  EXPECT_THAT(Names(Layer()), ElementsAre(".wh.a2", "b", "b2", "c2", "new", "single"));
}

TEST_F(CopiedTrees, WhatTheEngineMountsOnIsNoChange) {
  fs::create_directories(dir_ / "low/etc");
  Put(dir_ / "low/etc/passwd", "root");
  Fill();
  for (const char* name : {"up/proc", "up/dev", "up/data"}) fs::create_directories(dir_ / name);
  for (const char* name : {"up/etc/hosts", "up/etc/resolv.conf"}) Put(dir_ / name, "");
  EXPECT_THAT(Names(Layer()), ElementsAre("data/"));
  EXPECT_THAT(Changes(), ElementsAre("A/data"));
  Put(dir_ / "up/etc/hosts", "the container's own");
  Put(dir_ / "up/dev/x", "");
  EXPECT_THAT(Names(Layer()), ElementsAre("data/", "dev/", "dev/x", "etc/", "etc/hosts"));
}

TEST_F(CopiedTrees, WhatTheEngineMountsOnIsNoChangeInANewDirectory) {
  Fill();
  fs::create_directories(dir_ / "up/etc");
  for (const char* name : {"up/etc/hosts", "up/etc/own"}) Put(dir_ / name, "");
  EXPECT_THAT(Names(Layer()), ElementsAre("etc/", "etc/own"));
  Put(dir_ / "up/etc/hosts", "the container's own");
  EXPECT_THAT(Names(Layer()), ElementsAre("etc/", "etc/hosts", "etc/own"));
}

TEST_F(CopiedTrees, TheRootIsTheresWhenItsOwnerModeOrAttributesChanged) {
  Put(dir_ / "mid/file", "x");
  Fill();
  Check(::chmod((dir_ / "up").c_str(), 0711) == 0, "chmod");
  EXPECT_THAT(Names(Layer()), ElementsAre("./"));
  Check(::chmod((dir_ / "up").c_str(), 0755) == 0, "chmod");
  Check(::setxattr((dir_ / "up").c_str(), "trusted.note", "t", 1, 0) == 0, "setxattr");
  EXPECT_THAT(Names(Layer()), ElementsAre("./"));
}

TEST_F(CopiedTrees, AnOverlaysAttributesOfTheContainersOwnMeanNothing) {
  fs::create_directories(dir_ / "low/d");
  Put(dir_ / "low/d/file", "x");
  Fill();
  Check(::setxattr((dir_ / "up/d").c_str(), "trusted.overlay.opaque", "y", 1, 0) == 0, "opaque");
  EXPECT_THAT(Names(Layer()), ElementsAre());
}

// ---- against the kernel

class CopiedAsTheKernel : public CopiedTrees, public ::testing::WithParamInterface<unsigned> {};

TEST_P(CopiedAsTheKernel, AnOverlayWithTheLayerShowsWhatTheCopyHas) {
  Random random(GetParam());
  for (const char* layer : {"low", "mid"})
    for (int i = 0; i < 40; ++i) Change1(random, dir_ / layer);
  Fill();
  for (int i = 0; i < 25; ++i) Change1(random, dir_ / "up");
  const Described there = Describe(dir_ / "up");
  Described shown;
  ASSERT_OK(Unpack(Layer(), dir_ / "layer"));
  ASSERT_OK(os::InPrivateMounts([&]() -> Status {
    TRY(Mount("layer", "again"));
    shown = Describe(dir_ / "merged");
    return Unmount();
  }));
  EXPECT_EQ(shown, there);
}
INSTANTIATE_TEST_SUITE_P(Seeds, CopiedAsTheKernel, ::testing::Range(1U, 61U));

}  // namespace
}  // namespace estiba::image
