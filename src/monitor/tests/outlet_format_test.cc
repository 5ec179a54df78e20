#include "outlet_format.h"

#include "tests/support.h"

namespace estiba::monitor {
namespace {

using monitorapi::Stream;
using monitorapi::SyslogFormat;

constexpr std::int64_t kTime = 1'767'323'045'123'456'789;  // 2026-01-02T03:04:05.123456789Z

monitorapi::LogOutlet Syslog(SyslogFormat format) {
  monitorapi::LogOutlet outlet;
  outlet.kind = monitorapi::OutletKind::kSyslog;
  outlet.format = format;
  outlet.facility = 16;
  outlet.host = "box";
  outlet.tag = "web/1";
  return outlet;
}

TEST(SyslogMessage, HasTheFormatThatWasAskedFor) {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  const OutletEntry out{Stream::kOut, kTime, false, "a line"};
  EXPECT_EQ(SyslogMessage(Syslog(SyslogFormat::kUnix), out, 7), "<134>Jan  2 03:04:05 web/1[7]: a line\n");
  EXPECT_EQ(SyslogMessage(Syslog(SyslogFormat::kRfc3164), out, 7), "<134>Jan  2 03:04:05 box web/1[7]: a line\n");
  EXPECT_EQ(SyslogMessage(Syslog(SyslogFormat::kRfc5424), out, 7),
            "<134>1 2026-01-02T03:04:05Z box web/1 7 web/1 - a line\n");
  EXPECT_EQ(SyslogMessage(Syslog(SyslogFormat::kRfc5424Micro), out, 7),
            "<134>1 2026-01-02T03:04:05.123456Z box web/1 7 web/1 - a line\n");
}

TEST(SyslogMessage, StandardErrorIsAnError) {
  const OutletEntry err{Stream::kErr, kTime, false, "no"};
  EXPECT_TRUE(SyslogMessage(Syslog(SyslogFormat::kRfc5424), err, 7).starts_with("<131>1 "));
}

TEST(JournalMessage, HasTheContainersFieldsAndItsOwn) {
  monitorapi::LogOutlet outlet;
  outlet.kind = monitorapi::OutletKind::kJournald;
  outlet.fields = "CONTAINER_ID=abc\nCONTAINER_NAME=web\n";
  EXPECT_EQ(JournalMessage(outlet, {Stream::kOut, kTime, false, "x=y"}),
            "CONTAINER_ID=abc\nCONTAINER_NAME=web\nPRIORITY=6\nSYSLOG_TIMESTAMP=2026-01-02T03:04:05.123456789Z\n"
            "MESSAGE=x=y\n");
  EXPECT_EQ(JournalMessage(outlet, {Stream::kErr, kTime, true, ""}),
            "CONTAINER_ID=abc\nCONTAINER_NAME=web\nPRIORITY=3\nSYSLOG_TIMESTAMP=2026-01-02T03:04:05.123456789Z\n"
            "CONTAINER_PARTIAL_MESSAGE=true\nMESSAGE=\n");
}

}  // namespace
}  // namespace estiba::monitor
