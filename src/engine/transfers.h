#pragma once
// Running estiba-transfer: pulls, pushes, loads and saves. The program parses what registries and archives send; here
// only its events are read. One reference is pulled once however many clients ask.

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "base/result.h"
#include "engine/engine.h"
#include "http/loop.h"
#include "http/workers.h"
#include "image/transfer.h"
#include "os/process.h"
#include "store/content.h"
#include "store/snapshots.h"
#include "tokens.h"

namespace estiba::engine {

class Transfers {
 public:
  struct Proxies {
    std::string http;
    std::string https;
    std::string none_for;  // hosts that are reached without
  };
  struct Wiring {
    http::Loop* loop;
    http::Workers* workers;
    Tokens* tokens;
    store::ContentStore* content;
    store::Snapshots* snapshots;
    std::string program;         // path of estiba-transfer
    std::function<void()> before_spawn;  // may wait, or be empty
    std::string snapshots_root;
    // Called on a worker with every image before the clients hear of the end.
    std::function<Status(const image::LoadedImage&, const std::string& reference)> record;
    // The same for every tag that a registry has taken, also when a later one failed.
    std::function<Status(const image::PushedTag&)> record_push;
    // Called on a worker after a transfer that failed, or one that WhenIdle() was refused for: what it brought and
    // nothing recorded, and what was let go meanwhile, can be cleared.
    std::function<void()> clear;
    // What goes before the environment's; empty: nothing does.
    std::function<Proxies()> proxies = {};
  };
  // Waits for the end of transfers that an engine before has left: they see that it is gone, but may be about to make
  // what nobody would clear. A while; false when they do not end.
  static Result<bool> AwaitStrays(const std::string& snapshots_root);

  explicit Transfers(Wiring wiring) : wiring_(std::move(wiring)) {}

  // What a job works on besides the stores (image/transfer.h says which has which).
  struct Handles {
    os::UniqueFd archive;
    os::UniqueFd tree;
  };

  // `key` joins a transfer that runs already with the same credentials ("" never does).
  Result<Token> Start(const std::string& key, image::TransferJob job, Handles handles, ProgressCallbacks callbacks) {
    return Start(key, std::move(job), std::move(handles), std::move(callbacks), {});
  }
  // Waits for the end, for callers on a worker. `finding` hears what a check finds, on the loop's thread.
  using Finding = std::function<void(const image::TransferEvent&)>;
  Status RunAndWait(const std::string& key, image::TransferJob job, Handles handles, Finding finding = {},
                    std::function<void(std::string_view)> line = {});
  bool Idle();
  // Runs `work` if no transfer runs, and lets none begin meanwhile: what they bring is not recorded yet. False, with
  // nothing done, when one runs.
  bool WhenIdle(const std::function<void()>& work);
  // Kills what runs.
  void Stop();

 private:
  struct Transfer {
    std::string key;
    image::TransferJob job;
    os::Process process;
    os::UniqueFd events;
    std::string buffer;                          // the loop's thread only
    std::map<Token, ProgressCallbacks> clients;
    Finding finding;
    std::deque<std::string> lines;               // for clients that join later, bounded
    std::vector<image::LoadedImage> images;
    std::vector<image::PushedTag> pushed;
    std::optional<Error> failure;
    bool done = false;
  };
  using Ptr = std::shared_ptr<Transfer>;
  struct State {
    std::map<std::string, Ptr> by_lease;
    std::uint64_t next = 1;
    bool stopped = false;
    bool closed = false;   // WhenIdle is at work
    bool refused = false;  // WhenIdle found one running
  };

  Result<Token> Start(const std::string& key, image::TransferJob job, Handles handles, ProgressCallbacks callbacks,
                      Finding finding);
  static Ptr Find(State& state, const std::string& key, const oci::RegistryAuth& auth);
  Status Spawn(const Ptr& transfer, const Handles& handles);
  Token AddClient(const Ptr& transfer, ProgressCallbacks callbacks);  // with the state locked
  // Takes it off the list and tells its clients how it ended.
  void End(const Ptr& transfer, const std::optional<Error>& failure);
  void Leave(const Ptr& transfer, Token token);
  void OnReadable(const Ptr& transfer);
  void OnLine(const Ptr& transfer, std::string_view line);
  void Tell(const Ptr& transfer, const std::string& line);
  void Finish(const Ptr& transfer);
  void Conclude(const Ptr& transfer);

  Wiring wiring_;
  std::condition_variable opened_;
  Guarded<State> state_;  // and everything in the transfers but what the loop's thread keeps to itself
};

}  // namespace estiba::engine
