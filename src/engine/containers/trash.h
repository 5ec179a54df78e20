#pragma once
// What removed containers leave on the disk. It is renamed away before the removal is acknowledged, and deleted after:
// a file system may take milliseconds for each file. A monitor that began as its engine was killed may write there
// yet: what cannot be deleted is tried again. What an engine that was killed leaves here, the next one deletes at its
// start.

#include <mutex>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "http/loop.h"
#include "http/workers.h"
#include "store/snapshots.h"

namespace estiba::engine {

class Trash {
 public:
  // All are borrowed.
  Trash(const store::Snapshots* snapshots, http::Workers* workers, http::Loop* loop)
      : snapshots_(snapshots), workers_(workers), loop_(loop) {}
  Trash(const Trash&) = delete;
  Trash& operator=(const Trash&) = delete;

  // `taken`: by Snapshots::Take…Away().
  void Add(std::string taken);
  // Deletes all that is there, and waits for who does so already.
  void Empty();
  bool empty();

 private:
  struct Item {
    std::string name;
    int tries = 0;
  };
  struct Heap {
    std::vector<Item> items;
    bool told = false;  // a worker was
  };
  void AddItem(Item item);
  void AddLater(Item item);
  bool DeleteOne();

  const store::Snapshots* snapshots_;
  http::Workers* workers_;
  http::Loop* loop_;
  Guarded<Heap> heap_;
  std::mutex emptying_;
};

}  // namespace estiba::engine
