#include "tls/context.h"

#include <cerrno>

#include <openssl/ssl.h>
#include <unistd.h>

#include "openssl_error.h"

namespace estiba::tls {
namespace {

// OpenSSL has one error for a file that is missing and one that is no PEM.
Status CheckReadable(const std::string& what, const std::string& file) {
  if (file.empty()) return Error(Code::kInvalidArgument, "no " + what + " is given");
  if (::access(file.c_str(), R_OK) != 0) return Error::Errno(errno, "open " + what + " '" + file + "'");
  return Ok();
}

Error Refused(const std::string& what, const std::string& file) {
  return {Code::kInvalidArgument, "read " + what + " '" + file + "': " + TakeComplaint()};
}

Status LoadOwn(SSL_CTX* context, const Files& files) {
  TRY(CheckReadable("certificate", files.cert));
  TRY(CheckReadable("key", files.key));
  if (::SSL_CTX_use_certificate_chain_file(context, files.cert.c_str()) != 1)
    return Refused("certificate", files.cert);
  // Checks that it belongs to the certificate, too.
  if (::SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1)
    return Refused("key", files.key);
  return Ok();
}

// Nobody is there to type a key's passphrase.
int NoPassphrase(char*, int, int, void*) { return -1; }

}  // namespace

void Context::Free::operator()(ssl_ctx_st* context) const { ::SSL_CTX_free(context); }

Result<Context> Context::Make(bool server, const Files& files, bool verify) {
  Context made(Pointer(::SSL_CTX_new(server ? ::TLS_server_method() : ::TLS_client_method())), verify);
  SSL_CTX* context = made.get();
  if (context == nullptr) return Error(Code::kInternal, "set up TLS: " + TakeComplaint());
  ::SSL_CTX_set_default_passwd_cb(context, NoPassphrase);
  if (::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
      ::SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
    return Error(Code::kInternal, "set up TLS: " + TakeComplaint());
  ::SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
  ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_num_tickets(context, 0);
  // Idle connections keep no buffers; what a write takes may have moved until it is repeated.
  ::SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (server || !files.cert.empty() || !files.key.empty()) TRY(LoadOwn(context, files));
  return made;
}

Result<Context> Context::ForServer(const Files& files, bool verify) {
  Context made = TRY(Make(/*server=*/true, files, verify));
  if (!verify) return made;
  TRY(CheckReadable("CA certificate", files.ca));
  STACK_OF(X509_NAME)* names = ::SSL_load_client_CA_file(files.ca.c_str());
  if (names == nullptr || ::SSL_CTX_load_verify_file(made.get(), files.ca.c_str()) != 1)
    return Refused("CA certificate", files.ca);
  ::SSL_CTX_set_client_CA_list(made.get(), names);
  ::SSL_CTX_set_verify(made.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return made;
}

Result<Context> Context::ForClient(const Files& files, bool verify) {
  Context made = TRY(Make(/*server=*/false, files, verify));
  if (!verify) return made;
  ::SSL_CTX_set_verify(made.get(), SSL_VERIFY_PEER, nullptr);
  if (files.ca.empty()) {
    if (::SSL_CTX_set_default_verify_paths(made.get()) != 1)
      return Error(Code::kInternal, "read this machine's CA certificates: " + TakeComplaint());
    return made;
  }
  TRY(CheckReadable("CA certificate", files.ca));
  if (::SSL_CTX_load_verify_file(made.get(), files.ca.c_str()) != 1) return Refused("CA certificate", files.ca);
  return made;
}

}  // namespace estiba::tls
