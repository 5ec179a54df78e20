#include "apitypes/volume.h"

#include "fields.h"

namespace estiba::apitypes {
template <typename A>
void Describe(A& f, VolumeCreate& v) {
  f.Omit("Name", v.name);
  f.Omit("Driver", v.driver);
  f.Omit("DriverOpts", v.driver_opts);
  f.Omit("Labels", v.labels);
}
template <typename A>
void Describe(A& f, Volume& v) {
  f.Omit("CreatedAt", v.created_at);
  f("Driver", v.driver);
  f.Null("Labels", v.labels);
  f("Mountpoint", v.mountpoint);
  f("Name", v.name);
  f.Null("Options", v.options);
  f("Scope", v.scope);
}
template <typename A>
void Describe(A& f, VolumeList& v) {
  f("Volumes", v.volumes);
  f.Null("Warnings", v.warnings);
}

codec::Json VolumeCreate::ToJson() const { return Write(*this); }
Result<VolumeCreate> VolumeCreate::FromJson(const codec::Json& json) { return Load<VolumeCreate>(json); }
codec::Json Volume::ToJson() const { return Write(*this); }
Result<Volume> Volume::FromJson(const codec::Json& json) { return Load<Volume>(json); }
codec::Json VolumeList::ToJson() const { return Write(*this); }
Result<VolumeList> VolumeList::FromJson(const codec::Json& json) { return Load<VolumeList>(json); }

}  // namespace estiba::apitypes
