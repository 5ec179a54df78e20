#include "templates/lexer.h"

namespace estiba::cli::tmpl {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::size_t kMaxTokens = 100'000;

bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNamePart(char c) { return IsNameStart(c) || IsDigit(c); }
bool IsSpace(char c) { return kSpace.find(c) != std::string_view::npos; }

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Result<std::vector<Token>> Run() {
    while (at_ < text_.size()) {
      TRY(Literal());
      if (at_ < text_.size()) TRY(Action());
      if (tokens_.size() > kMaxTokens) return Fail("template is too long");
    }
    Add(TokenKind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  Error Fail(std::string_view what) const {
    std::size_t line = 1;
    for (std::size_t i = 0; i < at_ && i < text_.size(); ++i) line += text_[i] == '\n' ? 1 : 0;
    std::string text = "template: :" + std::to_string(line) + ": ";
    text += what;
    return {Code::kInvalidArgument, std::move(text)};
  }

  void Add(TokenKind kind, std::string_view text) {
    Token& token = tokens_.emplace_back();
    token.kind = kind;
    token.text = text;
    token.offset = at_;
    token.after_space = space_;
    space_ = false;
  }

  // Text up to the next action; "{{-" takes the blanks before it, "-}}" those after.
  Status Literal() {
    const auto open = text_.find("{{", at_);
    std::string_view literal = text_.substr(at_, open == std::string_view::npos ? open : open - at_);
    if (trim_next_) {
      const auto first = literal.find_first_not_of(kSpace);
      literal = first == std::string_view::npos ? std::string_view{} : literal.substr(first);
    }
    trim_next_ = false;
    if (open == std::string_view::npos) {
      if (!literal.empty()) Add(TokenKind::kText, literal);
      at_ = text_.size();
      return Ok();
    }
    at_ = open + 2;
    if (at_ + 1 < text_.size() && text_[at_] == '-' && IsSpace(text_[at_ + 1])) {
      const auto last = literal.find_last_not_of(kSpace);
      literal = last == std::string_view::npos ? std::string_view{} : literal.substr(0, last + 1);
      ++at_;
    }
    if (!literal.empty()) Add(TokenKind::kText, literal);
    return Ok();
  }

  // True at "}}" or " -}}", which it takes.
  bool AtClose() {
    if (text_.substr(at_).starts_with("}}")) {
      at_ += 2;
      return true;
    }
    if (space_ && text_.substr(at_).starts_with("-}}")) {
      trim_next_ = true;
      at_ += 3;
      return true;
    }
    return false;
  }

  void SkipSpace() {
    while (at_ < text_.size() && IsSpace(text_[at_])) {
      ++at_;
      space_ = true;
    }
  }

  Status Action() {
    SkipSpace();
    if (text_.substr(at_).starts_with("/*")) return Comment();
    Add(TokenKind::kOpen, "");
    for (;;) {
      SkipSpace();
      if (AtClose()) break;
      if (at_ >= text_.size()) return Fail("unclosed action");
      TRY(Next());
    }
    Add(TokenKind::kClose, "");
    return Ok();
  }

  Status Comment() {
    const auto end = text_.find("*/", at_);
    if (end == std::string_view::npos) return Fail("unclosed comment");
    at_ = end + 2;
    SkipSpace();
    if (!AtClose()) return Fail("comment ends before closing delimiter");
    return Ok();
  }

  std::string Name() {
    const std::size_t start = at_;
    if (at_ < text_.size() && !IsNameStart(text_[at_])) return {};
    while (at_ < text_.size() && IsNamePart(text_[at_])) ++at_;
    return std::string(text_.substr(start, at_ - start));
  }

  Status Next() {
    const char c = text_[at_];
    const char after = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    if (c == '"') return Quoted();
    if (c == '`') return Raw();
    if (IsDigit(c) || ((c == '-' || c == '+') && IsDigit(after))) return Number();
    if (c == '.' || c == '$') {
      ++at_;
      const std::string name = Name();  // empty when no name begins here
      if (c == '$') {
        Add(TokenKind::kVariable, name);
      } else {
        Add(name.empty() ? TokenKind::kDot : TokenKind::kField, name);
      }
      return Ok();
    }
    if (IsNameStart(c)) {
      Add(TokenKind::kIdentifier, Name());
      return Ok();
    }
    return Punctuation(c, after);
  }

  Status Punctuation(char c, char after) {
    if (c == ':' && after == '=') {
      at_ += 2;
      Add(TokenKind::kDeclare, ":=");
      return Ok();
    }
    ++at_;
    switch (c) {
      case '|': Add(TokenKind::kPipe, "|"); return Ok();
      case '(': Add(TokenKind::kLeft, "("); return Ok();
      case ')': Add(TokenKind::kRight, ")"); return Ok();
      case '=': Add(TokenKind::kAssign, "="); return Ok();
      case ',': Add(TokenKind::kComma, ","); return Ok();
      default: break;
    }
    std::string what = "unexpected '";
    what += c;
    what += "' in action";
    return Fail(what);
  }

  Status Number() {
    const std::size_t start = at_++;
    while (at_ < text_.size() && (IsNamePart(text_[at_]) || text_[at_] == '.')) ++at_;
    Add(TokenKind::kNumber, text_.substr(start, at_ - start));
    return Ok();
  }

  Status Raw() {
    const auto end = text_.find('`', at_ + 1);
    if (end == std::string_view::npos) return Fail("unterminated raw quoted string");
    std::string value(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    Add(TokenKind::kString, value);
    return Ok();
  }

  Status Quoted() {
    std::string value;
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\n') return Fail("unterminated quoted string");
      if (text_[at_] != '\\') {
        value += text_[at_];
        continue;
      }
      if (++at_ >= text_.size()) break;
      switch (text_[at_]) {
        case 'n': value += '\n'; break;
        case 't': value += '\t'; break;
        case 'r': value += '\r'; break;
        case '\\':
        case '"':
        case '\'': value += text_[at_]; break;
        default: return Fail("bad character in quoted string escape");
      }
    }
    if (at_ >= text_.size()) return Fail("unterminated quoted string");
    ++at_;
    Add(TokenKind::kString, value);
    return Ok();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool space_ = false;
  bool trim_next_ = false;
  std::vector<Token> tokens_;
};

}  // namespace

Result<std::vector<Token>> Lex(std::string_view text) { return Lexer(text).Run(); }

}  // namespace estiba::cli::tmpl
