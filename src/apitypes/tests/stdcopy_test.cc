#include "apitypes/stdcopy.h"

#include "tests/support.h"

namespace estiba::apitypes {
namespace {

std::string Frame(char stream, std::string_view payload) {
  std::string frame(8, '\0');
  frame[0] = stream;
  frame[7] = static_cast<char>(payload.size());
  return frame + std::string(payload);
}

TEST(Demultiplexer, DoesNotCareWhereItsInputIsCut) {
  const std::string bytes = Frame(1, "out") + Frame(2, "") + Frame(2, "err") + Frame(1, "more");
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
  ASSERT_OK(cut.Feed(Frame(1, "whole").substr(0, 10)));
  EXPECT_FALSE(cut.Finish().ok());
}

}  // namespace
}  // namespace estiba::apitypes
