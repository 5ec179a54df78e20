#pragma once
// What checkpoint and restore share: their options, the folders CRIU works in, and its failures made readable.

#include <string>
#include <vector>

#include "base/result.h"
#include "commands.h"
#include "criu/client.h"
#include "criu/messages.h"
#include "oci/runtime_spec.h"
#include "os/fd.h"

namespace estiba::ocicli {

struct CriuJob {
  std::string program;
  criu::Version version;
  std::string images;   // the folder of --image-path
  std::string work;     // that of --work-path, or the same
  std::string log;      // where CRIU writes what it does
  os::UniqueFd images_dir;
  os::UniqueFd work_dir;
  criu::Options options;

  os::DirFd images_fd() const { return {images_dir.get()}; }
};
// Finds CRIU, makes the folders, reads the options both commands have. `verb` is "dump" or "restore".
Result<CriuJob> PrepareCriu(const Context& context, const oci::RuntimeSpec& spec, const std::string& verb);

// Opens its folders, anew where they are open.
Status OpenFolders(CriuJob& job);

// The error, with the last errors of CRIU's log and where that is.
Error CriuFailure(const CriuJob& job, const Error& error);

// The file among the images that says what 0, 1 and 2 of the container's process were; runc's name and format.
inline constexpr const char* kDescriptorsFile = "descriptors.json";

// Pid and network namespaces given by path are not in the image: CRIU knows them by a name ("extRootNetNS") and finds
// the one to use at restore. `kernel_name` is "net" or "pid".
const char* ExternalNamespaceName(oci::NamespaceType type);
std::string ExternalNamespaceKey(oci::NamespaceType type);

}  // namespace estiba::ocicli
