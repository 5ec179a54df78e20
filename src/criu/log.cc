#include "criu/log.h"

#include <vector>

#include "base/text.h"

namespace estiba::criu {
namespace {

// "(00.012345) Error (criu/…): …" from "Error" on; "(00.012345)     42: Error (…" keeps the process's number.
std::string WithoutTime(const std::string& line) {
  const std::size_t end = line.starts_with('(') ? line.find(')') : std::string::npos;
  if (end == std::string::npos) return line;
  const std::size_t text = line.find_first_not_of(' ', end + 1);
  return text == std::string::npos ? line : line.substr(text);
}

}  // namespace

std::string LastErrors(std::string_view log, std::size_t most) {
  std::vector<std::string> found;
  for (const std::string& line : Split(log, '\n'))
    if (line.find("Error") != std::string::npos) found.push_back(WithoutTime(line));
  std::string text;
  for (std::size_t i = found.size() > most ? found.size() - most : 0; i < found.size(); ++i)
    text += (text.empty() ? "" : "\n") + found[i];
  return text;
}

}  // namespace estiba::criu
