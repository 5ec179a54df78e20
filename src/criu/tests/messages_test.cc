#include "criu/messages.h"

#include <gmock/gmock.h>

#include "tests/support.h"

namespace estiba::criu {
namespace {

using std::string_literals::operator""s;

TEST(CriuMessages, ARequestIsTheBytesOfProtocolBuffers) {
  EXPECT_EQ(Encode({.type = Type::kVersion}), "\x08\x0a");
  Request request{.type = Type::kDump};
  request.options.emplace();
  request.options->images_dir = 5;
  request.options->pid = 300;
  request.options->leave_running = true;
  request.options->log_file = "dump.log";
  EXPECT_EQ(Encode(request),
            "\x08\x01"                          // type 1
            "\x12\x11"                          // opts, 17 bytes
            "\x08\x05"                          // images_dir_fd 5
            "\x10\xac\x02"                      // pid 300
            "\x18\x01"                          // leave_running
            "\x52\x08" "dump.log");
}

TEST(CriuMessages, NumbersBelowZeroTakeTenBytes) {
  Request request{.type = Type::kRestore};
  request.options.emplace();
  EXPECT_EQ(Encode(request), "\x08\x02\x12\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
}

TEST(CriuMessages, ListsAndPairs) {
  Request request{.type = Type::kRestore};
  Options& options = request.options.emplace();
  options.images_dir = 3;
  options.external_mounts = {{.key = "/a", .value = "/b"}};
  options.inherit = {{.key = "pipe:[7]", .fd = 1}};
  options.external = {"x"};
  options.page_server = PageServer{.address = "::1", .port = 80};
  options.cgroups = CgroupMode::kIgnore;
  EXPECT_EQ(Encode(request),
            "\x08\x02\x12\x2f\x08\x03"s
            "\xc0\x01\x01\x90\x02\x00"s                        // manage_cgroups, its mode
            "\xba\x01\x08\x0a\x02/a\x12\x02/b"s                // ext_mnt
            "\xaa\x02\x01x"s                                   // external
            "\xda\x01\x0c\x0a\x08pipe:[7]\x10\x01"s            // inherit_fd
            "\x5a\x07\x0a\x03::1\x10\x50"s);                   // ps
}

TEST(CriuMessages, AReplyIsRead) {
  ASSERT_OK_AND_ASSIGN(const Reply version, Decode("\x08\x0a\x10\x01\x52\x09\x08\x03\x10\x11\x1a\x01g\x20\x01"));
  EXPECT_EQ(version.type, Type::kVersion);
  EXPECT_TRUE(version.success);
  ASSERT_TRUE(version.version.has_value());
  EXPECT_EQ(version.version->Text(), "3.17.1");
  EXPECT_EQ(version.version->Number(), 31701);
  ASSERT_OK_AND_ASSIGN(const Reply restored, Decode("\x08\x02\x10\x01\x22\x02\x08\x2a"));
  EXPECT_EQ(restored.pid, 42);
  ASSERT_OK_AND_ASSIGN(const Reply told, Decode("\x08\x06\x10\x01\x2a\x07\x0a\x03sub\x10\x07"));
  EXPECT_EQ(told.type, Type::kNotify);
  EXPECT_EQ(told.script, "sub");
  EXPECT_EQ(told.script_pid, 7);
  ASSERT_OK_AND_ASSIGN(const Reply features, Decode("\x08\x09\x10\x01\x42\x02\x10\x01"));
  EXPECT_FALSE(features.features.memory_tracking);
  EXPECT_TRUE(features.features.lazy_pages);
  ASSERT_OK_AND_ASSIGN(const Reply failed, Decode("\x08\x01\x10\x00\x38\x02"s));
  EXPECT_FALSE(failed.success);
  EXPECT_EQ(failed.error, 2);
}

TEST(CriuMessages, UnknownFieldsArePassedOver) {
  ASSERT_OK_AND_ASSIGN(const Reply reply, Decode("\x08\x01\x10\x01\xf8\x01\x05\xfa\x01\x02zz\xfd\x01\x01\x02\x03\x04"
                                                 "\xf9\x01\x01\x02\x03\x04\x05\x06\x07\x08"));
  EXPECT_TRUE(reply.success);
}

TEST(CriuMessages, WhatIsNoReplyIsRefused) {
  for (const std::string& bytes : {""s, "\x08"s, "\x0f"s, "\x12\x7f"s, "\x10\x01"s, "\x08\x7f\x10\x01"s,
                                   "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s, "\x08\x06\x2a\x02\x0a\x09"s}) {
    const auto reply = Decode(bytes);
    ASSERT_FALSE(reply.ok()) << ::testing::PrintToString(bytes);
    EXPECT_EQ(reply.error().code(), Code::kDataLoss);
  }
}

}  // namespace
}  // namespace estiba::criu
