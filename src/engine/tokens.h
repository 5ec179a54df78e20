#pragma once
// Numbers for things that can be cancelled, and how each is.

#include <functional>
#include <map>
#include <utility>

#include "base/guarded.h"
#include "engine/engine.h"

namespace estiba::engine {

class Tokens {
 public:
  // `cancel` runs at most once, from Cancel().
  Token Add(std::function<void(Token)> cancel) {
    auto state = state_.Lock();
    const Token token = ++state->last;
    state->cancels.emplace(token, std::move(cancel));
    return token;
  }
  // It has ended by itself.
  void Drop(Token token) { state_.Lock()->cancels.erase(token); }
  void Cancel(Token token) {
    std::function<void(Token)> cancel;
    {
      auto state = state_.Lock();
      const auto found = state->cancels.find(token);
      if (found == state->cancels.end()) return;
      cancel = std::move(found->second);
      state->cancels.erase(found);
    }
    cancel(token);
  }
  bool empty() { return state_.Lock()->cancels.empty(); }

 private:
  struct State {
    Token last = 0;
    std::map<Token, std::function<void(Token)>> cancels;
  };
  Guarded<State> state_;
};

}  // namespace estiba::engine
