// In front of libstdc++'s own of this name, for what is built against musl (cmake/Small.cmake): libstdc++'s headers are
// configured for glibc, and ask for a few names that musl has not. Nothing of locales or threads is linked or called.
#pragma once

#define __GLIBC_PREREQ(major, minor) 0
#define __locale_t locale_t

#include_next <bits/c++config.h>

#undef _GLIBCXX_USE_PTHREAD_COND_CLOCKWAIT
#undef _GLIBCXX_USE_PTHREAD_MUTEX_CLOCKLOCK
#undef _GLIBCXX_USE_PTHREAD_RWLOCK_CLOCKLOCK

// Of glibc's <ctype.h>; bits/ctype_base.h names them, and nothing reads them.
enum {
  _ISupper = 1,
  _ISlower = 2,
  _ISalpha = 4,
  _ISdigit = 8,
  _ISxdigit = 16,
  _ISspace = 32,
  _ISprint = 64,
  _ISgraph = 128,
  _ISblank = 256,
  _IScntrl = 512,
  _ISpunct = 1024,
  _ISalnum = 2048
};

// An assertion says its place and its condition. The long name of the function it stands in, a text for each of a
// template's forms, would be 50 kB.
#undef __glibcxx_assert_impl
#define __glibcxx_assert_impl(condition)                                     \
  if (__builtin_expect(!bool(condition), false)) {                           \
    __glibcxx_constexpr_assert(false);                                       \
    std::__glibcxx_assert_fail(__FILE__, __LINE__, "an assertion", #condition); \
  }
