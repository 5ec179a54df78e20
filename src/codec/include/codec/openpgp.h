#pragma once
// OpenPGP (RFC 4880): messages with one signature, and the keys that may have made it. In estiba::codec_stream; librnp,
// which knows keys and signatures, is loaded when it is first needed.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace estiba::codec {

// The parts of a message, none of them verified.
struct SignedMessage {
  std::string payload;
  std::string signature;  // its packet
};
// Section 11.3 at its strictest: a one-pass signature, literal data and the signature (version 4, of a document), all
// of it in one compressed packet or not, and not a byte more. kInvalidArgument for anything else: armor, cleartext and
// detached signatures, several signatures, no signature. At most 1 MiB of message and of payload.
Result<SignedMessage> ParseSignedMessage(std::string_view message);

// Brings in librnp, for a process that can open no files later. kFailedPrecondition, with a hint, when there is none.
Status LoadOpenPgp();

// A keyring with the given keys and no others.
class OpenPgpKeys {
 public:
  // Each keyring is what `gpg --export` writes, in armor or not. kInvalidArgument when one has no public key.
  static Result<OpenPgpKeys> Read(const std::vector<std::string>& keyrings);
  OpenPgpKeys(OpenPgpKeys&& other) noexcept;
  OpenPgpKeys& operator=(OpenPgpKeys&& other) noexcept;
  ~OpenPgpKeys();

  // What the message says, when one of the keys has signed it; else kPermissionDenied and why it does not count. It
  // does not when the signature, its key or that key's primary key has expired or was revoked, for whatever reason.
  Result<std::string> Open(std::string_view message) const;

 private:
  struct Ring;
  explicit OpenPgpKeys(std::unique_ptr<Ring> ring);
  std::unique_ptr<Ring> ring_;
};

}  // namespace estiba::codec
