#include "image/work.h"

#include "check.h"
#include "ask.h"
#include "container_jobs.h"
#include "import.h"
#include "load.h"
#include "oci/reference.h"
#include "progress_sink.h"
#include "pull.h"
#include "push.h"
#include "restore.h"
#include "save.h"

namespace estiba::image {

Status RunJob(const TransferJob& job, const Stores& stores, int archive, const EventSink& events) {
  if (!store::IsLease(job.lease)) return Error(Code::kInvalidArgument, "'" + job.lease + "' is not a lease");
  Reporter reporter(events);
  switch (job.kind) {
    case JobKind::kPull: return TRY_CTX(Pull(job, stores, reporter), "pull '" + job.reference + "'");
    case JobKind::kPush: return TRY_CTX(Push(job, stores, reporter), "push '" + job.reference + "'");
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
    case JobKind::kLoad: return TRY_CTX(Load(job, stores, archive, reporter), "load");
    case JobKind::kCheck: return TRY_CTX(Check(job, stores, reporter), "check");
    case JobKind::kRestore: return TRY_CTX(Restore(job, stores, reporter), "restore");
    case JobKind::kSave: return TRY_CTX(Save(job, stores, archive), "save");
    case JobKind::kCommit: return TRY_CTX(Commit(job, stores, reporter), "commit");
    case JobKind::kImport: return TRY_CTX(Import(job, stores, archive, reporter), "import");
    case JobKind::kExport: return TRY_CTX(Export(job, stores, archive), "export");
    case JobKind::kChanges: return TRY_CTX(Changes(job, stores, archive), "diff");
  }
  return Error(Code::kInvalidArgument, "unknown job");
}

}  // namespace estiba::image
