// GET /system/df: the room that everything takes.

#include "engine_impl.h"
#include "store/tree_size.h"

namespace estiba::engine {

using codec::Json;

Status EngineImpl::AddImageUsage(Json& report) {
  const Images::Usage usage = TRY(images_->MeasureUsage());
  Json images = Json::MakeArray();
  const std::vector<apitypes::ImageSummary> summaries = TRY(images_->List({}));
  for (apitypes::ImageSummary summary : summaries) {
    summary.shared_size = usage.SharedOf(summary.id);
    images.Append(summary.ToJson());
  }
  report.Set("LayersSize", usage.layers);
  report.Set("Images", std::move(images));
  // Ours: what is kept beside the unpacked layers, so that a push or a save sends the very bytes that were pulled.
  report.Set("Blobs", Json::MakeObject({{"Count", usage.blob_count},
                                        {"Size", usage.blobs},
                                        {"Reclaimable", usage.droppable}}));
  return Ok();
}

Status EngineImpl::AddContainerUsage(Json& report) {
  ListRequest request;
  request.all = true;
  request.size = true;
  Json containers = Json::MakeArray();
  const std::vector<apitypes::ContainerSummary> list = TRY(containers_->List(request));
  for (const apitypes::ContainerSummary& summary : list) containers.Append(summary.ToJson());
  report.Set("Containers", std::move(containers));
  return Ok();
}

Status EngineImpl::AddVolumeUsage(Json& report) {
  Json volumes = Json::MakeArray();
  const std::vector<apitypes::Volume> known = TRY(volumes_->List({}, {}));
  for (const apitypes::Volume& volume : known) {
    Json view = volume.ToJson();
    const std::size_t users = containers_->UsersOfVolume(volume.name).size();
    view.Set("UsageData", Json::MakeObject({{"Size", volumes_->Size(volume.name)}, {"RefCount", users}}));
    volumes.Append(std::move(view));
  }
  report.Set("Volumes", std::move(volumes));
  return Ok();
}

Result<Json> EngineImpl::DiskUsage(const std::set<std::string>& types) {
  const auto wanted = [&](const char* type) { return types.empty() || types.contains(type); };
  Json report = Json::MakeObject();
  if (wanted("image")) TRY(AddImageUsage(report));
  if (wanted("container")) TRY(AddContainerUsage(report));
  if (wanted("volume")) TRY(AddVolumeUsage(report));
  if (wanted("build-cache")) report.Set("BuildCache", Json::MakeArray());
  return report;
}

}  // namespace estiba::engine
