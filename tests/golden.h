#pragma once
// Text compared with a file of the test folder's golden/. ESTIBA_UPDATE_GOLDEN=1 rewrites it: look at the difference
// before you commit.

#include <cstdlib>
#include <string>

#include <fcntl.h>

#include "os/file.h"
#include "tests/support.h"

namespace estiba::testing {

inline void ExpectGolden(const std::string& name, const std::string& text) {
  std::string path = ESTIBA_TEST_DATA "/golden/";  // one literal: g++ 12 warns of copies that it does not make
  path += name;
  if (std::getenv("ESTIBA_UPDATE_GOLDEN") != nullptr) {
    ASSERT_OK(os::ReplaceFile({AT_FDCWD}, path, text, 0644));
    return;
  }
  ASSERT_OK_AND_ASSIGN(const std::string expected, os::ReadFile(path));
  EXPECT_EQ(text, expected) << "differs from " << name;
}

}  // namespace estiba::testing
