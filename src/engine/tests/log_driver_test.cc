#include "spec/log_driver.h"

#include "tests/support.h"

namespace estiba::engine {
namespace {

using Options = std::map<std::string, std::string>;

std::string Refusal(const std::string& driver, const Options& options) {
  apitypes::LogConfig log{driver, options};
  const Status status = ValidateLog(log);
  return status.ok() ? "" : status.error().Message();
}

ContainerRecord WithLog(const std::string& driver, const Options& options) {
  ContainerRecord record;
  record.id = std::string(64, 'a');
  record.name = "web";
  record.image_id = "sha256:" + std::string(64, 'b');
  record.create.config.image = "app:1";
  record.create.config.labels = {{"tier", "front"}, {"a.b-c", "x\ny"}, {"other", "1"}};
  record.create.config.env = {"MODE=fast", "EMPTY=", "NONE"};
  record.create.host_config.log_config = {driver, options};
  return record;
}

TEST(ValidateLog, TakesEachDriversOwnOptionsAndRefusesOthersInDockersWords) {
  apitypes::LogConfig log;
  EXPECT_TRUE(ValidateLog(log).ok());
  EXPECT_EQ(log.type, "json-file");
  EXPECT_EQ(Refusal("local", {{"max-size", "1m"}, {"max-file", "2"}, {"compress", "false"}, {"tag", "x"}}),
            "");
  EXPECT_EQ(Refusal("journald", {{"labels", "a"}, {"env-regex", "^A"}, {"cache-max-size", "1m"}}), "");
  EXPECT_EQ(Refusal("syslog", {{"syslog-address", "udp://h:1"}, {"syslog-facility", "local7"}}), "");
  EXPECT_EQ(Refusal("none", {{"whatever", "1"}}), "");
  EXPECT_EQ(Refusal("splunk", {}), "logger: no log driver named 'splunk' is registered");
  EXPECT_EQ(Refusal("json-file", {{"syslog-address", "x"}}),
            "unknown log opt 'syslog-address' for json-file log driver");
  EXPECT_EQ(Refusal("local", {{"nope", "x"}}), "unknown log opt 'nope' for log driver local");
  EXPECT_EQ(Refusal("journald", {{"max-size", "1m"}}), "unknown log opt 'max-size' for journald log driver");
  EXPECT_EQ(Refusal("syslog", {{"max-file", "1"}}), "unknown log opt 'max-file' for syslog log driver");
}

TEST(ValidateLog, ChecksValues) {
  EXPECT_EQ(Refusal("json-file", {{"mode", "never"}}), "logger: logging mode not supported: never");
  EXPECT_EQ(Refusal("json-file", {{"max-buffer-size", "1m"}}),
            "logger: max-buffer-size option is only supported with 'mode=non-blocking'");
  EXPECT_EQ(Refusal("json-file", {{"max-buffer-size", "1m"}, {"mode", "non-blocking"}}), "");
  EXPECT_EQ(Refusal("syslog", {{"syslog-facility", "local8"}}), "invalid syslog facility");
  EXPECT_EQ(Refusal("syslog", {{"syslog-facility", "23"}}), "");
  EXPECT_EQ(Refusal("syslog", {{"syslog-format", "x"}}), "Invalid syslog format");
  EXPECT_EQ(Refusal("syslog", {{"syslog-address", "host:514"}}),
            "syslog-address should be in form proto://address, got host:514");
  EXPECT_NE(Refusal("syslog", {{"syslog-address", "tcp+tls://h:1"}}).find("TLS is not supported"),
            std::string::npos);
  EXPECT_NE(Refusal("local", {{"compress", "true"}}).find("not supported"), std::string::npos);
  EXPECT_NE(Refusal("local", {{"labels-regex", "("}}).find("no regular expression"), std::string::npos);
}

TEST(LogAttributes, AreTheLabelsAndVariablesThatWereAskedFor) {
  const auto attributes = LogAttributes(WithLog(
      "json-file", {{"labels", "tier,missing"}, {"env-regex", "^M"}, {"tag", "{{.Name}}/{{ .ID }}"}}));
  EXPECT_EQ(attributes, (std::vector<std::pair<std::string, std::string>>{
                            {"MODE", "fast"}, {"tag", "web/aaaaaaaaaaaa"}, {"tier", "front"}}));
}

TEST(SetLogFiles, HasEachDriversDefaults) {
  monitorapi::LogConfig files;
  SetLogFiles({"syslog", {{"cache-max-size", "3m"}}}, files);
  EXPECT_TRUE(files.enabled);
  EXPECT_EQ(files.max_size, 3U << 20);
  EXPECT_EQ(files.max_files, 5U);
  SetLogFiles({"none", {}}, files);
  EXPECT_FALSE(files.enabled);
}

TEST(PlanOutlet, HasJournaldsFields) {
  ASSERT_OK_AND_ASSIGN(
      const OutletPlan plan,
      PlanOutlet(WithLog("journald", {{"labels", "a.b-c,tier"}, {"mode", "non-blocking"}}), "box"));
  EXPECT_EQ(plan.outlet.fields, "CONTAINER_ID=aaaaaaaaaaaa\nCONTAINER_ID_FULL=" + std::string(64, 'a') +
                                    "\nCONTAINER_NAME=web\nCONTAINER_TAG=aaaaaaaaaaaa\nIMAGE_NAME=app:1\n"
                                    "SYSLOG_IDENTIFIER=aaaaaaaaaaaa\nA_B_C\n" +
                                    std::string("\x03\0\0\0\0\0\0\0", 8) + "x\ny\nTIER=front\n");
  EXPECT_FALSE(plan.outlet.blocks);
  EXPECT_EQ(plan.paths, std::vector<std::string>{"/run/systemd/journal/socket"});
}

TEST(PlanOutlet, ReadsSyslogsAddress) {
  using monitorapi::OutletTransport;
  ASSERT_OK_AND_ASSIGN(OutletPlan plan, PlanOutlet(WithLog("syslog", {{"syslog-address", "tcp://[::1]:6514"},
                                                                      {"syslog-format", "rfc5424"},
                                                                      {"tag", "{{.ImageName}}"}}),
                                                   "box"));
  EXPECT_EQ(plan.outlet.transport, OutletTransport::kTcp);
  EXPECT_EQ(plan.server.host, "::1");
  EXPECT_EQ(plan.server.port, 6514);
  EXPECT_EQ(plan.outlet.tag, "app:1");
  EXPECT_EQ(plan.outlet.host, "box");
  ASSERT_OK_AND_ASSIGN(plan, PlanOutlet(WithLog("syslog", {{"syslog-address", "udp://logs"}}), "box"));
  EXPECT_EQ(plan.server.host, "logs");
  EXPECT_EQ(plan.server.port, 514);
  ASSERT_OK_AND_ASSIGN(plan, PlanOutlet(WithLog("syslog", {}), "box"));
  EXPECT_EQ(plan.paths.front(), "/dev/log");
  EXPECT_FALSE(PlanOutlet(WithLog("syslog", {{"tag", "{{json .}}"}}), "box").ok());
}

}  // namespace
}  // namespace estiba::engine
