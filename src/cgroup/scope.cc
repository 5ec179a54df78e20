#include "cgroup/scope.h"

#include <algorithm>
#include <limits>

#include "base/text.h"
#include "cgroup/variant.h"

namespace estiba::cgroup {
namespace {

constexpr std::string_view kSlice = ".slice";
constexpr std::string_view kAnnotation = "org.systemd.property.";
constexpr std::uint64_t kInfinity = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kMicroseconds = 1'000'000;

std::string Set(const std::string& name, std::uint64_t value) { return name + "=uint64 " + std::to_string(value); }

bool IsName(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return name.size() > 3 && std::ranges::all_of(name, letter);
}

// Which processes the scope holds and where it is: another's process would end with the container.
bool IsOurs(std::string_view name) {
  constexpr std::string_view kOurs[] = {"PIDs", "PIDFDs", "Slice", "Delegate", "DelegateControllers",
                                        "DelegateSubgroup", "ControlGroup"};
  return std::ranges::find(kOurs, name) != std::end(kOurs);
}

// systemd knows durations in microseconds over D-Bus: "TimeoutStopSec" is "TimeoutStopUSec" there.
Result<std::string> Microseconds(const std::string& name, const Variant& value) {
  const bool number = value.type == "i" || value.type == "u" || value.type == "x" || value.type == "t" ||
                      value.type == "n" || value.type == "q" || value.type == "y";
  if (!number || value.number > kInfinity / kMicroseconds)
    return Error(Code::kInvalidArgument, "'" + name + "' takes a whole number of seconds");
  return Set(name.substr(0, name.size() - 3) + "USec", value.number * kMicroseconds);
}

bool IsUnitCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view(":-_.\\@+").find(c) != std::string_view::npos;
}

}  // namespace

Result<std::string> SlicePath(const std::string& slice) {
  if (slice == "-.slice") return std::string();
  const auto bad = [&](const char* why) {
    return Error(Code::kInvalidArgument, "invalid slice name: '" + slice + "' " + why);
  };
  if (!slice.ends_with(kSlice) || slice.size() == kSlice.size()) return bad("does not end in '.slice'");
  if (slice.find('/') != std::string::npos) return bad("has a slash");
  std::string path;
  std::string prefix;
  for (const std::string& part : Split(slice.substr(0, slice.size() - kSlice.size()), '-')) {
    if (part.empty()) return bad("has an empty part");
    prefix += (prefix.empty() ? "" : "-") + part;
    path += "/" + prefix + std::string(kSlice);
  }
  return path;
}

Result<Scope> ParseScope(const std::string& text, const std::string& id, bool user, const std::string& manager) {
  Scope scope;
  scope.user = user;
  std::vector<std::string> parts = {"", "estiba", id};
  if (!text.empty()) parts = Split(text, ':');
  if (parts.size() != 3 || parts[0].find('/') != std::string::npos)
    return Error(Code::kInvalidArgument, "linux.cgroupsPath: expected cgroupsPath to be of format "
                                         "\"slice:prefix:name\" for systemd cgroups, got \"" + text + "\" instead");
  scope.slice = !parts[0].empty() ? parts[0] : user ? "user.slice" : "system.slice";
  if (parts[2].empty()) return Error(Code::kInvalidArgument, "linux.cgroupsPath: '" + text + "' has no name");
  if (parts[2].ends_with(kSlice))
    return Error(Code::kInvalidArgument, "linux.cgroupsPath: '" + parts[2] + "' is a slice: systemd keeps processes in "
                                         "scopes only");
  scope.unit = (parts[1].empty() ? "" : parts[1] + "-") + parts[2] + ".scope";
  if (!std::ranges::all_of(scope.unit, IsUnitCharacter) || scope.unit.size() > 255)
    return Error(Code::kInvalidArgument, "linux.cgroupsPath: '" + scope.unit + "' cannot be the name of a unit");
  const std::string slice = TRY_CTX(SlicePath(scope.slice), "linux.cgroupsPath");
  scope.path = manager + slice + "/" + scope.unit;
  return scope;
}

std::vector<std::string> ScopeProperties(const Scope& scope, const std::string& id) {
  std::vector<std::string> out = {"Description=" + QuoteVariant("estiba-oci container " + id)};
  out.push_back("Slice=" + QuoteVariant(scope.slice));
  // Ours from here on: systemd leaves what is below alone, and hands every controller on.
  out.emplace_back("Delegate=true");
  for (const char* kind : {"CPU", "Memory", "IO", "Tasks"}) out.push_back(std::string(kind) + "Accounting=true");
  // Containers end when they are told to, not with the targets that units are ordered by.
  out.emplace_back("DefaultDependencies=false");
  return out;
}

Result<std::vector<std::string>> AnnotatedProperties(const oci::StringMap& annotations) {
  std::vector<std::string> out;
  for (const auto& [key, text] : annotations) {
    if (!key.starts_with(kAnnotation)) continue;
    const std::string name = key.substr(kAnnotation.size());
    const std::string field = "annotations: '" + key + "'";
    if (!IsName(name)) return Error(Code::kInvalidArgument, field + ": '" + name + "' is no property's name");
    if (IsOurs(name)) return Error(Code::kInvalidArgument, field + ": is the runtime's to set");
    const Variant value = TRY_CTX(ParseVariant(text), field);
    if (name.ends_with("Sec") && !name.ends_with("USec")) {
      out.push_back(TRY_CTX(Microseconds(name, value), field));
    } else {
      out.push_back(name + "=" + text);
    }
  }
  return out;
}

}  // namespace estiba::cgroup
