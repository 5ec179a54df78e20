#pragma once
// The engine as a lab sees it: who runs the nodes that have an image.

#include "command.h"
#include "lab/up.h"

namespace estiba::cli {

class LabContainers : public lab::Containers {
 public:
  explicit LabContainers(App& app) : app_(app) {}
  Result<pid_t> Start(const std::string& name, const std::string& lab, const std::string& image,
                      const std::vector<std::string>& command) override;
  Result<int> Run(const std::string& name, const std::string& command) override;
  Status Remove(const std::string& name, const std::string& lab) override;

 private:
  App& app_;
};

}  // namespace estiba::cli
