#include <algorithm>

#include "base/text.h"
#include "templates/template.h"
#include "templates/tree.h"
#include "templates/value.h"

namespace estiba::cli {
namespace tmpl {
namespace {

using codec::Json;

constexpr std::size_t kMaxOutput = 64U << 20;

class Evaluator {
 public:
  Evaluator(const Json& data, const TemplateOptions& options) : options_(options) {
    variables_.push_back({"", Value{data}});
  }

  Result<std::string> Run(const Tree& tree) {
    const Value top = variables_.front().second;
    TRY(Walk(tree.nodes, top));
    return std::move(out_);
  }

 private:
  static Error At(const Operand& operand, const std::string& what) {
    return {Code::kInvalidArgument, "template: :1:" + std::to_string(operand.offset) +
                                        ": executing \"\" at <" + operand.source + ">: " + what};
  }

  Status Walk(const std::vector<Node>& nodes, const Value& dot) {
    for (const Node& node : nodes) {
      const std::size_t scope = variables_.size();
      TRY(Step(node, dot));
      // {{$x := …}} lives to the end of the list it stands in; a block's own variables end with the block.
      if (node.kind != Node::Kind::kPrint) variables_.resize(scope);
      if (out_.size() > kMaxOutput) return Error(Code::kOutOfRange, "template's output is too long");
    }
    return Ok();
  }

  Status WalkScoped(const std::vector<Node>& nodes, const Value& dot) {
    const std::size_t scope = variables_.size();
    auto walked = Walk(nodes, dot);
    variables_.resize(scope);
    return walked;
  }

  Status Step(const Node& node, const Value& dot) {
    if (node.kind == Node::Kind::kText) {
      out_ += node.text;
      return Ok();
    }
    if (node.kind == Node::Kind::kRange) return Range(node, dot);
    const auto value = TRY(Evaluate(node.pipeline, dot));
    if (node.kind == Node::Kind::kPrint) {
      if (node.pipeline.variables.empty()) out_ += Print(value);
      return Ok();
    }
    const bool truth = Truth(value);
    const Value& inner = node.kind == Node::Kind::kWith && truth ? value : dot;
    return WalkScoped(truth ? node.body : node.otherwise, inner);
  }

  Status Range(const Node& node, const Value& dot) {
    const std::size_t scope = variables_.size();
    const auto list = TRY(EvaluateCommands(node.pipeline, dot));
    std::vector<std::pair<Json, Json>> items;
    if (const auto* array = list.json.IfArray()) {
      for (std::size_t i = 0; i < array->size(); ++i) items.emplace_back(Json(i), (*array)[i]);
    } else if (const auto* object = list.json.IfObject()) {
      for (const auto& member : *object) items.emplace_back(Json(member.key), member.value);
      std::sort(items.begin(), items.end(),
                [](const auto& a, const auto& b) { return *a.first.IfString() < *b.first.IfString(); });
    } else if (!list.json.IsNull()) {
      return Error(Code::kInvalidArgument, "template: :1: range can't iterate over " + Print(list));
    }
    if (items.empty()) return WalkScoped(node.otherwise, dot);
    const auto& names = node.pipeline.variables;
    for (auto& [key, value] : items) {
      variables_.resize(scope);
      if (names.size() == 2) variables_.push_back({names[0], Value{key}});
      if (!names.empty()) variables_.push_back({names.back(), Value{value}});
      TRY(WalkScoped(node.body, Value{value}));
    }
    variables_.resize(scope);
    return Ok();
  }

  Result<Value> Evaluate(const Pipeline& pipe, const Value& dot) {
    auto value = TRY(EvaluateCommands(pipe, dot));
    if (pipe.variables.empty()) return value;
    const std::string& name = pipe.variables.back();
    if (pipe.declares) {
      variables_.push_back({name, value});
      return value;
    }
    for (auto it = variables_.rbegin(); it != variables_.rend(); ++it) {
      if (it->first != name) continue;
      it->second = value;
      return value;
    }
    return Error(Code::kInvalidArgument, "template: :1: undefined variable \"$" + name + "\"");
  }

  Result<Value> EvaluateCommands(const Pipeline& pipe, const Value& dot) {
    Value value;
    for (std::size_t i = 0; i < pipe.commands.size(); ++i) {
      auto next = TRY(EvaluateCommand(pipe.commands[i], dot, i > 0 ? &value : nullptr));
      value = std::move(next);
    }
    return value;
  }

  Result<Value> EvaluateCommand(const Command& command, const Value& dot, const Value* piped) {
    const Operand& first = command.operands[0];
    std::vector<Value> args;
    for (std::size_t i = 1; i < command.operands.size(); ++i) {
      auto arg = TRY(EvaluateOperand(command.operands[i], dot));
      args.push_back(std::move(arg));
    }
    if (piped != nullptr) args.push_back(*piped);
    if (first.kind == Operand::Kind::kFunction) return CallFunction(first, args);
    if (args.empty()) return EvaluateOperand(first, dot);
    return CallMethod(first, args);
  }

