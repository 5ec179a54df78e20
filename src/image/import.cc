#include "import.h"

#include "archive_input.h"
#include "new_image.h"
#include "registry/download.h"

namespace estiba::image {
namespace {

// "https://user:secret@host/path" is shown without the secret.
std::string Shown(const std::string& url) {
  const std::size_t host = url.find("://");
  const std::size_t at = url.find('@');
  if (host == std::string::npos || at == std::string::npos || at > url.find('/', host + 3)) return url;
  return url.substr(0, host + 3) + url.substr(at + 1);
}

}  // namespace

Status Import(const TransferJob& job, const Stores& stores, int archive, Reporter& reporter) {
  const SendBytes packed = [&](const codec::ByteSink& sink) -> Status {
    if (job.source.empty()) return ReadToEnd(archive, sink);
    reporter.Say("", "Downloading from " + Shown(job.source));
    Counter counter(reporter, "", "Importing", 0);
    return registry::Download(job.source, [&](std::string_view bytes) -> Status {
      counter.Add(bytes.size());
      return sink(bytes);
    });
  };
  const SendTar send = [&](const codec::ByteSink& sink) { return InflateArchive(packed, sink); };
  MadeLayer layer = TRY(MakeLayer(stores, send, {job.lease, job.user_xattrs, job.erofs}));
  return FinishImage(job, stores, std::move(layer), reporter);
}

}  // namespace estiba::image
