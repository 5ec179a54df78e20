// Boost.JSON's event parser builds our own tree. Its sources are compiled here and nowhere else; the linker
// drops what is not used.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/detail/impl/default_resource.ipp>
#include <boost/json/detail/impl/shared_resource.ipp>
#include <boost/json/detail/impl/stack.ipp>
#include <boost/json/impl/error.ipp>

#include "codec/json.h"

namespace estiba::codec {
namespace {

namespace bj = boost::json;

// Duplicate keys: the last value wins, at the place of the first. Sorting keeps a hostile object of a million
// keys from costing a million squared. Answers whether there were any.
bool DropDuplicates(Json::Object* object) {
  if (object->size() < 2) return false;
  std::vector<std::size_t> order(object->size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const int compared = (*object)[a].key.compare((*object)[b].key);
    return compared != 0 ? compared < 0 : a < b;
  });
  std::vector<bool> dropped(object->size(), false);
  bool any = false;
  for (std::size_t first = 0, next = 0; first < order.size(); first = next) {
    next = first + 1;
    while (next < order.size() && (*object)[order[next]].key == (*object)[order[first]].key) ++next;
    if (next - first == 1) continue;
    any = true;
    (*object)[order[first]].value = std::move((*object)[order[next - 1]].value);
    for (std::size_t i = first + 1; i < next; ++i) dropped[order[i]] = true;
  }
  if (!any) return false;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < object->size(); ++i) {
    if (dropped[i]) continue;
    if (kept != i) (*object)[kept] = std::move((*object)[i]);
    ++kept;
  }
  object->erase(object->begin() + static_cast<std::ptrdiff_t>(kept), object->end());
  return true;
}

// The callbacks of boost::json::basic_parser (their names are its).
struct Builder {
  // NOLINTBEGIN(readability-identifier-naming)
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  // NOLINTEND(readability-identifier-naming)

  Json root;
  std::vector<Json> open;         // containers not closed yet, outermost first
  std::vector<std::string> keys;  // for each open container but the first: its key in the one around it
  std::string key;                // of the value that comes next
  std::string text;               // pieces of a string or key
  bool duplicates = false;        // there were keys twice

  bool Put(Json value) {
    if (open.empty()) {
      root = std::move(value);
    } else if (open.back().IsArray()) {
      open.back().Append(std::move(value));
    } else {
      open.back().Add(std::move(key), std::move(value));
      key.clear();
    }
    return true;
  }
  bool Open(Json container) {
    keys.push_back(std::move(key));
    key.clear();
    open.push_back(std::move(container));
    return true;
  }
  bool Close() {
    Json done = std::move(open.back());
    open.pop_back();
    key = std::move(keys.back());
    keys.pop_back();
    if (Json::Object* object = done.IfObject(); object != nullptr && DropDuplicates(object)) duplicates = true;
    return Put(std::move(done));
  }

  using Ec = bj::error_code;
  bool on_document_begin(Ec&) { return true; }
  bool on_document_end(Ec&) { return true; }
  bool on_object_begin(Ec&) { return Open(Json::MakeObject()); }
  bool on_object_end(std::size_t, Ec&) { return Close(); }
  bool on_array_begin(Ec&) { return Open(Json::MakeArray()); }
  bool on_array_end(std::size_t, Ec&) { return Close(); }
  bool on_key_part(bj::string_view part, std::size_t, Ec&) {
    text.append(part.data(), part.size());
    return true;
  }
  bool on_key(bj::string_view part, std::size_t, Ec&) {
    text.append(part.data(), part.size());
    key = std::move(text);
    text.clear();
    return true;
  }
  bool on_string_part(bj::string_view part, std::size_t, Ec&) {
    text.append(part.data(), part.size());
    return true;
  }
  bool on_string(bj::string_view part, std::size_t, Ec&) {
    text.append(part.data(), part.size());
    std::string whole = std::move(text);
    text.clear();
    return Put(Json(std::move(whole)));
  }
  bool on_number_part(bj::string_view part, Ec&) {
    text.append(part.data(), part.size());
    return true;
  }
  bool on_int64(std::int64_t value, bj::string_view, Ec&) {
    text.clear();
    return Put(Json(value));
  }
  bool on_uint64(std::uint64_t value, bj::string_view, Ec&) {
    text.clear();
    return Put(Json(value));
  }
  // Boost.JSON 1.81 rounds some doubles wrongly; strtod is exact (and small: see AppendDouble).
  bool on_double(double, bj::string_view part, Ec& ec) {
    text.append(part.data(), part.size());
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (end != text.c_str() + text.size() || !std::isfinite(value)) {
      ec = bj::error::not_number;
      return false;
    }
    text.clear();
    return Put(Json(value));
  }
  bool on_bool(bool value, Ec&) { return Put(Json(value)); }
  bool on_null(Ec&) { return Put(Json(nullptr)); }
  bool on_comment_part(bj::string_view, Ec&) { return true; }
  bool on_comment(bj::string_view, Ec&) { return true; }
};

Error Invalid(std::size_t offset, std::string_view why) {
  return Error(Code::kInvalidArgument,
               "invalid JSON at byte " + std::to_string(offset) + ": " + std::string(why));
}

}  // namespace

Result<Json> ParseJson(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.bytes) {
    return Error(Code::kOutOfRange, "JSON of " + std::to_string(text.size()) + " bytes, the limit is " +
                                        std::to_string(limits.bytes));
  }
  bj::parse_options options;
  options.max_depth = limits.depth;
  bj::basic_parser<Builder> parser(options);
  bj::error_code ec;
  const std::size_t used = parser.write_some(/*more=*/false, text.data(), text.size(), ec);
  if (ec == bj::error::incomplete) return Invalid(text.size(), "unexpected end of JSON input");
  if (ec) return Invalid(used, ec.message());
  if (used < text.size()) return Invalid(used, "more data after the value");
  if (limits.unique_keys && parser.handler().duplicates)
    return Error(Code::kInvalidArgument, "invalid JSON: an object has a key twice");
  return std::move(parser.handler().root);
}

}  // namespace estiba::codec
