#pragma once
// A bounded pool of threads for work that may block. Threads are made when needed and end after idling.

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace estiba::http {

class Workers {
 public:
  struct Options {
    std::size_t threads = 32;
    std::size_t queue = 1024;  // work waiting for a thread
    std::chrono::milliseconds idle{10000};
    std::string name = "worker";  // of the threads, as ps shows them
  };
  explicit Workers(Options options);
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  ~Workers();  // Stop()

  // False when the queue is full, the pool has stopped, or no thread can be made.
  bool Submit(std::function<void()> work);
  // Refuses new work, drops what is queued, waits for what runs.
  void Stop();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace estiba::http
