#include "api/docker/api.h"

#include <gmock/gmock.h>

#include <fcntl.h>

#include "api_fixture.h"
#include "os/file.h"

namespace estiba::api::docker {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

TEST_F(Api, PingCarriesTheNegotiation) {
  for (const char* method : {"GET", "HEAD"}) {
    const http::Response ping = Send(method, "/_ping");
    EXPECT_EQ(ping.status, 200);
    EXPECT_EQ(ping.headers.Get("Api-Version"), "1.52");
    EXPECT_EQ(ping.headers.Get("Ostype"), "linux");
    EXPECT_EQ(ping.headers.Get("Builder-Version"), "1");
    EXPECT_EQ(ping.headers.Get("Swarm"), "inactive");
    EXPECT_EQ(ping.body, std::string(method) == "GET" ? "OK" : "");
  }
}

TEST_F(Api, VersionedAndUnversionedPathsAreTheSame) {
  EXPECT_EQ(Called(200, "GET", "/containers/json?limit=2&all=1"), "list 2 all {}");
  EXPECT_EQ(Called(200, "GET", "/v1.24/containers/json?all=false"), "list 0 {}");
  EXPECT_EQ(Called(200, "GET", R"(/v1.41/containers/json?filters=%7B%22label%22%3A%5B%22a%3Db%22%5D%7D)"),
            R"(list 0 {"label":{"a=b":true}})");
}

TEST_F(Api, ErrorsAreDockers) {
  const http::Response missing = Send("GET", "/v1.41/nope");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.headers.Get("Content-Type"), "application/json");
  EXPECT_EQ(missing.body, "{\"message\":\"page not found\"}\n");
  EXPECT_EQ(Send("GET", "/v1.20/info").status, 400);
  EXPECT_EQ(Send("GET", "/v1.41/swarm").status, 503);
  EXPECT_EQ(Send("GET", "/v1.41/plugins").body, "[]\n");
  EXPECT_THAT(Send("GET", "/containers/json?filters=%7B%22x%22%3A%5B%5D%7D").body,
              HasSubstr("invalid filter 'x'"));
}

TEST_F(Api, AHealthChecksStartIntervalIsKnownSince144) {
  constexpr auto kBody = R"({"Image":"x","Healthcheck":{"Test":["CMD","true"],"StartInterval":2000000,"Retries":2}})";
  for (const auto& [version, interval] : {std::pair("/v1.43", 0), {"/v1.44", 2'000'000}, {"", 2'000'000}}) {
    EXPECT_EQ(Send("POST", std::string(version) + "/containers/create?name=c", kBody).status, 201);
    ASSERT_TRUE(engine_.created.config.healthcheck.has_value());
    EXPECT_EQ(engine_.created.config.healthcheck->start_interval, interval) << version;
    EXPECT_EQ(engine_.created.config.healthcheck->retries, 2);
  }
}

TEST_F(Api, AHealthcheckOnRequestIsAnswered) {
  const http::Response response = Send("POST", "/estiba/v1/containers/web/healthcheck");
  EXPECT_EQ(engine_.last(), "healthcheck web");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "{\"Status\":\"unhealthy\",\"ExitCode\":7,\"Output\":\"no\"}\n");
  engine_.fail = [] { return Status(Error(Code::kConflict, "it does not run")); };
  EXPECT_EQ(Send("POST", "/estiba/v1/containers/web/healthcheck").status, 409);
}

TEST_F(Api, AHostsStartAndEndAreTheEnginesToSeeTo) {
  const http::Response up = Send("POST", "/estiba/v1/system/up");
  EXPECT_EQ(engine_.last(), "start with host");
  EXPECT_EQ(up.body, "[{\"Id\":\"id1\",\"Name\":\"web\",\"Error\":\"\"},"
                     "{\"Id\":\"id2\",\"Name\":\"db\",\"Error\":\"no such device\"}]\n");
  EXPECT_EQ(Called(204, "POST", "/estiba/v1/system/down?t=3"), "stop with host 3");
  EXPECT_EQ(Called(204, "POST", "/estiba/v1/system/down"), "stop with host -99");
  EXPECT_EQ(Send("POST", "/estiba/v1/system/down?t=x").status, 400);
  EXPECT_EQ(Called(204, "POST", "/estiba/v1/system/end"), "end");
}

