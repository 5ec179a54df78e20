#pragma once
// A "container" that is a shell of this process, supervised by a thread with a real Supervisor: everything
// but the runtime, without privilege.

#include <atomic>
#include <csignal>
#include <functional>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "monitorapi/client.h"
#include "monitorapi/log.h"
#include "os/file.h"
#include "os/pty.h"
#include "os/socket.h"
#include "supervisor.h"
#include "tests/support.h"

namespace estiba::monitor {

class FakeRunner : public Runner {
 public:
  struct Shared {
    std::string script;
    bool tty = false;
    std::atomic<int> runs{0};
    std::atomic<int> undos{0};
    std::atomic<int> oom_kills{0};
    std::string probe;  // a shell script
    std::string fail_run;
    std::string fail_change;
    std::atomic<int> changes{0};
    std::vector<std::string> host_ports;  // published after a change
    os::UniqueFd oom_event;  // an eventfd, as v1 has it
  };
  explicit FakeRunner(Shared* shared) : shared_(shared) {}

  Result<Running> Run(const Stdio& stdio, const Created& created) override {
    if (!shared_->fail_run.empty()) return Error(Code::kNotFound, shared_->fail_run);
    ++shared_->runs;
    Running running = TRY(Shell(shared_->script, stdio, shared_->tty));
    group_ = running.process.pid();
    running.netns = TRY(os::OpenAt({AT_FDCWD}, "/proc/self/ns/net", O_RDONLY));
    TRY(created(group_));
    return running;
  }
  // The "encoded plan" is a shell script; "tty:" before it gives it a terminal.
  Result<Running> Exec(const std::string& plan, pid_t, int, const Stdio& stdio) override {
    if (plan == "missing") return Error(Code::kNotFound, "exec: \"foo\": executable file not found in $PATH");
    const bool tty = plan.starts_with("tty:");
    return Shell(tty ? plan.substr(4) : plan, stdio, tty);
  }
  Result<Running> Probe(pid_t init, int init_pidfd, const Stdio& stdio) override {
    return Exec(shared_->probe, init, init_pidfd, stdio);
  }
  Status Undo() override {
    ++shared_->undos;
    return Ok();
  }
  Status RestoreRules() override { return Ok(); }
  Status ClearHost() override { return Ok(); }
  Status TellNames() override { return Ok(); }
  Result<Changed> ChangeNetwork(int, std::uint64_t) override {
    if (!shared_->fail_change.empty()) return Error(Code::kNotFound, shared_->fail_change);
    ++shared_->changes;
    Changed changed;
    changed.host_ports = shared_->host_ports;
    return changed;
  }
  std::vector<Error> RunPoststopHooks() override { return {}; }
  Status KillAll() override { return Signal(SIGKILL); }
  Status Freeze() override { return Signal(SIGSTOP); }
  Status Thaw() override { return Signal(SIGCONT); }
  Result<std::vector<std::int32_t>> Processes() override { return std::vector<std::int32_t>{group_}; }
  Result<std::uint64_t> OomKills() override { return static_cast<std::uint64_t>(shared_->oom_kills); }
  Result<std::vector<monitorapi::Counter>> Counters() override {
    return std::vector<monitorapi::Counter>{{"memory.usage", 42}};
  }
  Status Apply(const std::vector<monitorapi::CgroupWrite>&) override { return Ok(); }
  Result<OomEvents> WatchOom() override {
    if (!shared_->oom_event.valid()) return OomEvents{};
    os::UniqueFd event = TRY(os::Duplicate(shared_->oom_event.get()));
    return OomEvents{std::move(event), EPOLLIN, TRY(os::Duplicate(shared_->oom_event.get()))};
  }

