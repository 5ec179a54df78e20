#pragma once
// One request out of bytes, by Boost.Beast's parser. Bytes it did not use stay with the caller.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace estiba::http {

class RequestParser {
 public:
  explicit RequestParser(std::size_t max_head);
  RequestParser(RequestParser&&) noexcept;
  RequestParser& operator=(RequestParser&&) noexcept;
  ~RequestParser();

  // Parses a prefix of `bytes` and returns its length; stops once after the head. kInvalidArgument for what
  // is no HTTP (400), kOutOfRange for a head that is too long (431), kNotImplemented for its version (505).
  Result<std::size_t> Feed(std::string_view bytes);

  bool head_done() const;
  bool done() const;
  const RequestHead& head() const;  // once head_done()
  bool keep_alive() const;
  bool expects_continue() const;
  std::optional<std::uint64_t> content_length() const;
  // Body bytes since the last call.
  std::string TakeBody();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace estiba::http