TEST_F(Api, CodesMapToStatuses) {
  const std::pair<Code, int> kStatuses[] = {
      {Code::kNotFound, 404},      {Code::kInvalidArgument, 400}, {Code::kConflict, 409},
      {Code::kAlreadyExists, 409}, {Code::kNotModified, 304},     {Code::kNotImplemented, 501},
      {Code::kUnavailable, 503},   {Code::kInternal, 500},        {Code::kPermissionDenied, 403}};
  for (const auto& [code, status] : kStatuses) {
    engine_.fail = [code = code] { return Status(Error(code, "no <such> thing")); };
    const http::Response response = Send("POST", "/containers/a/start");
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(response.body, status == 304 ? "" : "{\"message\":\"no <such> thing\"}\n");
    EXPECT_EQ(Send("POST", "/containers/a/stop").status, status);
  }
}

TEST_F(Api, BodiesMustBeJson) {
  EXPECT_EQ(
      Called(201, "POST", "/containers/create?name=web", R"({"Image":"busybox","HostConfig":{"Memory":7}})"),
      "create web ");
  EXPECT_EQ(engine_.created.config.image, "busybox");
  EXPECT_EQ(engine_.created.host_config.resources.memory, 7);
  EXPECT_EQ(Send("POST", "/containers/create", "{}", {{"Content-Type", "text/plain"}}).status, 400);
  EXPECT_EQ(
      Send("POST", "/containers/create", "{}", {{"Content-Type", "application/json; charset=utf-8"}}).status,
      201);
  EXPECT_THAT(Send("POST", "/containers/create", "{} trailing").body, HasSubstr("invalid JSON"));
  EXPECT_THAT(Send("POST", "/containers/create", "{").body, HasSubstr("invalid JSON"));
  EXPECT_EQ(Send("POST", "/containers/create").status, 400);
  EXPECT_THAT(Send("POST", "/containers/create", R"({"HostConfig":{"Memory":"x"}})").body,
              HasSubstr("HostConfig.Memory: expected a whole number, got a string"));
  EXPECT_EQ(Send("POST", "/containers/a/start", R"({"HostConfig":{}})").status, 400);
}

TEST_F(Api, PathsOfContainersAreArchives) {
  const http::Response look = Send("HEAD", "/v1.41/containers/web/archive?path=%2Fetc%2F");
  EXPECT_EQ(look.status, 200);
  EXPECT_EQ(engine_.last(), "stat web /etc/");
  EXPECT_EQ(look.headers.Get("X-Docker-Container-Path-Stat"), "eyJuYW1lIjoiZXRjIn0=");
  EXPECT_EQ(look.body, "");

  const http::Response take = Send("GET", "/containers/web/archive?path=/etc");
  EXPECT_EQ(take.status, 200);
  EXPECT_EQ(engine_.last(), "take web /etc");
  EXPECT_EQ(take.headers.Get("Content-Type"), "application/x-tar");
  EXPECT_EQ(take.headers.Get("X-Docker-Container-Path-Stat"), "eyJuYW1lIjoiZXRjIn0=");
  EXPECT_FALSE(take.headers.Has("Content-Encoding"));
  EXPECT_EQ(take.body, "archive");

  const http::Response put = Send("PUT", "/containers/web/archive?path=/tmp", "bytes",
                                  {{"Content-Type", "application/x-tar"}});
  EXPECT_EQ(put.status, 200);
  EXPECT_EQ(put.body, "");
  EXPECT_EQ(engine_.last(), "put web /tmp");
  EXPECT_EQ(engine_.loaded, "bytes");
  EXPECT_EQ(Called(200, "PUT", "/containers/web/archive?path=/tmp&noOverwriteDirNonDir=true&copyUIDGID=1"),
            "put web /tmp keep user");
}

TEST_F(Api, AnArchiveIsCompressedForWhoAsks) {
  const auto encoding = [this](const char* accept) {
    return Send("GET", "/containers/web/archive?path=/etc", "", {{"Accept-Encoding", accept}})
        .headers.Get("Content-Encoding");
  };
  EXPECT_EQ(encoding("gzip"), "gzip");
  EXPECT_EQ(engine_.last(), "take web /etc gzip");
  EXPECT_EQ(encoding("br, GZIP;q=0.5"), "gzip");
  EXPECT_EQ(encoding("*"), "gzip");
  EXPECT_EQ(encoding("gzip;q=0"), "");
  EXPECT_EQ(encoding("gzip; q=0.000, *"), "");
  EXPECT_EQ(encoding("identity"), "");
  EXPECT_EQ(encoding("deflate"), "");
}

