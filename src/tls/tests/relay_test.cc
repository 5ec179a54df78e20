#include "relay.h"

#include <array>
#include <cstdio>
#include <fstream>
#include <thread>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include "os/socket.h"
#include "tests/support.h"

namespace estiba::tls {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)>;
using Cert = std::unique_ptr<X509, decltype(&::X509_free)>;

void AddExtension(X509* cert, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  ::X509V3_set_ctx(&context, cert, cert, nullptr, nullptr, 0);
  X509_EXTENSION* extension = ::X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  ASSERT_NE(extension, nullptr);
  ::X509_add_ext(cert, extension, -1);
  ::X509_EXTENSION_free(extension);
}

// A certificate that vouches for itself, for both sides.
class Identity {
 public:
  explicit Identity(const char* name) {
    const Key key(::EVP_EC_gen("P-256"), ::EVP_PKEY_free);
    const Cert cert(::X509_new(), ::X509_free);
    ::X509_set_version(cert.get(), X509_VERSION_3);
    ::ASN1_INTEGER_set(::X509_get_serialNumber(cert.get()), 1);
    ::X509_gmtime_adj(::X509_getm_notBefore(cert.get()), -60);
    ::X509_gmtime_adj(::X509_getm_notAfter(cert.get()), 3600);
    ::X509_set_pubkey(cert.get(), key.get());
    X509_NAME* subject = ::X509_get_subject_name(cert.get());
    ::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
    ::X509_set_issuer_name(cert.get(), subject);
    AddExtension(cert.get(), NID_subject_alt_name, (std::string("DNS:") + name).c_str());
    ::X509_sign(cert.get(), key.get(), ::EVP_sha256());
    std::FILE* file = std::fopen((folder_ / "cert").c_str(), "w");
    ::PEM_write_X509(file, cert.get());
    std::fclose(file);
    file = std::fopen((folder_ / "key").c_str(), "w");
    ::PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
  }
  Files Trusting(const Identity* other) const {
    return {other != nullptr ? other->folder_ / "cert" : "", folder_ / "cert", folder_ / "key"};
  }

 private:
  testing::TempDir folder_;
};

// A relay of each side, back to back on one loop of a thread of its own: what goes in at one end comes out at the
// other.
class RelayTest : public ::testing::Test {
 protected:
  void Join(const Context& server, const Context& client, const std::string& host) {
    ASSERT_OK_AND_ASSIGN(auto wire, os::MakeSocketPair(SOCK_STREAM));
    ASSERT_OK_AND_ASSIGN(auto left, os::MakeSocketPair(SOCK_STREAM));
    ASSERT_OK_AND_ASSIGN(auto right, os::MakeSocketPair(SOCK_STREAM));
    for (const int fd : {wire.ours.get(), wire.theirs.get(), left.theirs.get(), right.theirs.get()})
      ASSERT_TRUE(os::SetNonBlocking(fd, true).ok());
    ASSERT_OK_AND_ASSIGN(auto accepted, Session::Accept(server, wire.ours.get()));
    ASSERT_OK_AND_ASSIGN(auto connected, Session::Connect(client, wire.theirs.get(), host));
    left_ = std::move(left.ours);
    right_ = std::move(right.ours);
    Add(std::move(wire.ours), std::move(accepted), std::move(left.theirs), &server_failure_);
    Add(std::move(wire.theirs), std::move(connected), std::move(right.theirs), &client_failure_);
    thread_ = std::thread([this] { EXPECT_TRUE(loop_.Run().ok()); });
  }

  // Both relays have ended.
  void AwaitEnd() {
    thread_.join();
    relays_.clear();
  }

  void TearDown() override {
    left_.Reset();
    right_.Reset();
    if (thread_.joinable()) AwaitEnd();
  }

  static std::string ReadToEnd(int fd) {
    std::string text;
    std::array<char, 65536> buffer{};
    ssize_t n = 0;
    while ((n = ::recv(fd, buffer.data(), buffer.size(), 0)) > 0)
      text.append(buffer.data(), static_cast<std::size_t>(n));
    return text;
  }

