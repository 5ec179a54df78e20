// What the kernel answers on netlink sockets: messages, attributes, acknowledgements, elements of nf_tables sets.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <linux/netlink.h>

#include "os/nft.h"

namespace {

using estiba::os::NetlinkAttributes;

// Every attribute is taken for a nest, some levels deep: whoever trusts a length finds out here.
std::size_t Walk(std::string_view bytes, int depth) {
  std::size_t seen = 0;
  NetlinkAttributes attributes(bytes);
  while (const auto attribute = attributes.Next()) {
    seen += 1 + attribute->Text().size() + attribute->U8().value_or(0) + attribute->U32().value_or(0) +
            attribute->Be32().value_or(0);
    if (depth > 0) seen += Walk(attribute->bytes, depth - 1);
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  estiba::os::NetlinkMessages messages({reinterpret_cast<const char*>(data), size});
  std::size_t seen = 0;
  while (const auto message = messages.Next()) {
    if (const auto ack = estiba::os::ParseNetlinkAck(*message)) seen += ack->text.size();
    const auto elements = estiba::os::ParseNftElements(*message);
    if (elements.ok()) seen += elements.value().size();
    for (const std::size_t header : {std::size_t{0}, sizeof(nlmsgerr), std::size_t{4}, std::size_t{16}})
      seen += Walk(message->AttributesAfter(header), 3);
  }
  return seen == static_cast<std::size_t>(-1) ? 1 : 0;  // used, so that nothing is optimised away
}
