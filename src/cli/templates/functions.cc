#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>

#include "base/text.h"
#include "templates/value.h"

namespace estiba::cli::tmpl {
namespace {

using codec::Json;
using Args = std::vector<Value>;

struct Function {
  std::string_view name;
  std::size_t min;
  std::size_t max;
  Result<Value> (*call)(const Args&);
};

constexpr std::size_t kMany = 64;
constexpr std::int64_t kMaxPad = 4096;

Error Bad(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }
Value Text(std::string text) { return {Json(std::move(text)), false, false, false}; }
Value Flag(bool flag) { return {Json(flag), false, false, false}; }

Result<std::int64_t> WholeNumber(const Value& value) {
  if (const auto number = value.json.IfInt()) return *number;
  return Bad("wrong type for value; expected int; got " + Print(value));
}

Result<Value> CallJson(const Args& args) { return Text(args[0].json.Dump()); }

Result<Value> CallJoin(const Args& args) {
  const Json::Array* list = args[0].json.IfArray();
  if (list == nullptr && !args[0].json.IsNull()) return Bad("wrong type for value; expected []string");
  std::vector<std::string> parts;
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) parts.push_back(Print({(*list)[i]}));
  return Text(Join(parts, Print(args[1])));
}

Result<Value> CallSplit(const Args& args) {
  const std::string text = Print(args[0]);
  const std::string separator = Print(args[1]);
  Json list = Json::MakeArray();
  std::size_t at = 0;
  for (std::size_t next = 0; !separator.empty() && (next = text.find(separator, at)) != std::string::npos;
       at = next + separator.size())
    list.Append(Json(text.substr(at, next - at)));
  list.Append(Json(text.substr(at)));
  return Value{std::move(list)};
}

char Upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

Result<Value> CallLower(const Args& args) { return Text(ToLower(Print(args[0]))); }

Result<Value> CallUpper(const Args& args) {
  std::string text = Print(args[0]);
  std::transform(text.begin(), text.end(), text.begin(), Upper);
  return Text(std::move(text));
}

Result<Value> CallTitle(const Args& args) {
  std::string text = Print(args[0]);
  if (!text.empty()) text[0] = Upper(text[0]);
  return Text(std::move(text));
}

Result<Value> CallPad(const Args& args) {
  const std::string text = Print(args[0]);
  const auto before = TRY(WholeNumber(args[1]));
  const auto after = TRY(WholeNumber(args[2]));
  if (text.empty()) return Text("");
  if (before < 0 || after < 0 || before > kMaxPad || after > kMaxPad)
    return Bad("pad: width is out of range");
  return Text(std::string(static_cast<std::size_t>(before), ' ') + text +
              std::string(static_cast<std::size_t>(after), ' '));
}

Result<Value> CallTruncate(const Args& args) {
  const std::string text = Print(args[0]);
  const auto length = TRY(WholeNumber(args[1]));
  std::int64_t points = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool starts = (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80;
    if (starts && points++ >= length) return Text(text.substr(0, i));
  }
  return Text(text);
}

std::string PrintSpaced(const Args& args, bool always) {
  std::string text;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const bool strings = i > 0 && (args[i].json.IsString() || args[i - 1].json.IsString());
    if (i > 0 && (always || !strings)) text += ' ';
    text += Print(args[i]);
  }
  return text;
}

Result<Value> CallPrint(const Args& args) { return Text(PrintSpaced(args, false)); }
Result<Value> CallPrintln(const Args& args) { return Text(PrintSpaced(args, true) + "\n"); }

Result<Value> CallLen(const Args& args) {
  const Json& json = args[0].json;
  if (const std::string* text = json.IfString()) return Value{Json(text->size())};
  if (json.IsArray() || json.IsObject()) return Value{Json(json.size())};
  if (json.IsNull() && !args[0].missing) return Value{Json(0)};
  return Bad("len of type " + Print(args[0]));
}

