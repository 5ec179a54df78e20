#include "net/forwarding.h"

#include <cerrno>
#include <vector>

#include <fcntl.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <sys/file.h>
#include <sys/socket.h>

#include "base/text.h"
#include "link.h"
#include "os/file.h"

namespace estiba::net {
namespace {

constexpr std::size_t kLongestRecord = 4U << 20;
constexpr const char* kChanged = "changed";      // first line of a record: settings, what they were, what we made them
constexpr const char* kRestoring = "restoring";  // being put back: settings and what they are to be
constexpr const char* kEnd = "end";

// One setting below /proc/sys/net.
struct Setting {
  std::string path;
  std::string before;  // of a record "restoring": what it is to be
  std::string ours;
};
struct Record {
  bool restoring = false;
  std::vector<Setting> settings;
};

struct Switch {
  const char* file;
  const char* path;     // the switch, with values 0 and 1
  const char* folder;   // of the links' settings, which it changes
  const char* setting;  // in each
};
constexpr Switch kIpv4{"ipv4", "ipv4/ip_forward", "ipv4/conf", "forwarding"};
constexpr Switch kIpv6Forced{"ipv6", "ipv6/conf/all/force_forwarding", "ipv6/conf", "force_forwarding"};
constexpr Switch kIpv6{"ipv6", "ipv6/conf/all/forwarding", "ipv6/conf", "forwarding"};

Result<os::UniqueFd> OpenSettings() { return os::OpenAt({AT_FDCWD}, "/proc/sys/net", O_PATH | O_DIRECTORY); }

// Empty when there is no such setting.
std::string Read(os::DirFd settings, const std::string& path) {
  const auto text = os::ReadFileAt(settings, path, 256);
  return text.ok() ? std::string(Trim(*text)) : std::string();
}

// What has gone in the meantime (a link) needs no setting.
Status Write(os::DirFd settings, const Setting& setting, const std::string& value) {
  const std::string now = Read(settings, setting.path);
  if (now.empty() || now == value) return Ok();
  return SetNetSysctl(setting.path, value, /*optional=*/true);
}

const Switch& SwitchOf(os::DirFd settings, Family family) {
  if (family == Family::kIpv4) return kIpv4;
  return Read(settings, kIpv6Forced.path).empty() ? kIpv6 : kIpv6Forced;
}

// What the switch changes, on and off; the links' own switches also where they are on.
Result<std::vector<Setting>> Affected(os::DirFd settings, const Switch& is) {
  std::vector<Setting> affected;
  const auto note = [&](const std::string& path, const char* ours) {
    if (std::string now = Read(settings, path); !now.empty())
      affected.push_back({path, std::move(now), ours});
  };
  for (const std::string& link : TRY(os::ListDirectory(settings, is.folder))) {
    const std::string path = std::string(is.folder) + '/' + link + '/';
    if (link == "all") continue;
    // A router takes advertisements only if it is told so.
    if (&is == &kIpv6 && Read(settings, path + "forwarding") == "0" && Read(settings, path + "accept_ra") == "1")
      note(path + "accept_ra", "2");
    note(path + is.setting, "1");
  }
  // The kernel changes it along with ip_forward (inet_forward_change()).
  if (&is == &kIpv4) note("ipv4/conf/all/accept_redirects", "0");
  return affected;
}

std::string Encode(const Record& record) {
  std::string text = record.restoring ? kRestoring : kChanged;
  for (const Setting& setting : record.settings)
    text += '\n' + setting.path + ' ' + setting.before + ' ' + setting.ours;
  return text + '\n' + kEnd + '\n';
}

Result<Record> Decode(const std::string& text) {
  const auto bad = [] { return Error(Code::kDataLoss, "read what forwarding was: the record is damaged"); };
  std::vector<std::string> lines = Split(text, '\n');
  if (lines.size() < 3 || lines[lines.size() - 2] != kEnd) return bad();
  Record record{lines[0] == kRestoring, {}};
  for (std::size_t i = 1; i + 2 < lines.size(); ++i) {
    const std::vector<std::string> words = Split(lines[i], ' ');
    if (words.size() != 3 || words[0].find("/../") != std::string::npos) return bad();
    record.settings.push_back({words[0], words[1], words[2]});
  }
  return record;
}

// Between processes that switch it on at the same time.
Result<os::UniqueFd> Lock(os::DirFd folder) {
  os::UniqueFd lock = TRY(os::OpenAt(folder, "forwarding.lock", O_RDWR | O_CREAT, 0600));
  while (::flock(lock.get(), LOCK_EX) < 0)
    if (const int err = errno; err != EINTR) return Error::Errno(err, "lock 'forwarding.lock'");
  return lock;
}

Status Restore(os::DirFd settings, const Record& record) {
  for (const Setting& setting : record.settings) TRY(Write(settings, setting, setting.before));
  return Ok();
}

// What others have changed since keeps their value. That is looked at before the switch, which changes them all, and
// written down, for whoever goes on should we be killed.
Status SwitchOff(os::DirFd folder, os::DirFd settings, const Switch& is, Record record) {
  for (Setting& setting : record.settings)
    if (std::string now = Read(settings, setting.path); now != setting.ours) setting.before = std::move(now);
  std::erase_if(record.settings, [](const Setting& setting) { return setting.before.empty(); });
  record.restoring = true;
  TRY(os::ReplaceFile(folder, is.file, Encode(record), 0600));
  TRY(SetNetSysctl(is.path, "0", /*optional=*/false));
  return Restore(settings, record);
}

Status PutBack(os::DirFd folder, os::DirFd settings, const Switch& is) {
  const auto text = os::ReadFileAt(folder, is.file, kLongestRecord);
  if (!text.ok() && text.error().errnum() == ENOENT) return Ok();
  if (!text.ok()) return Error(text.error().code(), text.error().Message());
  const auto record = Decode(*text);
  if (record.ok() && record->restoring) {
    TRY(SetNetSysctl(is.path, "0", /*optional=*/false));
    TRY(Restore(settings, *record));
  } else if (record.ok() && Read(settings, is.path) == "1") {
    TRY(SwitchOff(folder, settings, is, *record));
  }
  return os::DeleteFile(folder, is.file);
}

// By netlink, which tells of `forwarding` alone: with many containers it takes long to find it below /proc/sys/net.
Result<bool> IsOn(Family family) {
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_ROUTE));
  os::NetlinkBatch request;
  netconfmsg header{};
  header.ncm_family = family == Family::kIpv6 ? AF_INET6 : AF_INET;
  request.Begin(RTM_GETNETCONF, 0, header);
  request.PutU32(NETCONFA_IFINDEX, static_cast<std::uint32_t>(NETCONFA_IFINDEX_ALL));
  for (const std::string& bytes : TRY(socket.Ask(request, "ask whether the host forwards"))) {
    const auto message = os::NetlinkMessages(bytes).Next();
    if (!message || message->type != RTM_NEWNETCONF) continue;
    const auto value = os::NetlinkAttributes::Find(message->AttributesAfter(sizeof header), NETCONFA_FORWARDING);
    return value && value->U32() == 1;
  }
  return false;
}

}  // namespace

