#include "cgroup/systemd.h"

#include <cerrno>
#include <cstdlib>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/parse.h"
#include "os/socket.h"

namespace estiba::cgroup {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kManager = "org.freedesktop.systemd1";
constexpr const char* kManagerPath = "/org/freedesktop/systemd1";
constexpr const char* kManagerInterface = "org.freedesktop.systemd1.Manager";
constexpr std::size_t kLongestLine = 1024;
constexpr std::size_t kMostSignals = 4096;

struct Address {
  std::string path;
  bool broker;
};

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

// "unix:path=/run/user/1000/bus,guid=…"; other transports are left out.
void AddBus(const std::string& address, std::vector<Address>& addresses) {
  constexpr std::string_view kPath = "unix:path=";
  if (!address.starts_with(kPath)) return;
  const std::size_t end = address.find_first_of(",;");
  addresses.push_back({address.substr(kPath.size(), end == std::string::npos ? end : end - kPath.size()), true});
}

std::vector<Address> Addresses(bool user) {
  if (!user) return {{"/run/systemd/private", false}, {"/run/dbus/system_bus_socket", true}};
  std::vector<Address> addresses;
  std::string runtime = Variable("XDG_RUNTIME_DIR");
  if (runtime.empty()) runtime = "/run/user/" + std::to_string(::geteuid());
  addresses.push_back({runtime + "/systemd/private", false});
  AddBus(Variable("DBUS_SESSION_BUS_ADDRESS"), addresses);
  addresses.push_back({runtime + "/bus", true});
  return addresses;
}

// Waits for `events` until the deadline.
Status Wait(int fd, short events, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return Error(Code::kDeadlineExceeded, "systemd does not answer");
    pollfd watched{.fd = fd, .events = events, .revents = 0};
    const int rc = ::poll(&watched, 1, static_cast<int>(std::min<std::int64_t>(left, INT32_MAX)));
    if (rc > 0) return Ok();
    if (rc < 0 && errno != EINTR) return Error::Errno(errno, "wait for systemd");
  }
}

DbusMessage ManagerCall(const char* member, const char* signature, std::string body) {
  DbusMessage call;
  call.destination = kManager;
  call.path = kManagerPath;
  call.interface = kManagerInterface;
  call.member = member;
  call.signature = signature;
  call.body = std::move(body);
  return call;
}

// To the message bus itself.
DbusMessage BusCall(const char* member) {
  DbusMessage call;
  call.destination = call.interface = "org.freedesktop.DBus";
  call.path = "/org/freedesktop/DBus";
  call.member = member;
  return call;
}

Error Refusal(const DbusMessage& message) {
  const auto values = DbusValues(message);
  const std::string why = values.ok() && !values->empty() ? values->front() : "no reason given";
  const bool gone = message.error_name.ends_with(".NoSuchUnit") || message.error_name.ends_with(".UnitNotLoaded");
  const bool there = message.error_name.ends_with(".UnitExists");
  const bool denied = message.error_name.ends_with(".AccessDenied") ||
                      message.error_name.ends_with(".InteractiveAuthorizationRequired");
  const Code code = gone ? Code::kNotFound : there ? Code::kAlreadyExists : denied ? Code::kPermissionDenied
                                                                                  : Code::kFailedPrecondition;
  return Error(code, "systemd: " + why + " (" + message.error_name + ")");
}

// As "a(sv)".
Status WriteProperties(const std::vector<std::string>& properties, DbusWriter& out) {
  std::vector<std::pair<std::string, Variant>> values;
  for (const std::string& property : properties) {
    const std::size_t equals = property.find('=');
    if (equals == std::string::npos) return Error(Code::kInvalidArgument, "systemd property '" + property + "'");
    const std::string name = property.substr(0, equals);
    values.emplace_back(name, TRY_CTX(ParseVariant(property.substr(equals + 1)), "systemd property '" + name + "'"));
  }
  out.Array(8, [&] {
    for (const auto& [name, value] : values) {
      out.Align(8);
      out.String(name);
      out.Boxed(value);
    }
  });
  return Ok();
}

}  // namespace

Result<Systemd> Systemd::Connect(bool user, std::chrono::milliseconds patience) {
  Error last(Code::kUnavailable, "systemd: no manager's socket is known");
  for (const Address& address : Addresses(user)) {
    auto socket = os::ConnectUnix(address.path, SOCK_STREAM);
    if (socket.ok()) return Over(std::move(socket).value(), address.broker, patience);
    last = std::move(socket).error().Context("reach systemd");
  }
  return std::move(last).Hint(
      std::string(user ? "log in with a user manager (loginctl enable-linger)" : "start it") +
      ", or leave --systemd-cgroup away: cgroups are then made directly");
}

