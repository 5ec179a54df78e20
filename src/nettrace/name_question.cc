// One question for a container's name server, from inside of its namespace.

#include <chrono>

#include <fcntl.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "dns/message.h"
#include "dns/name.h"
#include "nettrace/trace.h"
#include "os/inet.h"
#include "os/netns.h"

namespace estiba::nettrace {
namespace {

constexpr std::chrono::milliseconds kPatience{2500};
constexpr std::uint16_t kPort = 53;

std::string QuestionBytes(const std::string& name, bool v6) {
  std::string out;
  dns::AppendName(out, name);
  const auto type = static_cast<std::uint16_t>(v6 ? dns::Type::kAaaa : dns::Type::kA);
  out += {'\0', static_cast<char>(type), '\0', '\1'};
  return out;
}

std::string Packet(std::uint16_t id, const std::string& question) {
  std::string out(12, '\0');
  dns::SetId(out, id);
  out[2] = 1;  // recursion desired
  out[5] = 1;  // one question
  return out + question;
}

// The first address of the wanted kind behind the question. `packet` has been checked to answer it.
std::optional<Ip> FirstAddress(std::string_view packet, std::size_t at, bool v6) {
  const auto number = [&](std::size_t where) {
    return static_cast<unsigned>(static_cast<unsigned char>(packet[where]) << 8 |
                                 static_cast<unsigned char>(packet[where + 1]));
  };
  for (unsigned left = number(6); left > 0; --left) {
    const auto owner = dns::ReadName(packet, at);
    if (!owner || owner->end + 10 > packet.size()) return std::nullopt;
    const unsigned type = number(owner->end), length = number(owner->end + 8);
    at = owner->end + 10 + length;
    if (at > packet.size()) return std::nullopt;
    if (type != static_cast<unsigned>(v6 ? dns::Type::kAaaa : dns::Type::kA)) continue;
    auto address = Ip::FromBytes(packet.substr(owner->end + 10, length));
    if (address.ok() && address->v6 == v6) return *address;
  }
  return std::nullopt;
}

Result<NameAnswer> Ask(const Ip& server, const std::string& question, bool v6) {
  std::uint16_t id = 0;
  if (::getrandom(&id, sizeof id, 0) != sizeof id) return Error::Errno(errno, "choose a random number");
  const os::UniqueFd fd = TRY(os::ConnectInet(SOCK_DGRAM, {server.Bytes(), kPort}));
  const NameAnswer silent{{}, "does not answer"};
  if (::send(fd.get(), Packet(id, question).data(), 12 + question.size(), MSG_NOSIGNAL) < 0) return silent;
  std::string packet(dns::kLargestUdp, '\0');
  pollfd one{fd.get(), POLLIN, 0};
  if (::poll(&one, 1, static_cast<int>(kPatience.count())) <= 0) return silent;
  const ssize_t got = ::recv(fd.get(), packet.data(), packet.size(), 0);
  packet.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  const auto head = dns::ReadAnswerHead(packet, id, question);
  if (!head) return silent;
  if (head->rcode == dns::Rcode::kServerFailure || head->rcode == dns::Rcode::kRefused)
    return NameAnswer{{}, "does not know it, and nobody whom it asks answers"};
  const auto address = FirstAddress(packet, 12 + question.size(), v6);
  return NameAnswer{address, address ? "" : std::string("has no IPv") + (v6 ? "6" : "4") + " address of it"};
}

}  // namespace

Result<NameAnswer> ResolveIn(pid_t pid, const Ip& server, const std::string& name, bool v6) {
  if (!dns::IsName(name)) return Error(Code::kInvalidArgument, "'" + name + "' is no name");
  const os::UniqueFd ns = TRY(os::OpenAt({AT_FDCWD}, "/proc/" + std::to_string(pid) + "/ns/net", O_RDONLY));
  NameAnswer found;
  const auto ask = [&]() -> Status {
    found = TRY(Ask(server, QuestionBytes(name, v6), v6));
    return Ok();
  };
  TRY(os::InNetworkNamespace(ns.get(), ask));
  return found;
}

}  // namespace estiba::nettrace
