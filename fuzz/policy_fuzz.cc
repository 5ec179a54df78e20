// policy.json: the first line is a reference to look for, the rest the file. The rest is read as a signature, too.
#include <cstdint>
#include <string_view>

#include "oci/reference.h"
#include "oci/signature.h"
#include "sources/policy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = input.find('\n');
  if (end == std::string_view::npos) return 0;
  const auto reference = estiba::oci::ParseReferenceOrLatest(input.substr(0, end));
  const auto policy = estiba::sources::Policy::Parse(input.substr(end + 1), "f");
  // Whatever is pulled, something is asked of it.
  if (policy.ok() && reference.ok() && policy->For(*reference).empty()) __builtin_trap();
  using Form = estiba::oci::SignatureForm;
  for (const Form form : {Form::kSigstore, Form::kOpenPgp}) {
    const auto signature = estiba::oci::ParseSimpleSigning(input.substr(end + 1), form);
    if (signature.ok() && !estiba::oci::IsDigest(signature->manifest_digest)) __builtin_trap();
  }
  return 0;
}
