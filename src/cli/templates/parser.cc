#include <charconv>
#include <utility>

#include "templates/lexer.h"
#include "templates/tree.h"

namespace estiba::cli::tmpl {
namespace {

constexpr int kMaxDepth = 64;

bool IsKeyword(std::string_view word) {
  for (const std::string_view keyword :
       {"if", "else", "end", "range", "with", "define", "template", "block", "break", "continue"})
    if (word == keyword) return true;
  return false;
}

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens, std::string_view text)
      : tokens_(std::move(tokens)), text_(text) {}

  Result<Tree> Parse() {
    Tree tree;
    tree.nodes = TRY(List());
    if (!ended_by_.empty()) return Fail("unexpected {{" + ended_by_ + "}}");
    return tree;
  }

 private:
  const Token& Peek() const { return tokens_[at_]; }
  const Token& Take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool Is(TokenKind kind) const { return Peek().kind == kind; }

  Error Fail(std::string_view what) const {
    std::size_t line = 1;
    for (std::size_t i = 0; i < Peek().offset && i < text_.size(); ++i) line += text_[i] == '\n' ? 1 : 0;
    return {Code::kInvalidArgument, "template: :" + std::to_string(line) + ": " + std::string(what)};
  }

  // Nodes up to the end of the text, {{end}} or {{else}}; `ended_by_` says which.
  Result<std::vector<Node>> List() {
    std::vector<Node> nodes;
    ended_by_.clear();
    if (++depth_ > kMaxDepth) return Fail("blocks are nested too deeply");
    while (!Is(TokenKind::kEnd)) {
      if (Is(TokenKind::kText)) {
        Node node;
        node.text = Take().text;
        nodes.push_back(std::move(node));
        continue;
      }
      Take();  // "{{"
      if (Is(TokenKind::kIdentifier) && (Peek().text == "end" || Peek().text == "else")) {
        ended_by_ = Take().text;
        break;
      }
      auto node = TRY(Action());
      nodes.push_back(std::move(node));
    }
    --depth_;
    return nodes;
  }

  Status Close() {
    if (!Is(TokenKind::kClose)) return Fail("unexpected " + Describe(Peek()) + " in action");
    Take();
    return Ok();
  }

  static std::string Describe(const Token& token) {
    if (token.kind == TokenKind::kClose) return "}}";
    if (token.kind == TokenKind::kEnd) return "EOF";
    return "\"" + token.text + "\"";
  }

  Result<Node> Action() {
    Node node;
    node.kind = Node::Kind::kPrint;
    if (Is(TokenKind::kIdentifier) && IsKeyword(Peek().text)) {
      const std::string word = Take().text;
      if (word == "if") return Block(Node::Kind::kIf, word);
      if (word == "with") return Block(Node::Kind::kWith, word);
      if (word == "range") return Block(Node::Kind::kRange, word);
      return Fail("{{" + word + "}} is not supported in --format");
    }
    node.pipeline = TRY(Pipe());
    TRY(Close());
    return node;
  }

  Result<Node> Block(Node::Kind kind, const std::string& word) {
    Node node;
    node.kind = kind;
    node.pipeline = TRY(Pipe());
    TRY(Close());
    node.body = TRY(List());
    if (ended_by_ == "else") {
      if (Is(TokenKind::kIdentifier) && Peek().text == word && kind != Node::Kind::kRange) {
        Take();  // {{else if x}} is {{else}}{{if x}} with one {{end}}
        auto nested = TRY(Block(kind, word));
        node.otherwise.push_back(std::move(nested));
        return node;
      }
      TRY(Close());
      node.otherwise = TRY(List());
    }
    if (ended_by_ != "end") return Fail("unexpected EOF");
    ended_by_.clear();
    TRY(Close());
    return node;
  }

