#include "call.h"

#include "apitypes/system.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/text.h"

namespace estiba::api::docker {
namespace {

constexpr codec::JsonLimits kBodyLimits{.depth = 64, .bytes = 16U << 20};

// What comes before the ';' of "application/json; charset=utf-8".
std::string MediaType(const std::string& content_type) {
  return ToLower(Trim(std::string_view(content_type).substr(0, content_type.find(';'))));
}

}  // namespace

Result<std::optional<std::int64_t>> Call::number(std::string_view name) const {
  const std::string& text = query(name);
  if (text.empty()) return std::optional<std::int64_t>();
  auto value = ParseInt(text);
  if (!value.ok()) {
    return Error(Code::kInvalidArgument,
                 "invalid value '" + text + "' of parameter '" + std::string(name) + "'");
  }
  return std::optional<std::int64_t>(*value);
}

Result<std::int64_t> Call::time(std::string_view name) const {
  const std::string& text = query(name);
  if (text.empty()) return std::int64_t{0};
  if (text.find('T') != std::string::npos) {
    const WallTime time = TRY(ParseRfc3339(text));
    return time.time_since_epoch().count();
  }
  const std::size_t dot = std::min(text.find('.'), text.size());
  std::string fraction = text.substr(std::min(dot + 1, text.size())).substr(0, 9);
  fraction.append(9 - fraction.size(), '0');
  constexpr std::int64_t kMostSeconds = INT64_MAX / 1000000000 - 1;
  const auto seconds = ParseInt(text.substr(0, dot), -kMostSeconds, kMostSeconds);
  const auto nanoseconds = ParseInt(fraction);
  if (!seconds.ok() || !nanoseconds.ok()) {
    return Error(Code::kInvalidArgument, "invalid value '" + text + "' of parameter '" + std::string(name) +
                                             "': expected seconds since the epoch");
  }
  return *seconds * 1000000000 + *nanoseconds;
}

Result<codec::Json> Call::body(bool required) const {
  const std::string& text = exchange->body();
  if (text.empty()) {
    if (required) return Error(Code::kInvalidArgument, "invalid JSON: got EOF while reading request body");
    return codec::Json::MakeObject();
  }
  const std::string& type = exchange->headers().Get("Content-Type");
  if (MediaType(type) != "application/json") {
    return Error(Code::kInvalidArgument,
                 type.empty() ? "malformed Content-Type header (): mime: no media type"
                              : "unsupported Content-Type header (" + type + "): must be 'application/json'");
  }
  return codec::ParseJson(text, kBodyLimits);
}

int HttpStatus(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
    case Code::kOutOfRange: return 400;
    case Code::kUnauthenticated: return 401;
    case Code::kPermissionDenied: return 403;
    case Code::kNotFound: return 404;
    case Code::kAlreadyExists:
    case Code::kFailedPrecondition:
    case Code::kConflict: return 409;
    case Code::kNotModified: return 304;
    case Code::kNotImplemented: return 501;
    case Code::kUnavailable: return 503;
    case Code::kDeadlineExceeded: return 504;
    case Code::kUnknown:
    case Code::kResourceExhausted:
    case Code::kAborted:
    case Code::kInternal:
    case Code::kDataLoss:
    case Code::kCancelled: return 500;
  }
  return 500;
}

// Go's client compares the type with "application/json" to the letter.
void RespondJson(http::Exchange& exchange, int status, const codec::Json& json) {
  exchange.Respond(status, {{"Content-Type", "application/json"}}, json.Dump() + "\n");
}

void RespondEmpty(http::Exchange& exchange, int status) { exchange.Respond(status, {}, ""); }

void RespondError(http::Exchange& exchange, const Error& error) {
  const int status = HttpStatus(error.code());
  if (status == 304) return RespondEmpty(exchange, status);
  exchange.Respond(status, {{"Content-Type", "application/json"}}, apitypes::ErrorBody(error.ToString()));
}

void RespondStatus(http::Exchange& exchange, const Status& status) {
  if (status.ok()) {
    RespondEmpty(exchange, 204);
  } else {
    RespondError(exchange, status.error());
  }
}

}  // namespace estiba::api::docker
