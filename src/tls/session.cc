#include "session.h"

#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "openssl_error.h"

namespace estiba::tls {
namespace {

bool IsAddress(const std::string& host) {
  unsigned char bytes[sizeof(in6_addr)];
  return ::inet_pton(AF_INET, host.c_str(), bytes) == 1 || ::inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

// A certificate's names are in subjectAltName alone (RFC 6125, section 6.4.4), as Go's clients have it.
Status Expect(SSL* ssl, const std::string& host) {
  X509_VERIFY_PARAM* rules = ::SSL_get0_param(ssl);
  ::X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const int set = IsAddress(host) ? ::X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str())
                                  : ::X509_VERIFY_PARAM_set1_host(rules, host.c_str(), host.size());
  if (set != 1) return Error(Code::kInvalidArgument, "'" + host + "' is no host's name: " + TakeComplaint());
  return Ok();
}

}  // namespace

void Session::Free::operator()(ssl_st* ssl) const { ::SSL_free(ssl); }

Result<Session> Session::Make(const Context& context, int socket) {
  Session made(::SSL_new(context.get()));
  if (made.ssl_ == nullptr || ::SSL_set_fd(made.ssl_.get(), socket) != 1)
    return Error(Code::kInternal, "set up a TLS connection: " + TakeComplaint());
  return made;
}

Result<Session> Session::Accept(const Context& context, int socket) {
  Session made = TRY(Make(context, socket));
  ::SSL_set_accept_state(made.ssl_.get());
  return made;
}

Result<Session> Session::Connect(const Context& context, int socket, const std::string& host) {
  Session made = TRY(Make(context, socket));
  SSL* ssl = made.ssl_.get();
  ::SSL_set_connect_state(ssl);
  // Addresses are not sent as server names (RFC 6066, section 3).
  if (!IsAddress(host) && ::SSL_set_tlsext_host_name(ssl, host.c_str()) != 1)
    return Error(Code::kInvalidArgument, "'" + host + "' is no host's name: " + TakeComplaint());
  if (context.verifies()) TRY(Expect(ssl, host));
  return made;
}

Session::Outcome Session::Judge(int result) {
  const int err = errno;
  const int why = ::SSL_get_error(ssl_.get(), result);
  if (why == SSL_ERROR_WANT_READ) return Outcome::kWantRead;
  if (why == SSL_ERROR_WANT_WRITE) return Outcome::kWantWrite;
  if (why == SSL_ERROR_ZERO_RETURN) return Outcome::kEnded;
  if (why == SSL_ERROR_SYSCALL) {
    failure_ = err != 0 ? std::strerror(err) : "the connection was cut";  // NOLINT(concurrency-mt-unsafe): one thread
    ::ERR_clear_error();
    return Outcome::kFailed;
  }
  const long verified = ::SSL_get_verify_result(ssl_.get());
  const unsigned long code = ::ERR_peek_last_error();
  failed_by_http_ = ERR_GET_REASON(code) == SSL_R_HTTP_REQUEST;
  failure_ = TakeComplaint();
  if (ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK)
    failure_ = ::X509_verify_cert_error_string(verified);
  return Outcome::kFailed;
}

Session::Outcome Session::Handshake() {
  errno = 0;
  const int result = ::SSL_do_handshake(ssl_.get());
  return result == 1 ? Outcome::kDone : Judge(result);
}

Session::Outcome Session::Read(std::span<char> buffer, std::size_t* got) {
  errno = 0;
  const int result = ::SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), got);
  return result == 1 ? Outcome::kDone : Judge(result);
}

Session::Outcome Session::Write(std::string_view bytes, std::size_t* put) {
  errno = 0;
  const int result = ::SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), put);
  return result == 1 ? Outcome::kDone : Judge(result);
}

Session::Outcome Session::SayEnd() {
  errno = 0;
  const int result = ::SSL_shutdown(ssl_.get());
  return result >= 0 ? Outcome::kDone : Judge(result);  // 0: said, and the other side has not said it yet
}

bool Session::HasReceived() const { return ::SSL_has_pending(ssl_.get()) == 1; }

std::string Session::PeerName() const {
  X509* cert = ::SSL_get0_peer_certificate(ssl_.get());
  if (cert == nullptr) return "";
  const std::unique_ptr<BIO, int (*)(BIO*)> out(::BIO_new(::BIO_s_mem()), ::BIO_free);
  if (out == nullptr) return "";
  ::X509_NAME_print_ex(out.get(), ::X509_get_subject_name(cert), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = ::BIO_get_mem_data(out.get(), &text);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : "";
}

std::string Session::Version() const { return ::SSL_get_version(ssl_.get()); }

}  // namespace estiba::tls
