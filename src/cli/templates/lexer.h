#pragma once
// A template's text as literal text and the tokens of its actions.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace estiba::cli::tmpl {

enum class TokenKind : unsigned char {
  kText,        // literal text outside actions
  kOpen,        // "{{"
  kClose,       // "}}"
  kDot,         // a lone "."
  kField,       // ".Name"
  kVariable,    // "$x", "$"
  kIdentifier,  // function or keyword
  kString,
  kNumber,
  kPipe,
  kLeft,
  kRight,
  kDeclare,  // ":="
  kAssign,   // "="
  kComma,
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;          // decoded for strings, without the dot for fields
  std::size_t offset = 0;    // in the template
  bool after_space = false;  // ". X" is not ".X", and "f .x" not "f.x"
};

Result<std::vector<Token>> Lex(std::string_view text);

}  // namespace estiba::cli::tmpl
