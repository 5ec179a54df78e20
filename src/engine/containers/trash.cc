#include "trash.h"

#include <chrono>
#include <utility>

#include "../warn.h"

namespace estiba::engine {
namespace {

using namespace std::chrono_literals;

constexpr int kTries = 10;
constexpr auto kPause = 1s;

}  // namespace

void Trash::Add(std::string taken) { AddItem({std::move(taken)}); }

void Trash::AddItem(Item item) {
  {
    auto heap = heap_.Lock();
    heap->items.push_back(std::move(item));
    if (std::exchange(heap->told, true)) return;
  }
  if (!workers_->Submit([this] { Empty(); })) Empty();
}

void Trash::AddLater(Item item) {
  loop_->Post([this, item = std::move(item)] { loop_->AddTimer(kPause, [this, item] { AddItem(item); }); });
}

bool Trash::DeleteOne() {
  Item item;
  {
    auto heap = heap_.Lock();
    if (heap->items.empty()) {
      heap->told = false;
      return false;
    }
    item = std::move(heap->items.back());
    heap->items.pop_back();
  }
  const Status deleted = snapshots_->DeleteTakenAway(item.name);
  if (!deleted.ok() && ++item.tries < kTries) AddLater(std::move(item));
  else WarnIf(deleted, "delete what a container left", item.name);
  return true;
}

void Trash::Empty() {
  const std::lock_guard alone(emptying_);
  while (DeleteOne()) continue;
}

bool Trash::empty() {
  if (!heap_.Lock()->items.empty()) return false;
  const std::unique_lock alone(emptying_, std::try_to_lock);
  return alone.owns_lock();
}

}  // namespace estiba::engine
