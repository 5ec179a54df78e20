// What a registry has: tags, what refers to a manifest, and, where it offers that, a search.

#include <algorithm>
#include <iterator>
#include <utility>

#include "address.h"
#include "client_impl.h"
#include "codec/json.h"
#include "oci/reference.h"
#include "oci/referrers.h"

namespace estiba::registry {
namespace {

constexpr std::size_t kMaxPage = 8U << 20;
constexpr std::size_t kMaxPages = 1000;
constexpr std::size_t kMaxEntries = 200'000;
constexpr std::size_t kMaxText = 4096;  // of a name or a description

// What a registry sends is printed on terminals.
std::string Clean(std::string text) {
  text.resize(std::min(text.size(), kMaxText));
  std::ranges::replace_if(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
  return text;
}

}  // namespace

Result<Client::Impl::Page> Client::Impl::GetPage(const Access& access, const std::string& path,
                                                 const std::string& what) {
  std::string body;
  Request request;
  request.url = path;
  request.body = [&](const Response&, std::string_view piece) -> Status {
    if (body.size() + piece.size() > kMaxPage) return Error(Code::kResourceExhausted, what + " is larger than 8 MiB");
    body.append(piece);
    return Ok();
  };
  const Response answered = TRY(SendPatiently(access, request, [&body] { body.clear(); }));
  if (answered.status != 200) return Refused(answered, what, access);
  Page out;
  out.json = TRY_CTX(codec::ParseJson(body, {.depth = 16, .bytes = kMaxPage}), what);
  const std::string next = NextLink(answered.link);
  const auto from = ParseAddress(answered.url);
  const auto resolved = from && !next.empty() ? Resolve(*from, next) : std::nullopt;
  // The next page is this registry's, or there is none.
  if (resolved && resolved->Origin() == Origin()) out.next = resolved->Origin() + resolved->rest;
  return out;
}

Result<std::vector<std::string>> Client::ListTags(const std::string& repository) {
  const std::string what = "list of tags of " + impl_->options.host + "/" + repository;
  std::vector<std::string> tags;
  std::string path = "/v2/" + repository + "/tags/list?n=1000";  // the most that ECR takes
  for (std::size_t pages = 0; !path.empty() && pages < kMaxPages; ++pages) {
    Impl::Page page = TRY(impl_->GetPage({repository}, path, what));
    const codec::Json* list = page.json.Find("tags");  // null where there are none (Nexus)
    if (list != nullptr && list->IsArray()) {
      for (const codec::Json& tag : *list->IfArray()) {
        const std::string* text = tag.IfString();
        // Some (Artifactory) list digests, too.
        if (text != nullptr && !oci::IsDigest(*text)) tags.push_back(Clean(*text));
      }
    }
    if (tags.size() > kMaxEntries) return Error(Code::kResourceExhausted, what + " has more than 200000 entries");
    path = page.next == path ? "" : std::move(page.next);
  }
  return tags;
}

// What the registry says, page by page; where it knows no such question, what its clients keep in a tag.
Result<oci::Index> Client::ListReferrers(const std::string& repository, const std::string& digest) {
  TRY(oci::DigestHex(digest));
  const std::string what = "list of what refers to '" + digest + "'";
  oci::Index out;
  std::string path = "/v2/" + repository + "/referrers/" + digest;
  for (std::size_t pages = 0; !path.empty() && pages < kMaxPages; ++pages) {
    auto page = impl_->GetPage({repository}, path, what);
    if (!page.ok() && page.error().code() == Code::kNotFound && pages == 0) {
      const auto kept = GetManifest(repository, oci::ReferrersTag(digest));
      if (!kept.ok() && kept.error().code() == Code::kNotFound) return out;
      if (!kept.ok()) return kept.error().Clone();
      return TRY_CTX(oci::ParseIndex(kept->bytes), what);
    }
    if (!page.ok()) return std::move(page).error();
    oci::Index more = TRY_CTX(oci::ParseIndex(page->json.Dump()), what);
    std::ranges::move(more.manifests, std::back_inserter(out.manifests));
    if (out.manifests.size() > kMaxEntries)
      return Error(Code::kResourceExhausted, what + " has more than 200000 entries");
    path = page->next == path ? "" : std::move(page->next);
  }
  return out;
}

Result<std::vector<FoundImage>> Client::Search(const std::string& term, unsigned limit) {
  const std::string what = "search for '" + term + "'";
  const std::string path = "/v1/search?q=" + Escape(term) + "&n=" + std::to_string(limit);
  auto page = impl_->GetPage({}, path, what);
  if (!page.ok() && page.error().code() == Code::kNotFound)
    return Error(Code::kNotImplemented, "registry '" + impl_->options.host + "' offers no search");
  if (!page.ok()) return std::move(page).error();
  std::vector<FoundImage> out;
  const codec::Json* results = page->json.Find("results");
  if (results == nullptr || !results->IsArray()) return out;
  for (const codec::Json& item : *results->IfArray()) {
    if (out.size() >= limit || !item.IsObject()) break;
    out.push_back({Clean(item.GetString("name")), Clean(item.GetString("description")), item.GetInt("star_count"),
                   item.GetBool("is_official"), item.GetBool("is_automated")});
  }
  return out;
}

}  // namespace estiba::registry
