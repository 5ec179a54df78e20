#include "plan/wire.h"

#include <cstring>

#include "operands.h"

namespace estiba::plan {
namespace {

// Little-endian, one record inside another: u32 length, then fields in a fixed order. What a later version appends to
// a record is skipped by its length.
constexpr char kMagic[4] = {'E', 'P', 'L', 'N'};
constexpr std::uint32_t kMaxItems = 65536;

class Writer {
 public:
  void Number(std::uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) out_.push_back(static_cast<char>(value >> (8 * i)));
  }
  void Text(std::string_view text) {
    Number(text.size(), 4);
    out_.append(text);
  }
  void Texts(const std::vector<std::string>& texts) {
    Number(texts.size(), 4);
    for (const std::string& text : texts) Text(text);
  }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

// Reads until something is missing; from then on everything is zero and ok() is false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  bool ok() const { return ok_; }
  bool AtEnd() const { return rest_.empty(); }
  std::uint64_t Number(unsigned bytes) {
    if (rest_.size() < bytes) return Fail();
    std::uint64_t value = 0;
    for (unsigned i = 0; i < bytes; ++i) {
      value |= std::uint64_t{static_cast<unsigned char>(rest_[i])} << (8 * i);
    }
    rest_.remove_prefix(bytes);
    return value;
  }
  std::string_view Bytes() {
    const std::uint64_t size = Number(4);
    if (size > rest_.size()) {
      Fail();
      return {};
    }
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }
  std::string Text() { return std::string(Bytes()); }
  // At least `least` bytes an item, so a count cannot ask for more memory than the message is long.
  std::uint64_t Count(unsigned least) {
    const std::uint64_t count = Number(4);
    return count <= kMaxItems && count * least <= rest_.size() ? count : Fail();
  }
  std::vector<std::string> Texts() {
    std::vector<std::string> texts(Count(4));
    for (std::string& text : texts) text = Text();
    return texts;
  }

 private:
  std::uint64_t Fail() {
    ok_ = false;
    rest_ = {};
    return 0;
  }
  std::string_view rest_;
  bool ok_ = true;
};

std::string EncodeStep(const Step& step) {
  Writer out;
  out.Number(static_cast<std::uint64_t>(step.op), 2);
  out.Number(static_cast<std::uint64_t>(step.where), 1);
  out.Texts(step.text);
  out.Number(step.numbers.size(), 4);
  for (const std::uint64_t number : step.numbers) out.Number(number, 8);
  out.Text(step.blob);
  out.Number(step.in.size(), 4);
  for (const int slot : step.in) out.Number(static_cast<std::uint32_t>(slot), 4);
  out.Number(static_cast<std::uint32_t>(step.out), 4);
  out.Text(step.why);
  return out.Take();
}

bool DecodeStep(std::string_view bytes, Step& step) {
  Reader in(bytes);
  step.op = static_cast<Op>(in.Number(2));
  step.where = static_cast<Where>(in.Number(1));
  step.text = in.Texts();
  step.numbers.resize(in.Count(8));
  for (std::uint64_t& number : step.numbers) number = in.Number(8);
  step.blob = in.Text();
  step.in.resize(in.Count(4));
  for (int& slot : step.in) slot = static_cast<int>(static_cast<std::uint32_t>(in.Number(4)));
  step.out = static_cast<int>(static_cast<std::uint32_t>(in.Number(4)));
  step.why = in.Text();
  return in.ok() && step.where <= Where::kAfter;
}

bool SlotsAreInRange(const Plan& plan) {
  const auto fits = [&](int slot) { return slot >= kNoSlot && slot < static_cast<int>(plan.slots); };
  for (const Step& step : plan.steps) {
    if (!fits(step.out)) return false;
    for (const int slot : step.in) {
      if (!fits(slot)) return false;
    }
  }
  return plan.slots <= kMaxItems;
}

}  // namespace

std::string Encode(const Plan& plan) {
  Writer out;
  out.Number(static_cast<std::uint64_t>(plan.kind), 1);
  out.Text(plan.id);
  out.Text(plan.name);
  out.Number(plan.clone_flags, 8);
  out.Number(plan.slots, 4);
  out.Text(plan.cgroup_path);
  out.Number(plan.terminal ? 1 : 0, 1);
  out.Number(plan.rows, 2);
  out.Number(plan.columns, 2);
  out.Texts(plan.args);
  out.Texts(plan.env);
  out.Text(plan.state_json_head);
  out.Text(plan.state_json_tail);
  out.Texts(plan.warnings);
  out.Number(plan.steps.size(), 4);
  for (const Step& step : plan.steps) out.Text(EncodeStep(step));
  out.Text(plan.bundle);
  out.Number(plan.revision, 8);

  const std::string body = out.Take();
  Writer whole;
  for (const char c : kMagic) whole.Number(static_cast<unsigned char>(c), 1);
  whole.Number(kWireVersion, 4);
  whole.Text(body);
  return whole.Take();
}

Result<Plan> Decode(std::string_view bytes) {
  const auto broken = [](const char* what) { return Error(Code::kDataLoss, std::string("decode plan: ") + what); };
  if (bytes.size() > kMaxEncodedPlan) return broken("larger than a plan may be");
  if (bytes.size() < sizeof kMagic || std::memcmp(bytes.data(), kMagic, sizeof kMagic) != 0) {
    return broken("not a plan");
  }
  Reader whole(bytes.substr(sizeof kMagic));
  const std::uint64_t version = whole.Number(4);
  if (whole.ok() && version != kWireVersion) {
    return Error(Code::kNotImplemented, "decode plan: version " + std::to_string(version) + " is not known here");
  }
  Reader in(whole.Bytes());
  Plan plan;
  plan.kind = static_cast<Kind>(in.Number(1));
  if (plan.kind > Kind::kExec) return broken("neither a container nor an exec");
  plan.id = in.Text();
  plan.name = in.Text();
  plan.clone_flags = in.Number(8);
  plan.slots = static_cast<std::uint32_t>(in.Number(4));
  plan.cgroup_path = in.Text();
  plan.terminal = in.Number(1) != 0;
  plan.rows = static_cast<std::uint16_t>(in.Number(2));
  plan.columns = static_cast<std::uint16_t>(in.Number(2));
  plan.args = in.Texts();
  plan.env = in.Texts();
  plan.state_json_head = in.Text();
  plan.state_json_tail = in.Text();
  plan.warnings = in.Texts();
  plan.steps.resize(in.Count(4));
  for (Step& step : plan.steps) {
    if (!DecodeStep(in.Bytes(), step)) return broken("a step is cut");
    if (OpName(step.op).empty()) {
      return Error(Code::kNotImplemented,
                   "decode plan: operation " + std::to_string(static_cast<unsigned>(step.op)) + " is not known here");
    }
    if (!OperandsFit(step)) return broken("a step lacks operands");
  }
  if (in.ok() && !in.AtEnd()) plan.bundle = in.Text();  // not in the first plans of this version
  if (in.ok() && !in.AtEnd()) plan.revision = in.Number(8);
  if (!whole.ok() || !in.ok()) return broken("it is cut");
  if (!SlotsAreInRange(plan)) return broken("a step names a descriptor slot that does not exist");
  return plan;
}

}  // namespace estiba::plan
