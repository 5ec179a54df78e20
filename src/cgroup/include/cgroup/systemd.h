#pragma once
// systemd's manager over D-Bus: scopes are started, changed and stopped. A connection per use; every wait has an end.

#include <chrono>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "cgroup/dbus_message.h"
#include "os/fd.h"

namespace estiba::cgroup {

class Systemd {
 public:
  static constexpr std::chrono::milliseconds kPatience = std::chrono::seconds(30);

  // The system's manager, or the `user`'s own: at its private socket, else through the message bus. kUnavailable with a
  // hint when neither answers.
  static Result<Systemd> Connect(bool user, std::chrono::milliseconds patience = kPatience);
  // Over a connected socket, not greeted yet. `broker`: a message bus, which wants Hello.
  static Result<Systemd> Over(os::UniqueFd socket, bool broker, std::chrono::milliseconds patience = kPatience);

  // The manager's own cgroup: "" for the system's, "/user.slice/…/user@1000.service" for a user's.
  Result<std::string> ControlGroup();
  // 252 of "252.39-1~deb12u1".
  Result<int> Version();
  // Makes the scope around the process and waits until it is there. Properties are "Name=value", the value as
  // ParseVariant reads it. A failed unit of that name is forgotten first.
  Status StartScope(const std::string& unit, const std::vector<std::string>& properties, pid_t pid);
  Status SetProperties(const std::string& unit, const std::vector<std::string>& properties);
  // Moves a process into the unit's cgroup: what a user may not do by himself from another part of the tree.
  Status Attach(const std::string& unit, pid_t pid);
  // Succeeds when there is no such unit.
  Status StopUnit(const std::string& unit);

 private:
  Systemd(os::UniqueFd socket, bool broker, std::chrono::milliseconds patience)
      : socket_(std::move(socket)), broker_(broker), patience_(patience) {}

  Status Greet();
  Status Send(std::string_view bytes);
  Result<std::string> ReadLine();
  Status Receive(std::chrono::steady_clock::time_point deadline);
  Result<DbusMessage> Next(std::chrono::steady_clock::time_point deadline);
  Result<DbusMessage> Call(DbusMessage message);
  Result<DbusMessage> CallManager(const char* member, const char* signature, std::string body);
  Result<std::string> Property(const char* name);
  Status Subscribe();
  // Forgets that the unit failed: it keeps its name until somebody says that it was seen.
  Status ResetFailed(const std::string& unit);
  Result<std::string> TryStart(const std::string& unit, const std::string& body);
  Status WaitForJob(const std::string& job, const std::string& unit);

  os::UniqueFd socket_;
  bool broker_ = false;
  std::chrono::milliseconds patience_;
  std::uint32_t serial_ = 0;
  std::string received_;
  std::vector<DbusMessage> signals_;  // that came while something else was waited for
};

}  // namespace estiba::cgroup
