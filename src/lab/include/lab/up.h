#pragma once
// Bringing labs up and down. Needs root, and a process with one thread.

#include <string>
#include <vector>

#include <sys/types.h>

#include "lab/model.h"
#include "lab/record.h"

namespace estiba::lab {

// Who runs the nodes that have an image.
class Containers {
 public:
  virtual ~Containers() = default;
  // A container without a network, labelled with the lab. Answers the id of its first process.
  virtual Result<pid_t> Start(const std::string& name, const std::string& lab, const std::string& image,
                              const std::vector<std::string>& command) = 0;
  // `sh -c command` in it, with our output. Answers the exit code.
  virtual Result<int> Run(const std::string& name, const std::string& command) = 0;
  // Removes it, if it has the lab's label. Succeeds when it is gone.
  virtual Status Remove(const std::string& name, const std::string& lab) = 0;
};

enum class UpOutcome { kMade, kWasUp };
// Makes everything of the plan. What an earlier `up` left unfinished is undone first; what fails is undone. A lab that
// is up is left alone: kFailedPrecondition when the file has changed since.
Result<UpOutcome> Up(const Lab& lab, const std::string& text, Containers& containers, const Places& places = {});

// Takes back everything that an `up` of this lab made, however far it came, and ends what runs in its namespaces. False
// when there was nothing.
Result<bool> Down(const std::string& name, Containers& containers, const Places& places = {});

// The namespace of a node of a lab that is up.
Result<os::UniqueFd> OpenNode(const Lab& lab, std::size_t node, const Places& places = {});

}  // namespace estiba::lab
