#pragma once
// Docker's progress messages: a line for each layer with a bar on a terminal, plain lines otherwise.

#include <string>
#include <vector>

#include "base/result.h"
#include "codec/json.h"

namespace estiba::cli {

class ProgressView {
 public:
  // `columns` is the terminal's width, 0 when `fd` is none.
  ProgressView(int fd, std::size_t columns) : fd_(fd), columns_(columns) {}

  // One message. An error message is answered as an error.
  Status Show(const codec::Json& message);

 private:
  Status ShowBar(const std::string& id, const std::string& text);
  int fd_;
  std::size_t columns_;
  std::vector<std::string> lines_;  // ids, topmost first
};

// "[====>      ]  1.5MB/3MB" for a terminal of that width; "" when the message says nothing of it.
std::string ProgressBar(const codec::Json& detail, std::size_t columns);

}  // namespace estiba::cli
