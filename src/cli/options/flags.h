#pragma once
// Options as Docker's clients write them: "-itd", "-p80:80", "-eA=B", "--name x", "--name=x",
// "--sig-proxy=false". A command's options are a constant table, so starting up costs nothing; texts of
// errors are those scripts know.

#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace estiba::cli {

enum class Kind : unsigned char {
  kBool,
  kString,     // the last one given counts
  kList,       // all count, in order
  kCommaList,  // as kList, and "a,b" is two
  kFilter,     // as kList, each KEY=VALUE
  kInt,
  kDecimal,  // "1.5" CPUs, kept as text
  kBytes,    // "64m"
  kSwap,     // kBytes or -1
};

struct Flag {
  char letter;  // '\0' when it has none
  std::string_view name;
  Kind kind;
  std::string_view operand;     // what help calls its value: "list", "string"
  std::string_view help;        // "": an older name, which help leaves out
  std::string_view means = {};  // the name under which the value is kept, when it is another
};

// What the command line gave: options by long name, then the positionals.
class Options {
 public:
  // True when no option was given.
  bool None() const { return values_.empty(); }
  // True when the option was given at all.
  bool Has(std::string_view name) const;
  bool On(std::string_view name, bool otherwise = false) const;
  std::string Text(std::string_view name, std::string_view otherwise = "") const;
  const std::vector<std::string>& List(std::string_view name) const;
  std::int64_t Int(std::string_view name, std::int64_t otherwise = 0) const;
  std::int64_t Bytes(std::string_view name, std::int64_t otherwise = 0) const;

  const std::vector<std::string>& args() const { return args_; }
  const std::string& arg(std::size_t i) const { return args_.at(i); }

 private:
  friend class FlagParser;
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::vector<std::string> args_;
};

// Parses all of `words`. With `stop_at_positional`, everything from the first word that is no option on is a
// positional (run, exec). "--" ends the options. "--help" is always known and answers as option "help".
Result<Options> ParseFlags(std::span<const Flag> flags, std::span<const std::string_view> words,
                           bool stop_at_positional);

// "-m, --memory" or "--cpus", as error texts name an option.
std::string FlagTitle(const Flag& flag);

}  // namespace estiba::cli
