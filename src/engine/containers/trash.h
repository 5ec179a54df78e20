#pragma once
// What removed containers leave on the disk. It is renamed away before the removal is acknowledged, and deleted after:
// a file system may take milliseconds for each file. What an engine that was killed leaves here, the next one deletes
// at its start.

#include <mutex>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "http/workers.h"
#include "store/snapshots.h"

namespace estiba::engine {

class Trash {
 public:
  // Both are borrowed.
  Trash(const store::Snapshots* snapshots, http::Workers* workers) : snapshots_(snapshots), workers_(workers) {}
  Trash(const Trash&) = delete;
  Trash& operator=(const Trash&) = delete;

  // `taken`: by Snapshots::Take…Away().
  void Add(std::string taken);
  // Deletes all that is there, and waits for who does so already.
  void Empty();
  bool empty();

 private:
  struct Heap {
    std::vector<std::string> names;
    bool told = false;  // a worker was
  };
  bool DeleteOne();

  const store::Snapshots* snapshots_;
  http::Workers* workers_;
  Guarded<Heap> heap_;
  std::mutex emptying_;
};

}  // namespace estiba::engine
