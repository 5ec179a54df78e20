#pragma once
// The part of Go's text/template that --format arguments use, over JSON values: fields, variables, pipelines,
// if, with, range, define-free; trimming; the functions of Docker's clients (json, join, lower, upper, title,
// split, pad, truncate, println) and Go's (len, index, slice, print, printf, eq, ne, lt, le, gt, ge, and, or,
// not).

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/json.h"

namespace estiba::cli {

struct TemplateOptions {
  // A member that is missing from the data: a plain object behaves as a Go struct (an error), one of the
  // well-known maps ("Labels", "Networks"…) as a Go map ("<no value>").
  std::string_view type_name = "";  // for the error text; empty: "map has no entry for key"
  // Functions return their first argument as it is: how the heads of a table come out of its row template.
  bool header = false;
  // Methods of the top value, `.Label "key"`: arguments to answer; null when there is none.
  std::function<Result<std::string>(std::string_view name, const std::vector<std::string>& args)> method;
};

namespace tmpl {
struct Tree;
}

class Template {
 public:
  static Result<Template> Parse(std::string_view text);
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;
  ~Template();

  Result<std::string> Execute(const codec::Json& data, const TemplateOptions& options = {}) const;

 private:
  explicit Template(std::unique_ptr<tmpl::Tree> tree);
  std::unique_ptr<tmpl::Tree> tree_;
};

}  // namespace estiba::cli
