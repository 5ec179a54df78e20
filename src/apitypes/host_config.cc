#include "apitypes/host_config.h"

#include "describe.h"

namespace estiba::apitypes {

codec::Json HostConfig::ToJson() const {
  codec::Json json = Write(*this);
  if (console_size.empty()) json.Set("ConsoleSize", codec::Json::Array{0, 0});
  return json;
}
Result<HostConfig> HostConfig::FromJson(const codec::Json& json) { return Load<HostConfig>(json); }

}  // namespace estiba::apitypes
