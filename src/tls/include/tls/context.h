#pragma once
// Certificates and rules for connections with TLS (RFC 8446, RFC 5246), by OpenSSL.

#include <memory>
#include <string>

#include "base/result.h"

struct ssl_ctx_st;

namespace estiba::tls {

// PEM files; empty where there is none.
struct Files {
  std::string ca{};    // authorities that the other side's certificate is to come from
  std::string cert{};  // our certificate, with those between it and the authority behind it
  std::string key{};
};

// TLS 1.2 or newer, without renegotiation, compression or resumption.
class Context {
 public:
  // `cert` and `key` are needed; with `verify` also `ca`, and a client without a certificate of its is refused. Errors
  // name the file.
  static Result<Context> ForServer(const Files& files, bool verify);
  // Without `verify` any server will do. With it and no `ca`, the authorities that this machine trusts.
  static Result<Context> ForClient(const Files& files, bool verify);

  ssl_ctx_st* get() const { return context_.get(); }
  bool verifies() const { return verifies_; }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  using Pointer = std::unique_ptr<ssl_ctx_st, Free>;
  Context(Pointer context, bool verifies) : context_(std::move(context)), verifies_(verifies) {}
  static Result<Context> Make(bool server, const Files& files, bool verify);

  Pointer context_;
  bool verifies_;
};

}  // namespace estiba::tls
