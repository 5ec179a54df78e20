// mounts[].options: the first line is the type, the second the source, the third the options as mount(8) takes them.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.h"
#include "plan/build.h"
#include "plan/wire.h"

using namespace estiba;  // NOLINT(google-build-using-namespace)

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto lines = Split(text, '\n');
  if (lines.size() < 3 || text.contains('\0')) return 0;  // no configuration has a NUL byte: it is refused when read
  plan::ContainerInput input;
  input.id = "fuzzed";
  input.storage.rootfs = "/rootfs";
  input.use_cgroup = false;
  input.spec.process.emplace().args = {"true"};
  input.spec.linux_config.namespaces = {{.type = oci::NamespaceType::kMount}};
  oci::Mount& mount = input.spec.mounts.emplace_back();
  mount.destination = "/there";
  mount.type = lines[0];
  mount.source = lines[1];
  mount.options = Split(lines[2], ',');
  plan::HostFacts facts;
  facts.kernel.mount_setattr = facts.kernel.can_mknod = true;
  const auto built = plan::BuildContainer(input, facts);
  if (!built.ok()) {
    if (built.error().Message().empty()) std::abort();
    return 0;
  }
  const std::string bytes = plan::Encode(*built);
  const auto carried = plan::Decode(bytes);
  if (bytes.size() <= plan::kMaxEncodedPlan && (!carried.ok() || plan::Encode(*carried) != bytes)) std::abort();
  return 0;
}
