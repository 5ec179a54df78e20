// search, image tags, image referrers, manifest inspect: what registries have.

#include <algorithm>

#include <unistd.h>

#include "client/logins.h"
#include "codec/base64.h"
#include "commands/commands.h"
#include "commands/list.h"
#include "oci/image.h"
#include "oci/reference.h"
#include "term/terminal.h"
#include "text/escape.h"
#include "text/indent_json.h"
#include "text/table.h"
#include "text/units.h"

namespace estiba::cli {
namespace {

using codec::Json;

// `about` names the registry whose credentials go along.
Result<Json> Ask(App& app, const std::string& path, const http::Query& query, const std::string& about) {
  http::Request request;
  request.target = path + "?" + query.Encode();
  AddRegistryAuth(about, &request.headers);
  Api* engine = TRY(app.Engine());
  const auto stream = TRY(engine->Open(request));
  std::string text;
  for (;;) {
    const std::string bytes = TRY(stream->Read());
    if (bytes.empty()) break;
    text += bytes;
  }
  return codec::ParseJson(text);
}

constexpr Flag kSearchFlags[] = {
    {'f', "filter", Kind::kFilter, "filter", "Filter output based on conditions provided"},
    {'\0', "format", Kind::kString, "string", "Pretty-print search using a Go template"},
    {'\0', "limit", Kind::kInt, "int", "Max number of search results"},
    {'\0', "no-trunc", Kind::kBool, "", "Don't truncate output"},
};
constexpr Column kSearchColumns[] = {
    {"Description", "DESCRIPTION"}, {"IsAutomated", "AUTOMATED"}, {"IsOfficial", "OFFICIAL"},
    {"Name", "NAME"},               {"StarCount", "STARS"},
};

Json SearchRow(const Json& item, bool truncate) {
  std::string description = item.GetString("description");
  std::ranges::replace_if(description, [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  if (truncate) description = Ellipsis(description, 45);
  return Json::MakeObject({{"Description", description},
                           {"IsAutomated", item.GetBool("is_automated") ? "[OK]" : ""},
                           {"IsOfficial", item.GetBool("is_official") ? "[OK]" : ""},
                           {"Name", item.GetString("name")},
                           {"StarCount", std::to_string(item.GetInt("star_count"))}});
}

Result<int> RunSearch(App& app, const Options& options) {
  TRY(CheckListFormat(options));
  http::Query query;
  query.Add("term", options.arg(0));
  if (options.Has("limit")) query.Add("limit", options.Text("limit"));
  AddFilters(options.List("filter"), &query);
  const Json answer = TRY(Ask(app, "/images/search", query, options.arg(0)));
  std::vector<Json> rows;
  for (std::size_t i = 0; i < answer.size(); ++i)
    rows.push_back(SearchRow((*answer.IfArray())[i], !options.On("no-trunc")));
  const ListStyle style{"{{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}", kSearchColumns,
                        "*formatter.searchContext"};
  TRY(ShowRows(options, style, "Name", rows));
  return 0;
}

Result<int> RunTags(App& app, const Options& options) {
  const oci::Reference name = TRY(oci::ParseReference(options.arg(0)));
  if (!name.tag.empty() || !name.digest.empty())
    return Error(Code::kInvalidArgument, "'" + options.arg(0) + "' is an image: tags are of a name without a tag");
  http::Query query;
  query.Add("name", name.Name());
  const Json answer = TRY(Ask(app, "/estiba/registry/tags", query, options.arg(0)));
  for (const std::string& tag : Strings(&answer)) PrintLine(tag);
  return 0;
}

constexpr Flag kReferrersFlags[] = {
    {'\0', "artifact-type", Kind::kString, "string", "Show those of this type alone"},
    {'\0', "format", Kind::kString, "string", kListFormatHelp},
    {'q', "quiet", Kind::kBool, "", "Only show digests"},
};
constexpr Column kReferrersColumns[] = {
    {"ArtifactType", "ARTIFACT TYPE"},
    {"Digest", "DIGEST"},
    {"MediaType", "MEDIA TYPE"},
    {"Size", "SIZE"},
};

Result<int> RunReferrers(App& app, const Options& options) {
  TRY(CheckListFormat(options));
  http::Query query;
  query.Add("name", options.arg(0));
  const Json answer = TRY(Ask(app, "/estiba/registry/referrers", query, options.arg(0)));
  std::vector<Json> rows;
  for (std::size_t i = 0; i < answer.size(); ++i) {
    const Json& item = (*answer.IfArray())[i];
    const std::string type = item.GetString("artifactType");
    if (options.Has("artifact-type") && type != options.Text("artifact-type")) continue;
    rows.push_back(Json::MakeObject({{"ArtifactType", type},
                                     {"Digest", item.GetString("digest")},
                                     {"MediaType", item.GetString("mediaType")},
                                     {"Size", HumanSize(static_cast<double>(item.GetInt("size")), 3)}}));
  }
  const ListStyle style{"{{.Digest}}\t{{.ArtifactType}}\t{{.Size}}", kReferrersColumns,
                        "*formatter.referrersContext"};
  TRY(ShowRows(options, style, "Digest", rows));
  return 0;
}

constexpr Flag kManifestInspectFlags[] = {
    {'\0', "insecure", Kind::kBool, "", "Allow communication with an insecure registry"},
    {'v', "verbose", Kind::kBool, "", "Output additional info including layers and platform"},
};

// The document as the registry has it.
Result<std::string> RawOf(const Json& answer) {
  std::string raw = TRY(codec::DecodeBase64(answer.GetString("Raw")));
  TRY_CTX(codec::ParseJson(raw), "the registry's manifest");
  return raw;
}

bool IsOf(const Json& answer, std::string_view type) {
  const Json* own = answer.FindPath({"Descriptor", "mediaType"});
  return own != nullptr && own->IsString() && *own->IfString() == type;
}

// docker's: the document itself goes in as it is, under a name of its type.
Result<std::string> Verbose(const Json& answer) {
  const std::string raw = TRY(RawOf(answer));
  std::string out = answer.Dump();
  const bool oci = IsOf(answer, oci::media::kOciManifest);
  if (!oci && !IsOf(answer, oci::media::kDockerManifest)) return out;
  out.pop_back();
  return out + (oci ? ",\"OCIManifest\":" : ",\"SchemaV2Manifest\":") + raw + "}";
}

Result<std::string> VerboseText(const Json& answer) {
  if (!answer.IsArray()) return Verbose(answer);
  std::string out = "[";
  for (const Json& one : *answer.IfArray()) {
    const std::string text = TRY(Verbose(one));
    out += (out.size() == 1 ? "" : ",") + text;
  }
  return out + "]";
}

// An index with three blanks a level and all else with a tab, as docker does.
Result<std::string> PlainText(const Json& answer) {
  const std::string raw = TRY(RawOf(answer));
  const bool index = IsOf(answer, oci::media::kOciIndex) || IsOf(answer, oci::media::kDockerIndex);
  return IndentJson(raw, index ? "   " : "\t");
}

Result<int> RunManifestInspect(App& app, const Options& options) {
  const std::string& name = options.arg(0);
  http::Query query;
  query.Add("name", name);
  if (options.On("verbose")) query.Add("each", "1");
  if (options.On("insecure")) query.Add("insecure", "1");
  auto answer = Ask(app, "/estiba/v1/images/manifest", query, name);
  if (!answer.ok() && answer.error().code() == Code::kNotFound)
    return Error(Code::kNotFound, "no such manifest: " + name).Hint(answer.error().Message());
  if (!answer.ok()) return std::move(answer).error();
  std::string text;
  if (options.On("verbose")) {
    const std::string all = TRY(VerboseText(*answer));
    text = IndentJson(all, "\t");
  } else {
    text = TRY(PlainText(*answer));
  }
  PrintLine(IsTerminal(STDOUT_FILENO) ? EscapeControls(text) : text);
  return 0;
}

}  // namespace

constinit const Command kSearch{
    .name = "search",
    .usage = "[OPTIONS] TERM",
    .summary = "Search Docker Hub for images",
    .flags = kSearchFlags,
    .min_args = 1,
    .max_args = 1,
    .run = RunSearch,
    .details = "HOST/TERM searches another registry, where it offers that."};
constinit const Command kImageTags{.name = "tags",
                                   .usage = "NAME",
                                   .summary = "List the tags that a registry has of a name",
                                   .flags = {},
                                   .min_args = 1,
                                   .max_args = 1,
                                   .run = RunTags};
constinit const Command kImageReferrers{
    .name = "referrers",
    .usage = "[OPTIONS] NAME[:TAG|@DIGEST]",
    .summary = "List what a registry has that refers to an image: signatures, bills of materials",
    .flags = kReferrersFlags,
    .min_args = 1,
    .max_args = 1,
    .run = RunReferrers};

constinit const Command kManifestInspect{
    .name = "inspect",
    .usage = "[OPTIONS] NAME[:TAG|@DIGEST]",
    .summary = "Display an image manifest, or manifest list",
    .flags = kManifestInspectFlags,
    .min_args = 1,
    .max_args = 1,
    .run = RunManifestInspect,
    .details = "Prints what the registry has, an index or the manifest of one image, laid out anew and otherwise as it "
               "is.\nNothing is kept here."};

}  // namespace estiba::cli
