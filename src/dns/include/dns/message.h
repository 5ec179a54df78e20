#pragma once
// DNS messages (RFC 1035 section 4, EDNS of RFC 6891): queries are read whole and checked, answers are written; of
// answers of others only what tells whether they belong to a question is read. Pure.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace estiba::dns {

// Numbers of the wire: any other may occur too.
enum class Type : std::uint16_t {
  kA = 1, kPtr = 12, kAaaa = 28, kSrv = 33, kOpt = 41, kIxfr = 251, kAxfr = 252, kAny = 255,
};
enum class Rcode : std::uint16_t {
  kNoError = 0, kFormatError = 1, kServerFailure = 2, kNoName = 3, kNotImplemented = 4, kRefused = 5, kBadVersion = 16,
};

inline constexpr std::size_t kMaxMessage = 65535;
// Of datagrams: what everybody takes, and the most that we send and announce. There is no path to fragment on: clients
// are on the same loopback interface.
inline constexpr std::size_t kPlainUdp = 512;
inline constexpr std::size_t kLargestUdp = 4096;

struct Question {
  std::string name;  // as ReadName() gives it
  Type type = Type::kA;
  std::uint16_t klass = 0;
};

struct Edns {
  std::uint16_t udp_size = 0;
  unsigned version = 0;
  bool dnssec_ok = false;
};

struct Query {
  std::uint16_t id = 0;
  bool recursion_desired = false;
  bool checking_disabled = false;
  Question question;
  std::string question_bytes;  // as it was asked, letter for letter; empty when it could not be read
  std::optional<Edns> edns;
};

enum class Transport : unsigned char { kUdp, kTcp };

struct ParsedQuery {
  enum class Verdict : unsigned char {
    kDrop,    // no answer: too short to be one, or itself an answer (two servers would answer each other for ever)
    kRefuse,  // answered with `rcode`
    kQuery,
  };
  Verdict verdict = Verdict::kDrop;
  Rcode rcode = Rcode::kFormatError;
  Query query;
};
ParsedQuery ParseQuery(std::string_view packet);

// A record of the question's name.
struct Record {
  Type type = Type::kA;
  std::string data;
};

// Writes the answer to a query. What does not fit any more is left out, and the answer says that it was cut (TC).
class AnswerWriter {
 public:
  AnswerWriter(const Query& query, Rcode rcode, Transport transport);
  void Add(const Record& record);
  void Cut();
  std::string Finish() &&;

 private:
  const Query& query_;
  Rcode rcode_;
  std::size_t limit_;
  std::string out_;
  std::uint16_t answers_ = 0;
  bool cut_ = false;
};
// Without records.
std::string EmptyAnswer(const Query& query, Rcode rcode, Transport transport);
// The longest answer that the client takes.
std::size_t AnswerLimit(const Query& query, Transport transport);

// What another server's answer says of itself; nothing unless it is one to a question of ours: `question_bytes`, in
// whatever case of letters, under `id`.
struct AnswerHead {
  Rcode rcode = Rcode::kNoError;
  bool cut = false;
};
std::optional<AnswerHead> ReadAnswerHead(std::string_view packet, std::uint16_t id, std::string_view question_bytes);
// `packet` is a whole message.
void SetId(std::string& packet, std::uint16_t id);

// A message as TCP carries it: two bytes of length before it (section 4.2.2).
std::string Framed(std::string_view message);
// The first whole message of `stream`, without its length; nothing yet when it is not all there.
std::optional<std::string_view> FirstFramed(std::string_view stream);

}  // namespace estiba::dns