Result<Systemd> Systemd::Over(os::UniqueFd socket, bool broker, std::chrono::milliseconds patience) {
  Systemd systemd(std::move(socket), broker, patience);
  TRY_CTX(systemd.Greet(), "greet systemd");
  return systemd;
}

// EXTERNAL without a name: the kernel says who we are, whatever number that has in our user namespace. All at once and
// then nothing until it is answered: a first message that systemd (252) reads together with BEGIN would stay unseen
// until a second one came.
Status Systemd::Greet() {
  constexpr std::string_view kGreeting("\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n", 29);
  TRY(Send(kGreeting));
  std::string line = TRY(ReadLine());
  if (line.starts_with("DATA")) line = TRY(ReadLine());
  if (!line.starts_with("OK")) return Error(Code::kUnauthenticated, "it answered '" + line + "'");
  if (!broker_) return Ok();
  TRY(Call(BusCall("Hello")));
  return Ok();
}

Status Systemd::Send(std::string_view bytes) {
  const auto deadline = Clock::now() + patience_;
  while (!bytes.empty()) {
    const ssize_t n = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (const int err = errno; n < 0 && err != EINTR && err != EAGAIN) return Error::Errno(err, "write to systemd");
    if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
    if (!bytes.empty()) TRY(Wait(socket_.get(), POLLOUT, deadline));
  }
  return Ok();
}

