#include "criu/messages.h"

#include "protobuf.h"

namespace estiba::criu {
namespace {

constexpr int kMostVersion = 9999;  // so that Version::Number() is one

void AddPair(ProtoWriter& to, std::uint32_t field, const Pair& pair) {
  ProtoWriter message;
  message.Bytes(1, pair.key);
  message.Bytes(2, pair.value);
  to.Bytes(field, message.Take());
}

void AddNumbers(ProtoWriter& out, const Options& o) {
  out.Number(1, o.images_dir);  // required
  const std::pair<std::uint32_t, int> numbers[] = {
      {2, o.pid}, {9, o.log_level}, {17, o.work_dir}, {49, o.status_fd}};
  for (const auto& [field, value] : numbers)
    if (value >= 0) out.Number(field, value);
  const std::pair<std::uint32_t, bool> flags[] = {
      {3, o.leave_running}, {4, o.ext_unix_sockets}, {5, o.tcp_established}, {6, o.evasive_devices},
      {7, o.shell_job}, {8, o.file_locks}, {12, o.notify_scripts}, {15, o.track_memory}, {16, o.auto_dedup},
      {18, o.link_remap}, {26, o.restore_as_sibling}, {46, o.tcp_skip_in_flight}, {48, o.lazy_pages},
      {50, o.orphan_pts_master}, {52, o.tcp_close}};
  for (const auto& [field, value] : flags)
    if (value) out.Number(field, 1);
  if (o.empty_namespaces != 0) out.Number(38, o.empty_namespaces);
  if (o.network_lock) out.Number(64, static_cast<std::int64_t>(*o.network_lock));
  if (o.cgroups) {
    out.Number(24, 1);  // what versions before the modes look at
    out.Number(34, static_cast<std::int64_t>(*o.cgroups));
  }
}

void AddTexts(ProtoWriter& out, const Options& o) {
  const std::pair<std::uint32_t, const std::string&> texts[] = {
      {10, o.log_file}, {13, o.root}, {14, o.parent_images}, {44, o.freeze_cgroup}, {51, o.config_file},
      {53, o.lsm_profile}, {63, o.lsm_mount_context}};
  for (const auto& [field, value] : texts)
    if (!value.empty()) out.Bytes(field, value);
}

std::string EncodeOptions(const Options& o) {
  ProtoWriter out;
  AddNumbers(out, o);
  AddTexts(out, o);
  for (const Pair& pair : o.external_mounts) AddPair(out, 23, pair);
  for (const Pair& pair : o.cgroup_roots) AddPair(out, 25, pair);
  for (const Pair& pair : o.join_namespaces) AddPair(out, 39, pair);
  for (const std::string& text : o.external) out.Bytes(37, text);
  for (const InheritFd& inherited : o.inherit) {
    ProtoWriter message;
    message.Bytes(1, inherited.key);
    message.Number(2, inherited.fd);
    out.Bytes(27, message.Take());
  }
  if (o.page_server) {
    ProtoWriter message;
    message.Bytes(1, o.page_server->address);
    message.Number(2, o.page_server->port);
    out.Bytes(11, message.Take());
  }
  return out.Take();
}

// `take` is called with every field of the message.
template <typename Take>
Status ForEachField(std::string_view bytes, Take take) {
  ProtoReader in(bytes);
  for (;;) {
    const std::optional<ProtoField> field = TRY(in.Next());
    if (!field) return Ok();
    TRY(take(*field));
  }
}

Status ReadFeatures(std::string_view bytes, Features& features) {
  return ForEachField(bytes, [&](const ProtoField& field) {
    if (field.number == 1) features.memory_tracking = field.value != 0;
    if (field.number == 2) features.lazy_pages = field.value != 0;
    return Ok();
  });
}

Status ReadVersion(std::string_view bytes, std::optional<Version>& out) {
  Version version;
  TRY(ForEachField(bytes, [&](const ProtoField& field) -> Status {
    int* const part = field.number == 1   ? &version.major
                      : field.number == 2 ? &version.minor
                      : field.number == 4 ? &version.sublevel
                                          : nullptr;
    if (part == nullptr || field.is_bytes) return Ok();
    if (field.value > kMostVersion) return Error(Code::kDataLoss, "a version that cannot be");
    *part = field.Int();
    return Ok();
  }));
  out = version;
  return Ok();
}

Status ReadNotify(std::string_view bytes, Reply& reply) {
  return ForEachField(bytes, [&](const ProtoField& field) {
    if (field.number == 1 && field.is_bytes) reply.script = field.bytes;
    if (field.number == 2) reply.script_pid = field.Int();
    return Ok();
  });
}

Status ReadField(const ProtoField& field, Reply& reply) {
  switch (field.number) {
    case 1:
      if (field.value > static_cast<std::uint64_t>(Type::kVersion) + 8)
        return Error(Code::kDataLoss, "a reply of unknown type " + std::to_string(field.value));
      reply.type = static_cast<Type>(field.value);
      return Ok();
    case 2: reply.success = field.value != 0; return Ok();
    case 4:
      return ForEachField(field.bytes, [&](const ProtoField& part) {
        if (part.number == 1) reply.pid = part.Int();
        return Ok();
      });
    case 5: return ReadNotify(field.bytes, reply);
    case 7: reply.error = field.Int(); return Ok();
    case 8: return ReadFeatures(field.bytes, reply.features);
    case 10: return ReadVersion(field.bytes, reply.version);
    default: return Ok();
  }
}

}  // namespace

std::string_view TypeName(Type type) {
  switch (type) {
    case Type::kEmpty: return "empty";
    case Type::kDump: return "dump";
    case Type::kRestore: return "restore";
    case Type::kPreDump: return "pre-dump";
    case Type::kNotify: return "notify";
    case Type::kFeatureCheck: return "feature check";
    case Type::kVersion: return "version";
  }
  return "unknown";
}

std::string Encode(const Request& request) {
  ProtoWriter out;
  out.Number(1, static_cast<std::int64_t>(request.type));
  if (request.options) out.Bytes(2, EncodeOptions(*request.options));
  if (request.notify_success) out.Number(3, *request.notify_success ? 1 : 0);
  if (request.features) {
    ProtoWriter features;
    if (request.features->memory_tracking) features.Number(1, 1);
    if (request.features->lazy_pages) features.Number(2, 1);
    out.Bytes(5, features.Take());
  }
  return out.Take();
}

std::string Version::Text() const {
  std::string text = std::to_string(major) + "." + std::to_string(minor);
  return sublevel == 0 ? text : text + "." + std::to_string(sublevel);
}

Result<Reply> Decode(std::string_view bytes) {
  Reply reply;
  bool typed = false;
  TRY_CTX(ForEachField(bytes,
                       [&](const ProtoField& field) {
                         typed = typed || field.number == 1;
                         return ReadField(field, reply);
                       }),
          "read CRIU's reply");
  if (!typed) return Error(Code::kDataLoss, "read CRIU's reply: it has no type");
  return reply;
}

}  // namespace estiba::criu
