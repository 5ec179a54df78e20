#include "apitypes/stdcopy.h"

#include "tests/stdcopy_frame.h"
#include "tests/support.h"

namespace estiba::apitypes {
namespace {

using testing::StdcopyFrame;

TEST(Demultiplexer, DoesNotCareWhereItsInputIsCut) {
  const std::string bytes =
      StdcopyFrame(1, "out") + StdcopyFrame(2, "") + StdcopyFrame(2, "err") + StdcopyFrame(1, "more");
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    std::string out;
    std::string err;
    Demultiplexer frames([&](Stream stream, std::string_view part) {
      (stream == Stream::kStderr ? err : out) += part;
      return Ok();
    });
    for (std::size_t at = 0; at < bytes.size(); at += step) ASSERT_OK(frames.Feed(bytes.substr(at, step)));
    ASSERT_OK(frames.Finish());
    EXPECT_EQ(out, "outmore");
    EXPECT_EQ(err, "err");
  }
}

TEST(Demultiplexer, RefusesWhatIsNoFrame) {
  Demultiplexer frames([](Stream, std::string_view) { return Ok(); });
  EXPECT_FALSE(frames.Feed("plain text").ok());
  Demultiplexer cut([](Stream, std::string_view) { return Ok(); });
  ASSERT_OK(cut.Feed(StdcopyFrame(1, "whole").substr(0, 10)));
  EXPECT_FALSE(cut.Finish().ok());
}

}  // namespace
}  // namespace estiba::apitypes
