#include "base/result.h"

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/errno_text.h"

namespace estiba {

struct Error::Rep {
  Code code = Code::kUnknown;
  int errnum = 0;
  std::string what;
  std::string hint;
  std::vector<std::string> frames;
};

namespace {

Code CodeOf(int errnum) {
  switch (errnum) {
    case ENOENT:
    case ESRCH:
    case ENODEV:
    case ENXIO: return Code::kNotFound;
    case EEXIST: return Code::kAlreadyExists;
    case EACCES:
    case EPERM:
    case EROFS: return Code::kPermissionDenied;
    case EINVAL:
    case ENAMETOOLONG:
    case ELOOP:
    case ENOTDIR:
    case EISDIR: return Code::kInvalidArgument;
    case ENOMEM:
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE: return Code::kResourceExhausted;
    case EBUSY:
    case ENOTEMPTY: return Code::kFailedPrecondition;
    case ENOSYS:
    case EOPNOTSUPP: return Code::kNotImplemented;
    case ETIMEDOUT:
    case ETIME: return Code::kDeadlineExceeded;
    case ECANCELED: return Code::kCancelled;
    case ECONNREFUSED:
    case ECONNRESET:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EPIPE:
    case EAGAIN: return Code::kUnavailable;
    case ERANGE:
    case EOVERFLOW:
    case E2BIG: return Code::kOutOfRange;
    default: return Code::kUnknown;
  }
}

}  // namespace

std::string_view CodeName(Code code) {
  static constexpr std::string_view kNames[] = {
      "unknown",          "invalid argument",    "not found",   "already exists", "permission denied",
      "resource exhausted", "failed precondition", "conflict",    "not modified",   "aborted",
      "out of range",     "not implemented",     "internal",    "unavailable",    "data loss",
      "unauthenticated",  "cancelled",           "deadline exceeded"};
  return kNames[static_cast<unsigned>(code)];
}

Error::Error(Code code, std::string what) : rep_(std::make_unique<Rep>()) {
  rep_->code = code;
  rep_->what = std::move(what);
}

Error Error::Errno(int errnum, std::string what) {
  Error error(CodeOf(errnum), std::move(what));
  error.rep_->errnum = errnum;
  return error;
}

Error::Error(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
Error::Error(Error&&) noexcept = default;
Error& Error::operator=(Error&&) noexcept = default;
Error::~Error() = default;

Error Error::Clone() const { return Error(std::make_unique<Rep>(*rep_)); }

Code Error::code() const { return rep_->code; }
int Error::errnum() const { return rep_->errnum; }
const std::string& Error::hint() const { return rep_->hint; }

Error&& Error::Context(std::string_view frame) && {
  rep_->frames.emplace_back(frame);
  return std::move(*this);
}

Error&& Error::Hint(std::string hint) && {
  rep_->hint = std::move(hint);
  return std::move(*this);
}

Error&& Error::WithCode(Code code) && {
  rep_->code = code;
  return std::move(*this);
}

std::string Error::Message() const {
  std::string text;
  for (auto frame = rep_->frames.rbegin(); frame != rep_->frames.rend(); ++frame) {
    text += *frame;
    text += ": ";
  }
  text += rep_->what;
  if (rep_->errnum != 0) {
    text += ": ";
    text += ErrnoText(rep_->errnum);
  }
  return text;
}

std::string Error::ToString() const {
  std::string text = Message();
  if (!rep_->hint.empty()) text += "\nhint: " + rep_->hint;
  return text;
}

}  // namespace estiba
