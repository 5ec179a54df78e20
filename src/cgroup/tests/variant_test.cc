#include "cgroup/variant.h"

#include "cgroup/dbus_message.h"
#include "tests/support.h"

namespace estiba::cgroup {
namespace {

std::string TypeOf(std::string_view text) {
  const auto value = ParseVariant(text);
  return value.ok() ? value->type : "";
}

TEST(ParseVariant, TellsTypesApart) {
  EXPECT_EQ(TypeOf("true"), "b");
  EXPECT_EQ(TypeOf("7"), "i");
  EXPECT_EQ(TypeOf("uint64 18446744073709551615"), "t");
  EXPECT_EQ(TypeOf("byte 0xff"), "y");
  EXPECT_EQ(TypeOf("'text'"), "s");
  EXPECT_EQ(TypeOf("objectpath '/a'"), "o");
  EXPECT_EQ(TypeOf("['a', 'b']"), "as");
  EXPECT_EQ(TypeOf("[uint32 1, 2]"), "au");
  EXPECT_EQ(TypeOf("@as []"), "as");
  EXPECT_EQ(TypeOf("@a(ss) []"), "a(ss)");
  EXPECT_EQ(TypeOf("[('/dev/null', 'rw'), ('/dev/full', 'r')]"), "a(ss)");
}

TEST(ParseVariant, ReadsValues) {
  ASSERT_OK_AND_ASSIGN(const Variant number, ParseVariant("int64 -5"));
  EXPECT_EQ(static_cast<std::int64_t>(number.number), -5);
  ASSERT_OK_AND_ASSIGN(const Variant text, ParseVariant(QuoteVariant("it's \\ here")));
  EXPECT_EQ(text.text, "it's \\ here");
  ASSERT_OK_AND_ASSIGN(const Variant list, ParseVariant("@ay [1, 255]"));
  ASSERT_EQ(list.items.size(), 2U);
  EXPECT_EQ(list.items[1].number, 255U);
}

TEST(ParseVariant, RefusesWhatIsNoValue) {
  for (const char* text : {"", "tru", "uint32 -1", "byte 256", "2147483648", "'open", "[1, 'a']", "[]", "()", "[1",
                           "1 2", "@a{sv} {}", "1.5", "uint64 'x'", "[[[[[[[[[[1]]]]]]]]]]", "@zz []", "@a(ss) [1]",
                           "@a(ss", "@a(sv) []"})
    EXPECT_FALSE(ParseVariant(text).ok()) << text;
}

TEST(DbusMessage, IsReadAsItWasWritten) {
  DbusMessage call;
  call.serial = 7;
  call.path = "/org/freedesktop/systemd1";
  call.interface = "org.freedesktop.systemd1.Manager";
  call.member = "StopUnit";
  call.destination = "org.freedesktop.systemd1";
  call.signature = "su";
  DbusWriter body;
  body.String("web.scope");
  body.Align(4);
  body.U32(9);
  call.body = std::move(body).Take();
  const std::string bytes = EncodeDbus(call);
  ASSERT_OK_AND_ASSIGN(const std::size_t size, DbusSize(bytes));
  EXPECT_EQ(size, bytes.size());
  ASSERT_OK_AND_ASSIGN(const DbusMessage read, DecodeDbus(bytes));
  EXPECT_EQ(read.serial, 7U);
  EXPECT_EQ(read.member, "StopUnit");
  EXPECT_EQ(read.path, call.path);
  ASSERT_OK_AND_ASSIGN(const auto values, DbusValues(read));
  EXPECT_EQ(values, (std::vector<std::string>{"web.scope", "9"}));
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) EXPECT_FALSE(DecodeDbus(bytes.substr(0, cut)).ok()) << cut;
}

// D-Bus Specification, "Marshaling": lengths leave out padding before the first item.
TEST(DbusWriter, AlignsItemsAndCountsThem) {
  DbusWriter out;
  out.Array(8, [&] {
    out.Align(8);
    out.String("N");
    ASSERT_OK_AND_ASSIGN(const Variant value, ParseVariant("uint64 5"));
    out.Boxed(value);
  });
  const std::string expected("\x18\0\0\0" "\0\0\0\0" "\1\0\0\0N\0" "\1t\0" "\0\0\0\0\0\0\0" "\5\0\0\0\0\0\0\0", 32);
  EXPECT_EQ(std::move(out).Take(), expected);
}

}  // namespace
}  // namespace estiba::cgroup
