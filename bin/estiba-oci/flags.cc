#include "flags.h"

#include <algorithm>

#include "base/parse.h"

namespace estiba::ocicli {
namespace {

const FlagSpec* Find(const std::vector<FlagSpec>& specs, const std::string& name) {
  const auto found = std::ranges::find_if(specs, [&](const FlagSpec& spec) {
    return name == spec.name || (name.size() == 1 && name[0] == spec.short_name);
  });
  return found == specs.end() ? nullptr : &*found;
}

// "true", "T", "1"… as "true" or "false".
Result<std::string> Switch(const std::string& name, const std::string& value) {
  if (const auto on = FindBool(value)) return std::string(*on ? "true" : "false");
  return Error(Code::kInvalidArgument, "invalid boolean value \"" + value + "\" for -" + name);
}

}  // namespace

Result<Flags> Flags::Parse(const std::vector<std::string>& args, const std::vector<FlagSpec>& specs, bool anywhere) {
  Flags flags;
  std::size_t i = 0;
  for (; i < args.size(); ++i) {
    const std::string& arg = args[i];
    if (arg == "--") {
      ++i;
      break;
    }
    if (arg.size() < 2 || arg[0] != '-') {
      if (!anywhere) break;
      flags.rest_.push_back(arg);
      continue;
    }
    std::string name = arg.substr(arg[1] == '-' ? 2 : 1);
    std::optional<std::string> value;
    if (const auto equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    if (name == "help" || name == "h") {
      flags.values_["help"] = {"true"};
      continue;
    }
    const FlagSpec* spec = Find(specs, name);
    if (spec == nullptr) return Error(Code::kInvalidArgument, "flag provided but not defined: -" + name);
    if (spec->takes_value && !value) {
      if (++i == args.size()) return Error(Code::kInvalidArgument, "flag needs an argument: -" + name);
      value = args[i];
    }
    if (!spec->takes_value) value = TRY(Switch(name, value.value_or("true")));
    flags.values_[spec->name].push_back(std::move(*value));
  }
  flags.rest_.insert(flags.rest_.end(), args.begin() + static_cast<std::ptrdiff_t>(i), args.end());
  return flags;
}

bool Flags::On(const std::string& name) const { return Get(name) == "true"; }

std::string Flags::Get(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::string() : found->second.back();
}

std::vector<std::string> Flags::All(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

Result<std::optional<std::int64_t>> Flags::Number(const std::string& name) const {
  if (!Has(name)) return std::optional<std::int64_t>();
  const auto number = TRY_CTX(ParseInt(Get(name)), "--" + name);
  return std::optional<std::int64_t>(number);
}

std::string HelpOf(const std::vector<FlagSpec>& specs) {
  std::string text;
  for (const FlagSpec& spec : specs) {
    std::string names = std::string("--") + spec.name + (spec.takes_value ? " value" : "");
    if (spec.short_name != '\0') names += std::string(", -") + spec.short_name + (spec.takes_value ? " value" : "");
    names.resize(std::max<std::size_t>(names.size() + 2, 34), ' ');
    text += "   " + names + spec.help + "\n";
  }
  return text;
}

}  // namespace estiba::ocicli
