// What programs without exceptions need of libstdc++'s runtime. Where it would throw (memory is gone, a length or an
// index is wrong), the program ends and says so: nothing here could go on, and the tables and code of unwinding would
// be a quarter of a program that is copied at every start. docs/adr/0009.

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include <boost/throw_exception.hpp>
#include <unistd.h>

namespace {

void Say(const char* text) { (void)!::write(STDERR_FILENO, text, std::strlen(text)); }

[[noreturn]] void End(const char* what) {
  Say("ended by a failure in the program itself: ");
  Say(what);
  Say("\n");
  std::abort();
}

}  // namespace

// What destructors of static objects register with; crtbegin.o has it where there is unwinding.
extern "C" void* const __dso_handle = nullptr;  // NOLINT(bugprone-reserved-identifier)

namespace std {

const nothrow_t nothrow{};

// NOLINTBEGIN(bugprone-reserved-identifier): libstdc++'s names (bits/functexcept.h).
void __throw_bad_alloc() { End("out of memory"); }
void __throw_bad_array_new_length() { End("an array's length"); }
void __throw_bad_function_call() { End("a call of an empty function"); }
void __throw_invalid_argument(const char* what) { End(what); }
void __throw_length_error(const char* what) { End(what); }
void __throw_logic_error(const char* what) { End(what); }
void __throw_out_of_range(const char* what) { End(what); }
void __throw_out_of_range_fmt(const char* what, ...) { End(what); }
void __glibcxx_assert_fail(const char* file, int, const char* function, const char* condition) noexcept {
  Say(file);
  Say(": ");
  Say(function);
  Say(": ");
  End(condition);
}
// make_shared without RTTI asks this of a tag that is not its own (bits/shared_ptr_base.h).
bool _Sp_make_shared_tag::_S_eq(const type_info&) noexcept { return false; }
// NOLINTEND(bugprone-reserved-identifier)

}  // namespace std

namespace boost {

void throw_exception(const std::exception&) { End("an exception of Boost"); }
void throw_exception(const std::exception&, const source_location&) { End("an exception of Boost"); }

}  // namespace boost
