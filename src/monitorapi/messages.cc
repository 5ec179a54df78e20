#include "monitorapi/messages.h"

namespace estiba::monitorapi {

Error Failure::ToError() const {
  constexpr auto kLast = static_cast<std::uint8_t>(Code::kDeadlineExceeded);
  Error error(code <= kLast ? static_cast<Code>(code) : Code::kUnknown, message);
  return hint.empty() ? std::move(error) : Error(std::move(error).Hint(hint));
}

Failure Failure::From(const Error& error, int exit_code) {
  Failure failure;
  failure.code = static_cast<std::uint8_t>(error.code());
  failure.errnum = error.errnum();
  failure.message = error.Message();
  failure.hint = error.hint();
  failure.exit_code = exit_code;
  return failure;
}

}  // namespace estiba::monitorapi
