#include "image/work.h"

#include "check.h"
#include "ask.h"
#include "container_jobs.h"
#include "copy.h"
#include "import.h"
#include "load.h"
#include "oci/reference.h"
#include "path_jobs.h"
#include "progress_sink.h"
#include "pull.h"
#include "push.h"
#include "restore.h"
#include "save.h"
#include "volume_jobs.h"

namespace estiba::image {

Status RunJob(const TransferJob& job, const Stores& stores, const Handles& handles, const EventSink& events) {
  if (!store::IsLease(job.lease)) return Error(Code::kInvalidArgument, "'" + job.lease + "' is not a lease");
  Reporter reporter(events, job.quiet);
  switch (job.kind) {
    case JobKind::kPull: return TRY_CTX(Pull(job, stores, reporter), "pull '" + job.reference + "'");
    case JobKind::kPush: return TRY_CTX(Push(job, stores, reporter), "push '" + job.reference + "'");
    case JobKind::kCopy:
      return TRY_CTX(Copy(job, reporter), "copy '" + job.reference + "' to '" + job.copy.reference + "'");
    case JobKind::kAsk: {
      TransferEvent event;
      event.kind = EventKind::kAnswer;
      event.answer = TRY(Ask(job));
      events(event);
      return Ok();
    }
    case JobKind::kLogin: {
      TransferEvent event;
      event.kind = EventKind::kLogin;
      event.identity_token = TRY(Login(job));
      events(event);
      return Ok();
    }
    case JobKind::kLoad: return TRY_CTX(Load(job, stores, handles.archive, reporter), "load");
    case JobKind::kCheck: return TRY_CTX(Check(job, stores, reporter), "check");
    case JobKind::kRestore: return TRY_CTX(Restore(job, stores, reporter), "restore");
    case JobKind::kUnpack: return TRY_CTX(Unpack(job, stores, reporter), "unpack");
    case JobKind::kSave: return TRY_CTX(Save(job, stores, handles.archive), "save");
    case JobKind::kCommit: return TRY_CTX(Commit(job, stores, reporter), "commit");
    case JobKind::kImport: return TRY_CTX(Import(job, stores, handles.archive, reporter), "import");
    case JobKind::kExport: return TRY_CTX(Export(job, stores, handles.archive), "export");
    case JobKind::kPack: return TRY_CTX(Pack(handles.tree, handles.archive), "export");
    case JobKind::kFill: return TRY_CTX(Fill(job, handles.tree, handles.archive), "import");
    case JobKind::kChanges: return TRY_CTX(Changes(job, stores, handles.archive), "diff");
    case JobKind::kStatPath:
    case JobKind::kTakePath:
    case JobKind::kPutPath: return RunPathJob(job, handles, events);
  }
  return Error(Code::kInvalidArgument, "unknown job");
}

// Their errors are docker's, without a word in front.
Status RunPathJob(const TransferJob& job, const Handles& handles, const EventSink& events) {
  Reporter reporter(events);
  const bool on_host = job.path.on_host;
  switch (job.kind) {
    case JobKind::kStatPath: return StatPath(job, handles.tree, reporter);
    case JobKind::kTakePath:
      return on_host ? TakeFromHost(job, handles.tree, handles.archive)
                     : TakePath(job, handles.tree, handles.archive, reporter);
    case JobKind::kPutPath:
      return on_host ? PutOnHost(job, handles.tree, handles.archive) : PutPath(job, handles.tree, handles.archive);
    default: return Error(Code::kInvalidArgument, "no job of a path");
  }
}

}  // namespace estiba::image
