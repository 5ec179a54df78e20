#pragma once
// Events in docker's words, made in one place.

#include <chrono>
#include <mutex>
#include <string>

#include "image/work.h"

namespace estiba::image {

// Thread-safe front of an EventSink.
class Reporter {
 public:
  // Quiet: counters and states of layers are not told.
  explicit Reporter(const EventSink& sink, bool quiet = false) : sink_(sink), quiet_(quiet) {}

  void Say(const std::string& id, const std::string& status, std::uint64_t current = 0, std::uint64_t total = 0);
  void Stream(const std::string& text);
  void Image(const LoadedImage& image);
  void Pushed(const PushedTag& pushed);
  // `kind` is "blob" or "layer", `id` its digest or chain id.
  void Finding(const std::string& kind, const std::string& id, const std::string& what);
  // JSON.
  void Answer(const std::string& text);

 private:
  void Send(const TransferEvent& event);
  const EventSink& sink_;
  const bool quiet_;
  std::mutex mutex_;
};

// One counter's events, ten a second at most. Used by one thread.
class Counter {
 public:
  Counter(Reporter& reporter, std::string id, std::string status, std::uint64_t total)
      : reporter_(reporter), id_(std::move(id)), status_(std::move(status)), total_(total) {}
  void Add(std::uint64_t bytes) { Set(current_ + bytes); }
  void Set(std::uint64_t current);

 private:
  Reporter& reporter_;
  std::string id_;
  std::string status_;
  std::uint64_t total_;
  std::uint64_t current_ = 0;
  std::chrono::steady_clock::time_point next_{};
};

// "sha256:0123456789abcdef…" → "0123456789ab".
std::string ShortId(const std::string& digest);

}  // namespace estiba::image
