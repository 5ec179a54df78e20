#include "endpoints.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include <sys/inotify.h>
#include <unistd.h>

#include "base/log.h"
#include "netd/handover.h"
#include "os/file.h"

namespace estiba::netd {

Endpoints::Endpoints(os::UniqueFd folder, os::UniqueFd watch)
    : folder_(std::move(folder)), watch_(std::move(watch)), zone_(std::make_unique<dns::Zone>()) {}

Result<Endpoints> Endpoints::Open(os::UniqueFd folder) {
  os::UniqueFd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (const int err = errno; !watch.valid()) return Error::Errno(err, "watch the endpoints");
  const std::string path = "/proc/self/fd/" + std::to_string(folder.get());
  // Files come by renaming (os::ReplaceFile) and go by unlinking.
  if (::inotify_add_watch(watch.get(), path.c_str(), IN_MOVED_TO | IN_DELETE | IN_ONLYDIR) < 0)
    return Error::Errno(errno, "watch the endpoints");
  Endpoints endpoints(std::move(folder), std::move(watch));
  TRY(endpoints.LoadAll());
  return endpoints;
}

Status Endpoints::LoadAll() {
  const std::vector<std::string> names = TRY(os::ListDirectory(folder(), "."));
  zone_ = std::make_unique<dns::Zone>();
  for (const std::string& name : names) {
    if (IsEndpointFile(name)) Load(name);
  }
  return Ok();
}

void Endpoints::Load(const std::string& name) {
  zone_->Remove(name);
  auto text = os::ReadFileAt(folder(), name, dns::kMaxEndpoint);
  if (!text.ok() && text.error().errnum() == ENOENT) return;
  auto endpoint = text.ok() ? dns::DecodeEndpoint(*text) : Result<dns::Endpoint>(std::move(text).error());
  if (endpoint.ok() && endpoint->id == name) return zone_->Put(std::move(*endpoint));
  log::Warn("an endpoint's file cannot be used",
            {{"name", name}, {"error", endpoint.ok() ? "it is another container's" : endpoint.error().Message()}});
}

void Endpoints::Refresh() {
  alignas(inotify_event) std::array<char, 4096> buffer;
  bool lost = false;
  for (;;) {
    const ssize_t size = ::read(watch_.get(), buffer.data(), buffer.size());
    if (size <= 0) break;
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(size);) {
      inotify_event event;
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const std::string name = event.len == 0 ? std::string() : std::string(buffer.data() + at + sizeof event);
      at += sizeof event + event.len;
      lost = lost || (event.mask & IN_Q_OVERFLOW) != 0;
      if (IsEndpointFile(name)) Load(name);
    }
  }
  if (!lost) return;
  if (auto loaded = LoadAll(); !loaded.ok())
    log::Error("cannot read the endpoints", {{"error", loaded.error().Message()}});
}

}  // namespace estiba::netd
