#include "failpoint.h"

#include <csignal>

#include <unistd.h>

#include "base/parse.h"

namespace estiba::monitor {

Result<Failpoint> Failpoint::Parse(const std::string& text) {
  Failpoint point;
  const auto colon = text.find(':');
  point.name_ = text.substr(0, colon);
  point.left_ = 1;
  if (colon != std::string::npos)
    point.left_ = TRY_CTX(ParseUint(text.substr(colon + 1)), "read the failpoint");
  return point;
}

void Failpoint::Count(const char* step) {
  if (name_ == step && --left_ == 0) ::kill(::getpid(), SIGKILL);
}

}  // namespace estiba::monitor
