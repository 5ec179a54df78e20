#pragma once
// containers-registries.d(5): where the signatures of images are kept.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "oci/reference.h"

namespace estiba::sources {

class RegistriesD {
 public:
  // One file more. Errors name `file` and the line; what is not known, or was said before, is one.
  Status Add(std::string_view text, const std::string& file);

  // The place of the most specific scope that names one: file:///PATH, http://… or https://…, without a '/' at its end.
  // Empty when none does.
  std::string LookasideOf(const oci::Reference& reference) const;
  // use-sigstore-attachments of the most specific scope that says so.
  std::optional<bool> UsesAttachments(const oci::Reference& reference) const;

 private:
  struct Section {
    std::string lookaside;
    std::optional<bool> attachments;
    std::string file;  // that it is from
  };
  friend class SectionReader;
  template <typename F>
  void EachSection(const oci::Reference& reference, F f) const;

  std::optional<Section> default_;
  std::map<std::string, Section> docker_;  // by scope
};

// registries.d/*.yaml of the last folder that has a registries.d; nothing when none has.
Result<RegistriesD> LoadRegistriesD(const std::vector<std::string>& folders);

}  // namespace estiba::sources
