// Our end of TLS against OpenSSL used plainly, without a socket.

#include "proxy/net/tls.hpp"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/wire/startup.hpp"
#include "tests/pg/tls_end.hpp"

namespace chaperone::net {
namespace {

using pg::Authority;
using pg::CertificateOptions;
using pg::Credentials;
using pg::TlsEnd;
using pg::TlsOptions;

constexpr std::size_t kWhole = std::string::npos;

PemFile pem(const std::string& text, const std::string& name = "file") {
  return {name, text};
}

const Authority& authority() {
  static const Authority made;
  return made;
}

std::shared_ptr<const TlsContext> for_clients(const Credentials& own, const std::string& client_ca = {}) {
  return TlsContext::for_clients(pem(own.certificate), pem(own.key), pem(client_ca)).value();
}

const std::shared_ptr<const TlsContext>& listener() {
  static const auto made = for_clients(authority().issue());
  return made;
}

std::shared_ptr<const TlsContext> for_server(const std::string& host, bool verify = true) {
  return TlsContext::for_server(host, verify, pem(verify ? authority().certificate() : "")).value();
}

/// Ours and theirs, and the bytes between them.
class Pair {
 public:
  explicit Pair(const TlsContext& context, const TlsOptions& theirs_options = {}, bool direct = false)
      : ours(context, direct), theirs(theirs_options, !context.accepts()) {}

  /// Until both are open, or nothing moves any more. `piece`: so many bytes at a time.
  bool shake(std::size_t piece = kWhole) {
    std::string to_theirs, to_ours;
    std::string_view nothing;
    try {
      if (theirs_begin()) {
        to_ours = theirs.handshake({});
      } else {
        ours.handshake(nothing, to_theirs);
      }
      while (!to_ours.empty() || !to_theirs.empty()) {
        const std::string received = std::exchange(to_ours, {});
        for (std::size_t at = 0; at < received.size(); at += std::min(piece, received.size() - at)) {
          std::string_view part = std::string_view(received).substr(at, piece);
          ours.handshake(part, to_theirs);
          plain += read(part, to_theirs);
        }
        if (to_theirs.empty()) break;
        const std::string sent = std::exchange(to_theirs, {});
        if (!theirs.open()) {
          to_ours = theirs.handshake(sent);
        } else {
          bool ended = false;
          theirs.decrypt(sent, ended);
        }
      }
    } catch (const std::exception& failure) {
      their_failure = failure.what();
      const std::string alert = theirs.take_output();
      std::string_view input = alert;
      std::string output;
      ours.handshake(input, output);
      read(input, output);
    }
    return ours.state() == Tls::State::kOpen && theirs.open();
  }

  std::string read(std::string_view sealed, std::string& reply) {
    std::string room(sealed.size() + Tls::kMaxHeld, '\0');
    room.resize(ours.read(sealed, room.data(), room.size(), reply));
    return room;
  }
  std::string send_to_ours(std::string_view bytes, std::size_t piece = kWhole) {
    const std::string sealed = theirs.encrypt(bytes);
    std::string got, reply;
    for (std::size_t at = 0; at < sealed.size(); at += std::min(piece, sealed.size() - at)) {
      got += read(std::string_view(sealed).substr(at, piece), reply);
    }
    EXPECT_EQ(reply, "") << "nothing of it asks for an answer";
    return got;
  }
  std::string send_to_theirs(std::string_view bytes) {
    std::string sealed;
    ours.write(bytes, sealed);
    bool ended = false;
    return theirs.decrypt(sealed, ended);
  }

  Tls ours;
  TlsEnd theirs;
  std::string plain;  // that came with the handshake
  std::string their_failure;

 private:
  bool theirs_begin() const { return !theirs.accepts(); }
};

std::string some_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + (i >> 8));
  return bytes;
}

class Versions : public testing::TestWithParam<int> {};

