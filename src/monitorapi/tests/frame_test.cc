#include "monitorapi/frame.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitorapi/client.h"
#include "os/socket.h"
#include "tests/support.h"

namespace estiba::monitorapi {
namespace {

struct Ends {
  Channel ours, theirs;
};

Ends MakeEnds() {
  auto pair = os::MakeSocketPair(SOCK_SEQPACKET | SOCK_NONBLOCK);
  return {Channel(std::move(pair->ours)), Channel(std::move(pair->theirs))};
}

TEST(Tlv, AMessageComesBackAsItWas) {
  Launch launch;
  launch.id = std::string(64, 'a');
  launch.log.max_files = 7;
  launch.log.enabled = false;
  launch.restart = {RestartKind::kOnFailure, 5};
  launch.attaches.resize(2);
  launch.attaches[1].leftover = std::string("\0\xff", 2);
  launch.rows = 65535;
  ASSERT_OK_AND_ASSIGN(const Launch back, tlv::Decode<Launch>(tlv::Encode(launch)));
  EXPECT_EQ(back.id, launch.id);
  EXPECT_EQ(back.log.max_files, 7U);
  EXPECT_FALSE(back.log.enabled);
  EXPECT_EQ(back.restart.kind, RestartKind::kOnFailure);
  EXPECT_EQ(back.restart.max_retries, 5U);
  ASSERT_EQ(back.attaches.size(), 2U);
  EXPECT_EQ(back.attaches[1].leftover, launch.attaches[1].leftover);
  EXPECT_EQ(back.rows, 65535);
}

TEST(Tlv, NegativeNumbersKeepTheirSign) {
  Stop stop;
  stop.timeout_ms = -1;
  ASSERT_OK_AND_ASSIGN(const Stop back, tlv::Decode<Stop>(tlv::Encode(stop)));
  EXPECT_EQ(back.timeout_ms, -1);
}

TEST(Tlv, UnknownTagsAreSkippedAndMissingOnesKeepTheDefault) {
  std::string body;
  tlv::PutField(body, 999, "from a later version");
  tlv::PutInteger(body, 1, 9);
  ASSERT_OK_AND_ASSIGN(const Stop stop, tlv::Decode<Stop>(body));
  EXPECT_EQ(stop.signal, 9);
  EXPECT_EQ(stop.timeout_ms, 10'000);
}

TEST(Tlv, ACutFieldIsAnError) {
  const std::string body = tlv::Encode(Signal{15, true});
  for (std::size_t size = 1; size < body.size(); ++size) {
    const auto cut = tlv::Decode<Signal>(body.substr(0, size));
    if (cut.ok()) continue;  // cut between two fields
    EXPECT_EQ(cut.error().code(), Code::kDataLoss);
  }
  EXPECT_FALSE(tlv::Decode<Signal>(body.substr(0, 3)).ok());
}

TEST(Channel, CarriesAFrameAndItsDescriptors) {
  auto ends = MakeEnds();
  ASSERT_OK_AND_ASSIGN(const os::Pipe pipe, os::MakePipe());
  ASSERT_OK(ends.ours.Send(Type::kSignal, 7, tlv::Encode(Signal{9, false}), {pipe.read.get()}));
  ASSERT_OK_AND_ASSIGN(const auto frame, ends.theirs.Receive());
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ(frame->type, Type::kSignal);
  EXPECT_EQ(frame->id, 7U);
  EXPECT_EQ(frame->fds.size(), 1U);
}

TEST(Channel, CarriesMoreDescriptorsThanOnePacketTakes) {
  auto ends = MakeEnds();
  ASSERT_OK_AND_ASSIGN(const os::Pipe pipe, os::MakePipe());
  ASSERT_OK(ends.ours.Send(Type::kLaunch, 1, {}, std::vector<int>(50, pipe.read.get())));
  ASSERT_OK_AND_ASSIGN(const auto frame, ends.theirs.Receive());
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ(frame->fds.size(), 50U);
}

TEST(Channel, CarriesAFrameLargerThanAPacket) {
  auto ends = MakeEnds();
  Exec exec;
  exec.plan = std::string(1'000'000, 'p');
  ASSERT_OK_AND_ASSIGN(const os::Pipe pipe, os::MakePipe());
  ASSERT_OK(ends.ours.Send(Type::kExec, 3, tlv::Encode(exec), {pipe.read.get()}));
  ASSERT_OK_AND_ASSIGN(const auto frame, ends.theirs.Receive());
  ASSERT_TRUE(frame.has_value());
  ASSERT_OK_AND_ASSIGN(const Exec back, frame->Decode<Exec>());
  EXPECT_EQ(back.plan.size(), 1'000'000U);
  EXPECT_EQ(frame->fds.size(), 1U);
}

TEST(Channel, QueuesWhatThePeerHasNotReadAndKeepsTheOrder) {
  auto ends = MakeEnds();
  constexpr std::uint32_t kFrames = 2000;
  for (std::uint32_t i = 1; i <= kFrames; ++i)
    ASSERT_OK(ends.ours.Send(Type::kLogs, i, std::string(1000, 0) /* not fields, not decoded here */));
  EXPECT_TRUE(ends.ours.WantsWrite());
}

TEST(Channel, APeerThatNeverReadsDoesNotFillTheMemory) {
  auto ends = MakeEnds();
  Status sent = Ok();
  for (int i = 0; i < 1000 && sent.ok(); ++i)
    sent = ends.ours.Send(Type::kLogs, 1, std::string(32 << 10, 'x'));
  ASSERT_FALSE(sent.ok());
  EXPECT_EQ(sent.error().code(), Code::kResourceExhausted);
}

TEST(Channel, TheEndOfFileIsAnError) {
  auto ends = MakeEnds();
  {
    const Channel gone = std::move(ends.ours);
  }
  const auto frame = ends.theirs.Receive();
  ASSERT_FALSE(frame.ok());
  EXPECT_EQ(frame.error().code(), Code::kUnavailable);
}

TEST(Client, KeepsNoticesThatComeBeforeTheAnswer) {
  auto pair = os::MakeSocketPair(SOCK_SEQPACKET | SOCK_NONBLOCK);
  Client client(std::move(pair->ours));
  Channel monitor(std::move(pair->theirs));
  ASSERT_OK_AND_ASSIGN(const std::uint32_t id, client.Send(Stats{}));
  ASSERT_OK(monitor.Send(Type::kNoticeOom, 0, tlv::Encode(Oom{1, 2})));
  ASSERT_OK(monitor.Send(Type::kStatsReply, id, {}));
  ASSERT_OK_AND_ASSIGN(const Frame answer, client.Await(id, std::chrono::seconds(1)));
  EXPECT_EQ(answer.type, Type::kStatsReply);
  ASSERT_OK_AND_ASSIGN(const auto kept, client.Receive());
  ASSERT_TRUE(kept.has_value());
  EXPECT_EQ(kept->type, Type::kNoticeOom);
}

TEST(Client, AFailureIsTheErrorItWas) {
  auto pair = os::MakeSocketPair(SOCK_SEQPACKET | SOCK_NONBLOCK);
  Client client(std::move(pair->ours));
  Channel monitor(std::move(pair->theirs));
  ASSERT_OK_AND_ASSIGN(const std::uint32_t id, client.Send(Pause{}));
  const Error error = Error(Code::kConflict, "container is paused").Hint("unpause it");
  ASSERT_OK(monitor.Send(Type::kFailure, id, tlv::Encode(Failure::From(error))));
  const auto answer = client.Await(id, std::chrono::seconds(1));
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code(), Code::kConflict);
  EXPECT_EQ(answer.error().ToString(), "container is paused\nhint: unpause it");
}

}  // namespace
}  // namespace estiba::monitorapi
