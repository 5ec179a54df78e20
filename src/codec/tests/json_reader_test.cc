#include "codec/json_reader.h"

#include "tests/support.h"

namespace estiba::codec {
namespace {

Json Parse(std::string_view text) { return std::move(ParseJson(text)).value(); }

TEST(Reader, ReadsTypedFieldsAndLeavesMissingOnes) {
  const Json json = Parse(R"({"n":5,"s":"x","l":["a","b"],"m":{"k":"v"},"z":null,"o":7})");
  Reader r(json);
  std::int64_t n = 0;
  std::string s;
  std::string z = "kept";
  std::vector<std::string> l;
  std::map<std::string, std::string> m;
  std::optional<std::int64_t> o;
  std::optional<std::int64_t> none;
  r.Read("n", &n);
  r.Read("s", &s);
  r.Read("z", &z);
  r.Read("l", &l);
  r.Read("m", &m);
  r.Read("o", &o);
  r.Read("none", &none);
  ASSERT_OK(r.Finish());
  EXPECT_EQ(n, 5);
  EXPECT_EQ(s, "x");
  EXPECT_EQ(z, "kept");
  EXPECT_EQ(l, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(m["k"], "v");
  EXPECT_EQ(o, 7);
  EXPECT_FALSE(none.has_value());
  EXPECT_TRUE(r.Unread().empty());
}

TEST(Reader, TheErrorNamesThePath) {
  const Json json = Parse(R"({"HostConfig":{"Memory":"1g","Devices":[{"Path":1}]}})");
  Reader r(json);
  std::int64_t memory = 0;
  r.Object("HostConfig", [&](Reader& host) { host.Read("Memory", &memory); });
  EXPECT_EQ(r.Finish().error().Message(), "HostConfig.Memory: expected a whole number, got a string");

  Reader again(json);
  std::string path;
  again.Object("HostConfig", [&](Reader& host) {
    host.EachObject("Devices", [&](Reader& device) { device.Read("Path", &path); });
  });
  EXPECT_EQ(again.Finish().error().Message(), "HostConfig.Devices[0].Path: expected a string, got a number");
}

TEST(Reader, NumbersOutOfRangeAreRefused) {
  const Json json = Parse(R"({"a":70000,"b":-1,"c":1.5,"d":99999999999999999999})");
  const auto message = [&](auto target, std::string_view key) {
    Reader r(json);
    r.Read(key, &target);
    const Status status = r.Finish();
    return status.ok() ? std::string("ok") : status.error().Message();
  };
  EXPECT_EQ(message(std::uint16_t{}, "a"), "a: the number 70000 is out of range");
  EXPECT_EQ(message(std::uint32_t{}, "b"), "b: the number -1 is out of range");
  EXPECT_NE(message(std::int64_t{}, "c"), "ok");
  EXPECT_NE(message(std::int64_t{}, "d"), "ok");
}

TEST(Reader, FoldsCaseWhenAskedAndPrefersTheExactKey) {
  const Json json = Parse(R"({"image":"low","Image":"exact"})");
  std::string image;
  Reader fold(json, "", Reader::Keys::kFoldCase);
  fold.Read("Image", &image);
  EXPECT_EQ(image, "exact");
  Reader other(json, "", Reader::Keys::kFoldCase);
  other.Read("IMAGE", &image);
  EXPECT_EQ(image, "low");
}

TEST(Reader, UnreadNamesWhatNobodyAskedFor) {
  const Json json = Parse(R"({"a":1,"b":2,"c":null})");
  Reader r(json);
  std::int64_t a = 0;
  r.Read("a", &a);
  EXPECT_EQ(r.Unread(), std::vector<std::string>{"b"});
}

TEST(Reader, AStringMayStandForAList) {
  const Json json = Parse(R"({"Cmd":"ls","Entrypoint":["a"],"Bad":5})");
  Reader r(json);
  std::vector<std::string> cmd;
  std::vector<std::string> entrypoint;
  r.ReadStringOrList("Cmd", &cmd);
  r.ReadStringOrList("Entrypoint", &entrypoint);
  ASSERT_OK(r.Finish());
  EXPECT_EQ(cmd, std::vector<std::string>{"ls"});
  EXPECT_EQ(entrypoint, std::vector<std::string>{"a"});
  r.ReadStringOrList("Bad", &cmd);
  EXPECT_FALSE(r.Finish().ok());
}

TEST(Reader, AValueThatIsNoObjectIsAnError) {
  const Json json = Parse("[1]");
  Reader r(json, "body");
  EXPECT_EQ(r.Finish().error().Message(), "body: expected an object, got a list");
}

}  // namespace
}  // namespace estiba::codec
