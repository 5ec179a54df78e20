#include "codec/openpgp.h"

#include <fstream>
#include <iterator>

#include "codec/stream.h"
#include "tests/support.h"

namespace estiba::codec {
namespace {

constexpr const char* kPayload = R"({"payload": 1})";

// What tests/openpgp/make made with gpg.
std::string Made(const std::string& name) {
  std::ifstream file(std::string(ESTIBA_TEST_DATA) + "/openpgp/" + name, std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

OpenPgpKeys KeysOf(const std::vector<std::string>& names) {
  std::vector<std::string> keyrings;
  for (const std::string& name : names) keyrings.push_back(Made(name));
  auto keys = OpenPgpKeys::Read(keyrings);
  if (!keys.ok()) ADD_FAILURE() << keys.error().ToString();
  return std::move(*keys);
}

// The payload, or why there is none.
std::string Open(const std::vector<std::string>& keyrings, const std::string& message) {
  const auto opened = KeysOf(keyrings).Open(message);
  EXPECT_EQ(opened.ok() ? Code::kPermissionDenied : opened.error().code(), Code::kPermissionDenied);
  return opened.ok() ? *opened : opened.error().Message();
}

std::string ParseError(const std::string& message) {
  const auto parsed = ParseSignedMessage(message);
  return parsed.ok() ? "" : parsed.error().Message();
}

TEST(OpenPgp, KeysOfAllUsualKindsSign) {
  for (const char* kind : {"ed25519", "rsa", "p256"})
    EXPECT_EQ(Open({kind + std::string(".gpg")}, Made(kind + std::string(".sig"))), kPayload) << kind;
}

TEST(OpenPgp, AMessageMayBeCompressedOrNot) {
  for (const char* name : {"plain.sig", "zlib.sig", "bzip2.sig", "text.sig"})
    EXPECT_EQ(Open({"ed25519.gpg"}, Made(name)), kPayload) << name;
}

TEST(OpenPgp, AKeyringMayBeArmoredAndHaveSeveralKeys) {
  EXPECT_EQ(Open({"ed25519.asc"}, Made("ed25519.sig")), kPayload);
  EXPECT_EQ(Open({"two.asc"}, Made("other.sig")), kPayload);
  EXPECT_EQ(Open({"rsa.gpg", "other.gpg", "other.gpg"}, Made("other.sig")), kPayload);
  EXPECT_FALSE(OpenPgpKeys::Read({"no key"}).ok());
  EXPECT_FALSE(OpenPgpKeys::Read({""}).ok());
  EXPECT_FALSE(OpenPgpKeys::Read({Made("ed25519.sig")}).ok());
  EXPECT_FALSE(OpenPgpKeys::Read({Made("ed25519.gpg"), "no key"}).ok());
}

TEST(OpenPgp, OtherKeysDoNotCount) {
  EXPECT_EQ(Open({"ed25519.gpg", "rsa.gpg"}, Made("other.sig")), "it is by none of the keys of the policy");
}

TEST(OpenPgp, WhatWasAlteredDoesNotCount) {
  std::string message = Made("plain.sig");
  const std::size_t digit = message.find("\": 1}");
  ASSERT_NE(digit, std::string::npos);
  message[digit + 3] = '2';
  EXPECT_THAT(Open({"ed25519.gpg"}, message), ::testing::HasSubstr("does not fit what was signed"));
  message[digit + 3] = '1';
  EXPECT_EQ(Open({"ed25519.gpg"}, message), kPayload);
  message.back() ^= 1;
  EXPECT_THAT(Open({"ed25519.gpg"}, message), ::testing::HasSubstr("does not fit what was signed"));
}

TEST(OpenPgp, WhatHasExpiredOrWasRevokedDoesNotCount) {
  EXPECT_EQ(Open({"expired.gpg"}, Made("expired.sig")), "the key it is by has expired");
  EXPECT_EQ(Open({"revoked.gpg"}, Made("revoked.sig")), "the key it is by was revoked");
  EXPECT_EQ(Open({"ed25519.gpg"}, Made("expires.sig")), "it has expired");
}

TEST(OpenPgp, ASubkeySignsForItsPrimaryKey) {
  EXPECT_EQ(Open({"master.gpg"}, Made("subkey.sig")), kPayload);
  EXPECT_EQ(Open({"master-subkey-revoked.gpg"}, Made("subkey.sig")), "the key it is by was revoked");
}

TEST(OpenPgp, Sha1IsTooWeak) {
  EXPECT_THAT(Open({"rsa.gpg"}, Made("sha1.sig")), ::testing::HasSubstr("too weak"));
}

TEST(SignedMessage, IsNothingElse) {
  EXPECT_THAT(ParseError(Made("unsigned.sig")), ::testing::HasSubstr("it is not signed"));
  EXPECT_THAT(ParseError(Made("detached.sig")), ::testing::HasSubstr("it is a detached signature"));
  EXPECT_THAT(ParseError(Made("cleartext.sig")), ::testing::HasSubstr("it is text"));
  EXPECT_THAT(ParseError(Made("armored.sig")), ::testing::HasSubstr("it is text"));
  EXPECT_THAT(ParseError(Made("both.sig")), ::testing::HasSubstr("it has several signatures"));
  EXPECT_THAT(ParseError(""), ::testing::HasSubstr("it is cut short"));
  EXPECT_THAT(ParseError("{}"), ::testing::HasSubstr("a packet does not begin as one"));
  EXPECT_THAT(ParseError(Made("ed25519.gpg")), ::testing::HasSubstr("does not begin with a signature"));
}

TEST(SignedMessage, EndsWhereItEnds) {
  for (const char* name : {"ed25519.sig", "plain.sig", "zlib.sig", "bzip2.sig"}) {
    const std::string message = Made(name);
    ASSERT_EQ(ParseError(message), "") << name;
    EXPECT_NE(ParseError(message + "x"), "") << name;
    EXPECT_NE(ParseError(message + message), "") << name;
    for (std::size_t size = 0; size < message.size(); ++size)
      ASSERT_NE(ParseError(message.substr(0, size)), "") << name << " of " << size;
  }
}

TEST(SignedMessage, DataMayComeInParts) {
  // Section 4.2.2.4: 2 bytes, then the last.
  const std::string plain = Made("plain.sig");
  const std::size_t literal = 15;  // behind the one-pass signature
  ASSERT_EQ(static_cast<unsigned char>(plain[literal]), 0xCB);
  const std::size_t length = static_cast<unsigned char>(plain[literal + 1]);
  const std::string parts = plain.substr(0, literal + 1) + '\xE1' + plain.substr(literal + 2, 2) +
                            static_cast<char>(length - 2) + plain.substr(literal + 4);
  EXPECT_EQ(Open({"ed25519.gpg"}, parts), kPayload);
}

TEST(SignedMessage, IsBounded) {
  EXPECT_THAT(ParseError(std::string((1U << 20) + 1, '\0')), ::testing::HasSubstr("larger than 1 MiB"));
  std::string gzip;
  GzipWriter writer([&gzip](std::string_view bytes) {
    gzip += bytes;
    return Ok();
  });
  ASSERT_TRUE(writer.Write(std::string((1U << 20) + 1, '\0')).ok());
  ASSERT_TRUE(writer.Finish().ok());
  const std::string deflated = gzip.substr(10, gzip.size() - 18);  // without gzip's head and its sums
  EXPECT_THAT(ParseError("\xA3\x01" + deflated), ::testing::HasSubstr("inflates to more than 1 MiB"));
}

}  // namespace
}  // namespace estiba::codec
