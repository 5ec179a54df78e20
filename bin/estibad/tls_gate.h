#pragma once
// estiba-tls, which speaks TLS for the engine: started only where a port with TLS is listened at, and started again
// when it dies. Connections it has outlive it not, but they outlive us.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/config.h"
#include "http/loop.h"
#include "os/fd.h"
#include "os/process.h"
#include "tls/telling.h"

namespace estiba::estibad {

class TlsGate {
 public:
  using Take = std::function<void(os::UniqueFd connection)>;

  // Waits until the program has read the certificates, whose errors are ours. `log_fd` is where it complains. On the
  // loop's thread, or before it runs; so the rest.
  static Result<std::unique_ptr<TlsGate>> Start(http::Loop* loop, const engine::Config& config, int log_fd,
                                                std::vector<os::UniqueFd> listeners, Take take);
  TlsGate(const TlsGate&) = delete;
  TlsGate& operator=(const TlsGate&) = delete;
  // Connections that are there go on by themselves.
  ~TlsGate();

  // Certificates are read again, for connections to come; where they are wrong, the log says so and the earlier ones
  // stay.
  void Renew(const engine::Config& config);

 private:
  TlsGate(http::Loop* loop, int log_fd, std::vector<os::UniqueFd> listeners, Take take);
  Status Spawn();
  Status Watch();
  void OnMessage(int control);
  void OnRefusal(const std::string& reason);
  void OnEnd(pid_t pid);
  void StartAgain();
  void LetGo(os::UniqueFd& control);

  http::Loop* loop_;
  const int log_fd_;
  const std::vector<os::UniqueFd> listeners_;
  const Take take_;
  std::vector<std::string> arguments_;
  os::UniqueFd control_;
  pid_t current_ = -1;
  // Serves until another, with new certificates, says that it does.
  struct Previous {
    os::UniqueFd control;
    pid_t pid = -1;
    std::vector<std::string> arguments;
  };
  Previous previous_;
  std::map<pid_t, os::Process> processes_;  // earlier ones end with their last connection
  http::Loop::TimerId again_ = 0;
};

}  // namespace estiba::estibad
