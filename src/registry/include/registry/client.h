#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/stream.h"
#include "oci/image.h"
#include "oci/registry_auth.h"
#include "oci/registry_endpoint.h"

namespace estiba::oci {
struct Referral;
}

namespace estiba::registry {

struct ClientOptions {
  std::string host;       // the domain of a reference: "docker.io", "localhost:5000"
  // Plain HTTP and unverified certificates are fine for loopback hosts, too, unless an authority is named for them.
  oci::RegistryEndpoint via;
  oci::RegistryAuth credentials;
  std::chrono::milliseconds connect_timeout{15'000};
  std::chrono::seconds stall_timeout{60};       // no byte for so long: the connection is given up
  std::chrono::milliseconds first_backoff{500};  // doubled with every failed attempt in a row
  unsigned attempts = 5;                        // in a row without a byte of progress
  // Of one large blob, fetched side by side and held in memory (16 MiB at most) until their turn; 1: blobs are whole.
  unsigned parallel_ranges = 1;
  const std::atomic<bool>* stop = nullptr;      // set: calls end soon, with kCancelled
};

struct FetchedManifest {
  std::string bytes;
  std::string media_type;
  std::string digest;  // of the bytes
};

// Where a push goes.
struct PushTarget {
  std::string repository;
  // Repositories of the same registry that any of the blobs may be mounted from: one token then does for all.
  std::vector<std::string> mount_from;
};

struct BlobPush {
  oci::Descriptor blob;
  // At most `room` bytes from offset `at` on to `out`; answers how many, never 0. Mostly called in order, but a broken
  // connection or a redirect goes back.
  std::function<Result<std::size_t>(std::uint64_t at, char* out, std::size_t room)> read;
  std::vector<std::string> mount_from;  // those of the target's that may have this very blob, in this order
  std::function<void(std::uint64_t sent)> progress;  // of blob.size; may go back. Empty: nobody asks
};

struct BlobPushed {
  enum class How : unsigned char { kWasThere, kMounted, kSent };
  How how = How::kSent;
  std::string mounted_from;  // the repository
};

// Of a blob that is fetched.
struct BlobFetch {
  std::uint64_t from = 0;                   // the first byte that is wanted
  const std::atomic<bool>* stop = nullptr;  // besides the client's
};

struct FoundImage {
  std::string name;
  std::string description;
  std::int64_t stars = 0;
  bool official = false;
  bool automated = false;
};

class Client {
 public:
  static Result<Client> Create(ClientOptions options);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  // By tag or digest; bytes asked for by digest have it. kNotFound when the registry does not have it, kUnauthenticated
  // or kPermissionDenied when it does not let us, kUnavailable when it does not answer.
  Result<FetchedManifest> GetManifest(const std::string& repository, const std::string& tag_or_digest);

  // All bytes of a blob, once and in order, to the sink: connections that break are resumed where they broke. The size
  // is checked (kDataLoss), the digest is for the sink's owner to check. A sink's own error comes back as it is.
  Status GetBlob(const std::string& repository, const oci::Descriptor& blob, const codec::ByteSink& sink,
                 const BlobFetch& fetch = {});

  // Brings a blob to a registry that may have it: by asking, by mounting it from another repository, in one piece, or,
  // where that breaks or is refused, in chunks that go on from where the registry stands. Its digest is the registry's
  // to check. kUnauthenticated and kPermissionDenied as for pulls.
  Result<BlobPushed> PushBlob(const PushTarget& target, const BlobPush& push);

  // By tag or digest; exactly these bytes. Where it has a subject and the registry keeps no list of what refers to one,
  // it is added to the list that clients keep in the tag "sha256-HEX".
  Status PutManifest(const PushTarget& target, const std::string& tag_or_digest, std::string_view bytes,
                     const std::string& media_type);

  // In the registry's order, all pages. Digests among them are left away.
  Result<std::vector<std::string>> ListTags(const std::string& repository);
  // Manifests whose subject is this one; from the tag "sha256-HEX" where the registry keeps no list.
  Result<oci::Index> ListReferrers(const std::string& repository, const std::string& digest);
  // By the search of Docker's first API; kNotImplemented where there is none.
  Result<std::vector<FoundImage>> Search(const std::string& term, unsigned limit);

  // Asks the registry whether it lets us in. Answers the identity token that its token service gave for the
  // password, or "" where there is no such thing. kUnauthenticated when it does not.
  Result<std::string> CheckLogin();

 private:
  struct Impl;
  class Pusher;
  explicit Client(std::unique_ptr<Impl> impl);
  // To the list of them in the tag that clients keep, for registries that keep none.
  Status AddReferrer(const PushTarget& target, const oci::Referral& referral);
  std::unique_ptr<Impl> impl_;
};

// True for "localhost", 127.0.0.0/8 and ::1, with or without a port.
bool IsLoopback(std::string_view host);

}  // namespace estiba::registry
