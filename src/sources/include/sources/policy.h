#pragma once
// containers-policy.json(5): which images may be pulled.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "oci/reference.h"
#include "oci/signature.h"

namespace estiba::sources {

struct Requirement {
  enum class Kind : unsigned char { kAccept, kReject, kSigned, kUnsupported };
  Kind kind = Kind::kReject;
  oci::SignedBy signed_by;             // kSigned: keys given in the file itself
  std::vector<std::string> key_paths;  // kSigned: files that have some
  std::string what;                    // kUnsupported: what the file asks for
};

class Policy {
 public:
  // Errors name `file` and the member. What is not known is an error: a policy that is half understood is none.
  static Result<Policy> Parse(std::string_view text, const std::string& file);

  // All have to hold: those of the most specific scope of transport "docker", else the default's.
  const std::vector<Requirement>& For(const oci::Reference& reference) const;
  const std::string& file() const { return file_; }

 private:
  std::string file_;
  std::vector<Requirement> default_;
  std::map<std::string, std::vector<Requirement>> docker_;  // by scope
};

// policy.json of the last folder that has one; nothing when none has.
Result<std::optional<Policy>> LoadPolicy(const std::vector<std::string>& folders);
// The signatures that a pull of the reference needs, keys read; none when it is accepted as it is. kPermissionDenied
// when it is rejected, or when what is asked for is not supported.
Result<std::vector<oci::SignedBy>> SignaturesFor(const Policy& policy, const oci::Reference& reference);

}  // namespace estiba::sources
