#include "templates/template.h"

#include "format.h"
#include "tests/support.h"

namespace estiba::cli {
namespace {

codec::Json Data() {
  auto json = codec::ParseJson(R"({
    "Name": "/web", "Pid": 42, "Size": 1.5, "Running": true, "Empty": "", "Cmd": ["sh", "-c", "true"], "None": null,
    "Config": {"Labels": {"b": "2", "a": "1"}, "Env": ["A=1", "B=2"]},
    "NetworkSettings": {"Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]},
                        "Networks": {"bridge": {"IPAddress": "172.17.0.2"}}}})");
  EXPECT_TRUE(json.ok()) << json.error().Message();
  return std::move(json).value();
}

std::string Render(std::string_view text) {
  const auto parsed = Template::Parse(text);
  if (!parsed.ok()) return "PARSE: " + parsed.error().Message();
  const auto out = parsed->Execute(Data());
  return out.ok() ? *out : "EXEC: " + out.error().Message();
}

TEST(Template, PrintsValuesAsGoDoes) {
  EXPECT_EQ(Render("{{.Name}} {{.Pid}} {{.Size}} {{.Running}}"), "/web 42 1.5 true");
  EXPECT_EQ(Render("{{.Cmd}}"), "[sh -c true]");
  EXPECT_EQ(Render("{{.Config.Labels}}"), "map[a:1 b:2]");
  EXPECT_EQ(Render("{{.None}}"), "[]");
  EXPECT_EQ(Render("{{.Config.Labels.none}}"), "<no value>");
  EXPECT_EQ(Render("{{json .Cmd}} {{json .Name}}"), R"(["sh","-c","true"] "/web")");
}

TEST(Template, BranchesAndLoops) {
  EXPECT_EQ(Render("{{if .Running}}up{{else}}down{{end}}"), "up");
  EXPECT_EQ(Render("{{if .Empty}}a{{else if .Pid}}b{{else}}c{{end}}"), "b");
  EXPECT_EQ(Render("{{range .Config.Env}}{{println .}}{{end}}"), "A=1\nB=2\n");
  EXPECT_EQ(Render("{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{end}}"), "a=1;b=2;");
  EXPECT_EQ(Render("{{range $i, $e := .Cmd}}{{if $i}},{{end}}{{$e}}{{end}}"), "sh,-c,true");
  EXPECT_EQ(Render("{{range .None}}x{{else}}none{{end}}"), "none");
  EXPECT_EQ(Render("{{with .Config}}{{len .Env}}{{end}}"), "2");
  EXPECT_EQ(Render("{{with .Empty}}x{{else}}{{.Name}}{{end}}"), "/web");
  EXPECT_EQ(Render("{{range .Cmd}}{{$.Pid}} {{end}}"), "42 42 42 ");
}

TEST(Template, WhatScriptsAskOfInspect) {
  EXPECT_EQ(Render(R"({{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}})"), "8080");
  EXPECT_EQ(Render("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"), "172.17.0.2");
  EXPECT_EQ(
      Render("{{range $p, $conf := .NetworkSettings.Ports}}{{$p}} -> {{(index $conf 0).HostPort}}{{end}}"),
      "80/tcp -> 8080");
  EXPECT_EQ(Render(R"({{index .Config.Labels "a"}}{{index .Config.Labels "zz"}})"), "1");
  EXPECT_EQ(Render("{{if .State}}x{{end}}").substr(0, 5), "EXEC:");
  EXPECT_EQ(Render("{{if .Health}}x{{else}}none{{end}}"), "none");
}

TEST(Template, FindsAMemberUnderTheNameOfGosField) {
  EXPECT_EQ(Render("{{.PID}}"), "42");  // as ".ID" for "Id", ".APIVersion" for "ApiVersion"
  EXPECT_EQ(Render("{{(index (index .NetworkSettings.Ports \"80/tcp\") 0).HostIP}}"), "0.0.0.0");
  EXPECT_EQ(Render("{{.Config.Labels.A}}"), "<no value>");  // keys of maps are what they are
  EXPECT_THAT(Render("{{.pid}}"), ::testing::StartsWith("EXEC: "));
}

TEST(Template, FunctionsAndPipes) {
  EXPECT_EQ(Render(R"({{join .Cmd " "}} {{.Name | upper}} {{lower "ABC"}} {{title "abc"}})"),
            "sh -c true /WEB abc Abc");
  EXPECT_EQ(Render(R"({{join (split "a:b" ":") "+"}})"), "a+b");
  EXPECT_EQ(Render(R"({{truncate .Name 3}}|{{pad .Name 1 2}}|)"), "/we| /web  |");
  EXPECT_EQ(Render(R"({{printf "%-6s|%3d|%q|%.1f" .Name .Pid .Empty .Size}})"), "/web  | 42|\"\"|1.5");
  EXPECT_EQ(Render(R"({{slice .Name 1}} {{slice .Name 0 2}} {{len .Name}})"), "web /w 4");
  EXPECT_EQ(
      Render(R"({{eq .Pid 42}} {{ne .Name "x"}} {{lt 1 2}} {{ge 2 3}} {{not .Empty}} {{or .Empty "d"}})"),
      "true true true false true d");
  EXPECT_EQ(Render(R"({{if and .Running (eq .Name "/web" "x")}}yes{{end}})"), "yes");
  EXPECT_EQ(Render("{{print 1 2}}{{print \"a\" \"b\"}}"), "1 2ab");
}

TEST(Template, TrimsBlanksAndSkipsComments) {
  EXPECT_EQ(Render("a  {{- .Pid -}}  b"), "a42b");
  EXPECT_EQ(Render("a{{/* note */}}b"), "ab");
  EXPECT_EQ(Render("{{`raw \\n`}}{{\"\\t|\"}}"), "raw \\n\t|");
}

TEST(Template, MistakesAreErrors) {
  EXPECT_EQ(Render("{{.Name"), "PARSE: template: :1: unclosed action");
  EXPECT_EQ(Render("{{foo .Name}}"), "PARSE: template: :1: function \"foo\" not defined");
  EXPECT_EQ(Render("{{if .Name}}x"), "PARSE: template: :1: unexpected EOF");
  EXPECT_EQ(Render("{{end}}"), "PARSE: template: :1: unexpected {{end}}");
  EXPECT_EQ(Render("{{.Nope}}"),
            "EXEC: template: :1:7: executing \"\" at <.Nope>: map has no entry for key \"Nope\"");
  EXPECT_EQ(Render("{{index .Cmd 9}}").substr(0, 5), "EXEC:");
  EXPECT_EQ(Render("{{$x}}").substr(0, 5), "EXEC:");
  EXPECT_EQ(Render("{{template \"x\"}}").substr(0, 6), "PARSE:");
  EXPECT_EQ(Render(std::string(200, '(').insert(0, "{{")).substr(0, 6), "PARSE:");
}

constexpr Column kColumns[] = {{"ID", "CONTAINER ID"}, {"Names", "NAMES"}};
constexpr ListStyle kStyle{"{{.ID}}\t{{.Names}}", kColumns, "*formatter.ContainerContext", "Label", "labels"};

std::vector<codec::Json> Rows() {
  return {
      codec::Json::MakeObject(
          {{"ID", "0123456789ab"}, {"Names", "web"}, {"labels", codec::Json::MakeObject({{"team", "x"}})}}),
      codec::Json::MakeObject(
          {{"ID", "ba9876543210"}, {"Names", "db"}, {"labels", codec::Json::MakeObject()}})};
}

TEST(RenderList, AlignsTheTable) {
  EXPECT_EQ(*RenderList(kStyle, "", Rows()), "CONTAINER ID   NAMES\n0123456789ab   web\nba9876543210   db\n");
  EXPECT_EQ(*RenderList(kStyle, "table {{.Names}}\\t{{.ID}}", Rows()),
            "NAMES     CONTAINER ID\nweb       0123456789ab\ndb        ba9876543210\n");
  EXPECT_EQ(*RenderList(kStyle, R"(table {{.Label "com.team"}}|{{lower .Names}})", {}), "TEAM|NAMES\n");
}

TEST(RenderList, OneLineForEachRowOtherwise) {
  EXPECT_EQ(*RenderList(kStyle, "{{.Names}}:{{.Label \"team\"}}", Rows()), "web:x\ndb:\n");
  EXPECT_EQ(*RenderList(kStyle, "json", Rows()),
            "{\"ID\":\"0123456789ab\",\"Names\":\"web\"}\n{\"ID\":\"ba9876543210\",\"Names\":\"db\"}\n");
  EXPECT_EQ(*RenderList(kStyle, "{{json .}}", Rows()), *RenderList(kStyle, "json", Rows()));
  const auto bad = RenderList(kStyle, "{{.Nope}}", Rows());
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(
      bad.error().Message(),
      "template parsing error: template: :1:7: executing \"\" at <.Nope>: can't evaluate field Nope in type "
      "*formatter.ContainerContext");
}

}  // namespace
}  // namespace estiba::cli
