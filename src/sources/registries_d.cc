#include "sources/registries_d.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>

#include "codec/yaml.h"
#include "os/file.h"
#include "scopes.h"

namespace estiba::sources {
namespace {

using codec::YamlValue;

constexpr std::size_t kMaxFile = 1U << 20;
constexpr std::size_t kMaxFiles = 1000;

Error Complain(const std::string& file, const YamlValue& value, const std::string& what) {
  return Error(Code::kInvalidArgument, "read '" + file + "': line " + std::to_string(value.line) + ": " + what);
}

// Why it is no place for signatures; empty when it is one.
std::string WhyNoPlace(const std::string& url) {
  const bool is_file = url.starts_with("file:///");
  if (!is_file && !url.starts_with("http://") && !url.starts_with("https://"))
    return "has to begin with file:///, http:// or https://";
  if (std::ranges::any_of(url, [](unsigned char c) { return c < ' ' || c == 0x7F; })) return "has a control character";
  if (url.find_first_of(is_file ? "?#%" : "?# ") != std::string::npos) return "has to be a plain path";
  const std::size_t host = url.find("://") + 3;
  if (is_file) return url.find_first_not_of('/', host) == std::string::npos ? "names no folder" : "";
  const std::string authority = url.substr(host, url.find('/', host) - host);
  if (authority.empty()) return "names no host";
  if (authority.contains('@')) return "has a user's name in it, which is not supported";
  return "";
}

}  // namespace

class SectionReader {
 public:
  SectionReader(const std::string& file, RegistriesD& out) : file_(file), out_(out) {}

  Status Read(const YamlValue& root) {
    if (root.IsNull()) return Ok();
    TRY(WantMapping(root, "the file"));
    for (const codec::YamlMember& member : root.members) {
      if (member.key == "default-docker") {
        TRY(ReadDefault(member.value));
      } else if (member.key == "docker") {
        TRY(ReadScopes(member.value));
      } else {
        return Complain(file_, member.value, "'" + member.key + "' is not known");
      }
    }
    return Ok();
  }

 private:
  Status WantMapping(const YamlValue& value, const std::string& what) const {
    if (value.kind == YamlValue::Kind::kMapping) return Ok();
    return Complain(file_, value, what + " has to be a mapping, not a " + std::string(KindName(value.kind)));
  }

  Status ReadDefault(const YamlValue& value) {
    if (out_.default_)
      return Complain(file_, value, "'default-docker' is in '" + out_.default_->file + "' already");
    out_.default_ = TRY(ReadSection(value, "default-docker"));
    return Ok();
  }

  Status ReadScopes(const YamlValue& scopes) {
    if (scopes.IsNull()) return Ok();
    TRY(WantMapping(scopes, "'docker'"));
    for (const codec::YamlMember& member : scopes.members) {
      const auto known = out_.docker_.find(member.key);
      if (known != out_.docker_.end())
        return Complain(file_, member.value, "'" + member.key + "' is in '" + known->second.file + "' already");
      out_.docker_[member.key] = TRY(ReadSection(member.value, member.key));
    }
    return Ok();
  }

  Result<RegistriesD::Section> ReadSection(const YamlValue& value, const std::string& scope) const {
    RegistriesD::Section out;
    out.file = file_;
    if (value.IsNull()) return out;
    TRY(WantMapping(value, "'" + scope + "'"));
    std::string older;  // "sigstore": what "lookaside" was called
    for (const codec::YamlMember& member : value.members) {
      if (member.key == "lookaside") {
        out.lookaside = TRY(ReadPlace(member));
      } else if (member.key == "sigstore") {
        older = TRY(ReadPlace(member));
      } else if (member.key == "lookaside-staging" || member.key == "sigstore-staging") {
        TRY(ReadPlace(member));  // where those write who sign
      } else if (member.key == "use-sigstore-attachments") {
        out.attachments = member.value.IfBool();
        if (!out.attachments) return Complain(file_, member.value, "'" + member.key + "' has to be true or false");
      } else {
        return Complain(file_, member.value, "'" + member.key + "' is not known");
      }
    }
    if (out.lookaside.empty()) out.lookaside = older;
    return out;
  }

  Result<std::string> ReadPlace(const codec::YamlMember& member) const {
    if (member.value.kind != YamlValue::Kind::kScalar)
      return Complain(file_, member.value, "'" + member.key + "' has to be a URL");
    std::string url = member.value.text;
    const std::string why = WhyNoPlace(url);
    if (!why.empty()) return Complain(file_, member.value, "'" + member.key + "' " + why);
    while (url.ends_with('/')) url.pop_back();
    return url;
  }

  const std::string& file_;
  RegistriesD& out_;
};

Status RegistriesD::Add(std::string_view text, const std::string& file) {
  const YamlValue root = TRY_CTX(codec::ParseYaml(text), "read '" + file + "'");
  return SectionReader(file, *this).Read(root);
}

// Until `f` answers that it has found what it wants.
template <typename F>
void RegistriesD::EachSection(const oci::Reference& reference, F f) const {
  for (const std::string& scope : ScopesOf(reference)) {
    const auto found = docker_.find(scope);
    if (found != docker_.end() && f(found->second)) return;
  }
  if (default_) f(*default_);
}

std::string RegistriesD::LookasideOf(const oci::Reference& reference) const {
  std::string out;
  EachSection(reference, [&out](const Section& section) {
    out = section.lookaside;
    return !out.empty();
  });
  return out;
}

std::optional<bool> RegistriesD::UsesAttachments(const oci::Reference& reference) const {
  std::optional<bool> out;
  EachSection(reference, [&out](const Section& section) {
    out = section.attachments;
    return out.has_value();
  });
  return out;
}

Result<RegistriesD> LoadRegistriesD(const std::vector<std::string>& folders) {
  RegistriesD out;
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
    const std::string below = *folder + "/registries.d";
    auto names = os::ListDirectory({AT_FDCWD}, below);
    if (!names.ok() && (names.error().errnum() == ENOENT || names.error().errnum() == ENOTDIR)) continue;
    if (!names.ok()) return std::move(names).error();
    std::erase_if(*names, [](const std::string& name) { return !name.ends_with(".yaml"); });
    if (names->size() > kMaxFiles)
      return Error(Code::kResourceExhausted, "'" + below + "' has more than " + std::to_string(kMaxFiles) + " files");
    std::ranges::sort(*names);
    for (const std::string& name : *names) {
      const std::string file = below + "/" + name;
      const std::string text = TRY(os::ReadFile(file, kMaxFile));
      TRY(out.Add(text, file));
    }
    return out;
  }
  return out;
}

}  // namespace estiba::sources
