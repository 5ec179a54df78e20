// The program itself, with sockets on loopback addresses handed over as a monitor does.

#include "netd/server.h"

#include <csignal>
#include <fstream>
#include <thread>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>

#include "base/parse.h"
#include "dns/endpoint.h"
#include "fake_server.h"
#include "netd/client.h"
#include "netd/handover.h"
#include "os/file.h"
#include "os/inet.h"
#include "os/netns.h"
#include "os/process.h"
#include "os/socket.h"
#include "packets.h"
#include "tests/support.h"

namespace estiba::netd {
namespace {

using dns::testing::Answer;
using dns::testing::Asked;
using dns::testing::FakeServer;
using dns::testing::Packet;
const std::string kLoopback("\x7F\0\0\1", 4);
constexpr std::chrono::seconds kPatience{20};
constexpr const char* kWeb = "aaaa";

bool Readable(int fd) {
  const auto ready = os::WaitReadable(fd, std::chrono::duration_cast<std::chrono::milliseconds>(kPatience));
  return ready.ok() && *ready;
}

// A container's sockets, and a client's.
struct Sockets {
  os::UniqueFd udp = os::BindInet(SOCK_DGRAM, {kLoopback, 0}).value();
  os::UniqueFd tcp = os::BindInet(SOCK_STREAM, {kLoopback, 0}).value();
  Sockets() { EXPECT_TRUE(os::Listen(tcp.get(), 16).ok()); }