TEST_P(Versions, BytesOfAllSizesBothWays) {
  for (const bool accepts : {true, false}) {
    SCOPED_TRACE(accepts ? "to clients" : "to a server");
    Pair pair(accepts ? *listener() : *for_server("localhost"),
              {.own = accepts ? Credentials() : authority().issue(),
               .ca = accepts ? authority().certificate() : "",
               .host = accepts ? "localhost" : "",
               .version = GetParam()});
    ASSERT_TRUE(pair.shake()) << pair.ours.failure() << pair.their_failure;
    EXPECT_EQ(pair.ours.end_point(), pair.theirs.end_point());
    EXPECT_EQ(pair.ours.end_point().size(), 32U);
    for (const std::size_t size : {1U, 5U, 100U, 16383U, 16384U, 16385U, 100'000U, 1'000'000U}) {
      const std::string bytes = some_bytes(size);
      EXPECT_EQ(pair.send_to_ours(bytes), bytes) << size;
      EXPECT_EQ(pair.send_to_theirs(bytes), bytes) << size;
    }
  }
}

TEST_P(Versions, AnyPiecesComeToTheSame) {
  for (const std::size_t piece : {1U, 2U, 3U, 7U, 100U}) {
    for (const bool accepts : {true, false}) {
      SCOPED_TRACE(std::to_string(piece) + (accepts ? " to clients" : " to a server"));
      Pair pair(accepts ? *listener() : *for_server("localhost"),
                {.own = accepts ? Credentials() : authority().issue(), .version = GetParam()});
      ASSERT_TRUE(pair.shake(piece)) << pair.ours.failure() << pair.their_failure;
      const std::string bytes = some_bytes(40'000);
      EXPECT_EQ(pair.send_to_ours(bytes, piece), bytes);
    }
  }
}

TEST_P(Versions, AGoodbyeIsAnEndAndNotAFailure) {
  Pair pair(*listener(), {.version = GetParam()});
  ASSERT_TRUE(pair.shake());
  std::string reply;
  std::string last = pair.theirs.encrypt("last words");
  last += pair.theirs.goodbye();
  EXPECT_EQ(pair.read(last, reply), "last words");
  EXPECT_EQ(pair.ours.state(), Tls::State::kClosed);
  EXPECT_EQ(pair.ours.failure(), "");

  Pair other(*listener(), {.version = GetParam()});
  ASSERT_TRUE(other.shake());
  std::string sealed;
  other.ours.write("bye", sealed);
  other.ours.finish(sealed);
  bool ended = false;
  EXPECT_EQ(other.theirs.decrypt(sealed, ended), "bye");
  EXPECT_TRUE(ended);
  sealed.clear();
  other.ours.write("more", sealed);
  EXPECT_EQ(sealed, "") << "something was said behind the goodbye";
  EXPECT_EQ(other.send_to_ours("the rest"), "the rest") << "the other side may still have something to say";
}

TEST_P(Versions, ARecordThatWasTouchedIsNotRead) {
  Pair pair(*listener(), {.version = GetParam()});
  ASSERT_TRUE(pair.shake());
  std::string reply;
  const std::string good = pair.theirs.encrypt("first");
  std::string bad = pair.theirs.encrypt("second");
  bad.back() = static_cast<char>(bad.back() ^ 1);
  EXPECT_EQ(pair.read(good + bad, reply), "first") << "what came before it was good";
  EXPECT_EQ(pair.ours.state(), Tls::State::kFailed);
  EXPECT_NE(reply, "") << "an alert is due";
  EXPECT_NE(pair.ours.failure(), "");
  std::string sealed;
  pair.ours.write("x", sealed);
  pair.ours.finish(sealed);
  EXPECT_EQ(sealed, "");
  EXPECT_EQ(pair.read(pair.theirs.encrypt("third"), reply), "");
}

TEST_P(Versions, ARecordThatIsPlayedAgainIsNotRead) {
  Pair pair(*listener(), {.version = GetParam()});
  ASSERT_TRUE(pair.shake());
  std::string reply;
  const std::string sealed = pair.theirs.encrypt("DELETE");
  EXPECT_EQ(pair.read(sealed, reply), "DELETE");
  EXPECT_EQ(pair.read(sealed, reply), "");
  EXPECT_EQ(pair.ours.state(), Tls::State::kFailed);
}

INSTANTIATE_TEST_SUITE_P(Tls, Versions, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& each) { return each.param == TLS1_2_VERSION ? "v12" : "v13"; });

TEST(Tls, OlderVersionsAreRefused) {
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    Pair pair(*listener(), {.version = version});
    EXPECT_FALSE(pair.shake());
    EXPECT_EQ(pair.ours.state(), Tls::State::kFailed);
    EXPECT_EQ(pair.ours.failure(), "unsupported protocol");
    Pair upstream(*for_server("localhost"), {.own = authority().issue(), .version = version});
    EXPECT_FALSE(upstream.shake());
  }
}

