#include "runtime/container.h"

namespace estiba::runtime {

struct Container::Rep {
  os::Process process;
  os::UniqueFd terminal;
  std::vector<plan::Timing> timings;
};

namespace {
Error Unwritten() { return Error(Code::kNotImplemented, "run the plan"); }
}  // namespace

Container::Container(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
Container::Container(Container&&) noexcept = default;
Container& Container::operator=(Container&&) noexcept = default;
Container::~Container() = default;
Result<Container> Container::Create(const plan::Plan&, const LaunchOptions&) { return Unwritten(); }
pid_t Container::pid() const { return rep_->process.pid(); }
int Container::pidfd() const { return rep_->process.pidfd(); }
os::UniqueFd Container::TakeTerminal() { return std::move(rep_->terminal); }
Status Container::Start() { return Unwritten(); }
const std::vector<plan::Timing>& Container::timings() const { return rep_->timings; }
os::Process Container::Detach() { return std::move(rep_->process); }
Status ReleaseAt(const plan::Plan&, os::DirFd) { return Unwritten(); }
Result<ExecResult> Exec(const plan::Plan&, pid_t, int, const LaunchOptions&) { return Unwritten(); }
Status Undo(const plan::Plan&, bool) { return Unwritten(); }
std::vector<Error> RunPoststopHooks(const plan::Plan&) { return {}; }

}  // namespace estiba::runtime