TEST_F(Api, WhatIsWrongWithAPathIsTheAnswersStatus) {
  for (const char* method : {"HEAD", "GET", "PUT"}) {
    EXPECT_EQ(Send(method, "/containers/web/archive").status, 400);
    EXPECT_EQ(Send(method, "/containers/web/archive?path=").status, 400);
  }
  const std::pair<Code, int> kStatuses[] = {
      {Code::kNotFound, 404}, {Code::kInvalidArgument, 400}, {Code::kPermissionDenied, 403}};
  for (const auto& [code, status] : kStatuses) {
    engine_.fail = [code = code] { return Status(Error(code, "no")); };
    for (const char* method : {"HEAD", "GET", "PUT"})
      EXPECT_EQ(Send(method, "/containers/web/archive?path=/x").status, status);
    EXPECT_EQ(Send("GET", "/containers/web/archive?path=/x").body, "{\"message\":\"no\"}\n");
  }
}

TEST_F(Api, TheEngineServesOnAfterAHugeBody) {
  const http::Response response = Send("POST", "/containers/create", std::string(100U << 20, ' '));
  EXPECT_EQ(response.status, 413);
  EXPECT_THAT(response.body, HasSubstr("request body too large"));
  EXPECT_EQ(Send("GET", "/_ping").status, 200);
}

TEST_F(Api, ContainerVerbs) {
  EXPECT_EQ(Called(204, "POST", "/v1.42/containers/a/stop?t=3&signal=INT"), "stop a 3 INT");
  EXPECT_EQ(Called(204, "POST", "/v1.41/containers/a/stop?signal=INT"), "stop a -99 ");
  EXPECT_EQ(Send("POST", "/containers/a/stop?t=x").status, 400);
  EXPECT_EQ(Called(204, "POST", "/containers/a/restart"), "restart a");
  EXPECT_EQ(Called(204, "POST", "/containers/a/kill"), "kill a SIGKILL");
  EXPECT_EQ(Called(204, "POST", "/containers/a/pause"), "pause a");
  EXPECT_EQ(Called(204, "POST", "/containers/a/unpause"), "unpause a");
  EXPECT_EQ(Called(204, "POST", "/containers/a/rename?name=b"), "rename a b");
  EXPECT_EQ(Called(204, "DELETE", "/containers/a?v=1&force=1"), "remove a force volumes");
  EXPECT_EQ(Called(200, "POST", "/containers/a/resize?h=24&w=80"), "resize a 24x80");
  EXPECT_EQ(Send("POST", "/containers/a/resize?h=-1&w=80").status, 400);
  EXPECT_EQ(Called(200, "POST", "/containers/a/update", R"({"Memory":9})"), "update a 9");
  EXPECT_EQ(Called(200, "GET", "/containers/a/top?ps_args=aux"), "top a aux");
  EXPECT_EQ(Called(200, "GET", "/containers/a/json?size=1"), "inspect a size");
  EXPECT_EQ(Called(200, "POST", "/containers/prune"), "prune containers");
}

