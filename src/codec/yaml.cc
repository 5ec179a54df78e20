#include "codec/yaml.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <yaml.h>

namespace estiba::codec {
namespace {

constexpr std::size_t kMaxBytes = 1U << 20;
constexpr std::size_t kMaxDepth = 32;
constexpr std::size_t kMaxValues = 100'000;
constexpr std::size_t kMaxText = 4U << 20;

Error At(std::size_t line, const std::string& what) {
  return Error(Code::kInvalidArgument, "line " + std::to_string(line) + ": " + what);
}

std::string Text(const yaml_char_t* text) { return text == nullptr ? "" : reinterpret_cast<const char*>(text); }

// Makes values of the library's events. Nothing recurses, and everything is counted before it is kept.
class Builder {
 public:
  Builder() { root_.plain = true; }  // no document is a null

  Status Take(const yaml_event_t& event) {
    const unsigned line = static_cast<unsigned>(event.start_mark.line + 1);
    switch (event.type) {
      case YAML_DOCUMENT_START_EVENT:
        if (++documents_ > 1) return At(line, "a second document begins");
        return Ok();
      case YAML_SCALAR_EVENT: return TakeScalar(event, line);
      case YAML_ALIAS_EVENT: return TakeAlias(Text(event.data.alias.anchor), line);
      case YAML_SEQUENCE_START_EVENT:
        return Open(YamlValue::Kind::kSequence, line, Text(event.data.sequence_start.anchor),
                    Text(event.data.sequence_start.tag));
      case YAML_MAPPING_START_EVENT:
        return Open(YamlValue::Kind::kMapping, line, Text(event.data.mapping_start.anchor),
                    Text(event.data.mapping_start.tag));
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT: return Close();
      default: return Ok();
    }
  }

  YamlValue& root() { return root_; }

 private:
  struct Frame {
    YamlValue value;
    std::string anchor;
    std::set<std::string> keys = {};
    std::optional<std::string> key = {};  // whose value comes next
  };
  struct Size {
    std::size_t values = 0;
    std::size_t text = 0;
  };
  struct Anchored {
    YamlValue value;
    Size size;
  };

  Status Count(unsigned line, const Size& more) {
    size_.values += more.values;
    size_.text += more.text;
    if (size_.values > kMaxValues) return At(line, "more than " + std::to_string(kMaxValues) + " values");
    if (size_.text > kMaxText) return At(line, "more than 4 MiB of text");
    return Ok();
  }

  static Size SizeOf(const YamlValue& value) {
    Size out{1, value.text.size()};
    const auto add = [&out](const YamlValue& part) {
      const Size more = SizeOf(part);
      out.values += more.values;
      out.text += more.text;
    };
    for (const YamlValue& item : value.items) add(item);
    for (const YamlMember& member : value.members) {
      out.text += member.key.size();
      add(member.value);
    }
    return out;
  }

  // Tags that say what a value is anyway. "!" makes a text of a scalar.
  static Status CheckTag(const std::string& tag, std::string_view own, unsigned line) {
    if (tag.empty() || tag == "!" || tag == "tag:yaml.org,2002:" + std::string(own)) return Ok();
    return At(line, "the tag '" + tag + "' is not supported here");
  }

  Status TakeScalar(const yaml_event_t& event, unsigned line) {
    const auto& scalar = event.data.scalar;
    TRY(CheckTag(Text(scalar.tag), "str", line));
    YamlValue value;
    value.line = line;
    value.text.assign(reinterpret_cast<const char*>(scalar.value), scalar.length);
    value.plain = scalar.style == YAML_PLAIN_SCALAR_STYLE && scalar.tag == nullptr;
    TRY(Count(line, {1, value.text.size()}));
    return Put(std::move(value), Text(scalar.anchor));
  }

  Status TakeAlias(const std::string& anchor, unsigned line) {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) return At(line, "nothing before this is called '" + anchor + "'");
    TRY(Count(line, found->second.size));
    YamlValue copy = found->second.value;
    copy.line = line;
    return Put(std::move(copy), "");
  }