TEST(Tls, NothingFollowsTheHandshake) {
  // Tickets would: neither are they sent, nor is a session kept to be taken up again.
  Pair pair(*listener());
  ASSERT_TRUE(pair.shake());
  bool ended = false;
  EXPECT_EQ(pair.theirs.decrypt({}, ended), "");
  EXPECT_FALSE(pair.theirs.resumable());
}

TEST(Tls, NewKeysAreTakenAndGiven) {
  Pair pair(*listener());
  ASSERT_TRUE(pair.shake());
  for (int i = 0; i < 20; ++i) {
    std::string sealed = pair.theirs.ask_for_new_keys();
    sealed += pair.theirs.encrypt("with new keys");
    std::string reply;
    EXPECT_EQ(pair.read(sealed, reply), "with new keys");
    bool ended = false;
    pair.theirs.decrypt(reply, ended);
    EXPECT_EQ(pair.send_to_theirs("and back"), "and back");
  }
}

TEST(Tls, AClientThatOnlyAsksForNewKeysFillsNoMemory) {
  // Each question is answered, and the answers of one that does not take them would pile up.
  Pair pair(*listener());
  ASSERT_TRUE(pair.shake());
  std::string replies;
  for (int i = 0; i < 10'000 && pair.ours.state() == Tls::State::kOpen; ++i) {
    pair.read(pair.theirs.ask_for_new_keys(), replies);
  }
  EXPECT_EQ(pair.ours.state(), Tls::State::kFailed);
  EXPECT_LT(replies.size(), 64U << 10);
}

TEST(Tls, NoNewHandshakeOnAnOldConnection) {
  Pair pair(*listener(), {.version = TLS1_2_VERSION});
  ASSERT_TRUE(pair.shake());
  std::string reply;
  EXPECT_EQ(pair.read(pair.theirs.ask_for_renegotiation(), reply), "");
  EXPECT_LT(reply.size(), 100U) << "a handshake's answer has a certificate in it";
}

TEST(Tls, WhoBeginsWithoutAskingHasToNamePostgreSQL) {
  Pair named(*listener(), {.alpn = "postgresql"}, true);
  EXPECT_TRUE(named.shake());
  EXPECT_EQ(named.theirs.alpn(), "postgresql");
  Pair silent(*listener(), {.alpn = ""}, true);
  EXPECT_FALSE(silent.shake());
  EXPECT_EQ(silent.ours.state(), Tls::State::kFailed);
  for (const bool direct : {false, true}) {
    Pair other(*listener(), {.alpn = "http/1.1"}, direct);
    EXPECT_FALSE(other.shake()) << "another protocol's client was served";
    EXPECT_EQ(other.ours.failure(), "no application protocol") << direct;
  }
  Pair asked(*listener(), {.alpn = ""}, false);
  EXPECT_TRUE(asked.shake()) << "clients before PostgreSQL 17 know no ALPN";
}

TEST(Tls, WhatIsNoHandshakeFails) {
  const std::string startup =
      wire::encode(wire::StartupMessage{.parameters = {{"user", "bot"}, {"database", "shop"}}});
  for (const std::string& bytes :
       {startup, std::string("GET / HTTP/1.1\r\n\r\n"), std::string(100, '\xff'),
        std::string("\x16\x03\x01\xff\xff", 5), std::string("\x15\x03\x01\0\2\2\x28", 7)}) {
    for (const bool accepts : {true, false}) {
      Tls tls(accepts ? *listener() : *for_server("localhost"));
      std::string_view input;
      std::string output;
      tls.handshake(input, output);
      input = bytes;
      tls.handshake(input, output);
      EXPECT_EQ(tls.state(), Tls::State::kFailed) << bytes;
    }
  }
}

