#pragma once
// Log drivers and their options, as docker has them. Pure.

#include <string>
#include <utility>
#include <vector>

#include "../containers/record.h"
#include "apitypes/host_config.h"
#include "base/result.h"
#include "monitorapi/messages.h"

namespace estiba::engine {

inline constexpr const char* kLogDrivers[] = {"journald", "json-file", "local", "none", "syslog"};

// Driver and options; an empty driver is json-file. kInvalidArgument in docker's words.
Status ValidateLog(apitypes::LogConfig& log);

// What the options labels, labels-regex, env, env-regex and tag add to every entry, by key.
std::vector<std::pair<std::string, std::string>> LogAttributes(const ContainerRecord& record);

// Limits of the log's files, from these defaults on.
void SetLogFiles(const apitypes::LogConfig& log, monitorapi::LogConfig& files);

// The outlet, but for who is to be looked up: the address of a UDP or TCP server stays empty.
struct SyslogServer {
  std::string host;
  std::uint16_t port = 514;
};
struct OutletPlan {
  monitorapi::LogOutlet outlet;
  std::vector<std::string> paths;  // of UNIX sockets, to be tried in this order
  SyslogServer server;
};
// `hostname`: the host's. A tag that is no template is an error.
Result<OutletPlan> PlanOutlet(const ContainerRecord& record, const std::string& hostname);

}  // namespace estiba::engine
