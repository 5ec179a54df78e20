#pragma once
// librnp, by name and only when somebody asks: it brings Botan along, some megabytes that pulls without signatures by
// OpenPGP keys do not need.

#include <rnp/rnp.h>
#include <rnp/rnp_err.h>

#include "base/result.h"

namespace estiba::codec {

// The functions of rnp.h that we use, under their names without "rnp_".
struct Rnp {
  decltype(&::rnp_ffi_create) ffi_create;
  decltype(&::rnp_ffi_destroy) ffi_destroy;
  decltype(&::rnp_input_from_memory) input_from_memory;
  decltype(&::rnp_input_destroy) input_destroy;
  decltype(&::rnp_import_keys) import_keys;
  decltype(&::rnp_locate_key) locate_key;
  decltype(&::rnp_op_verify_detached_create) op_verify_detached_create;
  decltype(&::rnp_op_verify_execute) op_verify_execute;
  decltype(&::rnp_op_verify_get_signature_count) op_verify_get_signature_count;
  decltype(&::rnp_op_verify_get_signature_at) op_verify_get_signature_at;
  decltype(&::rnp_op_verify_signature_get_status) op_verify_signature_get_status;
  decltype(&::rnp_op_verify_signature_get_key) op_verify_signature_get_key;
  decltype(&::rnp_op_verify_destroy) op_verify_destroy;
  decltype(&::rnp_key_get_primary_fprint) key_get_primary_fprint;
  decltype(&::rnp_key_is_sub) key_is_sub;
  decltype(&::rnp_key_is_valid) key_is_valid;
  decltype(&::rnp_key_is_revoked) key_is_revoked;
  decltype(&::rnp_key_is_expired) key_is_expired;
  decltype(&::rnp_key_allows_usage) key_allows_usage;
  decltype(&::rnp_key_handle_destroy) key_handle_destroy;
  decltype(&::rnp_buffer_destroy) buffer_destroy;
};

// Loaded once and for the life of the process. What it makes of a bad packet it also writes to descriptor 2.
Result<const Rnp*> LoadRnp();

}  // namespace estiba::codec