/// What a server shows, and what becomes of it with `verify-full` for the host.
struct Case {
  const char* name;
  CertificateOptions certificate;
  const char* failure = "";  ///< empty = it is good
  const char* host = "localhost";
};

std::ostream& operator<<(std::ostream& out, const Case& each) {
  return out << each.name;
}

class ServersCertificate : public testing::TestWithParam<Case> {};

TEST_P(ServersCertificate, IsVerified) {
  const Credentials shown = authority().issue(GetParam().certificate);
  Pair pair(*for_server(GetParam().host), {.own = shown});
  EXPECT_EQ(pair.shake(), GetParam().failure[0] == '\0') << pair.ours.failure() << pair.their_failure;
  if (GetParam().failure[0] != '\0') {
    EXPECT_EQ(pair.ours.failure(), std::string("the certificate: ") + GetParam().failure);
  }
  Pair blind(*for_server(GetParam().host, false), {.own = shown});
  EXPECT_TRUE(blind.shake()) << "insecure_require looks at no certificate: " << blind.ours.failure();
}

INSTANTIATE_TEST_SUITE_P(
    Tls, ServersCertificate,
    testing::Values(
        Case{"Good", {}}, Case{"GoodRsa", {.algorithm = "RSA"}},
        Case{"GoodEd25519", {.algorithm = "ED25519"}}, Case{"GoodAddress", {}, "", "127.0.0.1"},
        Case{"AnyUsage", {.usage = ""}},
        Case{"NameAlone", {.common_name = "localhost", .alternative_names = ""}},
        Case{"Wildcard", {.alternative_names = "DNS:*.example.com"}, "", "db.example.com"},
        Case{"OneOfSeveral", {.alternative_names = "DNS:a,DNS:b,DNS:localhost"}},
        Case{"Expired", {.begins = -7200, .ends = -10}, "certificate has expired"},
        Case{"NotYet", {.begins = 1000, .ends = 7200}, "certificate is not yet valid"},
        Case{"OtherHost", {.alternative_names = "DNS:other.example.com"}, "hostname mismatch"},
        Case{"NameIsNotLookedAt",
             {.common_name = "localhost", .alternative_names = "DNS:other"},
             "hostname mismatch"},
        Case{"OtherAddress", {.alternative_names = "IP:127.0.0.2"}, "IP address mismatch", "127.0.0.1"},
        Case{"AddressAsName", {.alternative_names = "DNS:127.0.0.1"}, "IP address mismatch", "127.0.0.1"},
        Case{"WildcardTooDeep",
             {.alternative_names = "DNS:*.example.com"},
             "hostname mismatch",
             "a.b.example.com"},
        Case{"WildcardForItself",
             {.alternative_names = "DNS:*.example.com"},
             "hostname mismatch",
             "example.com"},
        Case{"WildcardInPart",
             {.alternative_names = "DNS:d*.example.com"},
             "hostname mismatch",
             "db.example.com"},
        Case{"PrefixOfTheName", {.alternative_names = "DNS:localhost.evil.com"}, "hostname mismatch"},
        Case{"ForClients", {.usage = "clientAuth"}, "unsuitable certificate purpose"},
        Case{"ForMail", {.usage = "emailProtection"}, "unsuitable certificate purpose"}),
    [](const auto& each) { return each.param.name; });

TEST(Tls, TheAuthorityCounts) {
  const Authority other("another authority");
  const Authority between("one below", authority());
  const Credentials by_between = between.issue();
  Credentials with_chain = by_between;
  with_chain.certificate += between.certificate();
  const std::vector<std::tuple<const char*, Credentials, std::string>> shown = {
      {"self-signed", Authority::self_signed(), "the certificate: self-signed certificate"},
      {"of another one", other.issue(), "the certificate: unable to get local issuer certificate"},
      {"chain not shown", by_between, "the certificate: unable to get local issuer certificate"},
      {"chain shown", with_chain, ""},
  };
  for (const auto& [what, credentials, failure] : shown) {
    Pair pair(*for_server("localhost"), {.own = credentials});
    EXPECT_EQ(pair.shake(), failure.empty()) << what;
    EXPECT_EQ(pair.ours.failure(), failure) << what;
  }
  // Its end entities are no authorities.
  Credentials forged = Authority::self_signed();
  forged.certificate += authority().issue().certificate;
  Pair pair(*for_server("localhost"), {.own = forged});
  EXPECT_FALSE(pair.shake());
  // Without one of ours it is the system's, which knows no test.
  Pair system(*TlsContext::for_server("localhost", true).value(), {.own = authority().issue()});
  EXPECT_FALSE(system.shake());
}