TEST_F(Api, ImagesNetworksAndVolumes) {
  EXPECT_EQ(Called(200, "GET", "/images/localhost:5000/a/b:1/json"), "inspect image localhost:5000/a/b:1");
  EXPECT_EQ(Called(201, "POST", "/images/a/tag?repo=b&tag=2"), "tag a b 2");
  EXPECT_EQ(Send("DELETE", "/images/x/y?force=1").body,
            "[{\"Untagged\":\"a:1\"},{\"Deleted\":\"sha256:x\"}]\n");
  EXPECT_THAT(Send("GET", "/v1.43/images/json").body, HasSubstr("\"VirtualSize\":5"));
  EXPECT_THAT(Send("GET", "/v1.44/images/json").body, ::testing::Not(HasSubstr("VirtualSize")));
  EXPECT_EQ(Send("GET", "/images/a/get").body, "archive");
  const std::string platform = http::PercentEncode(R"({"os":"linux","architecture":"arm64"})");
  EXPECT_EQ(Called(200, "GET", "/images/get?names=a&format=oci-archive&platform=" + platform),
            "save a oci-archivelinux/arm64");
  EXPECT_THAT(Send("GET", "/images/a/get?format=oci-dir").body, HasSubstr("needs a directory"));
  engine_.saved = Error(Code::kDataLoss, "a blob is missing");
  EXPECT_EQ(Send("GET", "/images/a/get").status, 0) << "a cut archive must not look whole";
  EXPECT_EQ(Called(201, "POST", "/networks/create", R"({"Name":"n"})"), "create network n");
  EXPECT_EQ(Called(200, "POST", "/networks/n/connect", R"({"Container":"c"})"), "connect n c");
  EXPECT_EQ(Called(204, "DELETE", "/networks/n"), "remove network n");
  EXPECT_EQ(Called(200, "POST", "/estiba/v1/networks/n/check"), "check network n");
  EXPECT_EQ(Called(201, "POST", "/volumes/create", R"({"Name":"v"})"), "create volume v");
  EXPECT_EQ(Called(204, "DELETE", "/volumes/v?force=true"), "remove volume v force");
  EXPECT_EQ(Called(200, "POST", "/v1.41/volumes/prune"), R"(prune volumes {"all":{"true":true}})");
}

TEST_F(Api, AnArchiveGoesIntoAFileThatTheClientHandsOver) {
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd file, os::OpenAt({AT_FDCWD}, dir_ / "a.tar", O_RDWR | O_CREAT, 0600));
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd read_only, os::OpenAt({AT_FDCWD}, dir_ / "a.tar", O_RDONLY));
  http::Client client(path());
  http::Request request;
  request.target = "/images/a/get";
  request.headers.Set("Estiba-Answer-To", "descriptor");
  EXPECT_EQ(client.Send(request)->status, 400) << "there is none";
  request.pass_fd = read_only.get();
  EXPECT_EQ(client.Send(request)->status, 400);
  request.pass_fd = file.get();
  ASSERT_OK_AND_ASSIGN(const http::Response whole, client.Send(request));
  EXPECT_EQ(whole.headers.Get("Estiba-Answer-To"), "descriptor");
  EXPECT_EQ(whole.body, "");
  EXPECT_EQ(engine_.last(), "save a to a file");
  EXPECT_EQ(*os::ReadFile(dir_ / "a.tar"), "archive");
  engine_.saved = Error(Code::kDataLoss, "a blob is missing");
  EXPECT_THAT(client.Send(request)->body, HasSubstr("a blob is missing"));
}

TEST_F(Api, WaitSendsItsHeadBeforeTheContainerEnds) {
  engine::WaitCallbacks kept;
  engine_.on_wait = [&](engine::WaitCallbacks callbacks) {
    kept = std::move(callbacks);
    kept.accepted();
  };
  http::Client client(path());
  ASSERT_OK_AND_ASSIGN(const auto stream,
                       client.Open({.method = "POST", .target = "/containers/a/wait?condition=removed"}));
  EXPECT_EQ(stream->status(), 200);
  EXPECT_EQ(engine_.last(), "wait a 2");
  kept.done({3, ""});
  ASSERT_OK_AND_ASSIGN(const auto line, stream->ReadLine());
  EXPECT_EQ(line, R"({"StatusCode":3})");
  EXPECT_EQ(Send("POST", "/containers/a/wait?condition=never").status, 400);
}

TEST_F(Api, AClientThatLeavesAWaitCancelsIt) {
  engine::WaitCallbacks kept;
  engine_.on_wait = [&](engine::WaitCallbacks callbacks) {
    kept = std::move(callbacks);
    kept.accepted();
  };
  {
    http::Client client(path());
    ASSERT_OK_AND_ASSIGN(const auto stream, client.Open({.method = "POST", .target = "/containers/a/wait"}));
  }
  while (engine_.last() != "cancel 7") std::this_thread::yield();
  kept = {};
}

