#include "runtime_parse.h"

#include "oci/runtime_json.h"

namespace estiba::oci {

void ReadStringMap(codec::Reader& in, const char* key, StringMap* out) {
  const codec::Json* map = in.Take(key);
  if (map == nullptr) return;
  if (!map->IsObject()) return in.Fail(key, "expected an object");
  for (const auto& member : *map->IfObject()) {
    const std::string* value = member.value.IfString();
    if (value == nullptr) return in.Fail(std::string(key) + "." + member.key, "expected a string");
    out->emplace_back(member.key, *value);
  }
}

void ReadIdMappings(codec::Reader& in, const char* key, std::vector<IdMapping>* out) {
  in.EachObject(key, [&](codec::Reader& entry) {
    IdMapping mapping;
    entry.Read("containerID", &mapping.container_id);
    entry.Read("hostID", &mapping.host_id);
    entry.Read("size", &mapping.size);
    out->push_back(mapping);
  });
}

namespace {

void ReadUser(codec::Reader& in, User* out) {
  in.Read("uid", &out->uid);
  in.Read("gid", &out->gid);
  in.Read("umask", &out->umask);
  in.Read("additionalGids", &out->additional_gids);
  in.Read("username", &out->username);
}

void ReadCapabilities(codec::Reader& in, Capabilities* out) {
  in.Read("bounding", &out->bounding);
  in.Read("effective", &out->effective);
  in.Read("inheritable", &out->inheritable);
  in.Read("permitted", &out->permitted);
  in.Read("ambient", &out->ambient);
}

void ReadScheduler(codec::Reader& in, Scheduler* out) {
  in.Read("policy", &out->policy);
  in.Read("nice", &out->nice);
  in.Read("priority", &out->priority);
  in.Read("flags", &out->flags);
  in.Read("runtime", &out->runtime);
  in.Read("deadline", &out->deadline);
  in.Read("period", &out->period);
}

void ReadScheduling(codec::Reader& in, Process* out) {
  in.Object("scheduler", [&](codec::Reader& entry) { ReadScheduler(entry, &out->scheduler.emplace()); });
  in.Object("ioPriority", [&](codec::Reader& entry) {
    IoPriority& priority = out->io_priority.emplace();
    entry.Read("class", &priority.io_class);
    entry.Read("priority", &priority.priority);
  });
  in.Object("execCPUAffinity", [&](codec::Reader& entry) {
    CpuAffinity& affinity = out->exec_cpu_affinity.emplace();
    entry.Read("initial", &affinity.initial);
    entry.Read("final", &affinity.final_cpus);
  });
}

void ReadProcess(codec::Reader& in, Process* out) {
  in.Read("terminal", &out->terminal);
  in.Object("consoleSize", [&](codec::Reader& entry) {
    ConsoleSize& size = out->console_size.emplace();
    entry.Read("height", &size.height);
    entry.Read("width", &size.width);
  });
  in.Object("user", [&](codec::Reader& entry) { ReadUser(entry, &out->user); });
  in.Read("args", &out->args);
  in.Read("env", &out->env);
  in.Read("cwd", &out->cwd);
  in.Object("capabilities", [&](codec::Reader& entry) { ReadCapabilities(entry, &out->capabilities.emplace()); });
  in.EachObject("rlimits", [&](codec::Reader& entry) {
    Rlimit& limit = out->rlimits.emplace_back();
    entry.Read("type", &limit.type);
    entry.Read("soft", &limit.soft);
    entry.Read("hard", &limit.hard);
  });
  in.Read("noNewPrivileges", &out->no_new_privileges);
  in.Read("oomScoreAdj", &out->oom_score_adj);
  in.Read("apparmorProfile", &out->apparmor_profile);
  in.Read("selinuxLabel", &out->selinux_label);
  ReadScheduling(in, out);
}

void ReadMount(codec::Reader& in, Mount* out) {
  in.Read("destination", &out->destination);
  in.Read("type", &out->type);
  in.Read("source", &out->source);
  in.Read("options", &out->options);
  ReadIdMappings(in, "uidMappings", &out->uid_mappings);
  ReadIdMappings(in, "gidMappings", &out->gid_mappings);
}

void ReadHookList(codec::Reader& in, const char* key, std::vector<Hook>* out) {
  in.EachObject(key, [&](codec::Reader& entry) {
    Hook& hook = out->emplace_back();
    entry.Read("path", &hook.path);
    entry.Read("args", &hook.args);
    entry.Read("env", &hook.env);
    entry.Read("timeout", &hook.timeout);
  });
}

void ReadHooks(codec::Reader& in, Hooks* out) {
  ReadHookList(in, "prestart", &out->prestart);
  ReadHookList(in, "createRuntime", &out->create_runtime);
  ReadHookList(in, "createContainer", &out->create_container);
  ReadHookList(in, "startContainer", &out->start_container);
  ReadHookList(in, "poststart", &out->poststart);
  ReadHookList(in, "poststop", &out->poststop);
}

// A word nobody knows would be a rule that nobody enforces.
void RefuseUnread(codec::Reader& in) {
  for (const std::string& key : in.Unread()) in.Fail(key, "is not known here");
}

void ReadLandlock(codec::Reader& in, Landlock* out) {
  in.Object("ruleset", [&](codec::Reader& entry) {
    entry.Read("handledAccessFS", &out->handled_access_fs);
    RefuseUnread(entry);
  });
  in.Object("rules", [&](codec::Reader& entry) {
    entry.EachObject("pathBeneath", [&](codec::Reader& rule) {
      LandlockRule& added = out->path_beneath.emplace_back();
      rule.Read("allowedAccess", &added.allowed_access);
      rule.Read("paths", &added.paths);
      RefuseUnread(rule);
    });
    RefuseUnread(entry);
  });
  in.Read("disableBestEffort", &out->disable_best_effort);
  RefuseUnread(in);
}

void ReadSpec(codec::Reader& in, RuntimeSpec* out) {
  out->oci_version.clear();
  in.Read("ociVersion", &out->oci_version);
  in.Object("process", [&](codec::Reader& entry) { ReadProcess(entry, &out->process.emplace()); });
  in.Object("root", [&](codec::Reader& entry) {
    entry.Read("path", &out->root.path);
    entry.Read("readonly", &out->root.readonly);
  });
  in.Read("hostname", &out->hostname);
  in.Read("domainname", &out->domainname);
  in.EachObject("mounts", [&](codec::Reader& entry) { ReadMount(entry, &out->mounts.emplace_back()); });
  in.Object("hooks", [&](codec::Reader& entry) { ReadHooks(entry, &out->hooks); });
  ReadStringMap(in, "annotations", &out->annotations);
  in.Object("linux", [&](codec::Reader& entry) { ReadLinux(entry, &out->linux_config); });
}

constexpr codec::JsonLimits kLimits{.depth = 32, .bytes = 16U << 20};

// The path of the first string with a NUL byte, which the kernel would take for its end; nothing when there is none.
std::optional<std::string> FindNul(const codec::Json& value, const std::string& path) {
  if (const std::string* text = value.IfString()) {
    if (text->find('\0') != std::string::npos) return path;
  } else if (const auto* list = value.IfArray()) {
    for (std::size_t i = 0; i < list->size(); ++i)
      if (auto found = FindNul((*list)[i], path + "[" + std::to_string(i) + "]")) return found;
  } else if (const auto* members = value.IfObject()) {
    for (const auto& member : *members)
      if (auto found = FindNul(member.value, path.empty() ? member.key : path + "." + member.key)) return found;
  }
  return std::nullopt;
}

Result<codec::Json> ParseDocument(std::string_view json) {
  codec::Json document = TRY(codec::ParseJson(json, kLimits));
  if (json.find("\\u0000") == std::string_view::npos) return document;  // as good as always: nothing to look through
  if (const auto found = FindNul(document, ""))
    return Error(Code::kInvalidArgument, *found + ": has a NUL byte");
  return document;
}

template <typename T>
Result<T> Parse(std::string_view json, const char* what, const char* path, void (*read)(codec::Reader&, T*)) {
  const codec::Json document = TRY_CTX(ParseDocument(json), what);
  if (!document.IsObject()) return Error(Code::kInvalidArgument, "expected an object").Context(what);
  codec::Reader in(document, path);
  T value;
  read(in, &value);
  TRY_CTX(in.Finish(), what);
  return value;
}

// Annotations that mean something to us.
Status ReadExtensions(RuntimeSpec& spec) {
  for (const auto& [key, value] : spec.annotations) {
    if (key != kLandlockAnnotation) continue;
    constexpr const char* kWhat = "read annotation 'dev.estiba.landlock'";
    spec.landlock = TRY(Parse<Landlock>(value, kWhat, "landlock", ReadLandlock));
  }
  return Ok();
}

}  // namespace

Result<RuntimeSpec> ParseRuntimeSpec(std::string_view json) {
  RuntimeSpec spec = TRY(Parse<RuntimeSpec>(json, "read the container's configuration", "", ReadSpec));
  TRY(ReadExtensions(spec));
  return spec;
}

Result<std::vector<Mount>> ParseMounts(std::string_view json) {
  constexpr const char* kWhat = "read the mounts";
  codec::Json document = TRY_CTX(ParseDocument(json), kWhat);
  if (document.IsArray()) document = codec::Json::MakeObject({{"mounts", std::move(document)}});
  std::vector<Mount> mounts;
  codec::Reader in(document, "");
  in.EachObject("mounts", [&](codec::Reader& entry) { ReadMount(entry, &mounts.emplace_back()); });
  TRY_CTX(in.Finish(), kWhat);
  return mounts;
}

Result<Process> ParseProcess(std::string_view json) {
  return Parse<Process>(json, "read the process", "process", ReadProcess);
}

Result<Resources> ParseResources(std::string_view json) {
  return Parse<Resources>(json, "read the resources", "linux.resources", ReadResources);
}

Result<Seccomp> ParseSeccomp(std::string_view json) {
  return Parse<Seccomp>(json, "read the seccomp profile", "linux.seccomp", ReadSeccomp);
}

}  // namespace estiba::oci
