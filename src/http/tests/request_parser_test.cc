#include "request_parser.h"

#include "tests/support.h"

namespace estiba::http {
namespace {

// Feeds everything, byte by byte when told.
Status FeedAll(RequestParser* parser, std::string bytes, bool slowly) {
  std::string pending;
  while (!bytes.empty() && !parser->done()) {
    const std::size_t n = slowly ? 1 : bytes.size();
    pending += bytes.substr(0, n);
    bytes.erase(0, n);
    for (;;) {
      const std::size_t used = TRY(parser->Feed(pending));
      pending.erase(0, used);
      if (used == 0 || pending.empty() || parser->done()) break;
    }
  }
  return Ok();
}

TEST(RequestParser, ReadsTheSameWholeAndByteByByte) {
  for (const bool slowly : {false, true}) {
    RequestParser parser(4096);
    ASSERT_OK(FeedAll(&parser,
                      "POST /v1.41/a%20b?x=1&y=%2F HTTP/1.1\r\nHost: d\r\nContent-Length: 5\r\n\r\nhello",
                      slowly));
    ASSERT_TRUE(parser.done());
    EXPECT_EQ(parser.head().method, "POST");
    EXPECT_EQ(parser.head().path, "/v1.41/a b");
    EXPECT_EQ(parser.head().query.Get("y"), "/");
    EXPECT_EQ(parser.TakeBody(), "hello");
    EXPECT_TRUE(parser.keep_alive());
  }
}

TEST(RequestParser, ReadsChunksAndDropsTrailers) {
  for (const bool slowly : {false, true}) {
    RequestParser parser(4096);
    ASSERT_OK(FeedAll(
        &parser,
        "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n",
        slowly));
    ASSERT_TRUE(parser.done());
    EXPECT_EQ(parser.TakeBody(), "abcde");
    EXPECT_FALSE(parser.head().headers.Has("T"));
  }
}

TEST(RequestParser, AnEmptyChunkedBodyMayComeByteByByte) {
  for (const char* end : {"0\r\n\r\n", "0\r\nT: 1\r\n\r\n"}) {
    RequestParser parser(4096);
    const std::string head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    ASSERT_OK(FeedAll(&parser, head + end, /*slowly=*/true));
    EXPECT_TRUE(parser.done());
    EXPECT_EQ(parser.TakeBody(), "");
  }
}

TEST(RequestParser, RefusesWhatIsNoRequest) {
  for (const std::string bad : {"hello\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/1.1\r\nA B: c\r\n\r\n",
                                "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
                                "GET / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                                "GET /%zz HTTP/1.1\r\n\r\n", "GET /%00 HTTP/1.1\r\n\r\n",
                                "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
                                "GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"}) {
    RequestParser parser(4096);
    const Status status = FeedAll(&parser, bad, /*slowly=*/false);
    ASSERT_FALSE(status.ok()) << bad;
    EXPECT_EQ(status.error().code(), Code::kInvalidArgument) << bad;
  }
}

TEST(RequestParser, LimitsTheHead) {
  RequestParser parser(1024);
  const Status status = FeedAll(&parser, "GET / HTTP/1.1\r\nA: " + std::string(5000, 'x'), /*slowly=*/false);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kOutOfRange);
}

TEST(RequestParser, TheAbsoluteFormIsThePath) {
  RequestParser parser(4096);
  ASSERT_OK(FeedAll(&parser, "GET http://docker/_ping HTTP/1.1\r\nHost: docker\r\n\r\n", /*slowly=*/false));
  EXPECT_EQ(parser.head().path, "/_ping");
}

}  // namespace
}  // namespace estiba::http