TEST_F(Api, AttachTakesTheConnectionWithTheRightType) {
  const auto attach = [&](const std::string& version, bool tty) {
    engine_.on_attach = [tty](const engine::TakeConnection& take) -> Status {
      const engine::Connection connection = TRY(take(tty));
      return Ok();
    };
    http::Client client(path());
    auto result = client.Upgrade(
        {.method = "POST", .target = version + "/containers/a/attach?stdin=1&stdout=1&stream=1"});
    return result.ok() && result->connection ? result->connection->headers.Get("Content-Type") : "refused";
  };
  EXPECT_EQ(attach("/v1.52", false), "application/vnd.docker.multiplexed-stream");
  EXPECT_EQ(attach("/v1.52", true), "application/vnd.docker.raw-stream");
  EXPECT_EQ(attach("/v1.41", false), "application/vnd.docker.raw-stream");
  EXPECT_EQ(engine_.last(), "attach a in out stream");
}

TEST_F(Api, AttachThatIsRefusedIsAnAnswer) {
  engine_.on_attach = [](const engine::TakeConnection&) {
    return Status(Error(Code::kConflict, "it is paused"));
  };
  http::Client client(path());
  ASSERT_OK_AND_ASSIGN(const auto result,
                       client.Upgrade({.method = "POST", .target = "/containers/a/attach"}));
  ASSERT_TRUE(result.refused.has_value());
  EXPECT_EQ(result.refused->status, 409);
}

TEST_F(Api, LogsNeedAStreamAndCarryTheirType) {
  EXPECT_EQ(Send("GET", "/containers/a/logs").status, 400);
  engine_.on_logs = [](const engine::LogsRequest&, const engine::StreamSink& sink) {
    sink.begin(false);
    sink.write("frames");
    return Ok();
  };
  const http::Response logs = Send("GET", "/containers/a/logs?stdout=1&tail=5&since=1600000000.5");
  EXPECT_EQ(logs.body, "frames");
  EXPECT_EQ(logs.headers.Get("Content-Type"), "application/vnd.docker.multiplexed-stream");
  EXPECT_EQ(engine_.last(), "logs a 5 1600000000500000000");
  EXPECT_EQ(Send("GET", "/containers/a/logs?stdout=1&since=soon").status, 400);
}

TEST_F(Api, ExecVerbs) {
  EXPECT_EQ(Called(201, "POST", "/containers/a/exec", R"({"Cmd":["ls"]})"), "exec a ls");
  EXPECT_THAT(Send("POST", "/containers/a/exec", R"({"Cmd":[]})").body,
              HasSubstr("No exec command specified"));
  EXPECT_EQ(Called(200, "POST", "/exec/e/start", R"({"Detach":true})"), "start exec e detach");
  EXPECT_EQ(Called(200, "POST", "/exec/e/resize?h=1&w=2"), "resize exec e 1x2");
  EXPECT_EQ(Called(200, "GET", "/exec/e/json"), "inspect exec e");
}

TEST_F(Api, PullStreamsProgressAndReportsLateErrorsInTheStream) {
  engine_.on_transfer = [](const engine::ProgressCallbacks& callbacks) {
    callbacks.line("{\"status\":\"Pulling\"}\r\n");
    callbacks.line("{}\r\n");
    callbacks.done(Error(Code::kUnavailable, "registry is away"));
  };
  apitypes::AuthConfig auth;
  auth.username = "me";
  const http::Response late =
      Send("POST", "/images/create?fromImage=h:5000/a&tag=1", "", {{"X-Registry-Auth", auth.ToHeader()}});
  EXPECT_EQ(late.status, 200);
  EXPECT_EQ(late.body,
            "{\"status\":\"Pulling\"}\r\n{}\r\n{\"errorDetail\":{\"message\":\"registry is away\"},\"error\":"
            "\"registry is away\"}\r\n");
  EXPECT_THAT(engine_.calls(), Contains("pull h:5000/a:1 me"));
  engine_.on_transfer = [](const engine::ProgressCallbacks& callbacks) {
    callbacks.line("{\"status\":\"Pulling\"}\r\n");
    callbacks.done(Error(Code::kNotFound, "no such image"));
  };
  EXPECT_EQ(Send("POST", "/images/create?fromImage=a&tag=1").status, 404);
}

