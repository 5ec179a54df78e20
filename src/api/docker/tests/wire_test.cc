// Byte for byte what clients that break on less see (docs/api.md, "On the wire"): raw requests and raw answers, in
// golden/wire_*.txt. "\r" before a line's end is not shown where there is one; a lone line end is shown as "\n".

#include <sys/socket.h>
#include <unistd.h>

#include "api_fixture.h"
#include "apitypes/image.h"
#include "os/file.h"
#include "tests/golden.h"

namespace estiba::api::docker {
namespace {

class Wire : public Api {
 protected:
  void TearDown() override {
    testing::ExpectGolden("wire_" + name_ + ".txt", text_);
    Api::TearDown();
  }
  void Golden(std::string name) { name_ = std::move(name); }

  // Sends it on a connection of its own and notes both, with what the engine was asked.
  void Exchange(const std::string& title, const std::string& start, const std::string& fields = "",
                const std::string& body = "") {
    const std::size_t before = engine_.calls().size();
    std::string request = start + " HTTP/1.1\r\nHost: docker\r\n" + fields;
    if (!body.empty()) request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    if (!fields.contains("Upgrade")) request += "Connection: close\r\n";
    request += "\r\n" + body;
    const std::string answer = Roundtrip(request);
    text_ += "==== " + title + "\n" + Shown("> ", request) + Shown("< ", answer);
    const std::vector<std::string> calls = engine_.calls();
    for (std::size_t i = before; i < calls.size(); ++i) text_ += "engine: " + calls[i] + "\n";
    text_ += "\n";
  }
  void Json(const std::string& title, const std::string& start, const std::string& body) {
    Exchange(title, start, "Content-Type: application/json\r\n", body);
  }

 private:
  std::string Roundtrip(const std::string& request) {
    auto socket = os::ConnectUnix(path(), SOCK_STREAM);
    if (!socket.ok()) return socket.error().ToString();
    if (const Status sent = os::WriteAll(socket->get(), request); !sent.ok()) return sent.error().ToString();
    std::string answer;
    char buffer[4096];
    for (ssize_t n = 0; (n = ::read(socket->get(), buffer, sizeof buffer)) > 0;)
      answer.append(buffer, static_cast<std::size_t>(n));
    return answer;
  }
  static std::string Shown(const char* mark, std::string_view bytes) {
    std::string shown;
    while (!bytes.empty()) {
      const std::size_t end = std::min(bytes.find('\n'), bytes.size() - 1);
      std::string line(bytes.substr(0, end + 1));
      bytes.remove_prefix(end + 1);
      if (line.starts_with("Date: ")) line = "Date: (a date)\r\n";
      const bool whole = line.ends_with("\r\n");
      if (whole) line.resize(line.size() - 2);
      shown += mark + Escaped(line) + "\n";
    }
    return shown;
  }
  static std::string Escaped(std::string_view line) {
    std::string text;
    for (const char c : line) {
      constexpr char kHex[] = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(c);
      if (c == '\n') text += "\\n";
      else if (c == '\r') text += "\\r";
      else if (byte < ' ' || byte > '~') text += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
      else text += c;
    }
    return text;
  }

