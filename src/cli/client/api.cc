#include "client/api.h"

#include <cerrno>

#include <sys/socket.h>

#include "client/launcher.h"
#include "os/socket.h"
#include "version.h"

namespace estiba::cli {
namespace {

using codec::Json;

Code CodeOf(int status) {
  switch (status) {
    case 304: return Code::kNotModified;
    case 400: return Code::kInvalidArgument;
    case 401: return Code::kUnauthenticated;
    case 403: return Code::kPermissionDenied;
    case 404: return Code::kNotFound;
    case 409: return Code::kConflict;
    case 501: return Code::kNotImplemented;
    case 503: return Code::kUnavailable;
    default: return Code::kInternal;
  }
}

bool Good(int status) { return status >= 200 && status < 300; }

Error Refusal(int status, const std::string& body) {
  const auto json = codec::ParseJson(body);
  std::string message;
  if (json.ok()) message = json->GetString("message");
  if (message.empty()) message = body;
  if (message.empty()) message = "status " + std::to_string(status);
  while (message.ends_with('\n')) message.pop_back();
  return {CodeOf(status), "Error response from daemon: " + message};
}

Result<Json> Body(Result<http::Response> sent) {
  const http::Response response = TRY(std::move(sent));
  if (response.status == 304) return Json();
  if (!Good(response.status)) return Refusal(response.status, response.body);
  if (response.body.empty()) return Json();
  return TRY_CTX(codec::ParseJson(response.body), "read the engine's answer");
}

// The engine ends when idle only if nobody but this program, which can start it again, has called.
http::Request Signed(http::Request request) {
  request.headers.Set("User-Agent", "estiba/" + std::string(kVersion));
  return request;
}

http::Request MakeRequest(std::string method, const std::string& path, const http::Query& query) {
  http::Request request;
  request.method = std::move(method);
  request.target = query.empty() ? path : path + "?" + query.Encode();
  return Signed(std::move(request));
}

bool NobodyListens(const Error& error) {
  return error.errnum() == ENOENT || error.errnum() == ECONNREFUSED || error.errnum() == ENOTDIR;
}

}  // namespace

std::string ContainerPath(std::string_view id, std::string_view action) {
  std::string path = "/containers/" + http::PercentEncode(id);
  if (!action.empty()) path += "/" + std::string(action);
  return path;
}

Api::Api(Endpoint endpoint) : endpoint_(std::move(endpoint)), client_(endpoint_.socket) {}

Error Api::Explain(Error error) const {
  if (!NobodyListens(error) && error.errnum() != EACCES) return error;
  std::string why = error.errnum() == EACCES ? "permission denied while trying to connect to the engine at "
                                             : "Cannot connect to the engine at ";
  why += endpoint_.Display();
  if (error.errnum() != EACCES) why += ". Is it running?";
  return {error.errnum() == EACCES ? Code::kPermissionDenied : Code::kUnavailable, std::move(why)};
}

Status Api::EnsureEngine() {
  auto probe = os::ConnectUnix(endpoint_.socket, SOCK_STREAM);
  if (probe.ok()) return Ok();
  if (!endpoint_.ours || !NobodyListens(probe.error())) return Explain(std::move(probe).error());
  return StartEngine(endpoint_);
}

Result<http::Response> Api::Send(const http::Request& request) {
  auto sent = client_.Send(request);
  if (sent.ok()) return sent;
  if (!endpoint_.ours || !NobodyListens(sent.error())) return Explain(std::move(sent).error());
  TRY(StartEngine(endpoint_));
  return client_.Send(request);
}

Result<Json> Api::Get(const std::string& path, const http::Query& query) {
  return Body(Send(MakeRequest("GET", path, query)));
}

Result<Json> Api::Post(const std::string& path, const http::Query& query) {
  return Body(Send(MakeRequest("POST", path, query)));
}

Result<Json> Api::Post(const std::string& path, const http::Query& query, const Json& body) {
  http::Request request = MakeRequest("POST", path, query);
  request.headers.Set("Content-Type", "application/json");
  request.body = body.Dump();
  return Body(Send(request));
}

Result<Json> Api::Delete(const std::string& path, const http::Query& query) {
  return Body(Send(MakeRequest("DELETE", path, query)));
}

Result<std::string> Api::GetText(const std::string& path, const http::Query& query) {
  auto response = TRY(Send(MakeRequest("GET", path, query)));
  if (!Good(response.status)) return Refusal(response.status, response.body);
  return std::move(response.body);
}

Result<std::string> Api::PostText(const std::string& path, const http::Query& query, const Json& body) {
  http::Request request = MakeRequest("POST", path, query);
  request.headers.Set("Content-Type", "application/json");
  request.body = body.Dump();
  auto response = TRY(Send(request));
  if (!Good(response.status)) return Refusal(response.status, response.body);
  return std::move(response.body);
}

Result<std::unique_ptr<http::ResponseStream>> Api::Open(const http::Request& unsigned_request) {
  const http::Request request = Signed(unsigned_request);
  auto opened = client_.Open(request);
  if (!opened.ok()) {
    if (!endpoint_.ours || !NobodyListens(opened.error())) return Explain(std::move(opened).error());
    TRY(StartEngine(endpoint_));
    opened = client_.Open(request);
  }
  auto stream = TRY(std::move(opened));
  if (Good(stream->status())) return stream;
  const auto body = TRY(stream->ReadAll());
  return Refusal(stream->status(), body);
}

Result<http::Upgraded> Api::Upgrade(http::Request unsigned_request) {
  http::Request request = Signed(std::move(unsigned_request));
  auto sent = client_.Upgrade(request);
  if (!sent.ok()) {
    if (!endpoint_.ours || !NobodyListens(sent.error())) return Explain(std::move(sent).error());
    TRY(StartEngine(endpoint_));
    sent = client_.Upgrade(std::move(request));
  }
  auto answer = TRY(std::move(sent));
  if (answer.connection) return std::move(*answer.connection);
  if (answer.refused) return Refusal(answer.refused->status, answer.refused->body);
  return Error(Code::kInternal, "the engine answered neither with a connection nor with an error");
}

}  // namespace estiba::cli