TEST_F(Api, ASearchPassesWhatItsFiltersLetThrough) {
  engine_.on_transfer = [](const engine::ProgressCallbacks& callbacks) {
    callbacks.line(R"([{"name":"a","star_count":5,"is_official":true},{"name":"b","star_count":2}])");
    callbacks.done(Ok());
  };
  const http::Response all = Send("GET", "/images/search?term=app&limit=7");
  EXPECT_EQ(all.status, 200);
  EXPECT_EQ(all.body, "[{\"name\":\"a\",\"star_count\":5,\"is_official\":true},{\"name\":\"b\",\"star_count\":2}]\n");
  EXPECT_THAT(engine_.calls(), Contains("ask 2 app 7"));
  const http::Response few = Send("GET", "/images/search?term=app&filters=%7B%22stars%22%3A%7B%223%22%3Atrue%7D%7D");
  EXPECT_EQ(few.body, "[{\"name\":\"a\",\"star_count\":5,\"is_official\":true}]\n");
  EXPECT_EQ(Send("GET", "/images/search?term=app&limit=101").status, 400);
  EXPECT_EQ(Send("GET", "/images/search?term=app&filters=%7B%22x%22%3A%7B%223%22%3Atrue%7D%7D").status, 400);
}

TEST_F(Api, ADistributionAndAManifestAreAnsweredAsTheyCome) {
  engine_.on_transfer = [](const engine::ProgressCallbacks& callbacks) {
    callbacks.line(R"({"Descriptor":{"size":5},"Platforms":null})");
    callbacks.done(Ok());
  };
  const http::Response docker = Send("GET", "/distribution/h:5000/team/app:1/json");
  EXPECT_EQ(docker.status, 200);
  EXPECT_EQ(docker.body, "{\"Descriptor\":{\"size\":5},\"Platforms\":null}\n");
  EXPECT_EQ(Send("GET", "/estiba/v1/images/manifest?name=app:1&insecure=1").status, 200);
  EXPECT_EQ(Send("GET", "/estiba/v1/images/manifest?name=app:1&each=1").status, 200);
  EXPECT_THAT(engine_.calls(),
              IsSupersetOf({"ask 3 h:5000/team/app:1 25", "ask 4 app:1 25 insecure", "ask 5 app:1 25"}));
  engine_.on_transfer = [](const engine::ProgressCallbacks& callbacks) {
    callbacks.done(Error(Code::kUnauthenticated, "unauthorized: authentication required"));
  };
  const http::Response refused = Send("GET", "/distribution/app/json");
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.body, "{\"message\":\"unauthorized: authentication required\"}\n");
  engine_.on_transfer = [](const engine::ProgressCallbacks& callbacks) {
    callbacks.line("not json");
    callbacks.done(Ok());
  };
  EXPECT_EQ(Send("GET", "/distribution/app/json").status, 500);
}

TEST_F(Api, ANameHasMeanings) {
  const http::Response answer = Send("GET", "/estiba/v1/images/meanings?name=app:1");
  EXPECT_EQ(answer.body,
            "{\"Names\":[\"q.io/app:1\",\"r.io/app:1\"],\"Here\":\"r.io/app:1\",\"Choice\":\"offered\"}\n");
  EXPECT_THAT(engine_.calls(), Contains("meanings app:1 -"));
  EXPECT_EQ(Send("GET", "/estiba/v1/images/meanings?name=app&alias=z.io/a").status, 200);
  EXPECT_EQ(Send("GET", "/estiba/v1/images/meanings?name=app&alias=").status, 200);
  EXPECT_THAT(engine_.calls(), IsSupersetOf({"meanings app z.io/a", "meanings app "}));
  EXPECT_EQ(Send("GET", "/estiba/v1/images/meanings").status, 400);
}

TEST_F(Api, ACopyHasTwoNamesAndTwoCredentials) {
  engine_.on_transfer = [](const engine::ProgressCallbacks& callbacks) { callbacks.done(Ok()); };
  apitypes::AuthConfig from;
  from.username = "reader";
  apitypes::AuthConfig to;
  to.username = "writer";
  const http::Headers headers{{"X-Registry-Auth", from.ToHeader()}, {"X-Estiba-Destination-Auth", to.ToHeader()}};
  EXPECT_EQ(Send("POST", "/estiba/v1/images/copy?from=h/a:1&to=i/b&platform=linux/arm&referrers=1", "", headers).status,
            200);
  EXPECT_THAT(engine_.calls(), Contains("copy h/a:1 i/b 'linux/arm' referrers reader writer"));
  EXPECT_EQ(Send("POST", "/estiba/v1/images/copy?from=h/a:1").status, 400);
  EXPECT_EQ(Send("POST", "/estiba/v1/images/copy?to=h/a:1").status, 400);
}