Result<Value> IndexOne(const Value& from, const Value& key) {
  if (from.json.IsObject()) {
    const std::string name = Print(key);
    const Json* found = from.json.Find(name);
    // Go answers the element's zero value; for labels and ports that is printed as nothing.
    return found == nullptr ? Text("") : Value{*found};
  }
  if (from.json.IsNull()) return key.json.IsString() ? Text("") : Result<Value>(Bad("index of untyped nil"));
  const auto at = TRY(WholeNumber(key));
  const std::size_t size = from.json.IsString() ? from.json.IfString()->size() : from.json.size();
  if (!from.json.IsArray() && !from.json.IsString()) return Bad("can't index item of this type");
  if (at < 0 || static_cast<std::size_t>(at) >= size) return Bad("index out of range: " + std::to_string(at));
  const auto place = static_cast<std::size_t>(at);
  if (from.json.IsString())
    return Value{Json(int{static_cast<unsigned char>((*from.json.IfString())[place])})};
  return Value{(*from.json.IfArray())[place]};
}

Result<Value> CallIndex(const Args& args) {
  Value value = args[0];
  for (std::size_t i = 1; i < args.size(); ++i) {
    auto next = TRY(IndexOne(value, args[i]));
    value = std::move(next);
  }
  return value;
}

Result<Value> CallSlice(const Args& args) {
  const Json& json = args[0].json;
  const std::size_t size = json.IsString() ? json.IfString()->size() : json.size();
  if (!json.IsString() && !json.IsArray()) return Bad("can't slice item of this type");
  std::int64_t from = 0;
  auto to = static_cast<std::int64_t>(size);
  if (args.size() > 1) from = TRY(WholeNumber(args[1]));
  if (args.size() > 2) to = TRY(WholeNumber(args[2]));
  if (from < 0 || to < from || static_cast<std::size_t>(to) > size)
    return Bad("index out of range: " + std::to_string(from < 0 ? from : to));
  const auto first = static_cast<std::size_t>(from);
  const auto count = static_cast<std::size_t>(to - from);
  if (json.IsString()) return Text(json.IfString()->substr(first, count));
  Json list = Json::MakeArray();
  for (std::size_t i = first; i < first + count; ++i) list.Append((*json.IfArray())[i]);
  return Value{std::move(list)};
}

// Less than zero, zero or more, as a is below, equal to or above b.
Result<int> Compare(const Value& a, const Value& b) {
  if (a.json.IsNumber() && b.json.IsNumber()) {
    const double left = *a.json.IfDouble();
    const double right = *b.json.IfDouble();
    return left < right ? -1 : (left > right ? 1 : 0);
  }
  if (a.json.IsString() && b.json.IsString()) return a.json.IfString()->compare(*b.json.IfString());
  if (a.json.IfBool() && b.json.IfBool()) return int{*a.json.IfBool()} - int{*b.json.IfBool()};
  if (a.json.IsNull() || b.json.IsNull()) return a.json.IsNull() && b.json.IsNull() ? 0 : 1;
  return Bad("incompatible types for comparison");
}

Result<Value> CallEq(const Args& args) {
  for (std::size_t i = 1; i < args.size(); ++i) {
    const int order = TRY(Compare(args[0], args[i]));
    if (order == 0) return Flag(true);
  }
  return Flag(false);
}

template <typename Test>
Result<Value> Ordered(const Args& args, Test test) {
  const int order = TRY(Compare(args[0], args[1]));
  return Flag(test(order));
}
Result<Value> CallNe(const Args& args) {
  return Ordered(args, [](int order) { return order != 0; });
}
Result<Value> CallLt(const Args& args) {
  return Ordered(args, [](int order) { return order < 0; });
}
Result<Value> CallLe(const Args& args) {
  return Ordered(args, [](int order) { return order <= 0; });
}
Result<Value> CallGt(const Args& args) {
  return Ordered(args, [](int order) { return order > 0; });
}
Result<Value> CallGe(const Args& args) {
  return Ordered(args, [](int order) { return order >= 0; });
}

Result<Value> CallAnd(const Args& args) {
  for (const Value& value : args)
    if (!Truth(value)) return value;
  return args.back();
}
Result<Value> CallOr(const Args& args) {
  for (const Value& value : args)
    if (Truth(value)) return value;
  return args.back();
}
Result<Value> CallNot(const Args& args) { return Flag(!Truth(args[0])); }

