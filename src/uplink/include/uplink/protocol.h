#pragma once
// What the monitors of a user's containers and estiba-uplink say to each other, over a SEQPACKET socket in a folder of
// its own. A request is a first line with the version and a second with what is asked; every one is answered, in the
// order they came. Two descriptors stand for the user's network: the namespace, and the lease, a locked file (flock(2))
// that says as long as anybody has it open that the namespace is somebody's.

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace estiba::uplink {

inline constexpr const char* kSocketName = "sock";   // in the folder
inline constexpr const char* kLeaseName = "lease";
inline constexpr std::size_t kMaxMessage = 8192;
inline constexpr std::size_t kPortsAPiece = 16;      // as many descriptors as a message takes (os/socket.h)
inline constexpr std::string_view kOfHost = "host";
inline constexpr std::string_view kLastPiece = "last";
inline constexpr std::string_view kMorePieces = "more";

struct Request {
  enum class Kind {
    kNetwork,  // answered with both descriptors, once there is a network. `text`: kOfHost, or empty for a user's own
    kOffer,    // both descriptors come along: of an estiba-uplink before this one
    kWayOut,   // `text`: the program to have as way out. Answered when it is up, or known not to come up now
    kPorts,    // `text`: "more" or, of the last piece, "last", then lines as in net/ports.h; a socket comes with each
    kTrouble,  // answered with why the way out is not there, as text: empty while it is
  };
  Kind kind = Kind::kNetwork;
  std::string text{};
};
std::string Encode(const Request& request);
Result<Request> Decode(std::string_view text);

// "ok", with a text behind it, or "error TEXT".
std::string EncodeAnswer(const Status& status, std::string_view text = {});
// The text, or the error that was told; kDataLoss when it is no answer.
Result<std::string> DecodeAnswer(std::string_view answer);

}  // namespace estiba::uplink
