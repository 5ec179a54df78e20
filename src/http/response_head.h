#pragma once

#include <optional>
#include <string>

#include "http/message.h"

namespace estiba::http {

struct ResponseHead {
  int status = 200;
  Headers fields;
  std::optional<std::size_t> content_length;
  bool chunked = false;
  bool close = false;
};

// The head with the blank line after it. `server_fields` are added unless `head.fields` has that name. Line
// ends in values become blanks, so that a value cannot add fields.
std::string WriteHead(const ResponseHead& head, const Headers& server_fields);

// Size line, bytes, line end.
std::string Chunk(std::string_view bytes);
// {"message": …} with a line end, as the errors of the server itself are sent.
std::string ErrorJson(std::string_view message);

}  // namespace estiba::http
