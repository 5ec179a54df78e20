#pragma once
// A parsed template.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/json.h"

namespace estiba::cli::tmpl {

struct Pipeline;

struct Operand {
  enum class Kind : unsigned char { kDot, kField, kVariable, kLiteral, kFunction, kParens };
  Kind kind = Kind::kDot;
  std::string name;  // variable or function
  codec::Json literal;
  std::unique_ptr<Pipeline> parens;
  std::vector<std::string> fields;  // ".A.B" after any of the above
  std::size_t offset = 0;
  std::string source;  // for errors: ".A.B"
};

struct Command {
  std::vector<Operand> operands;  // the first may be a function or a method
};

struct Pipeline {
  std::vector<std::string> variables;  // "$i, $v :="
  bool declares = false;               // ":=" and not "="
  std::vector<Command> commands;
};

struct Node {
  enum class Kind : unsigned char { kText, kPrint, kIf, kWith, kRange };
  Kind kind = Kind::kText;
  std::string text;
  Pipeline pipeline;
  std::vector<Node> body;
  std::vector<Node> otherwise;
};

struct Tree {
  std::vector<Node> nodes;
};

Result<Tree> ParseTree(std::string_view text);

}  // namespace estiba::cli::tmpl
