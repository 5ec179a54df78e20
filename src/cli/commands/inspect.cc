#include "client/meanings.h"
#include "commands/commands.h"
#include "format.h"

namespace estiba::cli {
namespace {

using codec::Json;

constexpr Flag kFlags[] = {
    {'f', "format", Kind::kString, "string", kObjectFormatHelp},
    {'s', "size", Kind::kBool, "", "Display total file sizes if the type is container"},
    {'\0', "type", Kind::kString, "string", "Only inspect objects of the given type"},
};
constexpr Flag kContainerFlags[] = {
    {'f', "format", Kind::kString, "string", kObjectFormatHelp},
    {'s', "size", Kind::kBool, "", "Display total file sizes"},
};
constexpr Flag kPlainFlags[] = {
    {'f', "format", Kind::kString, "string", kObjectFormatHelp},
};

struct Type {
  std::string_view name;
  std::string_view before;  // of the path, around the name
  std::string_view after;
};
// In the order they are tried.
constexpr Type kTypes[] = {
    {"container", "/containers/", "/json"},
    {"image", "/images/", "/json"},
    {"network", "/networks/", ""},
    {"volume", "/volumes/", ""},
};

Result<Json> Fetch(Api* engine, const Type& type, const std::string& name, bool size) {
  http::Query query;
  if (size && type.name == "container") query.Add("size", "1");
  const bool image = type.name == "image";
  const std::string meant = image ? NameOfHere(engine, name) : name;
  return engine->Get(std::string(type.before) + http::PercentEncode(meant, image) + std::string(type.after), query);
}

// The first kind of object that has this name.
Result<Json> FetchAny(Api* engine, const std::string& only, const std::string& name, bool size) {
  for (const Type& type : kTypes) {
    if (!only.empty() && only != type.name) continue;
    auto found = Fetch(engine, type, name, size);
    if (found.ok() || found.error().code() != Code::kNotFound || !only.empty()) return found;
  }
  return Error(Code::kNotFound, "error: no such object: " + name);
}

Result<int> Inspect(App& app, const Options& options, const std::string& only) {
  const std::string format = options.Text("format");
  TRY(CheckFormat(format));
  Api* engine = TRY(app.Engine());
  Json all = Json::MakeArray();
  std::string text;
  std::vector<Error> errors;
  for (const std::string& name : options.args()) {
    auto found = FetchAny(engine, only, name, options.On("size"));
    if (!found.ok()) {
      errors.push_back(std::move(found).error());
    } else if (format.empty()) {
      all.Append(std::move(found).value());
    } else {
      auto line = RenderObject(format, *found);
      if (line.ok()) {
        text += *line;
      } else {
        errors.push_back(std::move(line).error());
      }
    }
  }
  Print(format.empty() ? all.Dump(4) + "\n" : (text.empty() ? "\n" : text));
  for (const Error& error : errors) PrintError(error);
  return errors.empty() ? 0 : 1;
}

Result<int> RunInspect(App& app, const Options& options) {
  const std::string only = options.Text("type");
  bool known = only.empty();
  for (const Type& type : kTypes) known = known || type.name == only;
  if (!known) return Error(Code::kInvalidArgument, "\"" + only + "\" is not a valid value for --type");
  return Inspect(app, options, only);
}
Result<int> RunContainer(App& app, const Options& options) { return Inspect(app, options, "container"); }
Result<int> RunImage(App& app, const Options& options) { return Inspect(app, options, "image"); }
Result<int> RunNetwork(App& app, const Options& options) { return Inspect(app, options, "network"); }
Result<int> RunVolume(App& app, const Options& options) { return Inspect(app, options, "volume"); }

}  // namespace

constinit const Command kInspect{
    .name = "inspect",
    .usage = "[OPTIONS] NAME|ID [NAME|ID...]",
    .summary = "Return low-level information on containers, images, networks and volumes",
    .flags = kFlags,
    .min_args = 1,
    .run = RunInspect};
constinit const Command kContainerInspect{.name = "inspect",
                                          .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
                                          .summary = "Display detailed information on one or more containers",
                                          .flags = kContainerFlags,
                                          .min_args = 1,
                                          .run = RunContainer};
constinit const Command kImageInspect{.name = "inspect",
                                      .usage = "[OPTIONS] IMAGE [IMAGE...]",
                                      .summary = "Display detailed information on one or more images",
                                      .flags = kPlainFlags,
                                      .min_args = 1,
                                      .run = RunImage};
constinit const Command kNetworkInspect{.name = "inspect",
                                        .usage = "[OPTIONS] NETWORK [NETWORK...]",
                                        .summary = "Display detailed information on one or more networks",
                                        .flags = kPlainFlags,
                                        .min_args = 1,
                                        .run = RunNetwork};
constinit const Command kVolumeInspect{.name = "inspect",
                                       .usage = "[OPTIONS] VOLUME [VOLUME...]",
                                       .summary = "Display detailed information on one or more volumes",
                                       .flags = kPlainFlags,
                                       .min_args = 1,
                                       .run = RunVolume};

}  // namespace estiba::cli