TEST_F(Api, APushNamesItsTagAndPlatform) {
  engine_.on_transfer = [](const engine::ProgressCallbacks& callbacks) {
    callbacks.line("{\"status\":\"The push refers to repository [h:5000/a]\"}\r\n");
    callbacks.done(Error(Code::kUnauthenticated, "no"));
  };
  apitypes::AuthConfig auth;
  auth.username = "me";
  const http::Headers headers{{"X-Registry-Auth", auth.ToHeader()}};
  EXPECT_EQ(Send("POST", "/v1.52/images/h:5000/a/push?tag=1", "", headers).status, 401);
  EXPECT_THAT(engine_.calls(), Contains("push h:5000/a '1'  me"));
  const std::string platform =
      "%7B%22os%22%3A%22linux%22%2C%22architecture%22%3A%22arm%22%2C%22variant%22%3A%22v7%22%7D";
  Send("POST", "/v1.52/images/h:5000/a/push?platform=" + platform);
  EXPECT_THAT(engine_.calls(), Contains("push h:5000/a '' linux/arm/v7 "));
  EXPECT_EQ(Send("POST", "/v1.52/images/h:5000/a/push?platform=linux").status, 400);
}

TEST_F(Api, ALoginIsAnsweredByTheRegistrysWord) {
  engine_.on_transfer = [](const engine::ProgressCallbacks& callbacks) {
    callbacks.line("{\"IdentityToken\":\"t\",\"Status\":\"Login Succeeded\"}\n");
    callbacks.done(Ok());
  };
  const std::string body = R"({"username":"me","password":"p","serveraddress":"h:5000"})";
  const http::Response in = Send("POST", "/auth", body);
  EXPECT_EQ(in.status, 200);
  EXPECT_EQ(in.body, "{\"IdentityToken\":\"t\",\"Status\":\"Login Succeeded\"}\n");
  EXPECT_THAT(engine_.calls(), Contains("login h:5000 me"));
  engine_.on_transfer = [](const engine::ProgressCallbacks& callbacks) {
    callbacks.done(Error(Code::kUnauthenticated, "wrong password"));
  };
  EXPECT_EQ(Send("POST", "/auth", body).status, 401);
}

TEST_F(Api, LoadStreamsTheArchiveWhateverItsSize) {
  engine_.on_transfer = [](const engine::ProgressCallbacks& callbacks) { callbacks.done(Ok()); };
  const http::Response response =
      Send("POST", "/images/load", std::string(20U << 20, 'x'), {{"Content-Type", "application/x-tar"}});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(engine_.loaded.size(), 20U << 20);
}

TEST_F(Api, EventsStreamAndEnd) {
  engine_.on_events = [](const engine::EventsCallbacks& callbacks) {
    callbacks.accepted();
    callbacks.event({"network", "create", "n", {}, "local", 1});
    callbacks.ended();
  };
  const http::Response events = Send("GET", "/events?since=1&until=2");
  EXPECT_THAT(events.body, HasSubstr(R"("Type":"network","Action":"create")"));
  EXPECT_EQ(Send("GET", "/events?since=2&until=1").status, 400);
}

TEST_F(Api, StatsAreOneObjectOrALineEach) {
  engine_.on_stats = [](const engine::StatsCallbacks& callbacks) {
    callbacks.sample(true, {});
    callbacks.ended(Ok());
  };
  EXPECT_TRUE(codec::ParseJson(Send("GET", "/containers/a/stats?stream=0").body).ok());
  EXPECT_EQ(engine_.calls().front(), "stats a");
  EXPECT_TRUE(codec::ParseJson(Send("GET", "/containers/a/stats").body).ok());
}

TEST_F(Api, OwnPathsExplain) {
  EXPECT_EQ(Called(200, "GET", "/estiba/containers/a/plan?format=json"), "explain a 1");
  EXPECT_EQ(Called(200, "POST", "/estiba/plan?name=n", R"({"Image":"i"})"), "dry run n i");
  EXPECT_EQ(Send("GET", "/estiba/containers/a/plan?format=xml").status, 400);
}

}  // namespace
}  // namespace estiba::api::docker
