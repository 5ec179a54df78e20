#pragma once
// Domain names between the wire and text (RFC 1035 sections 3.1 and 4.1.4). Pure.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace estiba::dns {

// As text: labels in lower case between dots, none at the end; "" is the root. A dot or backslash inside a label has
// a backslash before it.
struct NameRead {
  std::string name;
  std::size_t end = 0;      // behind it in the packet
  bool compressed = false;  // it ended in a pointer
};
// The name at `at`. Pointers lead backwards only, so that every chain of them ends. Nothing when it is malformed,
// leads out of the packet or is longer than 255 bytes.
std::optional<NameRead> ReadName(std::string_view packet, std::size_t at);

// True for text that AppendName() writes: labels of 1 to 63 printable characters, no blank or backslash, 255 bytes in
// all.
bool IsName(std::string_view text);
// Uncompressed. `name` is one (IsName) or empty.
void AppendName(std::string& out, std::string_view name);

}  // namespace estiba::dns
