#pragma once
// Command lines as runc's callers write them: "--name value", "--name=value", "-n value", "-name" (one dash before a
// long name), and options end at the first word that is none.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace estiba::ocicli {

struct FlagSpec {
  const char* name;         // "bundle"
  char short_name = '\0';   // 'b'
  bool takes_value = false;
  const char* help = "";
};

class Flags {
 public:
  // kInvalidArgument "flag provided but not defined: -x", "flag needs an argument: -x". "--help" and "-h" are always
  // understood. `anywhere`: options count behind other words too, until "--".
  static Result<Flags> Parse(const std::vector<std::string>& args, const std::vector<FlagSpec>& specs, bool anywhere);

  bool Has(const std::string& name) const { return values_.contains(name); }
  // A switch: given, and not as "--name=false".
  bool On(const std::string& name) const;
  // The last one given; "" when none was.
  std::string Get(const std::string& name) const;
  std::vector<std::string> All(const std::string& name) const;
  // A number; kInvalidArgument naming the flag.
  Result<std::optional<std::int64_t>> Number(const std::string& name) const;
  // What follows the options.
  const std::vector<std::string>& rest() const { return rest_; }

 private:
  std::map<std::string, std::vector<std::string>> values_;
  std::vector<std::string> rest_;
};

// "   --bundle value, -b value   …" lines.
std::string HelpOf(const std::vector<FlagSpec>& specs);

}  // namespace estiba::ocicli