 private:
  static Result<Running> Shell(const std::string& script, const Stdio& stdio, bool tty) {
    os::SpawnOptions options;
    options.program = "/bin/sh";
    options.argv = {"sh", "-c", script};
    options.env = {"PATH=/usr/bin:/bin"};
    options.new_session = true;
    if (tty) {
      os::Terminal terminal = TRY(os::OpenTerminal());
      for (int fd = 0; fd < 3; ++fd) options.fds.emplace_back(terminal.slave.get(), fd);
      os::Process process = TRY(os::Spawn(options));
      return Running{std::move(process), std::move(terminal.master), {}};
    }
    const int fds[3] = {stdio.in, stdio.out, stdio.err};
    for (int fd = 0; fd < 3; ++fd)
      if (fds[fd] >= 0) options.fds.emplace_back(fds[fd], fd);
    os::Process process = TRY(os::Spawn(options));
    return Running{std::move(process), {}, {}};
  }
  Status Signal(int signal) {
    if (group_ > 0 && ::kill(-group_, signal) < 0 && errno != ESRCH) return Error::Errno(errno, "kill");
    return Ok();
  }
  Shared* shared_;
  pid_t group_ = -1;
};

// The client's end of a connection handed to the monitor.
struct Connected {
  os::UniqueFd ours, theirs;
};
inline Connected Connect() {
  auto pair = os::MakeSocketPair(SOCK_STREAM);
  return {std::move(pair->ours), std::move(pair->theirs)};
}

// Reads until the end, an idle time, or `enough` says so.
inline std::string ReadUntil(int fd, const std::function<bool(const std::string&)>& enough,
                             int idle_ms = 5000) {
  std::string text;
  char buffer[65536];
  while (!enough(text)) {
    pollfd wait{fd, POLLIN, 0};
    if (::poll(&wait, 1, idle_ms) <= 0) return text + "<nothing more>";
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n <= 0) break;
    text.append(buffer, static_cast<std::size_t>(n));
  }
  return text;
}
inline std::string ReadToEnd(int fd) {
  return ReadUntil(fd, [](const std::string&) { return false; });
}
inline std::string ReadUntilHas(int fd, const std::string& part) {
  return ReadUntil(fd, [&](const std::string& text) { return text.find(part) != std::string::npos; });
}
// stdcopy frames taken off; "out:"/"err:" marks where the stream changes.
inline std::string Unframe(std::string_view bytes) {
  std::string text;
  int last = -1;
  while (bytes.size() >= 8) {
    std::size_t length = 0;
    for (std::size_t i = 4; i < 8; ++i) length = length << 8 | static_cast<unsigned char>(bytes[i]);
    if (bytes.size() < 8 + length) return text + "<cut frame>";
    if (bytes[0] != last) text += bytes[0] == 2 ? "err:" : "out:";
    last = bytes[0];
    text += bytes.substr(8, length);
    bytes.remove_prefix(8 + length);
  }
  return bytes.empty() ? text : text + "<cut header>";
}

class SupervisorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log::Configure(-1, log::Level::kError);
    ASSERT_EQ(::mkdir((dir_ / "data").c_str(), 0700), 0);
    ASSERT_EQ(::mkdir((dir_ / "run").c_str(), 0700), 0);
    launch_.id = std::string(64, 'c');
    launch_.name = "web";
  }
  void TearDown() override {
    if (thread_.joinable()) {
      if (client_) {
        monitorapi::Stop kill;
        kill.signal = SIGKILL;
        (void)client_->Send(kill).ok();
      }
      thread_.join();
    }
  }

  // Launches `script`; the answer to the launch.
  Result<monitorapi::Started> Launch(const std::string& script, std::vector<os::UniqueFd> attached = {}) {
    shared_.script = script;
    shared_.tty = launch_.tty;
    auto pair = TRY(os::MakeSocketPair(SOCK_SEQPACKET | SOCK_NONBLOCK));
    client_ = std::make_unique<monitorapi::Client>(std::move(pair.ours));
    Folders folders;
    folders.container = TRY(os::OpenAt({AT_FDCWD}, dir_ / "data", O_RDONLY | O_DIRECTORY));
    folders.run = TRY(os::OpenAt({AT_FDCWD}, dir_ / "run", O_RDONLY | O_DIRECTORY));
    JournalWriter journal = TRY(JournalWriter::Open({folders.container.get()}));
    thread_ = std::thread([this, engine = std::move(pair.theirs), journal = std::move(journal),
                           folders = std::move(folders), attached = std::move(attached)]() mutable {
      ::signal(SIGPIPE, SIG_IGN);
      auto loop = os::Loop::Create();
      Supervisor supervisor(*loop, std::make_unique<FakeRunner>(&shared_), std::move(folders), os::UniqueFd(),
                            launch_, std::move(journal));
      EXPECT_TRUE(supervisor.Begin(std::move(engine), 1, std::move(attached)).ok());
      EXPECT_TRUE(loop->Run().ok());
    });
    const auto frame = TRY(client_->Await(1, kPatience));
    return frame.Decode<monitorapi::Started>();
  }
  // A connection attached from the start.
  os::UniqueFd Park(std::vector<os::UniqueFd>& attached, const monitorapi::AttachOptions& options = {}) {
    auto connection = Connect();
    attached.push_back(std::move(connection.theirs));
    launch_.attaches.push_back(options);
    return std::move(connection.ours);
  }
  // As docker run -i: the container's input is open, this client's is all of it, and `leftover` came with its request.
  os::UniqueFd ParkInput(std::vector<os::UniqueFd>& attached, std::string leftover = {}) {
    launch_.open_stdin = true;
    launch_.stdin_once = true;
    monitorapi::AttachOptions options;
    options.in = true;
    options.leftover = std::move(leftover);
    return Park(attached, options);
  }
  Result<monitorapi::Exited> AwaitExit() {
    const auto frame = TRY(client_->AwaitNotice(monitorapi::Type::kNoticeExited, kPatience));
    TRY(client_->Acknowledge(frame));
    return frame.Decode<monitorapi::Exited>();
  }
  // As an engine after the one that launched it: it listens soon after it has told of the start.
  bool ConnectAgain() {
    return testing::Eventually([this] {
      auto later = monitorapi::Client::Connect(dir_ / "run/sock");
      if (later.ok()) client_ = std::make_unique<monitorapi::Client>(std::move(*later));
      return later.ok();
    });
  }
  void AwaitFinished() { ASSERT_OK(client_->AwaitNotice(monitorapi::Type::kNoticeFinished, kPatience)); }
  template <class T>
  Status Call(const T& request, const std::vector<int>& fds = {}) {
    TRY(client_->Call(request, fds, kPatience));
    return Ok();
  }
  std::vector<monitorapi::Record> Records() {
    auto fd = os::OpenAt({AT_FDCWD}, dir_ / "data", O_RDONLY | O_DIRECTORY);
    auto journal = monitorapi::ReadJournal({fd->get()});
    return journal.ok() ? std::move(journal->records) : std::vector<monitorapi::Record>();
  }
  std::vector<monitorapi::RecordType> RecordTypes() {
    std::vector<monitorapi::RecordType> types;
    for (const auto& record : Records()) types.push_back(record.type);
    return types;
  }
  std::string Log() {
    auto fd = os::OpenAt({AT_FDCWD}, dir_ / "data", O_RDONLY | O_DIRECTORY);
    monitorapi::LogOptions options;
    options.raw = true;
    auto reader = monitorapi::LogReader::Open({fd->get()}, options);
    std::string out;
    while (reader.ok()) {
      const auto more = reader->Read(out, out.size() + 100'000);
      if (!more.ok() || !*more) break;
    }
    return out;
  }

  static constexpr auto kPatience = std::chrono::milliseconds(10'000);
  const testing::TempDir dir_;
  monitorapi::Launch launch_;
  FakeRunner::Shared shared_;
  std::unique_ptr<monitorapi::Client> client_;
  std::thread thread_;
};

}  // namespace estiba::monitor
