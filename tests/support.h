#pragma once
// What unit tests share: preconditions that skip here and fail in CI, and a folder that goes away.

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

namespace estiba::testing {

// Locally a missing precondition skips, with its reason; in CI it fails, so that a test that never ran cannot pass
// for one that did.
inline bool Strict() {
  const char* v = std::getenv("CI");
  return v != nullptr && *v != '\0';
}

// A directory for one test; gone, with its contents, when the test ends.
class TempDir {
 public:
  TempDir() {
    if (::mkdtemp(path_) == nullptr) std::abort();
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() { std::filesystem::remove_all(path_); }
  const char* path() const { return path_; }
  std::string operator/(const char* name) const { return std::string(path_) + "/" + name; }

 private:
  char path_[32] = "/tmp/estiba-test.XXXXXX";
};

// Polls until `condition` holds; false after `limit`. Tests wait for an event, never for a guessed time.
template <class Condition>
bool Eventually(const Condition& condition, std::chrono::seconds limit = std::chrono::seconds(20)) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    ::poll(nullptr, 0, /*timeout=*/5);
  }
  return true;
}

}  // namespace estiba::testing

#define REQUIRE(condition, why)                                         \
  do {                                                                  \
    if (!(condition)) {                                                 \
      if (::estiba::testing::Strict()) FAIL() << "required: " << (why); \
      GTEST_SKIP() << "needs " << (why);                                \
    }                                                                   \
  } while (false)

#define ASSERT_OK(expr)                                            \
  do {                                                             \
    const auto& assert_ok_ = (expr);                               \
    ASSERT_TRUE(assert_ok_.ok()) << assert_ok_.error().ToString(); \
  } while (false)
#define ASSERT_OK_AND_ASSIGN(decl, expr) ASSERT_OK_AND_ASSIGN_(__COUNTER__, decl, expr)
#define ASSERT_OK_AND_ASSIGN_(n, decl, expr) ASSERT_OK_AND_ASSIGN__(n, decl, expr)
#define ASSERT_OK_AND_ASSIGN__(n, decl, expr)                    \
  auto result_##n = (expr);                                      \
  ASSERT_TRUE(result_##n.ok()) << result_##n.error().ToString(); \
  decl = std::move(result_##n).value()
