#include "codec/openpgp.h"

#include <cstdint>
#include <utility>

#include "rnp.h"

namespace estiba::codec {
namespace {

// A handle of the library and what ends it.
template <typename T>
class Handle {
 public:
  explicit Handle(rnp_result_t (*destroy)(T)) : destroy_(destroy) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (handle_ != nullptr) destroy_(handle_);
  }
  T get() const { return handle_; }
  T* to() { return &handle_; }

 private:
  rnp_result_t (*destroy_)(T);
  T handle_ = nullptr;
};

const std::uint8_t* Bytes(std::string_view text) { return reinterpret_cast<const std::uint8_t*>(text.data()); }

Error Unexpected(const char* what) { return Error(Code::kInternal, std::string("librnp cannot ") + what); }
Error Refused(const std::string& why) { return Error(Code::kPermissionDenied, why); }

// Looks at the bytes, which outlive the input.
Status OpenInput(const Rnp& rnp, std::string_view bytes, Handle<rnp_input_t>& out) {
  if (rnp.input_from_memory(out.to(), Bytes(bytes), bytes.size(), /*do_copy=*/false) != RNP_SUCCESS)
    return Unexpected("read from memory");
  return Ok();
}

Status CheckKey(const Rnp& rnp, rnp_key_handle_t key, const std::string& name) {
  bool revoked = true;
  bool expired = true;
  bool valid = false;
  if (rnp.key_is_revoked(key, &revoked) != RNP_SUCCESS || revoked) return Refused(name + " was revoked");
  if (rnp.key_is_expired(key, &expired) != RNP_SUCCESS || expired) return Refused(name + " has expired");
  if (rnp.key_is_valid(key, &valid) != RNP_SUCCESS || !valid) return Refused(name + " is not valid");
  return Ok();
}

// The key that signed, and, when it is a subkey, the one it belongs to.
Status CheckSigner(const Rnp& rnp, rnp_ffi_t ffi, rnp_op_verify_signature_t signature) {
  Handle<rnp_key_handle_t> key(rnp.key_handle_destroy);
  if (rnp.op_verify_signature_get_key(signature, key.to()) != RNP_SUCCESS || key.get() == nullptr)
    return Refused("it is by none of the keys of the policy");
  bool signs = false;
  TRY(CheckKey(rnp, key.get(), "the key it is by"));
  if (rnp.key_allows_usage(key.get(), "sign", &signs) != RNP_SUCCESS || !signs)
    return Refused("the key it is by is not for signatures");
  bool is_sub = false;
  if (rnp.key_is_sub(key.get(), &is_sub) != RNP_SUCCESS) return Unexpected("tell the kind of a key");
  if (!is_sub) return Ok();
  char* fingerprint = nullptr;
  if (rnp.key_get_primary_fprint(key.get(), &fingerprint) != RNP_SUCCESS)
    return Refused("the key it is by belongs to none of the keys of the policy");
  Handle<rnp_key_handle_t> primary(rnp.key_handle_destroy);
  const rnp_result_t located = rnp.locate_key(ffi, "fingerprint", fingerprint, primary.to());
  rnp.buffer_destroy(fingerprint);
  if (located != RNP_SUCCESS || primary.get() == nullptr)
    return Refused("the key it is by belongs to none of the keys of the policy");
  return CheckKey(rnp, primary.get(), "the primary key of the key it is by");
}

Status CheckStatus(rnp_result_t status) {
  switch (status) {
    case RNP_SUCCESS: return Ok();
    case RNP_ERROR_KEY_NOT_FOUND: return Refused("it is by none of the keys of the policy");
    case RNP_ERROR_SIGNATURE_EXPIRED: return Refused("it has expired");
    case RNP_ERROR_SIGNATURE_UNKNOWN: return Refused("its kind of signature is not known");
    default: return Refused("it does not fit what was signed, its key was not valid, or its algorithms are too weak");
  }
}

}  // namespace

struct OpenPgpKeys::Ring {
  explicit Ring(const Rnp& functions) : rnp(functions), ffi(functions.ffi_destroy) {}

  Status Add(const std::string& keyring) {
    Handle<rnp_input_t> input(rnp.input_destroy);
    TRY(OpenInput(rnp, keyring, input));
    // Permissive: what the library does not know of a key (a user attribute, a signature of a new kind) is left out.
    char* keys = nullptr;  // as JSON
    const rnp_result_t done = rnp.import_keys(ffi.get(), input.get(),
                                              RNP_LOAD_SAVE_PUBLIC_KEYS | RNP_LOAD_SAVE_PERMISSIVE, &keys);
    const bool any = keys != nullptr && std::string_view(keys).contains("\"fingerprint\"");
    rnp.buffer_destroy(keys);
    if (done != RNP_SUCCESS || !any)
      return Error(Code::kInvalidArgument, "a keyring of the policy has no OpenPGP public key")
          .Hint("'gpg --export' writes such a file, with --armor or without");
    return Ok();
  }

  const Rnp& rnp;
  Handle<rnp_ffi_t> ffi;
};

OpenPgpKeys::OpenPgpKeys(std::unique_ptr<Ring> ring) : ring_(std::move(ring)) {}
OpenPgpKeys::OpenPgpKeys(OpenPgpKeys&& other) noexcept = default;
OpenPgpKeys& OpenPgpKeys::operator=(OpenPgpKeys&& other) noexcept = default;
OpenPgpKeys::~OpenPgpKeys() = default;

Status LoadOpenPgp() {
  TRY(LoadRnp());
  return Ok();
}

Result<OpenPgpKeys> OpenPgpKeys::Read(const std::vector<std::string>& keyrings) {
  const Rnp* const rnp = TRY(LoadRnp());
  auto ring = std::make_unique<Ring>(*rnp);
  if (rnp->ffi_create(ring->ffi.to(), "GPG", "GPG") != RNP_SUCCESS) return Unexpected("start");
  for (const std::string& keyring : keyrings) TRY(ring->Add(keyring));
  return OpenPgpKeys(std::move(ring));
}

Result<std::string> OpenPgpKeys::Open(std::string_view message) const {
  auto parsed = ParseSignedMessage(message);
  if (!parsed.ok()) return std::move(parsed).error().WithCode(Code::kPermissionDenied);
  const Rnp& rnp = ring_->rnp;
  Handle<rnp_input_t> payload(rnp.input_destroy);
  Handle<rnp_input_t> packet(rnp.input_destroy);
  TRY(OpenInput(rnp, parsed->payload, payload));
  TRY(OpenInput(rnp, parsed->signature, packet));
  Handle<rnp_op_verify_t> operation(rnp.op_verify_destroy);
  if (rnp.op_verify_detached_create(operation.to(), ring_->ffi.get(), payload.get(), packet.get()) != RNP_SUCCESS)
    return Unexpected("verify");
  const rnp_result_t executed = rnp.op_verify_execute(operation.get());
  std::size_t count = 0;
  rnp_op_verify_signature_t signature = nullptr;
  if (rnp.op_verify_get_signature_count(operation.get(), &count) != RNP_SUCCESS || count != 1 ||
      rnp.op_verify_get_signature_at(operation.get(), 0, &signature) != RNP_SUCCESS)
    return Refused("its signature cannot be read");
  // The key goes first: of a revoked one the library says no more than that the signature is not good.
  TRY(CheckSigner(rnp, ring_->ffi.get(), signature));
  TRY(CheckStatus(rnp.op_verify_signature_get_status(signature)));
  TRY(CheckStatus(executed));
  return std::move(parsed->payload);
}

}  // namespace estiba::codec