  Result<Value> CallFunction(const Operand& operand, const std::vector<Value>& args) {
    auto result = Call(operand.name, args, options_.header);
    if (!result.ok()) return At(operand, "error calling " + operand.name + ": " + result.error().Message());
    return Fields(operand, std::move(result).value(), operand.fields);
  }

  Result<Value> CallMethod(const Operand& operand, const std::vector<Value>& args) {
    if (operand.kind != Operand::Kind::kField || operand.fields.size() != 1 || !options_.method)
      return At(operand, operand.source + " is not a method but has arguments");
    std::vector<std::string> texts;
    for (const Value& arg : args) texts.push_back(Print(arg));
    auto answer = options_.method(operand.fields[0], texts);
    if (!answer.ok()) return At(operand, answer.error().Message());
    return Value{Json(std::move(answer).value())};
  }

  Result<Value> EvaluateOperand(const Operand& operand, const Value& dot) {
    switch (operand.kind) {
      case Operand::Kind::kDot:
      case Operand::Kind::kField: return Fields(operand, dot, operand.fields);
      case Operand::Kind::kLiteral: return Value{operand.literal};
      case Operand::Kind::kFunction: return CallFunction(operand, {});
      case Operand::Kind::kParens: {
        auto inner = TRY(Evaluate(*operand.parens, dot));
        return Fields(operand, std::move(inner), operand.fields);
      }
      case Operand::Kind::kVariable: break;
    }
    for (auto it = variables_.rbegin(); it != variables_.rend(); ++it)
      if (it->first == operand.name) return Fields(operand, it->second, operand.fields);
    return Error(Code::kInvalidArgument, "template: :1: undefined variable \"$" + operand.name + "\"");
  }

  Result<Value> Fields(const Operand& operand, Value value, const std::vector<std::string>& names) const {
    for (const std::string& name : names) {
      auto next = TRY(Field(operand, value, name));
      value = std::move(next);
    }
    return value;
  }

  // Docker's templates name Go's fields, and its API calls some of them by another case: ".ID" is "Id",
  // ".APIVersion" is "ApiVersion". Keys of maps and columns of lists are what they are.
  const Json* Member(const Value& from, const std::string& name) const {
    if (const Json* found = from.json.Find(name)) return found;
    if (from.is_map || !options_.type_name.empty() || name.empty() || name[0] < 'A' || name[0] > 'Z')
      return nullptr;
    for (const auto& member : *from.json.IfObject())
      if (ToLower(member.key) == ToLower(name)) return &member.value;
    return nullptr;
  }

  Result<Value> Field(const Operand& operand, const Value& from, const std::string& name) const {
    if (from.missing || from.json.IsNull()) return At(operand, "nil pointer evaluating ." + name);
    if (!from.json.IsObject())
      return At(operand, "can't evaluate field " + name + " in type " + TypeName(from));
    if (const Json* found = Member(from, name)) {
      Value value{*found};
      value.is_map = IsMapName(name);
      value.pointer = !value.is_map && IsOptionalName(name);
      return value;
    }
    Value absent;
    absent.missing = from.is_map;
    absent.is_map = IsMapName(name);
    absent.pointer = true;
    if (from.is_map || (options_.type_name.empty() && IsOptionalName(name))) return absent;
    if (!options_.type_name.empty())
      return At(operand, "can't evaluate field " + name + " in type " + std::string(options_.type_name));
    return At(operand, "map has no entry for key \"" + name + "\"");
  }

  static std::string TypeName(const Value& value) {
    if (value.json.IsString()) return "string";
    if (value.json.IsArray()) return "[]interface {}";
    return value.json.IsNumber() ? "int64" : "bool";
  }

  const TemplateOptions& options_;
  std::vector<std::pair<std::string, Value>> variables_;  // "" is "$"
  std::string out_;
};

// Functions are known when the template is parsed, so that a wrong name fails before anything is asked of an
// engine.
Status CheckFunctions(const Pipeline& pipe) {
  for (const Command& command : pipe.commands) {
    for (const Operand& operand : command.operands) {
      if (operand.kind == Operand::Kind::kFunction && !IsFunction(operand.name))
        return Error(Code::kInvalidArgument, "template: :1: function \"" + operand.name + "\" not defined");
      if (operand.parens) TRY(CheckFunctions(*operand.parens));
    }
  }
  return Ok();
}

Status CheckNodes(const std::vector<Node>& nodes) {
  for (const Node& node : nodes) {
    TRY(CheckFunctions(node.pipeline));
    TRY(CheckNodes(node.body));
    TRY(CheckNodes(node.otherwise));
  }
  return Ok();
}

}  // namespace
}  // namespace tmpl

Template::Template(std::unique_ptr<tmpl::Tree> tree) : tree_(std::move(tree)) {}
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;
Template::~Template() = default;

Result<Template> Template::Parse(std::string_view text) {
  auto tree = TRY(tmpl::ParseTree(text));
  TRY(tmpl::CheckNodes(tree.nodes));
  return Template(std::make_unique<tmpl::Tree>(std::move(tree)));
}

Result<std::string> Template::Execute(const codec::Json& data, const TemplateOptions& options) const {
  return tmpl::Evaluator(data, options).Run(*tree_);
}

}  // namespace estiba::cli
