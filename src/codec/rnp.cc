#include "rnp.h"

#include <dlfcn.h>

namespace estiba::codec {
namespace {

constexpr const char* kLibrary = "librnp.so.0";

// What went wrong first; empty when nothing did.
struct Loaded {
  Rnp functions{};
  std::string trouble;
};

// NOLINTBEGIN(concurrency-mt-unsafe): dlerror's text is the thread's own
class Symbols {
 public:
  Symbols(void* library, std::string& trouble) : library_(library), trouble_(trouble) {}

  template <typename F>
  void Find(const char* name, F& out) {
    void* const found = ::dlsym(library_, name);
    if (found == nullptr && trouble_.empty()) trouble_ = ::dlerror();
    out = reinterpret_cast<F>(found);
  }

 private:
  void* library_;
  std::string& trouble_;
};

Loaded Load() {
  Loaded out;
  void* const library = ::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    out.trouble = ::dlerror();
    return out;
  }
  Symbols symbols(library, out.trouble);
  Rnp& to = out.functions;
  symbols.Find("rnp_ffi_create", to.ffi_create);
  symbols.Find("rnp_ffi_destroy", to.ffi_destroy);
  symbols.Find("rnp_input_from_memory", to.input_from_memory);
  symbols.Find("rnp_input_destroy", to.input_destroy);
  symbols.Find("rnp_import_keys", to.import_keys);
  symbols.Find("rnp_locate_key", to.locate_key);
  symbols.Find("rnp_op_verify_detached_create", to.op_verify_detached_create);
  symbols.Find("rnp_op_verify_execute", to.op_verify_execute);
  symbols.Find("rnp_op_verify_get_signature_count", to.op_verify_get_signature_count);
  symbols.Find("rnp_op_verify_get_signature_at", to.op_verify_get_signature_at);
  symbols.Find("rnp_op_verify_signature_get_status", to.op_verify_signature_get_status);
  symbols.Find("rnp_op_verify_signature_get_key", to.op_verify_signature_get_key);
  symbols.Find("rnp_op_verify_destroy", to.op_verify_destroy);
  symbols.Find("rnp_key_get_primary_fprint", to.key_get_primary_fprint);
  symbols.Find("rnp_key_is_sub", to.key_is_sub);
  symbols.Find("rnp_key_is_valid", to.key_is_valid);
  symbols.Find("rnp_key_is_revoked", to.key_is_revoked);
  symbols.Find("rnp_key_is_expired", to.key_is_expired);
  symbols.Find("rnp_key_allows_usage", to.key_allows_usage);
  symbols.Find("rnp_key_handle_destroy", to.key_handle_destroy);
  symbols.Find("rnp_buffer_destroy", to.buffer_destroy);
  return out;
}
// NOLINTEND(concurrency-mt-unsafe)

}  // namespace

Result<const Rnp*> LoadRnp() {
  static const Loaded loaded = Load();
  if (!loaded.trouble.empty())
    return Error(Code::kFailedPrecondition, "load librnp, which verifies OpenPGP signatures: " + loaded.trouble)
        .Hint("install it (Debian, openSUSE: librnp0; Fedora, Alpine: librnp)");
  return &loaded.functions;
}

}  // namespace estiba::codec
