#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <future>
#include <thread>

#include <unistd.h>

#include "base/text.h"
#include "command.h"
#include "os/file.h"

namespace estiba::cli {
namespace {

void Write(int fd, std::string_view text) {
  const auto written = os::WriteAll(fd, text);
  if (written.ok()) return;
  // Nobody reads: that is the reader's choice (`estiba ps | head -1`), not a failure to talk about.
  ::_exit(written.error().errnum() == EPIPE ? 128 + 13 : 1);
}

}  // namespace

Result<Api*> App::Engine() {
  if (!api_) {
    auto endpoint = TRY(FindEndpoint(Surroundings::OfThisProcess(flags_)));
    api_ = std::make_unique<Api>(std::move(endpoint));
  }
  return api_.get();
}

void Print(std::string_view text) { Write(STDOUT_FILENO, text); }
Status Show(Result<std::string> text) {
  const std::string shown = TRY(std::move(text));
  Print(shown);
  return Ok();
}

void PrintLine(std::string_view text) { Print(std::string(text) + "\n"); }
void PrintError(std::string_view line) { Write(STDERR_FILENO, std::string(line) + "\n"); }
void PrintError(const Error& error) { PrintError(error.ToString()); }

int ForEachArg(Api* engine, const Options& options,
               const std::function<Status(Api* engine, const std::string& name)>& action,
               bool forgive_missing) {
  constexpr std::size_t kAtATime = 16;
  const auto& names = options.args();
  // One engine is enough: start it before the threads would each try.
  if (auto ready = names.size() > 1 ? engine->EnsureEngine() : Ok(); !ready.ok()) {
    PrintError(ready.error());
    return 1;
  }
  std::vector<std::promise<Status>> done(names.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&](Api* api) {
    for (std::size_t i = next++; i < names.size(); i = next++) done[i].set_value(action(api, names[i]));
  };
  std::vector<std::jthread> threads;
  if (names.size() == 1) work(engine);
  for (std::size_t i = 0; names.size() > 1 && i < std::min(kAtATime, names.size()); ++i)
    threads.emplace_back([&work, endpoint = engine->endpoint()] {
      Api own(endpoint);
      work(&own);
    });
  int code = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Status status = done[i].get_future().get();
    if (status.ok()) {
      PrintLine(names[i]);
    } else {
      PrintError(status.error());
      if (!forgive_missing || status.error().code() != Code::kNotFound) code = 1;
    }
  }
  return code;
}

bool Confirm(std::string_view question) {
  Print(std::string(question) + " [y/N] ");
  std::array<char, 256> answer{};
  const ssize_t got = ::read(STDIN_FILENO, answer.data(), answer.size());
  if (got <= 0) return false;
  const std::string word = ToLower(Trim({answer.data(), static_cast<std::size_t>(got)}));
  return word == "y" || word == "yes";
}

}  // namespace estiba::cli
