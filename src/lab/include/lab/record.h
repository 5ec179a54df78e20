#pragma once
// What is known of labs that are up, or half up: written before anything is made, so that it can be undone whatever
// becomes of who made it.

#include <optional>
#include <string>
#include <vector>

#include "lab/model.h"
#include "os/fd.h"

namespace estiba::lab {

struct Places {
  std::string records = "/run/estiba/lab";  // a folder for each lab
  std::string names = "/run/netns";         // where ip-netns(8) looks for namespaces
};

struct Record {
  Lab lab;
  std::string text;    // of the file, as it was
  bool whole = false;  // everything has been made
};
// Labs by name. One whose record cannot be read is left out: it has made nothing yet.
Result<std::vector<Record>> ListLabs(const Places& places);
// kNotFound names the labs there are.
Result<Record> FindLab(const Places& places, const std::string& name);

// The folder of a lab, held by one process at a time.
class Folder {
 public:
  // kUnavailable when another process brings the lab up or down. Makes the folder if there is none.
  static Result<Folder> Hold(const Places& places, const std::string& name);
  // As Hold; nothing when there is no such folder.
  static Result<std::optional<Folder>> HoldExisting(const Places& places, const std::string& name);

  // What has to be undone, a line for each thing: "netns NAME", "link NAME" (of this machine), "container NAME".
  Result<std::vector<std::string>> Undo() const;
  Result<std::optional<Record>> Read() const;
  // The file first, so that a record with something to undo says of what.
  Status Write(const Lab& lab, const std::string& text, const std::vector<std::string>& undo) const;
  Status MarkWhole() const;
  Status Delete();

 private:
  Folder(std::string parent, std::string name, os::UniqueFd fd)
      : parent_(std::move(parent)), name_(std::move(name)), fd_(std::move(fd)) {}
  std::string parent_, name_;
  os::UniqueFd fd_;
};

}  // namespace estiba::lab
