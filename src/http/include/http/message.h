#pragma once
// What requests and responses are made of, shared by server and client.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace estiba::http {

// Header fields in order; names compare without case, and one name may come more than once.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string, std::string>> fields) : fields_(fields) {}

  // The first value of that name, "" when there is none.
  const std::string& Get(std::string_view name) const;
  bool Has(std::string_view name) const;
  // True when the comma-separated list under `name` holds `token` (any case): "Connection: Upgrade,
  // keep-alive".
  bool HasToken(std::string_view name, std::string_view token) const;
  void Set(std::string name, std::string value);  // replaces every value of that name
  void Add(std::string name, std::string value);
  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

// Parameters of a query string or of a form body.
class Query {
 public:
  static Query Parse(std::string_view encoded);
  // The first value, "" when missing.
  const std::string& Get(std::string_view name) const;
  bool Has(std::string_view name) const;
  std::vector<std::string> GetAll(std::string_view name) const;
  void Add(std::string name, std::string value);
  bool empty() const { return items_.empty(); }
  // "a=1&b=x%20y", in order.
  std::string Encode() const;

 private:
  std::vector<std::pair<std::string, std::string>> items_;
};

// %XX decoding ('+' is a blank when `form`). kInvalidArgument on a bad escape or a NUL byte.
Result<std::string> PercentDecode(std::string_view text, bool form = false);
// Everything but RFC 3986 unreserved characters as %XX; '/' stays when `keep_slash`.
std::string PercentEncode(std::string_view text, bool keep_slash = false);

// The head of a request, as the server read it.
struct RequestHead {
  std::string method;  // "GET"
  std::string target;  // as sent: "/v1.41/containers/json?all=1"
  std::string path;    // decoded: "/v1.41/containers/json"
  Query query;
  Headers headers;
  unsigned version = 11;  // 10 or 11
};

// "OK", "Not Found"; "Unknown" for codes we never send.
std::string_view ReasonPhrase(int status);

}  // namespace estiba::http
