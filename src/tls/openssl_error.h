#pragma once

#include <string>

#include <openssl/err.h>

namespace estiba::tls {

// What OpenSSL complained of last, in its words; its queue is empty afterwards.
inline std::string TakeComplaint() {
  const unsigned long code = ::ERR_peek_last_error();
  ::ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ::ERR_reason_error_string(code);
  return reason != nullptr ? reason : "unknown error";
}

}  // namespace estiba::tls