TEST(Tls, ClientsShowACertificateWhereTheyHaveTo) {
  const auto context = for_clients(authority().issue(), authority().certificate());
  const Authority other("another authority");
  const std::vector<std::tuple<const char*, Credentials, bool>> shown = {
      {"none", {}, false},
      {"good", authority().issue({.common_name = "bot", .usage = "clientAuth"}), true},
      {"of another authority", other.issue({.usage = "clientAuth"}), false},
      {"for servers", authority().issue({.usage = "serverAuth"}), false},
      {"expired", authority().issue({.usage = "clientAuth", .begins = -100, .ends = -10}), false},
      {"self-signed", Authority::self_signed({.usage = "clientAuth"}), false},
  };
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const auto& [what, credentials, good] : shown) {
      Pair pair(*context, {.own = credentials, .version = version});
      pair.shake();
      EXPECT_EQ(pair.ours.state() == Tls::State::kOpen, good) << what << ": " << pair.ours.failure();
    }
  }
}

TEST(EndPoint, IsByTheHashOfTheSignature) {
  const auto size = [](const CertificateOptions& options) {
    const auto context = for_clients(authority().issue(options));
    Pair pair(*context);
    EXPECT_TRUE(pair.shake());
    return pair.ours.end_point().size();
  };
  EXPECT_EQ(size({.digest = "SHA256"}), 32U);
  EXPECT_EQ(size({.digest = "SHA384"}), 48U);
  EXPECT_EQ(size({.digest = "SHA512"}), 64U);
  // SHA-1 does not count (RFC 5929), and a signature by Ed25519 has no hash of its own.
  EXPECT_EQ(size({.algorithm = "ED25519"}), 32U) << "the authority's signature counts, not the key";
  const Credentials undefined = Authority::self_signed({.algorithm = "ED25519"});
  Pair pair(*for_clients(undefined));
  EXPECT_TRUE(pair.shake());
  EXPECT_EQ(pair.ours.end_point(), "");
}

TEST(Context, SaysWhichFileIsWrong) {
  const Credentials good = authority().issue(), other = authority().issue();
  const auto failure = [](const std::string& certificate, const std::string& key,
                          const std::string& ca = {}) {
    const auto made = TlsContext::for_clients(pem(certificate, "a.crt"), pem(key, "a.key"), pem(ca, "a.ca"));
    return made ? std::string() : made.error().message;
  };
  EXPECT_EQ(failure(good.certificate, good.key), "");
  EXPECT_EQ(failure("", good.key), "a.crt: it holds no certificate in PEM form");
  EXPECT_EQ(failure(good.key, good.key), "a.crt: it holds no certificate in PEM form");
  EXPECT_EQ(failure("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", good.key)
                .find("a.crt: a certificate can't be read"),
            0U);
  EXPECT_EQ(failure(good.certificate, good.certificate),
            "a.key: it holds no private key in PEM form that can be read");
  EXPECT_EQ(failure(good.certificate, other.key),
            "a.key: the private key is not that of the certificate in a.crt");
  EXPECT_EQ(failure(good.certificate, pg::with_passphrase(good.key)),
            "a.key: the private key is protected by a passphrase; expected one without");
  EXPECT_EQ(failure(good.certificate, good.key, "nothing"), "a.ca: it holds no certificate in PEM form");
  EXPECT_EQ(failure(good.certificate.substr(0, good.certificate.size() / 2), good.key).find("a.crt: "), 0U);
  EXPECT_EQ(TlsContext::for_server("h", true, pem("nothing", "a.ca")).error().message,
            "a.ca: it holds no certificate in PEM form");
}

}  // namespace
}  // namespace chaperone::net
