#pragma once
// JSON of a plan, written by hand: the monitor links this layer and must not carry a JSON library.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plan/plan.h"

namespace estiba::plan {

// The text of a JSON string, quotes included. Bytes that are no UTF-8 become U+FFFD.
std::string JsonString(std::string_view text);

class JsonWriter {
 public:
  void BeginObject();
  void BeginObject(std::string_view name);
  void BeginItem();  // an object in a list
  void EndObject();
  void BeginArray(std::string_view name);
  void EndArray();
  void Member(std::string_view name, std::string_view value);
  void Member(std::string_view name, const std::vector<std::string>& values);
  void Member(std::string_view name, std::int64_t value);
  // `nanoseconds` below 0: not measured.
  void StepObject(const Step& step, const std::string& description, std::int64_t nanoseconds);
  std::string Take() { return std::move(out_); }

 private:
  void Key(std::string_view name);
  void Separate();
  std::string out_;
  bool first_ = true;
};

}  // namespace estiba::plan
