#pragma once
// UNIX sockets, with descriptors and peer credentials.

#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "os/fd.h"

namespace estiba::os {

// SOCK_STREAM or SOCK_SEQPACKET in `type`; always CLOEXEC. Paths longer than sun_path go through the parent folder's
// descriptor. "@name" is in the abstract namespace (unix(7)).
Result<UniqueFd> ListenUnix(const std::string& path, int type, unsigned mode, int backlog = 512);
Result<UniqueFd> ConnectUnix(const std::string& path, int type);  // SOCK_DGRAM too
Result<UniqueFd> BindDatagram(const std::string& path, unsigned mode);
struct SocketPair {
  UniqueFd ours;
  UniqueFd theirs;
};
Result<SocketPair> MakeSocketPair(int type);
// accept4(2), CLOEXEC and non-blocking; an invalid descriptor when nobody waits.
Result<UniqueFd> Accept(int listener);

struct PeerCredentials {
  pid_t pid;
  uid_t uid;
  gid_t gid;
};
Result<PeerCredentials> GetPeer(int socket);  // SO_PEERCRED

// One message with up to 16 descriptors (SCM_RIGHTS). For SEQPACKET: whole or not at all. kUnavailable (EAGAIN) on a
// full non-blocking socket.
Status SendMessage(int socket, std::string_view bytes, const std::vector<int>& fds = {});
struct Message {
  std::string bytes;  // empty at end of file
  std::vector<UniqueFd> fds;
};
// At most `limit` bytes; a SEQPACKET message that was cut or lost descriptors is an error. Blocks unless the socket
// is non-blocking (then kUnavailable with EAGAIN).
Result<Message> ReceiveMessage(int socket, std::size_t limit = 64 * 1024);
// recv(2) of a stream, answers and errno alike, with the first descriptor that came beside it; others are closed.
ssize_t ReceiveBytes(int socket, char* buffer, std::size_t size, UniqueFd* passed);

}  // namespace estiba::os
