#include "rule_watch.h"

#include <cerrno>

#include <linux/netfilter.h>
#include <linux/netlink.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "os/nft_news.h"

namespace estiba::netd {
namespace {

constexpr std::string_view kTable = "estiba";
// What monitors and engines are called. They take elements of their own, and nobody else's; a whole table that they
// replace (by a newer layout) has everybody's.
constexpr std::string_view kOurPrograms = "estiba";
constexpr int kDatagramsARound = 64;

}  // namespace

Result<RuleWatch> RuleWatch::Open() { return RuleWatch(TRY(os::ListenToNft())); }

Status RuleWatch::Start(os::Loop& loop, std::function<void()> lost) {
  token_ = TRY(loop.Watch(socket_.get(), EPOLLIN, [this, &loop, lost = std::move(lost)](std::uint32_t) {
    if (ReadAll(loop.Scratch())) lost();
  }));
  return Ok();
}

bool RuleWatch::ReadAll(std::span<char> buffer) {
  bool lost = false;
  for (int i = 0; i < kDatagramsARound; ++i) {
    sockaddr_nl from{};
    socklen_t length = sizeof from;
    const ssize_t size = ::recvfrom(socket_.get(), buffer.data(), buffer.size(), MSG_TRUNC,
                                    reinterpret_cast<sockaddr*>(&from), &length);
    if (size < 0 && errno == EINTR) continue;
    if (size >= 0 && from.nl_pid != 0) continue;  // somebody's, not the kernel's
    // More came than the socket holds: what it was is not known.
    if (size < 0 && errno == ENOBUFS) lost = true;
    if (size < 0 && errno != ENOBUFS) return lost;
    if (size > static_cast<ssize_t>(buffer.size())) lost = true;
    if (size > 0 && size <= static_cast<ssize_t>(buffer.size()))
      lost |= Read({buffer.data(), static_cast<std::size_t>(size)});
  }
  return lost;
}

bool RuleWatch::Read(std::string_view bytes) {
  using Kind = os::NftNews::Kind;
  bool lost = false;
  os::NetlinkMessages messages(bytes);
  while (const auto message = messages.Next()) {
    const auto news = os::ParseNftNews(*message);
    if (!news) continue;
    const bool ours = news->family == NFPROTO_INET && news->table == kTable;
    table_deleted_ |= ours && news->kind == Kind::kTableDeleted;
    part_deleted_ |= ours && news->kind == Kind::kPartDeleted;
    if (news->kind != Kind::kCommitted) continue;
    lost |= table_deleted_ || (part_deleted_ && !news->program.starts_with(kOurPrograms));
    table_deleted_ = part_deleted_ = false;
  }
  return lost;
}

}  // namespace estiba::netd
