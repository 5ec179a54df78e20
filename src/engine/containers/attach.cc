// Connections of clients: attach, logs, resize. Whoever runs gets the connection itself.

#include <fcntl.h>

#include "../spec/log_driver.h"
#include "base/log.h"
#include "containers.h"
#include "monitorapi/detach_keys.h"
#include "monitorapi/log.h"
#include "os/file.h"

namespace estiba::engine {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 30s;
constexpr std::size_t kMaxParked = 64;
constexpr std::size_t kLogPiece = 64 << 10;

// The words after which a client reads our log lines ("a=b,c=d ") with `details`.
std::string Details(const ContainerRecord& record) {
  std::string details;
  for (const auto& [key, value] : LogAttributes(record)) details += (details.empty() ? "" : ",") + key + "=" + value;
  return details.empty() ? "" : details + " ";
}

}  // namespace

Status Containers::Attach(const std::string& id, const AttachRequest& request, const TakeConnection& take) {
  const ContainerPtr container = TRY(Get(id));
  monitorapi::AttachOptions options;
  bool tty = false;
  {
    auto data = container->data.Lock();
    if (data->state.phase == Phase::kPaused) {
      return Error(Code::kConflict,
                   "container " + container->id + " is paused, unpause the container before attach");
    }
    if (data->state.phase == Phase::kRestarting) {
      return Error(Code::kConflict,
                   "container " + container->id + " is restarting, wait until the container is running");
    }
    if (data->parked.size() >= kMaxParked) {
      return Error(Code::kResourceExhausted, "too many connections wait for container " + data->record.name);
    }
    tty = data->record.create.config.tty;
    options.in = request.in && data->record.create.config.open_stdin;
  }
  options.out = request.out;
  options.err = request.err;
  options.logs = request.logs;
  options.stream = request.stream;
  options.detach_keys = request.detach_keys;
  TRY(monitorapi::ParseDetachKeys(request.detach_keys));
  Connection connection = TRY(take(tty));
  options.leftover = std::move(connection.leftover);
  Publish(container, "attach");
  std::shared_ptr<MonitorLink> link;
  {
    auto data = container->data.Lock();
    if (data->link && !data->concluding) {
      link = data->link;
    } else {
      data->parked.push_back({std::move(connection.fd), std::move(options)});
      return Ok();
    }
  }
  monitorapi::Attach attach{std::move(options)};
  const auto answer = link->Call(attach, {connection.fd.get()}, kPatience);
  // The head is out: the connection's end is all that can be said now.
  if (!answer.ok())
    log::Warn("attach to a container", {{"id", container->id}, {"error", answer.error().Message()}});
  return Ok();
}

Status Containers::Resize(const std::string& id, std::uint16_t rows, std::uint16_t columns) {
  const ContainerPtr container = TRY(Get(id));
  {
    auto data = container->data.Lock();
    data->rows = rows;
    data->columns = columns;
  }
  const auto link = TRY(RunningLink(container, ""));
  monitorapi::Resize resize;
  resize.rows = rows;
  resize.columns = columns;
  TRY(link->Call(resize, {}, kPatience));
  Publish(container, "resize", {{"height", std::to_string(rows)}, {"width", std::to_string(columns)}});
  return Ok();
}

Status Containers::Logs(const std::string& id, const LogsRequest& request, const TakeConnection& take,
                        const StreamSink& sink) {
  const ContainerPtr container = TRY(Get(id));
  if (!request.out && !request.err) {
    return Error(Code::kInvalidArgument, "Bad parameters: you must choose at least one stream");
  }
  monitorapi::LogOptions options;
  std::shared_ptr<MonitorLink> link;
  {
    auto data = container->data.Lock();
    if (data->record.create.host_config.log_config.type == "none") {
      return Error(Code::kNotImplemented, "configured logging driver does not support reading");
    }
    options.raw = data->record.create.config.tty;
    if (request.details) options.details = Details(data->record);
    if (request.follow && data->state.Running() && !data->concluding) link = data->link;
  }
  options.out = request.out;
  options.err = request.err;
  options.timestamps = request.timestamps;
  options.follow = request.follow;
  options.tail = request.tail;
  options.since = request.since;
  options.until = request.until;
  options.chunked = false;
  if (link) {
    const Connection connection = TRY(take(options.raw));
    const auto answer = link->Call(monitorapi::Logs{options}, {connection.fd.get()}, kPatience);
    if (!answer.ok()) log::Warn("follow a log", {{"id", container->id}, {"error", answer.error().Message()}});
    return Ok();
  }
  const os::UniqueFd folder = TRY(os::OpenAt({AT_FDCWD}, Folder(container->id), O_RDONLY | O_DIRECTORY));
  monitorapi::LogReader reader = TRY(monitorapi::LogReader::Open({folder.get()}, options));
  sink.begin(options.raw);
  // A reader that has caught up with the end is done, and so is one whose client has gone.
  for (bool more = true; more && !reader.Ended();) {
    std::string piece;
    more = TRY(reader.Read(piece, kLogPiece));
    if (!piece.empty() && !sink.write(piece)) break;
  }
  return Ok();
}

}  // namespace estiba::engine
