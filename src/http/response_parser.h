#pragma once
// One response out of bytes, by Boost.Beast's parser.

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace estiba::http {

class ResponseParser {
 public:
  // `to_head`: the request was HEAD, so the answer has no body whatever its fields say.
  explicit ResponseParser(bool to_head);
  ~ResponseParser();

  // Parses a prefix of `bytes` and returns its length. kDataLoss for what is no HTTP.
  Result<std::size_t> Feed(std::string_view bytes);
  // The connection ended: fine for a body without a length, else kDataLoss.
  Status FeedEnd();

  bool head_done() const;
  bool done() const;
  int status() const;
  const Headers& headers() const;
  bool keep_alive() const;
  std::string TakeBody();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace estiba::http