  // "$x :=", "$i, $v :=" or "$x =" before a pipeline.
  void Variables(Pipeline* pipe) {
    const std::size_t start = at_;
    std::vector<std::string> names;
    while (Is(TokenKind::kVariable) && names.size() < 2) {
      names.push_back(Take().text);
      if (!Is(TokenKind::kComma)) break;
      Take();
    }
    if (!names.empty() && (Is(TokenKind::kDeclare) || Is(TokenKind::kAssign))) {
      pipe->declares = Take().kind == TokenKind::kDeclare;
      pipe->variables = std::move(names);
    } else {
      at_ = start;
    }
  }

  Result<Pipeline> Pipe() {
    Pipeline pipe;
    if (++depth_ > kMaxDepth) return Fail("parentheses are nested too deeply");
    Variables(&pipe);
    for (;;) {
      auto command = TRY(OneCommand());
      pipe.commands.push_back(std::move(command));
      if (!Is(TokenKind::kPipe)) break;
      Take();
    }
    --depth_;
    return pipe;
  }

  Result<Command> OneCommand() {
    Command command;
    while (!Is(TokenKind::kPipe) && !Is(TokenKind::kClose) && !Is(TokenKind::kRight) &&
           !Is(TokenKind::kEnd)) {
      auto operand = TRY(OneOperand());
      command.operands.push_back(std::move(operand));
    }
    if (command.operands.empty()) return Fail("missing value for command");
    return command;
  }

  Result<codec::Json> Number(const std::string& text) {
    std::int64_t whole = 0;
    const char* first = text.data() + (text.starts_with('+') ? 1 : 0);
    const char* last = text.data() + text.size();
    if (const auto [end, problem] = std::from_chars(first, last, whole);
        problem == std::errc{} && end == last)
      return codec::Json(whole);
    double real = 0;
    if (const auto [end, problem] = std::from_chars(first, last, real); problem == std::errc{} && end == last)
      return codec::Json(real);
    return Fail("bad number syntax: \"" + text + "\"");
  }

  Result<Operand> OneOperand() {
    Operand operand;
    const Token token = Take();
    operand.offset = token.offset;
    operand.source = token.text;
    switch (token.kind) {
      case TokenKind::kDot: operand.source = "."; break;
      case TokenKind::kField:
        operand.kind = Operand::Kind::kField;
        operand.fields.push_back(token.text);
        operand.source = "." + token.text;
        break;
      case TokenKind::kVariable:
        operand.kind = Operand::Kind::kVariable;
        operand.name = token.text;
        operand.source = "$" + token.text;
        break;
      case TokenKind::kString:
        operand.kind = Operand::Kind::kLiteral;
        operand.literal = codec::Json(token.text);
        break;
      case TokenKind::kNumber:
        operand.kind = Operand::Kind::kLiteral;
        operand.literal = TRY(Number(token.text));
        break;
      case TokenKind::kIdentifier: TRY(Identifier(token.text, &operand)); break;
      case TokenKind::kLeft: {
        operand.kind = Operand::Kind::kParens;
        auto inner = TRY(Pipe());
        if (!Is(TokenKind::kRight)) return Fail("unclosed left paren");
        Take();
        operand.parens = std::make_unique<Pipeline>(std::move(inner));
        break;
      }
      default: return Fail("unexpected " + Describe(token) + " in operand");
    }
    while (Is(TokenKind::kField) && !Peek().after_space) {
      operand.fields.push_back(Take().text);
      operand.source += "." + operand.fields.back();
    }
    return operand;
  }

  Status Identifier(const std::string& name, Operand* operand) {
    if (IsKeyword(name)) return Fail("unexpected <" + name + "> in operand");
    operand->kind = Operand::Kind::kLiteral;
    if (name == "true" || name == "false") {
      operand->literal = codec::Json(name == "true");
    } else if (name == "nil") {
      operand->literal = codec::Json();
    } else {
      operand->kind = Operand::Kind::kFunction;
      operand->name = name;
    }
    return Ok();
  }

  std::vector<Token> tokens_;
  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  std::string ended_by_;
};

}  // namespace

Result<Tree> ParseTree(std::string_view text) {
  auto tokens = TRY(Lex(text));
  return Parser(std::move(tokens), text).Parse();
}

}  // namespace estiba::cli::tmpl