  static void Send(int fd, std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
      ASSERT_GT(n, 0);
      text.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  os::UniqueFd left_;   // of the server
  os::UniqueFd right_;  // of the client
  std::string server_failure_;
  std::string client_failure_;
  std::string client_name_;  // as the server has it

 private:
  void Add(os::UniqueFd socket, Session session, os::UniqueFd plain, std::string* failure) {
    auto end = std::make_shared<os::UniqueFd>(std::move(plain));
    const bool server = failure == &server_failure_;
    relays_.push_back(std::make_unique<Relay>(
        loop_, std::move(socket), std::move(session),
        Relay::Events{[this, end, server](Session& session_made) -> Result<os::UniqueFd> {
                        if (server) client_name_ = session_made.PeerName();
                        return std::move(*end);
                      },
                      [this, end, failure](const std::string& why) {
                        *failure = why;
                        end->Reset();
                        if (++ended_ == 2) loop_.Stop();
                      }}));
    ASSERT_TRUE(relays_.back()->Start().ok());
  }

  os::Loop loop_ = std::move(os::Loop::Create()).value();
  std::vector<std::unique_ptr<Relay>> relays_;
  int ended_ = 0;
  std::thread thread_;
};

TEST_F(RelayTest, BytesGoBothWaysAndEachEndsOnItsOwn) {
  const Identity engine("engine.test");
  const Identity me("me");
  ASSERT_OK_AND_ASSIGN(const Context server, Context::ForServer(engine.Trusting(&me), true));
  ASSERT_OK_AND_ASSIGN(const Context client, Context::ForClient(me.Trusting(&engine), true));
  Join(server, client, "engine.test");
  Send(right_.get(), "a question");
  ASSERT_EQ(::shutdown(right_.get(), SHUT_WR), 0);
  EXPECT_EQ(ReadToEnd(left_.get()), "a question");
  // Its answer comes after it has heard the end.
  const std::string answer(3'000'000, 'x');
  std::thread writer([&] {
    Send(left_.get(), answer);
    left_.Reset();
  });
  EXPECT_EQ(ReadToEnd(right_.get()), answer);
  writer.join();
  right_.Reset();
  AwaitEnd();
  EXPECT_EQ(client_name_, "CN=me");
  EXPECT_EQ(server_failure_, "");
  EXPECT_EQ(client_failure_, "");
}

TEST_F(RelayTest, AReaderThatRestsHoldsTheWriterUp) {
  const Identity engine("engine.test");
  ASSERT_OK_AND_ASSIGN(const Context server, Context::ForServer(engine.Trusting(nullptr), false));
  ASSERT_OK_AND_ASSIGN(const Context client, Context::ForClient({}, false));
  Join(server, client, "engine.test");
  const std::string piece(65536, 'x');
  std::size_t taken = 0;
  pollfd room{left_.get(), POLLOUT, 0};
  // Until nothing is taken for as long as a relay that had room would never need.
  while (::poll(&room, 1, 500) == 1) {
    const ssize_t n = ::send(left_.get(), piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) taken += static_cast<std::size_t>(n);
    ASSERT_LT(taken, 16U << 20) << "it takes what nobody reads";
  }
  left_.Reset();
  EXPECT_EQ(ReadToEnd(right_.get()).size(), taken);
}

TEST_F(RelayTest, WhoIsGoneIsGoneForTheOtherSideToo) {
  const Identity engine("engine.test");
  ASSERT_OK_AND_ASSIGN(const Context server, Context::ForServer(engine.Trusting(nullptr), false));
  ASSERT_OK_AND_ASSIGN(const Context client, Context::ForClient({}, false));
  Join(server, client, "engine.test");
  Send(right_.get(), "hello");
  std::array<char, 5> hello{};
  ASSERT_EQ(::recv(left_.get(), hello.data(), hello.size(), MSG_WAITALL), 5);
  right_.Reset();
  pollfd gone{left_.get(), 0, 0};
  ASSERT_EQ(::poll(&gone, 1, 10'000), 1);
  EXPECT_NE(gone.revents & POLLHUP, 0);
}

TEST_F(RelayTest, AClientWithoutCertificateIsRefusedAndHearsWhy) {
  const Identity engine("engine.test");
  const Identity me("me");
  ASSERT_OK_AND_ASSIGN(const Context server, Context::ForServer(engine.Trusting(&me), true));
  ASSERT_OK_AND_ASSIGN(const Context client, Context::ForClient({.ca = engine.Trusting(&engine).ca}, true));
  Join(server, client, "engine.test");
  EXPECT_EQ(ReadToEnd(right_.get()), "");
  AwaitEnd();
  EXPECT_EQ(server_failure_, "peer did not return a certificate");
  EXPECT_EQ(client_failure_, "tlsv13 alert certificate required");
}

TEST_F(RelayTest, AServerOfAnotherAuthorityIsNotTrusted) {
  const Identity engine("engine.test");
  const Identity other("engine.test");
  ASSERT_OK_AND_ASSIGN(const Context server, Context::ForServer(engine.Trusting(nullptr), false));
  ASSERT_OK_AND_ASSIGN(const Context client, Context::ForClient({.ca = other.Trusting(&other).ca}, true));
  Join(server, client, "engine.test");
  EXPECT_EQ(ReadToEnd(right_.get()), "");
  AwaitEnd();
  EXPECT_THAT(client_failure_, ::testing::HasSubstr("self-signed certificate"));
}

TEST_F(RelayTest, AServerOfAnotherNameIsNotTrusted) {
  const Identity engine("engine.test");
  ASSERT_OK_AND_ASSIGN(const Context server, Context::ForServer(engine.Trusting(nullptr), false));
  ASSERT_OK_AND_ASSIGN(const Context client, Context::ForClient({.ca = engine.Trusting(&engine).ca}, true));
  Join(server, client, "other.test");
  EXPECT_EQ(ReadToEnd(right_.get()), "");
  AwaitEnd();
  EXPECT_EQ(client_failure_, "hostname mismatch");
}

TEST(Context, ErrorsNameTheFile) {
  const auto none = Context::ForServer({"/nowhere/ca", "/nowhere/cert", "/nowhere/key"}, true);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().Message(), "open certificate '/nowhere/cert': No such file or directory");
  const testing::TempDir folder;
  std::ofstream(folder / "cert") << "no PEM";
  std::ofstream(folder / "key") << "no PEM";
  const auto bad = Context::ForServer({"", folder / "cert", folder / "key"}, false);
  ASSERT_FALSE(bad.ok());
  EXPECT_THAT(bad.error().Message(), ::testing::StartsWith("read certificate '" + (folder / "cert") + "': "));
}

}  // namespace
}  // namespace estiba::tls
