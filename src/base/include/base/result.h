#pragma once
// Result<T>, Status and Error: how every fallible function of ours answers. Exceptions of libraries are caught in
// the .cc file that uses the library; ours never throw.

#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace estiba {

// What a caller may have to do about a failure. Maps to HTTP (api/docker), gRPC and exit codes.
enum class Code : unsigned char {
  kUnknown, kInvalidArgument, kNotFound, kAlreadyExists, kPermissionDenied, kResourceExhausted,
  kFailedPrecondition, kConflict, kNotModified, kAborted, kOutOfRange, kNotImplemented,
  kInternal, kUnavailable, kDataLoss, kUnauthenticated, kCancelled, kDeadlineExceeded,
};

// "not found", "invalid argument", … for logs.
std::string_view CodeName(Code code);

// One failure: a class, the errno behind it (0 if none), what was attempted, frames of context added on the way
// out, and a hint for the user. One pointer wide; moved, not copied.
class [[nodiscard]] Error {
 public:
  Error(Code code, std::string what);
  // Picks the Code from the errno; ToString() ends in strerror(errnum).
  static Error Errno(int errnum, std::string what);

  Error(Error&&) noexcept;
  Error& operator=(Error&&) noexcept;
  Error(const Error&) = delete;
  Error& operator=(const Error&) = delete;
  ~Error();

  Error Clone() const;

  Code code() const;
  int errnum() const;  // 0 when no system call failed
  const std::string& hint() const;

  Error&& Context(std::string_view frame) &&;
  Error&& Hint(std::string hint) &&;
  Error&& WithCode(Code code) &&;

  // "outer: inner: what: strerror", without the hint.
  std::string Message() const;
  // Message(), and "\nhint: …" when there is one.
  std::string ToString() const;

 private:
  struct Rep;
  explicit Error(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

template <typename T>
class [[nodiscard]] Result {
  static_assert(!std::is_reference_v<T> && !std::is_same_v<T, Error>);

 public:
  using ValueType = T;

  Result(T value) : ok_(true) { new (&value_) T(std::move(value)); }      // NOLINT(google-explicit-constructor)
  Result(Error error) : ok_(false) { new (&error_) Error(std::move(error)); }  // NOLINT(google-explicit-constructor)
  Result(Result&& other) noexcept(std::is_nothrow_move_constructible_v<T>) : ok_(other.ok_) {
    if (ok_) {
      new (&value_) T(std::move(other.value_));
    } else {
      new (&error_) Error(std::move(other.error_));
    }
  }
  Result& operator=(Result&& other) noexcept(std::is_nothrow_move_constructible_v<T>) {
    if (this != &other) {
      this->~Result();
      new (this) Result(std::move(other));
    }
    return *this;
  }
  ~Result() {
    if (ok_) {
      value_.~T();
    } else {
      error_.~Error();
    }
  }

  bool ok() const { return ok_; }
  T& value() & { return *Check(); }
  const T& value() const& { return *const_cast<Result*>(this)->Check(); }
  T&& value() && { return std::move(*Check()); }
  const Error& error() const& { return *const_cast<Result*>(this)->CheckError(); }
  Error&& error() && { return std::move(*CheckError()); }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return Check(); }
  const T* operator->() const { return const_cast<Result*>(this)->Check(); }

 private:
  T* Check() {
    if (!ok_) __builtin_trap();
    return &value_;
  }
  Error* CheckError() {
    if (ok_) __builtin_trap();
    return &error_;
  }
  union {
    T value_;
    Error error_;
  };
  bool ok_;
};

struct Unit {};
using Status = Result<Unit>;
inline Status Ok() { return Unit{}; }

}  // namespace estiba

// The value of `expr`, or return its error from this function. It is the whole initialiser of a local, the whole
// operand of `return`, or a whole statement: never inside the braces of an aggregate or beside another TRY
// (g++ 12 and clang leak the members already built; tools/lint refuses it), never in a coroutine.
#define TRY(expr)                                     \
  __extension__({                                     \
    auto try_result_ = (expr);                        \
    if (!try_result_.ok()) [[unlikely]]               \
      return std::move(try_result_).error();          \
    std::move(try_result_).value();                   \
  })
// The same, adding this function's view of what was going on (built only on failure).
#define TRY_CTX(expr, context)                                    \
  __extension__({                                                 \
    auto try_result_ = (expr);                                    \
    if (!try_result_.ok()) [[unlikely]]                           \
      return std::move(try_result_).error().Context(context);     \
    std::move(try_result_).value();                               \
  })
