#include "trash.h"

#include <utility>

#include "../warn.h"

namespace estiba::engine {

void Trash::Add(std::string taken) {
  {
    auto heap = heap_.Lock();
    heap->names.push_back(std::move(taken));
    if (std::exchange(heap->told, true)) return;
  }
  if (!workers_->Submit([this] { Empty(); })) Empty();
}

bool Trash::DeleteOne() {
  std::string name;
  {
    auto heap = heap_.Lock();
    if (heap->names.empty()) {
      heap->told = false;
      return false;
    }
    name = std::move(heap->names.back());
    heap->names.pop_back();
  }
  WarnIf(snapshots_->DeleteTakenAway(name), "delete what a container left", name);
  return true;
}

void Trash::Empty() {
  const std::lock_guard alone(emptying_);
  while (DeleteOne()) continue;
}

bool Trash::empty() {
  if (!heap_.Lock()->names.empty()) return false;
  const std::unique_lock alone(emptying_, std::try_to_lock);
  return alone.owns_lock();
}

}  // namespace estiba::engine