Status EnsureForwarding(const std::string& folder, Family family) {
  if (const auto on = IsOn(family); on.ok() && *on) return Ok();
  const os::UniqueFd settings = TRY(OpenSettings());
  const Switch& is = SwitchOf({settings.get()}, family);
  // The old switch of IPv6 does for what the new one does.
  const bool on = Read({settings.get()}, is.path) == "1" ||
                  (family == Family::kIpv6 && Read({settings.get()}, kIpv6.path) == "1");
  if (on) return Ok();
  const os::UniqueFd records = TRY(os::OpenAt({AT_FDCWD}, folder, O_PATH | O_DIRECTORY));
  const os::UniqueFd lock = TRY(Lock({records.get()}));
  if (Read({settings.get()}, is.path) == "1") return Ok();
  TRY(PutBack({records.get()}, {settings.get()}, is));  // of somebody who was killed while he did it
  Record record{false, TRY(Affected({settings.get()}, is))};
  TRY(os::ReplaceFile({records.get()}, is.file, Encode(record), 0600));
  for (const Setting& setting : record.settings)
    if (setting.ours == "2") TRY(Write({settings.get()}, setting, setting.ours));
  auto switched = SetNetSysctl(is.path, "1", /*optional=*/false);
  if (!switched.ok())
    return std::move(switched).error().Hint("containers reach other networks only if it is 1; set it on the host");
  for (const Setting& setting : record.settings) TRY(Write({settings.get()}, setting, setting.ours));
  return Ok();
}

Status PutForwardingBack(const std::string& folder, Family family) {
  const os::UniqueFd settings = TRY(OpenSettings());
  auto records = os::OpenAt({AT_FDCWD}, folder, O_PATH | O_DIRECTORY);
  if (!records.ok() && records.error().errnum() == ENOENT) return Ok();
  if (!records.ok()) return std::move(records).error();
  const os::UniqueFd lock = TRY(Lock({records->get()}));
  return PutBack({records->get()}, {settings.get()}, SwitchOf({settings.get()}, family));
}

bool ForwardingIsOurs(const std::string& folder, Family family) {
  const auto settings = OpenSettings();
  if (!settings.ok()) return false;
  const Switch& is = SwitchOf({settings->get()}, family);
  return os::ReadFile(folder + '/' + is.file, kLongestRecord).ok() && Read({settings->get()}, is.path) == "1";
}

}  // namespace estiba::net
