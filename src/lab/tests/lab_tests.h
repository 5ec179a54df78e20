#pragma once

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/model.h"

namespace estiba::lab::testing {

// A lab that must be one.
inline Lab Parsed(const std::string& text, const std::string& file = "lab.yaml") {
  auto lab = ParseLab(text, file);
  EXPECT_TRUE(lab.ok()) << (lab.ok() ? "" : lab.error().ToString());
  return lab.ok() ? std::move(*lab) : Lab{};
}

// What is said of one that is none.
inline std::string Complaint(const std::string& text) {
  const auto lab = ParseLab(text, "lab.yaml");
  return lab.ok() ? "" : lab.error().ToString();
}

}  // namespace estiba::lab::testing
