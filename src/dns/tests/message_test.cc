#include "dns/message.h"

#include "dns/name.h"
#include "packets.h"
#include "tests/support.h"

namespace estiba::dns {
namespace {

using testing::Packet;
using Verdict = ParsedQuery::Verdict;

TEST(ParseQuery, ReadsTheQuestionAndEdns) {
  const ParsedQuery parsed = ParseQuery(Packet({.name = "WEB.example", .type = Type::kAaaa, .edns_size = 1232}));
  ASSERT_EQ(parsed.verdict, Verdict::kQuery);
  EXPECT_EQ(parsed.query.id, 0x1234);
  EXPECT_TRUE(parsed.query.recursion_desired);
  EXPECT_EQ(parsed.query.question.name, "web.example");
  EXPECT_EQ(parsed.query.question.type, Type::kAaaa);
  EXPECT_EQ(parsed.query.question_bytes.substr(0, 5), "\3WEB\7");
  EXPECT_EQ(AnswerLimit(parsed.query, Transport::kUdp), 1232U);
}

TEST(ParseQuery, DropsWhatIsNoQueryOrIsAnAnswer) {
  EXPECT_EQ(ParseQuery("").verdict, Verdict::kDrop);
  const std::string packet = Packet({.name = "web"});
  EXPECT_EQ(ParseQuery(std::string_view(packet).substr(0, 11)).verdict, Verdict::kDrop);
  std::string answer = packet;
  answer[2] = static_cast<char>(answer[2] | 0x80);
  EXPECT_EQ(ParseQuery(answer).verdict, Verdict::kDrop);
}

TEST(ParseQuery, EveryPrefixOfAQueryIsRefusedOrDropped) {
  const std::string packet = Packet({.name = "a.bc.def", .edns_size = 1232});
  for (std::size_t size = 0; size < packet.size(); ++size)
    EXPECT_NE(ParseQuery(std::string_view(packet).substr(0, size)).verdict, Verdict::kQuery) << size;
}

TEST(ParseQuery, TellsWhyItRefuses) {
  const auto code = [](const std::string& packet) {
    const ParsedQuery parsed = ParseQuery(packet);
    return parsed.verdict == Verdict::kRefuse ? parsed.rcode : Rcode::kNoError;
  };
  std::string update = Packet({.name = "web"});
  update[2] = 5 << 3;
  EXPECT_EQ(code(update), Rcode::kNotImplemented);
  std::string two = Packet({.name = "web"});
  two[5] = 2;
  EXPECT_EQ(code(two), Rcode::kFormatError);
  EXPECT_EQ(code(Packet({.name = "web"}) + "x"), Rcode::kFormatError);
  EXPECT_EQ(code(Packet({.name = "web", .klass = 3})), Rcode::kRefused);
  EXPECT_EQ(code(Packet({.name = "web", .type = Type::kAxfr})), Rcode::kRefused);
  EXPECT_EQ(code(Packet({.name = "web", .edns_size = 512, .edns_version = 1})), Rcode::kBadVersion);
  const std::string twice = Packet({.name = "web", .edns_size = 512});
  std::string doubled = twice + twice.substr(twice.size() - 11);
  doubled[11] = 2;
  EXPECT_EQ(code(doubled), Rcode::kFormatError);
}

TEST(ReadName, FollowsPointersBackwards) {
  const std::string packet = std::string("\3com\0\3web\xC0\0", 11);
  const auto name = ReadName(packet, 5);
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->name, "web.com");
  EXPECT_EQ(name->end, 11U);
  EXPECT_TRUE(name->compressed);
}

TEST(ReadName, RefusesLoopsAndPointersForward) {
  EXPECT_FALSE(ReadName(std::string("\xC0\0", 2), 0).has_value());          // to itself
  EXPECT_FALSE(ReadName(std::string("\1a\xC0\0", 4), 0).has_value());       // to the run it ends
  EXPECT_FALSE(ReadName(std::string("\xC0\2\xC0\0", 4), 2).has_value());    // to one that leads forward
  EXPECT_FALSE(ReadName(std::string("\xC0\3\0\0", 4), 0).has_value());
  EXPECT_FALSE(ReadName(std::string("\xC0", 1), 0).has_value());
}

TEST(ReadName, RefusesLongNamesAndLabels) {
  std::string longest;
  for (int i = 0; i < 127; ++i) longest += "\1a";
  EXPECT_TRUE(ReadName(longest + '\0', 0).has_value());  // 255 bytes
  EXPECT_FALSE(ReadName(longest + std::string("\1a\0", 3), 0).has_value());
  EXPECT_FALSE(ReadName("\x40" + std::string(64, 'a') + '\0', 0).has_value());
  EXPECT_FALSE(ReadName(std::string("\5ab", 3), 0).has_value());
}

TEST(ReadName, ADotInsideALabelIsNotABoundary) {
  EXPECT_EQ(ReadName(std::string("\5a.b\\c\0", 7), 0).value().name, "a\\.b\\\\c");
}

TEST(IsName, TakesWhatCanBeWritten) {
  for (const char* good : {"web", "a.b", "Under_score-1", "x"}) EXPECT_TRUE(IsName(good)) << good;
  for (const std::string& bad : {std::string(), std::string("a..b"), std::string(".a"), std::string("a."),
                                 std::string("a b"), std::string("a\nb"), std::string(64, 'a'), std::string(300, 'a')})
    EXPECT_FALSE(IsName(bad)) << bad;
}

TEST(AnswerWriter, SetsTcWhenRecordsDoNotFit) {
  const ParsedQuery parsed = ParseQuery(Packet({.name = "web"}));
  AnswerWriter writer(parsed.query, Rcode::kNoError, Transport::kUdp);
  for (int i = 0; i < 100; ++i) writer.Add({Type::kA, "abcd"});
  const std::string packet = std::move(writer).Finish();
  const testing::Answer answer = testing::Read(packet);
  EXPECT_TRUE(answer.whole);
  EXPECT_TRUE(answer.cut);
  EXPECT_LE(packet.size(), kPlainUdp);
  EXPECT_EQ(answer.records.size(), (kPlainUdp - 12 - 9) / 16);
}

TEST(AnswerWriter, FillsWhatEdnsOrTcpAllow) {
  for (const auto& [size, transport] : {std::pair(4096, Transport::kUdp), {0, Transport::kTcp}}) {
    const ParsedQuery parsed =
        ParseQuery(Packet({.name = "web", .edns_size = static_cast<std::uint16_t>(size)}));
    AnswerWriter writer(parsed.query, Rcode::kNoError, transport);
    for (int i = 0; i < 100; ++i) writer.Add({Type::kA, "abcd"});
    const testing::Answer answer = testing::Read(std::move(writer).Finish());
    EXPECT_TRUE(answer.whole);
    EXPECT_FALSE(answer.cut);
    EXPECT_EQ(answer.records.size(), 100U);
    EXPECT_EQ(answer.edns, size != 0);
  }
}

TEST(AnswerWriter, EchoesTheQuestionLetterForLetter) {
  const ParsedQuery parsed = ParseQuery(Packet({.name = "wEb"}));
  const std::string packet = EmptyAnswer(parsed.query, Rcode::kNoName, Transport::kUdp);
  EXPECT_NE(packet.find("\3wEb"), std::string::npos);
  EXPECT_EQ(testing::Read(packet).rcode, 3U);
}

TEST(ReadAnswerHead, KnowsOurAnswerInAnyCase) {
  const ParsedQuery parsed = ParseQuery(Packet({.name = "web.example"}));
  const std::string answer =
      EmptyAnswer(ParseQuery(Packet({.name = "WEB.Example"})).query, Rcode::kRefused, Transport::kUdp);
  const auto head = ReadAnswerHead(answer, 0x1234, parsed.query.question_bytes);
  ASSERT_TRUE(head.has_value());
  EXPECT_EQ(head->rcode, Rcode::kRefused);
}

TEST(ReadAnswerHead, RefusesAnotherIdAnotherQuestionAndQueries) {
  const std::string question = ParseQuery(Packet({.name = "web"})).query.question_bytes;
  const std::string answer = EmptyAnswer(ParseQuery(Packet({.name = "web"})).query, Rcode::kNoError, Transport::kUdp);
  EXPECT_TRUE(ReadAnswerHead(answer, 0x1234, question).has_value());
  EXPECT_FALSE(ReadAnswerHead(answer, 0x1235, question).has_value());
  EXPECT_FALSE(ReadAnswerHead(Packet({.name = "web"}), 0x1234, question).has_value());
  for (const auto& other : {Packet({.name = "wob"}), Packet({.name = "web", .type = Type::kAaaa})}) {
    const std::string wrong = EmptyAnswer(ParseQuery(other).query, Rcode::kNoError, Transport::kUdp);
    EXPECT_FALSE(ReadAnswerHead(wrong, 0x1234, question).has_value());
  }
  EXPECT_FALSE(ReadAnswerHead(std::string_view(answer).substr(0, 14), 0x1234, question).has_value());
}

TEST(Framed, ComesBackWhole) {
  const std::string stream = Framed("abc") + Framed("") + Framed("d");
  EXPECT_EQ(FirstFramed(stream).value(), "abc");
  EXPECT_EQ(FirstFramed(std::string_view(stream).substr(5)).value(), "");
  EXPECT_FALSE(FirstFramed(std::string_view(stream).substr(0, 4)).has_value());
  EXPECT_FALSE(FirstFramed(std::string_view(stream).substr(0, 1)).has_value());
}

}  // namespace
}  // namespace estiba::dns
