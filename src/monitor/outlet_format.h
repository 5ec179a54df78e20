#pragma once
// An entry of the log as journald and syslog take it. Pure.

#include <cstdint>
#include <string>
#include <string_view>

#include "monitorapi/log.h"
#include "monitorapi/messages.h"

namespace estiba::monitor {

struct OutletEntry {
  monitorapi::Stream stream;
  std::int64_t time;  // ns since the epoch
  bool partial;       // the line goes on in the next entry
  std::string_view text;
};

// systemd's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): the fields that every entry has, then this one's. A
// partial one has docker's CONTAINER_PARTIAL_MESSAGE.
std::string JournalMessage(const monitorapi::LogOutlet& outlet, const OutletEntry& entry);
// A line as RFC 3164 or 5424 have it, or for a local syslog, without a host (syslog(3)); with a newline, which ends it
// on a stream.
std::string SyslogMessage(const monitorapi::LogOutlet& outlet, const OutletEntry& entry, int pid);

}  // namespace estiba::monitor