// One verb of printf: `spec` is "%-10.3" without the letter; width and precision are at most two digits each.
std::string FormatOne(std::string spec, char verb, const Value& value) {
  std::array<char, 512> out{};
  int used = 0;
  const bool number = value.json.IsNumber();
  if ((verb == 'd' || verb == 'x' || verb == 'X' || verb == 'o') && value.json.IfInt()) {
    spec += std::string("ll") + verb;
    used = std::snprintf(out.data(), out.size(), spec.c_str(), static_cast<long long>(*value.json.IfInt()));
  } else if ((verb == 'f' || verb == 'g' || verb == 'e') && number) {
    used = std::snprintf(out.data(), out.size(), (spec + verb).c_str(), *value.json.IfDouble());
  } else if (verb == 's' || verb == 'v' || verb == 't' || verb == 'q' || verb == 'd') {
    const std::string text = verb == 'q' ? codec::QuoteJson(Print(value)) : Print(value);
    if (spec == "%") return text;
    std::string padded(text.size() + 128, '\0');
    const int length = std::snprintf(padded.data(), padded.size(), (spec + "s").c_str(), text.c_str());
    padded.resize(std::min(padded.size(), static_cast<std::size_t>(std::max(length, 0))));
    return padded;
  } else {
    return std::string("%!") + verb + "(" + Print(value) + ")";
  }
  return {out.data(), static_cast<std::size_t>(std::clamp(used, 0, static_cast<int>(out.size()) - 1))};
}

Result<Value> CallPrintf(const Args& args) {
  const std::string format = Print(args[0]);
  std::string text;
  std::size_t next = 1;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      text += format[i];
      continue;
    }
    const auto end = format.find_first_not_of("-+ 0123456789.", i + 1);
    if (end == std::string::npos || end - i > 6) return Bad("printf: bad verb in \"" + format + "\"");
    if (format[end] == '%') {
      text += '%';
    } else if (next < args.size()) {
      text += FormatOne(format.substr(i, end - i), format[end], args[next++]);
    } else {
      text += std::string("%!") + format[end] + "(MISSING)";
    }
    i = end;
  }
  return Text(std::move(text));
}

constexpr std::array kFunctions = {
    Function{"json", 1, 1, CallJson},
    Function{"join", 2, 2, CallJoin},
    Function{"split", 2, 2, CallSplit},
    Function{"lower", 1, 1, CallLower},
    Function{"upper", 1, 1, CallUpper},
    Function{"title", 1, 1, CallTitle},
    Function{"pad", 3, 3, CallPad},
    Function{"truncate", 2, 2, CallTruncate},
    Function{"print", 0, kMany, CallPrint},
    Function{"println", 0, kMany, CallPrintln},
    Function{"printf", 1, kMany, CallPrintf},
    Function{"len", 1, 1, CallLen},
    Function{"index", 1, kMany, CallIndex},
    Function{"slice", 1, 3, CallSlice},
    Function{"eq", 2, kMany, CallEq},
    Function{"ne", 2, 2, CallNe},
    Function{"lt", 2, 2, CallLt},
    Function{"le", 2, 2, CallLe},
    Function{"gt", 2, 2, CallGt},
    Function{"ge", 2, 2, CallGe},
    Function{"and", 1, kMany, CallAnd},
    Function{"or", 1, kMany, CallOr},
    Function{"not", 1, 1, CallNot},
};

const Function* FindFunction(std::string_view name) {
  for (const Function& function : kFunctions)
    if (function.name == name) return &function;
  return nullptr;
}

}  // namespace

bool IsFunction(std::string_view name) { return FindFunction(name) != nullptr; }

Result<Value> Call(std::string_view name, const std::vector<Value>& args, bool header) {
  const Function* function = FindFunction(name);
  if (function == nullptr) return Bad("function \"" + std::string(name) + "\" not defined");
  if (args.size() < function->min || args.size() > function->max)
    return Bad("wrong number of args for " + std::string(name) + ": want " +
               (function->max == kMany ? "at least " : "") + std::to_string(function->min) + " got " +
               std::to_string(args.size()));
  if (header && function->min > 0 && function->max != kMany) return args[0];
  return function->call(args);
}

}  // namespace estiba::cli::tmpl