Status Systemd::Receive(Clock::time_point deadline) {
  TRY(Wait(socket_.get(), POLLIN, deadline));
  std::array<char, 8192> chunk;
  const ssize_t n = ::recv(socket_.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
  const int err = n < 0 ? errno : 0;
  if (err == EINTR || err == EAGAIN) return Ok();
  if (err != 0) return Error::Errno(err, "read from systemd");
  if (n == 0) return Error(Code::kUnavailable, "systemd closed the connection");
  received_.append(chunk.data(), static_cast<std::size_t>(n));
  return Ok();
}

Result<std::string> Systemd::ReadLine() {
  const auto deadline = Clock::now() + patience_;
  for (;;) {
    if (const std::size_t end = received_.find("\r\n"); end != std::string::npos) {
      std::string line = received_.substr(0, end);
      received_.erase(0, end + 2);
      return line;
    }
    if (received_.size() > kLongestLine) return Error(Code::kDataLoss, "a line too long");
    TRY(Receive(deadline));
  }
}

Result<DbusMessage> Systemd::Next(Clock::time_point deadline) {
  for (;;) {
    const std::size_t size = TRY(DbusSize(received_));
    if (size != 0 && received_.size() >= size) {
      DbusMessage message = TRY(DecodeDbus(std::string_view(received_).substr(0, size)));
      received_.erase(0, size);
      return message;
    }
    TRY(Receive(deadline));
  }
}

Result<DbusMessage> Systemd::Call(DbusMessage message) {
  message.serial = ++serial_;
  TRY(Send(EncodeDbus(message)));
  const auto deadline = Clock::now() + patience_;
  for (;;) {
    DbusMessage answer = TRY(Next(deadline));
    if (answer.type == DbusType::kSignal) {
      if (signals_.size() >= kMostSignals) return Error(Code::kResourceExhausted, "systemd: too many signals");
      signals_.push_back(std::move(answer));
    }
    if (answer.reply_to != message.serial) continue;
    if (answer.type == DbusType::kError) return Refusal(answer);
    return answer;
  }
}

Result<DbusMessage> Systemd::CallManager(const char* member, const char* signature, std::string body) {
  return TRY_CTX(Call(ManagerCall(member, signature, std::move(body))), member);
}

Result<std::string> Systemd::Property(const char* name) {
  DbusMessage get = ManagerCall("Get", "ss", "");
  get.interface = "org.freedesktop.DBus.Properties";
  DbusWriter body;
  body.String(kManagerInterface);
  body.String(name);
  get.body = std::move(body).Take();
  const DbusMessage answer = TRY_CTX(Call(std::move(get)), std::string("ask for the manager's ") + name);
  const auto values = TRY(DbusValues(answer));
  if (values.size() != 1) return Error(Code::kDataLoss, "systemd: an answer of another shape");
  return values[0];
}

Result<std::string> Systemd::ControlGroup() {
  std::string group = TRY(Property("ControlGroup"));
  if (group == "/") group.clear();
  return group;
}

Result<int> Systemd::Version() {
  const std::string text = TRY(Property("Version"));
  const std::size_t end = text.find_first_not_of("0123456789");
  constexpr std::uint64_t kMost = 99'999;
  return static_cast<int>(TRY_CTX(ParseUint(text.substr(0, end), kMost), "systemd's version '" + text + "'"));
}

// A message bus passes on only what was asked for; the manager sends signals only to who has subscribed.
Status Systemd::Subscribe() {
  if (broker_) {
    DbusMessage match = BusCall("AddMatch");
    match.signature = "s";
    DbusWriter body;
    body.String("type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop.systemd1.Manager',"
                "member='JobRemoved'");
    match.body = std::move(body).Take();
    TRY(Call(std::move(match)));
  }
  TRY(CallManager("Subscribe", "", ""));
  return Ok();
}

Status Systemd::ResetFailed(const std::string& unit) {
  DbusWriter name;
  name.String(unit);
  TRY(CallManager("ResetFailedUnit", "s", std::move(name).Take()));
  return Ok();
}

// The job's path.
Result<std::string> Systemd::TryStart(const std::string& unit, const std::string& body) {
  auto answer = CallManager("StartTransientUnit", "ssa(sv)a(sa(sv))", body);
  if (!answer.ok() && answer.error().code() == Code::kAlreadyExists) {
    TRY(ResetFailed(unit));
    answer = CallManager("StartTransientUnit", "ssa(sv)a(sa(sv))", body);
  }
  const DbusMessage started = TRY(std::move(answer));
  const auto values = TRY(DbusValues(started));
  if (values.size() != 1) return Error(Code::kDataLoss, "systemd: an answer of another shape");
  return values[0];
}

Status Systemd::StartScope(const std::string& unit, const std::vector<std::string>& properties, pid_t pid) {
  TRY(Subscribe());
  std::vector<std::string> all = properties;
  all.push_back("PIDs=[uint32 " + std::to_string(pid) + "]");
  DbusWriter body;
  body.String(unit);
  body.String("replace");
  TRY(WriteProperties(all, body));
  body.Array(8, [] {});
  const std::string job = TRY_CTX(TryStart(unit, std::move(body).Take()), "start unit '" + unit + "'");
  return WaitForJob(job, unit);
}

Status Systemd::WaitForJob(const std::string& job, const std::string& unit) {
  const auto deadline = Clock::now() + patience_;
  for (;;) {
    if (signals_.empty()) signals_.push_back(TRY_CTX(Next(deadline), "start unit '" + unit + "'"));
    const DbusMessage signal = std::move(signals_.front());
    signals_.erase(signals_.begin());
    if (signal.type != DbusType::kSignal || signal.member != "JobRemoved") continue;
    const auto values = TRY(DbusValues(signal));  // id, job, unit, result
    if (values.size() != 4 || values[1] != job) continue;
    if (values[3] == "done") return Ok();
    return Error(Code::kFailedPrecondition, "start unit '" + unit + "': systemd says '" + values[3] + "'")
        .Hint("'systemctl status " + unit + "' and the journal may say why");
  }
}

Status Systemd::SetProperties(const std::string& unit, const std::vector<std::string>& properties) {
  DbusWriter body;
  body.String(unit);
  body.Align(4);
  body.U32(1);  // for this boot only, as all of a scope
  TRY(WriteProperties(properties, body));
  TRY_CTX(CallManager("SetUnitProperties", "sba(sv)", std::move(body).Take()), "change unit '" + unit + "'");
  return Ok();
}

Status Systemd::Attach(const std::string& unit, pid_t pid) {
  DbusWriter body;
  body.String(unit);
  body.String("");
  body.Array(4, [&] { body.U32(static_cast<std::uint32_t>(pid)); });
  TRY_CTX(CallManager("AttachProcessesToUnit", "ssau", std::move(body).Take()), "join unit '" + unit + "'");
  return Ok();
}

Status Systemd::StopUnit(const std::string& unit) {
  DbusWriter body;
  body.String(unit);
  body.String("replace");
  const auto stopped = CallManager("StopUnit", "ss", std::move(body).Take());
  if (!stopped.ok() && stopped.error().code() != Code::kNotFound)
    return stopped.error().Clone().Context("stop unit '" + unit + "'");
  Status reset = ResetFailed(unit);
  if (reset.ok() || reset.error().code() == Code::kNotFound) return Ok();
  return std::move(reset).error().Context("forget unit '" + unit + "'");
}

}  // namespace estiba::cgroup
