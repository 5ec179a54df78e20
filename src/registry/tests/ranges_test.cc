#include "ranges.h"

#include "tests/support.h"

namespace estiba::registry {
namespace {

constexpr std::uint64_t kPart = 4U << 20;

// Answers with what was asked for, and `surplus` bytes in a piece of their own.
RangeSource SourceOf(const ClientOptions& options, std::size_t surplus) {
  return {options, "/v2/app/blobs/x",
          [surplus](Request request) -> Result<Response> {
            Response head;
            head.status = 206;
            head.content_range = "bytes " + std::to_string(request.range_start) + "-";
            TRY(request.body(head, std::string(request.range_end - request.range_start, 'x')));
            if (surplus > 0) TRY(request.body(head, std::string(surplus, 'x')));
            return head;
          },
          [](unsigned) { return Ok(); }};
}

std::uint64_t Received(std::size_t surplus) {
  ClientOptions options;
  options.parallel_ranges = 4;
  std::uint64_t received = 0;
  std::uint64_t passed = 0;
  const auto sink = [&](std::string_view bytes) {
    passed += bytes.size();
    return Ok();
  };
  EXPECT_TRUE(GetRanges(SourceOf(options, surplus), 2 * kPart + 7, sink, &received).ok());
  EXPECT_EQ(passed, received);
  return received;
}

TEST(Ranges, ComeWhole) { EXPECT_EQ(Received(0), 2 * kPart + 7); }

TEST(Ranges, OneThatGoesOnPastItsEndIsNotTaken) { EXPECT_EQ(Received(1), 0U); }

}  // namespace
}  // namespace estiba::registry
