#include "response_parser.h"

#include "tests/support.h"

namespace estiba::http {
namespace {

TEST(ResponseParser, ReadsChunksByteByByteAndEmptyBodiesToo) {
  for (const std::string body : {"", "5\r\nhello\r\n", "1\r\na\r\n1\r\nb\r\n"}) {
    ResponseParser parser(/*to_head=*/false);
    std::string pending;
    for (const char c : "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body + "0\r\n\r\n") {
      pending += c;
      for (std::size_t used = 1; used > 0;) {
        ASSERT_OK_AND_ASSIGN(used, parser.Feed(pending));
        pending.erase(0, used);
      }
    }
    EXPECT_TRUE(parser.done()) << body;
  }
}

TEST(ResponseParser, GivesContentAsSoonAsItIsThere) {
  ResponseParser parser(/*to_head=*/false);
  const std::string bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab";
  ASSERT_OK_AND_ASSIGN(const std::size_t used, parser.Feed(bytes));
  EXPECT_EQ(used, bytes.size());
  EXPECT_EQ(parser.TakeBody(), "ab");
  EXPECT_FALSE(parser.done());
}

}  // namespace
}  // namespace estiba::http
