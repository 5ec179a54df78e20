#pragma once
// Where the engine listens besides its own socket, in dockerd's words (`-H`, `hosts` of daemon.json), and who may come
// in there.

#include <cstdint>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "engine/config.h"

namespace estiba::engine {

struct ListenHost {
  enum class Kind : unsigned char { kUnix, kTcp, kPassed };  // kPassed: what systemd has opened (fd://)
  Kind kind = Kind::kUnix;
  std::string path{};  // kUnix
  Ip address{};        // kTcp
  std::uint16_t port = 0;
};

// "unix:///run/other.sock", "tcp://192.0.2.1:2376", "tcp://:2376" (127.0.0.1), "tcp://" (and port 2375, with TLS 2376),
// "fd://". Names of hosts are not looked up, "localhost" apart. kInvalidArgument.
Result<ListenHost> ParseListenHost(const std::string& text, bool tls);

// TLS is spoken at TCP ports: either flag, whatever it says, asks for it (`--tlsverify=false`: without certificates of
// clients), as with dockerd, but `tls = false`.
bool SpeaksTls(const Config& config);
// Clients are known by certificates.
bool VerifiesClients(const Config& config);

// kFailedPrecondition for a port that others than this machine reach and where anybody may do anything, unless the
// configuration says so in words: `tls = false` or `tlsverify = false`.
Status CheckExposure(const Config& config, const Ip& address, std::uint16_t port);

// All of `config.hosts`, checked.
Result<std::vector<ListenHost>> ParseHosts(const Config& config);

}  // namespace estiba::engine
