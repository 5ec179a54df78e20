#include "commands/copy_progress.h"

#include <utility>

#include <unistd.h>

#include "os/file.h"
#include "term/terminal.h"
#include "text/units.h"

namespace estiba::cli {
namespace {

constexpr std::chrono::milliseconds kStep{75};
constexpr int kDigits = 3;

// A standard error that cannot be written to is no reason to give up a copy.
void Show(const std::string& text) { (void)os::WriteAll(STDERR_FILENO, text).ok(); }

}  // namespace

CopyProgress::CopyProgress(std::string header, bool quiet)
    : header_(std::move(header)), quiet_(quiet), live_(!quiet && IsTerminal(STDERR_FILENO)) {}

CopyProgress::~CopyProgress() { Clear(); }

void CopyProgress::Clear() {
  if (std::exchange(drawn_, false)) Show("\r\x1b[K");
}

void CopyProgress::Add(std::size_t bytes) {
  bytes_ += bytes;
  const auto now = std::chrono::steady_clock::now();
  if (!live_ || now < next_) return;
  next_ = now + kStep;
  drawn_ = true;
  Show("\r\x1b[K" + header_ + HumanSize(static_cast<double>(bytes_), kDigits));
}

void CopyProgress::Finish(const std::string& destination) {
  Clear();
  if (quiet_) return;
  Show("Successfully copied " + HumanSize(static_cast<double>(bytes_), kDigits) + " to " + destination + "\n");
}

}  // namespace estiba::cli
