// Networks as files describe them, and what plugins answer: the first byte says which.
#include <cstdint>
#include <string_view>

#include "cni/config.h"
#include "cni/derive.h"
#include "cni/record.h"
#include "cni/result.h"

namespace {

using namespace estiba::cni;

void Configuration(std::string_view text, bool list) {
  const auto read = list ? ParseConfList(text) : ParseConf(text);
  if (!read.ok()) return;
  if (!IsName(read->name) || read->plugins.size() > kMaxPlugins) __builtin_trap();
  const auto again = ListFromJson(ToJson(*read));
  if (!read->plugins.empty() && (!again.ok() || ToJson(*again) != ToJson(*read))) __builtin_trap();
  for (const Plugin& plugin : read->plugins) {
    if (plugin.type.empty() || plugin.type.find('/') != std::string::npos) __builtin_trap();
    if (Derive(*read, plugin, {}, nullptr).empty()) __builtin_trap();
  }
}

// What was understood and written in a version is understood in it, and says the same.
void Answer(std::string_view text, Version version) {
  const auto read = ParseResult(text, version);
  if (!read.ok()) return;
  for (const Version other : kVersions) {
    const auto json = ToJson(*read, other);
    const auto again = ResultFromJson(json, other);
    if (!again.ok() || ToJson(*again, other) != json) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'l': Configuration(text, true); break;
    case 'c': Configuration(text, false); break;
    case 'o': Answer(text, Version::k020); break;
    case 'm': Answer(text, Version::k040); break;
    case 'n': Answer(text, Version::k110); break;
    case 'v': (void)ParseVersions(text).ok(); break;
    case 'r': (void)ParseRecord(text).ok(); break;
    case 'e':
      if (const auto error = ParseError(text); error && error->Message().find('\n') != std::string::npos)
        __builtin_trap();
      break;
    default: break;
  }
  return 0;
}
