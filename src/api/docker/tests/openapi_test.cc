// The description of the API names what the router serves: neither less nor more.

#include "openapi.h"

#include <gmock/gmock.h>

#include <set>

#include "api_fixture.h"
#include "codec/json.h"
#include "router.h"

namespace estiba::api::docker {
namespace {

using codec::Json;

// "GET /images/{}/json": what a variable is called is no matter.
std::string Line(std::string method, const std::string& path) {
  std::string line = std::move(method) + " ";
  bool inside = false;
  for (const char c : path) {
    if (c == '}') inside = false;
    if (!inside) line += c;
    if (c == '{') inside = true;
  }
  return line;
}

Json Description() { return std::move(codec::ParseJson(OpenApi())).value(); }

TEST(OpenApi, HasEveryRouteAndNoOther) {
  std::set<std::string> served;
  for (const auto& [method, pattern] : AllRoutes()->Routes()) served.insert(Line(method, pattern));
  std::set<std::string> described;
  const Json description = Description();
  for (const Json::Member& path : *description.Find("paths")->IfObject()) {
    for (const Json::Member& operation : *path.value.IfObject()) {
      std::string method = operation.key;
      for (char& c : method) c = static_cast<char>(c - 'a' + 'A');
      described.insert(Line(method, path.key));
    }
  }
  EXPECT_THAT(described, ::testing::ContainerEq(served));
}

void CollectReferences(const Json& json, std::set<std::string>* references) {
  if (const Json::Array* items = json.IfArray())
    for (const Json& item : *items) CollectReferences(item, references);
  if (const Json::Object* members = json.IfObject()) {
    for (const Json::Member& member : *members) {
      if (member.key == "$ref") references->insert(*member.value.IfString());
      CollectReferences(member.value, references);
    }
  }
}

TEST(OpenApi, RefersToWhatIsThere) {
  const Json description = Description();
  std::set<std::string> references, known;
  CollectReferences(description, &references);
  for (const char* kind : {"schemas", "responses"}) {
    for (const Json::Member& one : *description.FindPath({"components", kind})->IfObject())
      known.insert("#/components/" + std::string(kind) + "/" + one.key);
  }
  EXPECT_THAT(known, ::testing::IsSupersetOf(references));
}

TEST(OpenApi, IsOfTheNewestVersion) {
  EXPECT_EQ(Description().Find("info")->GetString("version"), "1." + std::to_string(kMaxMinor));
}

TEST_F(Api, ServesItsOwnDescription) {
  const http::Response response = Send("GET", "/estiba/v1/openapi.json");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.Get("Content-Type"), "application/json");
  EXPECT_EQ(response.body, OpenApi());
}

}  // namespace
}  // namespace estiba::api::docker
