#include "volumes.h"

#include <optional>

#include "tests/support.h"

namespace estiba::engine {
namespace {

class VolumesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    database_.emplace(std::move(store::Database::Open(dir_ / "db", {store::CreateTables({"volumes"})})).value());
    volumes_ = std::move(Volumes::Open(&*database_, dir_ / "volumes")).value();
  }
  apitypes::Volume Make(const std::string& name) {
    apitypes::VolumeCreate create;
    create.name = name;
    return std::move(volumes_->Create(create, false)).value();
  }
  const testing::TempDir dir_;
  std::optional<store::Database> database_;
  std::unique_ptr<Volumes> volumes_;
};

TEST_F(VolumesTest, OneThatIsInUseStays) {
  Make("data");
  const Status deleted = volumes_->Delete("data", [] { return true; });
  ASSERT_FALSE(deleted.ok());
  EXPECT_EQ(deleted.error().code(), Code::kConflict);
  EXPECT_TRUE(volumes_->Has("data"));
}

TEST_F(VolumesTest, WhatIsGoneIsDeleted) {
  Make("data");
  ASSERT_OK(volumes_->Delete("data", [] { return false; }));
  ASSERT_OK(volumes_->Delete("data", [] { return false; }));
  EXPECT_FALSE(volumes_->Has("data"));
}

}  // namespace
}  // namespace estiba::engine