  std::string name_, text_;
};

constexpr auto kUpgrade = "Connection: Upgrade\r\nUpgrade: tcp\r\n";

TEST_F(Wire, Negotiation) {
  Golden("01_negotiation");
  Exchange("a ping", "GET /_ping");
  Exchange("a ping without a body", "HEAD /_ping");
  Exchange("too old", "GET /v1.23/info");
  Exchange("too new", "GET /v1.99/info");
  Exchange("no such path", "GET /v1.52/nothing");
  Exchange("no such method: 405 is never sent", "PATCH /v1.52/info");
}

TEST_F(Wire, Attach) {
  Golden("02_attach");
  bool tty = false;
  engine_.on_attach = [&tty](const engine::TakeConnection& take) -> Status {
    const engine::Connection connection = TRY(take(tty));
    return os::WriteAll(connection.fd.get(), tty ? "shown" : std::string("\1\0\0\0\0\0\0\5shown", 13));
  };
  Exchange("with an upgrade", "POST /v1.42/containers/a/attach?stdout=1&stream=1", kUpgrade);
  Exchange("before 1.42", "POST /v1.41/containers/a/attach?stdout=1&stream=1", kUpgrade);
  Exchange("without one", "POST /v1.52/containers/a/attach?stdout=1&stream=1");
  tty = true;
  Exchange("a terminal", "POST /v1.52/containers/a/attach?stdout=1&stream=1", kUpgrade);
  engine_.on_attach = [](const engine::TakeConnection&) { return Status(Error(Code::kConflict, "it is paused")); };
  Exchange("refused", "POST /v1.52/containers/a/attach", std::string(kUpgrade) + "Connection: close\r\n");
}

TEST_F(Wire, Exec) {
  Golden("03_exec");
  engine_.on_attach = [](const engine::TakeConnection& take) -> Status {
    const engine::Connection connection = TRY(take(true));
    return os::WriteAll(connection.fd.get(), "done");
  };
  Json("made", "POST /v1.52/containers/a/exec", R"({"Cmd":["ls"]})");
  Json("made of nothing", "POST /v1.52/containers/a/exec", R"({"Cmd":[]})");
  Exchange("started", "POST /v1.52/exec/e/start", std::string(kUpgrade) + "Content-Type: application/json\r\n",
           R"({"Tty":true})");
  Json("started without an upgrade", "POST /v1.52/exec/e/start", R"({"Tty":true})");
  Json("detached", "POST /v1.52/exec/e/start", R"({"Detach":true})");
  Exchange("while it runs", "GET /v1.52/exec/e/json");
}

TEST_F(Wire, Wait) {
  Golden("04_wait");
  engine_.on_wait = [](engine::WaitCallbacks callbacks) {
    callbacks.accepted();
    callbacks.done({137, ""});
  };
  Exchange("for its end", "POST /v1.52/containers/a/wait?condition=next-exit");
  Exchange("before 1.30", "POST /v1.29/containers/a/wait?condition=next-exit");
  Exchange("for what there is not", "POST /v1.52/containers/a/wait?condition=never");
  engine_.on_wait = [](engine::WaitCallbacks callbacks) {
    callbacks.accepted();
    callbacks.done({-1, "it was not started"});
  };
  Exchange("an error", "POST /v1.52/containers/a/wait?condition=removed");
}

TEST_F(Wire, Events) {
  Golden("05_events");
  engine_.on_events = [](const engine::EventsCallbacks& callbacks) {
    callbacks.accepted();
    callbacks.event(
        {"container", "start", "c1", {{"image", "busybox"}, {"name", "web"}}, "local", 1'600'000'000'000'000'001});
    callbacks.event({"image", "create", "sha256:x", {}, "local", 1'600'000'000'000'000'002});
    callbacks.ended();
  };
  Exchange("of the newest version", "GET /v1.52/events?since=1600000000.000000001&until=1600000001");
  Exchange("of 1.51", "GET /v1.51/events");
  Exchange("of 1.45", "GET /v1.45/events");
  Exchange("as a sequence", "GET /v1.52/events", "Accept: application/json-seq\r\n");
  Exchange("since after until", "GET /v1.52/events?since=2&until=1");
}

TEST_F(Wire, Logs) {
  Golden("06_logs");
  bool tty = false;
  engine_.on_logs = [&tty](const engine::LogsRequest&, const engine::StreamSink& sink) {
    sink.begin(tty);
    sink.write(tty ? "line\r\n" : std::string("\2\0\0\0\0\0\0\5line\n", 13));
    return Ok();
  };
  Exchange("of no stream", "GET /v1.52/containers/a/logs");
  Exchange("framed", "GET /v1.52/containers/a/logs?stderr=1&tail=1");
  Exchange("before 1.42", "GET /v1.41/containers/a/logs?stderr=1");
  tty = true;
  Exchange("of a terminal", "GET /v1.52/containers/a/logs?stdout=1&since=1600000000.5");
}

TEST_F(Wire, Archives) {
  Golden("07_archives");
  engine_.stat = R"({"name":"etc","size":4096,"mode":2147484141,"mtime":"2026-01-02T03:04:05Z","linkTarget":""})";
  Exchange("looked at", "HEAD /v1.52/containers/a/archive?path=%2Fetc");
  Exchange("taken", "GET /v1.52/containers/a/archive?path=%2Fetc");
  Exchange("taken compressed", "GET /v1.52/containers/a/archive?path=%2Fetc", "Accept-Encoding: gzip\r\n");
  Exchange("put", "PUT /v1.52/containers/a/archive?path=%2Ftmp&noOverwriteDirNonDir=1",
           "Content-Type: application/x-tar\r\n", "bytes");
  Exchange("of no path", "HEAD /v1.52/containers/a/archive");
  engine_.fail = [] { return Status(Error(Code::kPermissionDenied, "container rootfs is marked read-only")); };
  Exchange("into what is read-only", "PUT /v1.52/containers/a/archive?path=%2Ftmp", "", "bytes");
}

TEST_F(Wire, Progress) {
  Golden("08_progress");
  engine_.on_transfer = [](const engine::ProgressCallbacks& callbacks) {
    apitypes::Progress line;
    line.status = "Downloading";
    line.id = "0123456789ab";
    line.current = 5;
    line.total = 9;
    callbacks.line("{\"status\":\"Pulling from library/a\",\"id\":\"1\"}\r\n");
    callbacks.line(line.ToJson().Dump() + "\r\n");
    callbacks.done(Ok());
  };
  Exchange("of a pull", "POST /v1.52/images/create?fromImage=a&tag=1");
  engine_.on_transfer = [](const engine::ProgressCallbacks& callbacks) {
    callbacks.line("{\"status\":\"Pulling from library/a\",\"id\":\"1\"}\r\n");
    callbacks.line("{\"status\":\"Pulling fs layer\",\"id\":\"0123456789ab\"}\r\n");
    callbacks.done(Error(Code::kUnavailable, "the registry is away"));
  };
  Exchange("an error behind it", "POST /v1.52/images/create?fromImage=a&tag=1");
  engine_.on_transfer = [](const engine::ProgressCallbacks& callbacks) {
    callbacks.done(Error(Code::kNotFound, "manifest unknown"));
  };
  Exchange("an error before it", "POST /v1.52/images/create?fromImage=a&tag=1");
}

TEST_F(Wire, Creation) {
  Golden("09_create");
  constexpr auto kImageMount =
      R"({"Image":"x","HostConfig":{"Mounts":[{"Type":"image","Source":"i","Target":"/i"}]}})";
  constexpr auto kTwo = R"({"Image":"x","NetworkingConfig":{"EndpointsConfig":{"a":{},"b":{}}}})";
  constexpr auto kMac = R"({"Image":"x","MacAddress":"02:00:00:00:00:01"})";
  Json("an image mount", "POST /v1.47/containers/create", kImageMount);
  Json("an image mount", "POST /v1.48/containers/create?name=web", kImageMount);
  Json("two networks", "POST /v1.43/containers/create", kTwo);
  Json("two networks", "POST /v1.44/containers/create", kTwo);
  Json("its own address", "POST /v1.43/containers/create", kMac);
  Json("its own address", "POST /v1.51/containers/create", kMac);
  Json("its own address", "POST /v1.52/containers/create", kMac);
  Json("ports without bindings", "POST /v1.52/containers/create",
       R"({"Image":"x","HostConfig":{"PortBindings":{"80/tcp":[]}}})");
}

TEST_F(Wire, Credentials) {
  Golden("10_credentials");
  engine_.on_transfer = [](const engine::ProgressCallbacks& callbacks) { callbacks.done(Ok()); };
  Exchange("base64url", "POST /v1.52/images/create?fromImage=a",
           "X-Registry-Auth: eyJ1c2VybmFtZSI6Im1lIiwicGFzc3dvcmQiOiI_Pz4-In0=\r\n");
  Exchange("base64", "POST /v1.52/images/create?fromImage=a",
           "X-Registry-Auth: eyJ1c2VybmFtZSI6Im1lIiwicGFzc3dvcmQiOiI/Pz4+In0=\r\n");
  Exchange("nothing", "POST /v1.52/images/a/push?tag=1", "X-Registry-Auth: \r\n");
  Exchange("what cannot be read", "POST /v1.52/images/a/push?tag=1", "X-Registry-Auth: !\r\n");
}

TEST_F(Wire, Filters) {
  Golden("11_filters");
  const auto filters = [](const char* json) { return http::PercentEncode(json); };
  Exchange("as a map", "GET /v1.52/containers/json?filters=" + filters(R"({"label":{"a=b":true}})"));
  Exchange("as a list", "GET /v1.52/containers/json?filters=" + filters(R"({"label":["a=b"]})"));
  Exchange("unknown", "GET /v1.52/containers/json?filters=" + filters(R"({"x":["a"]})"));
  Exchange("no filters", "GET /v1.52/containers/json?filters=" + filters("[1]"));
  for (const char* value : {"", "0", "no", "False", "none", "1", "true", "yes", "anything"})
    Exchange("all=" + std::string(value), "GET /v1.52/containers/json?all=" + std::string(value));
}

TEST_F(Wire, Errors) {
  Golden("12_errors");
  const std::pair<Code, const char*> kErrors[] = {
      {Code::kInvalidArgument, "that is wrong"}, {Code::kUnauthenticated, "who are you"},
      {Code::kPermissionDenied, "not for you"},  {Code::kNotFound, "No such container: <missing> & \"more\""},
      {Code::kConflict, "it is in use"},         {Code::kNotModified, "it runs already"},
      {Code::kInternal, "that failed"},          {Code::kNotImplemented, "not here"},
      {Code::kUnavailable, "not now"}};
  for (const auto& [code, message] : kErrors) {
    engine_.fail = [code = code, message = message] { return Status(Error(code, message)); };
    Exchange(message, "POST /v1.52/containers/a/start");
  }
}

TEST_F(Wire, Bodies) {
  Golden("13_bodies");
  constexpr auto kStart = "POST /v1.52/volumes/create";
  Exchange("of JSON", kStart, "Content-Type: application/json; charset=utf-8\r\n", R"({"Name":"v"})");
  Exchange("of another type", kStart, "Content-Type: text/plain\r\n", "{}");
  Exchange("of no type", kStart, "", "{}");
  Exchange("empty", kStart, "Content-Type: application/json\r\n");
  Exchange("with something behind it", kStart, "Content-Type: application/json\r\n", "{} {}");
  Exchange("not JSON", kStart, "Content-Type: application/json\r\n", "{");
  Exchange("empty where there has to be one", "POST /v1.52/containers/create", "Content-Type: application/json\r\n");
}

TEST_F(Wire, NamesAndIds) {
  Golden("14_names");
  Exchange("a name", "GET /v1.41/containers/web/top");
  Exchange("a name as it is listed", "GET /v1.41/containers/%2Fweb/top");
  Exchange("a name of several parts", "GET /v1.52/images/localhost:5000/team/app:1/history");
  Exchange("listed with a slash", "GET /v1.41/containers/json");
}

TEST_F(Wire, WhatOtherEnginesGotWrong) {
  Golden("15_compatibility");
  Exchange("no second size since 1.44, and shared sizes only for who asks", "GET /v1.44/images/json");
  Exchange("before it", "GET /v1.43/images/json");
  Json("an entry point that is empty", "POST /v1.52/containers/create",
       R"({"Image":"x","Entrypoint":[],"HostConfig":{"CgroupnsMode":"private"}})");
  Exchange("names and images that went", "POST /v1.52/images/prune");
  engine_.usage = *codec::ParseJson(
      R"({"LayersSize":0,"Images":[],"Containers":[],"Volumes":[],"BuildCache":[]})");
  Exchange("the disk's usage", "GET /v1.41/system/df");
  Exchange("the disk's usage", "GET /v1.52/system/df?verbose=1");
}

TEST_F(Wire, Builders) {
  Golden("16_builders");
  Exchange("classic", "POST /v1.52/build?t=a", "Content-Type: application/x-tar\r\n", "archive");
  Exchange("a session", "POST /v1.52/session", "Connection: Upgrade\r\nUpgrade: h2c\r\nConnection: close\r\n");
  Exchange("BuildKit", "POST /v1.52/grpc", "Connection: Upgrade\r\nUpgrade: h2c\r\nConnection: close\r\n");
}

}  // namespace
}  // namespace estiba::api::docker