  Status Open(YamlValue::Kind kind, unsigned line, std::string anchor, const std::string& tag) {
    TRY(CheckTag(tag, kind == YamlValue::Kind::kMapping ? "map" : "seq", line));
    if (open_.size() >= kMaxDepth) return At(line, "nested too deeply");
    if (WantsKey()) return At(line, "a key has to be a scalar");
    TRY(Count(line, {1, 0}));
    Frame& frame = open_.emplace_back(YamlValue{}, std::move(anchor));
    frame.value.kind = kind;
    frame.value.line = line;
    return Ok();
  }

  Status Close() {
    Frame done = std::move(open_.back());
    open_.pop_back();
    return Put(std::move(done.value), done.anchor);
  }

  bool WantsKey() const {
    return !open_.empty() && open_.back().value.kind == YamlValue::Kind::kMapping && !open_.back().key;
  }

  Status Put(YamlValue value, const std::string& anchor) {
    if (!anchor.empty()) TRY(Remember(anchor, value));
    if (WantsKey()) return PutKey(value);
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (Frame& frame = open_.back(); frame.key) {
      frame.value.members.push_back({std::move(*frame.key), std::move(value)});
      frame.key.reset();
    } else {
      frame.value.items.push_back(std::move(value));
    }
    return Ok();
  }

  Status PutKey(YamlValue& key) {
    if (key.kind != YamlValue::Kind::kScalar) return At(key.line, "a key has to be a scalar");
    Frame& frame = open_.back();
    if (!frame.keys.insert(key.text).second) return At(key.line, "the key '" + key.text + "' comes twice");
    frame.key = std::move(key.text);
    return Ok();
  }

  // Also a copy that counts.
  Status Remember(const std::string& anchor, const YamlValue& value) {
    const Size size = SizeOf(value);
    TRY(Count(value.line, size));
    anchors_.insert_or_assign(anchor, Anchored{value, size});
    return Ok();
  }

  YamlValue root_;
  std::vector<Frame> open_;
  std::map<std::string, Anchored> anchors_;
  Size size_;
  unsigned documents_ = 0;
};

class Parser {
 public:
  Parser() : ready_(::yaml_parser_initialize(&parser_) == 1) {}
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;
  ~Parser() {
    if (ready_) ::yaml_parser_delete(&parser_);
  }

  Result<YamlValue> Run(std::string_view text) {
    if (!ready_) return Error(Code::kResourceExhausted, "no memory for a YAML parser");
    ::yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
    Builder builder;
    while (true) {
      yaml_event_t event;
      if (::yaml_parser_parse(&parser_, &event) != 1) return Complaint();
      const bool end = event.type == YAML_STREAM_END_EVENT;
      Status taken = builder.Take(event);
      ::yaml_event_delete(&event);
      if (!taken.ok()) return std::move(taken).error();
      if (end) return std::move(builder.root());
    }
  }

 private:
  Error Complaint() const {
    const std::string why = parser_.problem == nullptr ? "it is no YAML" : parser_.problem;
    return At(parser_.problem_mark.line + 1, why);
  }

  yaml_parser_t parser_{};
  bool ready_;
};

template <std::size_t N>
bool IsOneOf(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::ranges::find(words, text) != words.end();
}

}  // namespace

bool YamlValue::IsNull() const {
  constexpr std::array<std::string_view, 5> kNull{"", "~", "null", "Null", "NULL"};
  return kind == Kind::kScalar && plain && IsOneOf(text, kNull);
}

std::optional<bool> YamlValue::IfBool() const {
  constexpr std::array<std::string_view, 9> kTrue{"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"};
  constexpr std::array<std::string_view, 9> kFalse{"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"};
  if (kind != Kind::kScalar || !plain) return std::nullopt;
  if (IsOneOf(text, kTrue)) return true;
  if (IsOneOf(text, kFalse)) return false;
  return std::nullopt;
}

const YamlValue* YamlValue::Find(std::string_view key) const {
  const auto found = std::ranges::find(members, key, &YamlMember::key);
  return found == members.end() ? nullptr : &found->value;
}

std::string_view KindName(YamlValue::Kind kind) {
  switch (kind) {
    case YamlValue::Kind::kScalar: return "scalar";
    case YamlValue::Kind::kSequence: return "sequence";
    case YamlValue::Kind::kMapping: return "mapping";
  }
  return "value";
}

Result<YamlValue> ParseYaml(std::string_view text) {
  if (text.size() > kMaxBytes) return Error(Code::kOutOfRange, "YAML of more than 1 MiB");
  return Parser().Run(text);
}

}  // namespace estiba::codec