  os::InetPeer Peer(int fd) const { return {std::string("\x7F\0\0\1", 4), os::LocalPort(fd).value()}; }
  os::UniqueFd Send(const std::string& packet) const {
    os::UniqueFd client = os::ConnectInet(SOCK_DGRAM, Peer(udp.get())).value();
    EXPECT_EQ(::send(client.get(), packet.data(), packet.size(), 0), static_cast<ssize_t>(packet.size()));
    return client;
  }
  static Answer Receive(const os::UniqueFd& client) {
    std::array<char, dns::kMaxMessage> buffer;
    EXPECT_TRUE(Readable(client.get())) << "no answer";
    const ssize_t size = ::recv(client.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return size < 0 ? Answer{} : dns::testing::Read({buffer.data(), static_cast<std::size_t>(size)});
  }
  Answer Ask(const Asked& asked) const { return Receive(Send(Packet(asked))); }

  // Everything at once; as many answers as are wanted, or fewer if the connection ends.
  std::vector<Answer> AskByStream(const std::string& bytes, std::size_t wanted) const {
    const os::UniqueFd client = os::ConnectInet(SOCK_STREAM, Peer(tcp.get())).value();
    pollfd writable{client.get(), POLLOUT, 0};
    EXPECT_EQ(::poll(&writable, 1, 20'000), 1);
    EXPECT_EQ(::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
    std::vector<Answer> answers;
    std::string received;
    std::array<char, 65536> buffer;
    while (answers.size() < wanted && Readable(client.get())) {
      const ssize_t size = ::recv(client.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (size <= 0) break;
      received.append(buffer.data(), static_cast<std::size_t>(size));
      while (const auto message = dns::FirstFramed(received)) {
        answers.push_back(dns::testing::Read(*message));
        received.erase(0, message->size() + 2);
      }
    }
    return answers;
  }
};

// Of the program that has this folder; 0: there is none.
pid_t PidOf(const std::string& folder) {
  DIR* proc = ::opendir("/proc");
  pid_t found = 0;
  while (const dirent* entry = ::readdir(proc)) {
    const std::string name = entry->d_name;
    const auto link = os::ReadLink("/proc/" + name + "/fd/4");
    const auto program = os::ReadLink("/proc/" + name + "/exe");
    if (link.ok() && program.ok() && *link == folder && program->ends_with("/estiba-netd"))
      found = static_cast<pid_t>(ParseInt(name).value());
  }
  ::closedir(proc);
  return found;
}

class Netd : public ::testing::Test {
 protected:
  void SetUp() override {
    place_ = {folder_.path(), ESTIBA_BIN_DIR "/estiba-netd"};
    dir_ = os::OpenAt({AT_FDCWD}, place_.folder, O_RDONLY | O_DIRECTORY).value();
  }
  void TearDown() override {
    const pid_t pid = PidOf(place_.folder);
    connection_.Reset();
    if (pid == 0) return;
    const auto process = os::OpenPidfd(pid);
    EXPECT_TRUE(!process.ok() || Readable(process->get())) << "it does not end";
    EXPECT_FALSE(os::OpenAt(os::DirFd{dir_.get()}, kSocketName, O_PATH).ok());
  }

  dns::Endpoint Container(const std::string& id, const std::string& name, const std::string& address) {
    dns::Endpoint endpoint;
    endpoint.id = id;
    endpoint.names = {name};
    endpoint.networks = {{"n", "blue", ParseIpPrefix(address).value(), {}}};
    return endpoint;
  }
  void Write(const dns::Endpoint& endpoint) {
    ASSERT_OK(os::ReplaceFile({dir_.get()}, endpoint.id, dns::Encode(endpoint), 0600));
  }
  // A connection whose hand-over was answered.
  Result<os::UniqueFd> HandOverAs(const std::string& id, int udp, int tcp) {
    for (;;) {
      auto connection = TryHandOver(id, udp, tcp);
      // Somebody else starts it, or it is being killed.
      const int err = connection.ok() ? 0 : connection.error().errnum();
      if (err != EAGAIN && err != ECONNRESET && err != EPIPE) return connection;
    }
  }
  Result<os::UniqueFd> TryHandOver(const std::string& id, int udp, int tcp) {
    os::UniqueFd connection = TRY(Connect(place_));
    TRY(Give(connection.get(), {id}, udp, tcp));
    if (!Readable(connection.get())) return Error(Code::kDeadlineExceeded, "no answer to a hand-over");
    const os::Message answer = TRY(os::ReceiveMessage(connection.get()));
    if (answer.bytes.empty()) return Error::Errno(ECONNRESET, "no answer to a hand-over");
    TRY(DecodeAnswer(answer.bytes));
    return connection;
  }
  void HandOverWeb() {
    ASSERT_OK_AND_ASSIGN(connection_, HandOverAs(kWeb, sockets_.udp.get(), sockets_.tcp.get()));
  }
  void Start() {
    Write(Container(kWeb, "web", "172.18.0.2/16"));
    HandOverWeb();
  }

  const testing::TempDir folder_;
  Place place_;
  os::UniqueFd dir_;
  Sockets sockets_;
  os::UniqueFd connection_;
};

std::vector<std::string> One(const std::string& address) { return {address}; }

TEST_F(Netd, AnswersByDatagramAndStream) {
  Start();
  EXPECT_EQ(Addresses(sockets_.Ask({.name = "web"})), One("172.18.0.2"));
  const auto answers = sockets_.AskByStream(
      dns::Framed(Packet({.id = 1, .name = "web"})) + dns::Framed(Packet({.id = 2, .name = "WEB.blue"})), 2);
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].id + answers[1].id, 3);
  EXPECT_EQ(Addresses(answers[1]), One("172.18.0.2"));
}

TEST_F(Netd, WhatIsWrittenBeforeAQuestionIsKnownToItsAnswer) {
  Start();
  for (int i = 1; i <= 50; ++i) {
    const std::string address = "172.18.1." + std::to_string(i);
    Write(Container("bb", "db", address + "/16"));
    EXPECT_EQ(Addresses(sockets_.Ask({.name = "db"})), One(address));
  }
  ASSERT_OK(os::DeleteFile({dir_.get()}, "bb"));
  EXPECT_EQ(sockets_.Ask({.name = "db"}).rcode, 2U);
}

TEST_F(Netd, FilesThatCannotBeUsedHurtNobody) {
  Write(Container("cc", "cc", "172.18.0.9/16"));
  ASSERT_OK(os::ReplaceFile({dir_.get()}, "dd", "nonsense", 0600));
  ASSERT_OK(os::ReplaceFile({dir_.get()}, "ee", dns::Encode(Container("cc", "stolen", "172.18.0.8/16")), 0600));
  Start();
  EXPECT_EQ(Addresses(sockets_.Ask({.name = "cc"})), One("172.18.0.9"));
  EXPECT_EQ(sockets_.Ask({.name = "stolen"}).rcode, 2U);
  ASSERT_OK(os::ReplaceFile({dir_.get()}, "cc", "cut", 0600));
  EXPECT_EQ(sockets_.Ask({.name = "cc"}).rcode, 2U);
}

TEST_F(Netd, OthersAreAskedForOtherNames) {
  os::Loop loop = os::Loop::Create().value();
  const auto data = [&](const std::string& packet) {
    const dns::Query query = dns::ParseQuery(packet).query;
    if (query.question.name == "stop.example") loop.Stop();
    dns::AnswerWriter writer(query, dns::Rcode::kNoError, dns::Transport::kTcp);
    for (int i = 0; i < 300; ++i) writer.Add({dns::Type::kA, "abcd"});
    return std::vector<std::string>{std::move(writer).Finish()};
  };
  FakeServer server(loop, data, data);
  dns::Endpoint web = Container(kWeb, "web", "172.18.0.2/16");
  web.servers = {server.server()};
  Write(web);
  HandOverWeb();
  std::thread serving([&] { ASSERT_OK(loop.Run()); });
  EXPECT_TRUE(sockets_.Ask({.name = "example.com"}).cut);
  EXPECT_EQ(sockets_.Ask({.name = "example.com", .edns_size = 1232}).records.size(), 0U);
  std::string many;
  for (std::uint16_t i = 0; i < 40; ++i) many += dns::Framed(Packet({.id = i, .name = "example.com"}));
  const auto answers = sockets_.AskByStream(many, 40);
  EXPECT_EQ(answers.size(), 40U);
  for (const Answer& answer : answers) EXPECT_EQ(answer.records.size(), 300U);
  sockets_.Ask({.name = "stop.example"});
  serving.join();
}

TEST_F(Netd, JunkIsDroppedAndTheNextIsAnswered) {
  Start();
  const os::UniqueFd client = sockets_.Send("");
  for (const std::string& junk : {std::string(1, 'x'), std::string(4097, 'x'), std::string(60000, '\0')})
    ASSERT_EQ(::send(client.get(), junk.data(), junk.size(), 0), static_cast<ssize_t>(junk.size()));
  EXPECT_EQ(Addresses(sockets_.Ask({.name = "web"})), One("172.18.0.2"));
  EXPECT_TRUE(sockets_.AskByStream(dns::Framed("junk"), 1).empty());
  // Connections that say nothing, more than are served at once; the first ones are let go.
  std::vector<os::UniqueFd> silent;
  for (int i = 0; i < 31; ++i)
    silent.push_back(os::ConnectInet(SOCK_STREAM, sockets_.Peer(sockets_.tcp.get())).value());
  EXPECT_EQ(sockets_.AskByStream(dns::Framed(Packet({.name = "web"})), 1).size(), 1U);
}

TEST_F(Netd, KilledItIsStartedAgainAndAnswersWhatWasAskedMeanwhile) {
  Start();
  for (int i = 0; i < 5; ++i) {
    const pid_t pid = PidOf(place_.folder);
    ASSERT_GT(pid, 0);
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    ASSERT_TRUE(Readable(connection_.get()));  // its end
    const os::UniqueFd waiting = sockets_.Send(Packet({.name = "web"}));
    HandOverWeb();
    EXPECT_EQ(Addresses(Sockets::Receive(waiting)), One("172.18.0.2"));
    EXPECT_NE(PidOf(place_.folder), pid);
  }
}

TEST_F(Netd, ManyWhoStartItAtOnceStartOne) {
  Write(Container(kWeb, "web", "172.18.0.2/16"));
  constexpr int kMany = 12;
  std::vector<Sockets> sockets(kMany);
  std::vector<os::UniqueFd> connections(kMany);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kMany; ++i) {
    threads.emplace_back([&, i] {
      auto connection = HandOverAs(kWeb, sockets[i].udp.get(), sockets[i].tcp.get());
      ASSERT_OK(connection);
      connections[i] = std::move(*connection);
    });
  }
  for (std::thread& thread : threads) thread.join();
  // Had there been two, one of them would not know of the socket's name, and nobody could find it again.
  const pid_t pid = PidOf(place_.folder);
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  for (const os::UniqueFd& connection : connections) EXPECT_TRUE(Readable(connection.get()));
  HandOverWeb();
}

TEST_F(Netd, WhatIsNotASocketOfTheKindIsRefused) {
  Start();
  EXPECT_FALSE(HandOverAs("bb", sockets_.tcp.get(), sockets_.udp.get()).ok());
  EXPECT_FALSE(HandOverAs("bb", dir_.get(), dir_.get()).ok());
  EXPECT_FALSE(HandOverAs("../x", sockets_.udp.get(), sockets_.tcp.get()).ok());
  EXPECT_EQ(Addresses(sockets_.Ask({.name = "web"})), One("172.18.0.2"));
}

std::string StatusLine(pid_t pid, const std::string& key) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key + ":")) return line.substr(key.size() + 2);
  }
  return "?";
}

TEST_F(Netd, IsInItsSandbox) {
  Start();
  const pid_t pid = PidOf(place_.folder);
  EXPECT_EQ(StatusLine(pid, "NoNewPrivs"), "1");
  EXPECT_EQ(StatusLine(pid, "Seccomp"), "2");
  EXPECT_EQ(StatusLine(pid, "CapEff"), "0000000000000000");
  EXPECT_EQ(StatusLine(pid, "CapPrm"), "0000000000000000");
  EXPECT_EQ(StatusLine(pid, "Threads"), "1");
}

}  // namespace
}  // namespace estiba::netd
