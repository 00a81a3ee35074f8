#include "proxy/net/credentials/client_certificate.hpp"

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <set>

#include "proxy/net/tls.hpp"
#include "tests/pg/tls_end.hpp"

namespace chaperone::net {
namespace {

using pg::Authority;
using pg::CertificateOptions;
using pg::Credentials;
using pg::TlsEnd;
using pg::TlsOptions;

constexpr audit::Microseconds kSecond = 1'000'000;
constexpr const char* kName = "agp_west-1_abcdefghijklmnop";

audit::Microseconds now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

ClientAuthority::Result read(const std::string& certificate, const std::string& key) {
  return ClientAuthority::read({"\"ca.pem\"", certificate}, {"\"ca.key\"", key}, now());
}

MintedCertificate mint(const Authority& authority, audit::Microseconds at = now(), long seconds = 600) {
  return (*read(authority.certificate(), authority.key()))->mint(kName, at, seconds).value();
}

std::time_t time_of(const ASN1_TIME* time) {
  std::tm parts{};
  ASN1_TIME_to_tm(time, &parts);
  return ::timegm(&parts);
}

std::string extension(X509* certificate, int which) {
  const int at = X509_get_ext_by_NID(certificate, which, -1);
  if (at < 0) return "none";
  BIO* const out = BIO_new(BIO_s_mem());
  X509V3_EXT_print(out, X509_get_ext(certificate, at), 0, 0);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(out);
  return text;
}

TEST(ClientAuthority, MintsForOneSession) {
  const Authority authority;
  const audit::Microseconds at = now();
  const MintedCertificate minted = mint(authority, at);
  X509* const made = minted.shown.certificate.get();
  std::array<char, 65> name{};
  X509_NAME_get_text_by_NID(X509_get_subject_name(made), NID_commonName, name.data(), name.size());
  EXPECT_STREQ(name.data(), kName);
  EXPECT_EQ(X509_NAME_entry_count(X509_get_subject_name(made)), 1);
  EXPECT_EQ(extension(made, NID_ext_key_usage), "TLS Web Client Authentication");
  EXPECT_EQ(extension(made, NID_key_usage), "Digital Signature");
  EXPECT_EQ(extension(made, NID_basic_constraints), "CA:FALSE");
  EXPECT_EQ(extension(made, NID_subject_alt_name), "none");
  EXPECT_EQ(time_of(X509_get0_notBefore(made)), at / kSecond - 60);
  EXPECT_EQ(time_of(X509_get0_notAfter(made)), at / kSecond + 600);
  EXPECT_EQ(minted.expires_at, (at / kSecond + 600) * kSecond);
  EXPECT_EQ(X509_check_private_key(made, minted.shown.key.get()), 1);
  EXPECT_EQ(EVP_PKEY_get_bits(minted.shown.key.get()), 256);
  EXPECT_TRUE(minted.shown.chain.empty()) << "a root is not sent";

  std::set<std::string> serials, keys;
  for (int i = 0; i < 20; ++i) {
    const MintedCertificate other = mint(authority);
    serials.insert(other.serial);
    EXPECT_EQ(EVP_PKEY_eq(other.shown.key.get(), minted.shown.key.get()), 0);
  }
  EXPECT_EQ(serials.size(), 20U);
  EXPECT_GT(minted.serial.size(), 16U) << minted.serial;
}

TEST(ClientAuthority, OutlivesWhatItSigns) {
  const audit::Microseconds at = now();
  const Authority authority(CertificateOptions{.usage = "", .ends = 100});
  const auto read_now = *read(authority.certificate(), authority.key());
  const auto minted = read_now->mint(kName, at, 600).value();
  EXPECT_LE(minted.expires_at, at + 101 * kSecond);
  EXPECT_EQ(time_of(X509_get0_notAfter(minted.shown.certificate.get())) * kSecond, minted.expires_at);
  const auto later = read_now->mint(kName, at + 200 * kSecond, 600);
  ASSERT_FALSE(later);
  EXPECT_EQ(later.error().message, "\"ca.pem\": the authority's certificate has expired");
  EXPECT_FALSE(read_now->mint("", at, 600));
  EXPECT_FALSE(read_now->mint(std::string(65, 'n'), at, 600));
}

TEST(ClientAuthority, IsCheckedWhenItIsRead) {
  const Authority authority;
  const auto problem = [&](const std::string& certificate, const std::string& key) {
    const auto result = read(certificate, key);
    return result ? std::string("none") : result.error().message;
  };
  EXPECT_EQ(problem(authority.certificate(), authority.key()), "none");
  EXPECT_EQ(problem(authority.certificate(), Authority().key()),
            "\"ca.key\": the private key is not that of the certificate in \"ca.pem\"");
  const Credentials leaf = authority.issue({.usage = "clientAuth"});
  EXPECT_EQ(problem(leaf.certificate, leaf.key),
            "\"ca.pem\": its first certificate is no authority's (basicConstraints CA:TRUE)");
  const Authority for_servers(CertificateOptions{.usage = "serverAuth"});
  EXPECT_EQ(problem(for_servers.certificate(), for_servers.key()).substr(0, 62),
            "\"ca.pem\": the authority may not sign certificates of clients (");
  const Authority for_clients(CertificateOptions{.usage = "clientAuth"});
  EXPECT_EQ(problem(for_clients.certificate(), for_clients.key()), "none");
  const Authority old(CertificateOptions{.usage = "", .ends = -10}),
      early(CertificateOptions{.usage = "", .begins = 3600, .ends = 7200});
  EXPECT_EQ(problem(old.certificate(), old.key()), "\"ca.pem\": the authority's certificate has expired");
  EXPECT_EQ(problem(early.certificate(), early.key()),
            "\"ca.pem\": the authority's certificate is not valid yet");
  EXPECT_EQ(problem("", authority.key()), "\"ca.pem\": it holds no certificate in PEM form");
  EXPECT_EQ(problem(authority.certificate(), ""),
            "\"ca.key\": it holds no private key in PEM form that can be read");
  EXPECT_EQ(problem(authority.certificate(), pg::with_passphrase(authority.key())),
            "\"ca.key\": the private key is protected by a passphrase; expected one without");
}

/// A handshake of ours with a server that trusts `clients`: the name that it sees, or who gave up, and why.
std::string handshake(const TlsContext& context, const Authority& server, const std::string& clients,
                      int version = 0) {
  Tls ours(context);
  TlsEnd theirs({.own = server.issue(), .ca = clients, .version = version}, true);
  std::string to_theirs;
  std::string_view nothing;
  const auto receive = [&](std::string_view bytes) {
    ours.handshake(bytes, to_theirs);
    std::string room(bytes.size() + Tls::kMaxHeld, '\0');
    if (ours.state() == Tls::State::kOpen) (void)ours.read(bytes, room.data(), room.size(), to_theirs);
  };
  try {
    ours.handshake(nothing, to_theirs);
    while (!to_theirs.empty() && !theirs.open()) receive(theirs.handshake(std::exchange(to_theirs, {})));
  } catch (const std::exception& failure) {
    receive(theirs.take_output());
    return "server: " + std::string(failure.what()) + "; ours: " + ours.failure();
  }
  if (ours.state() != Tls::State::kOpen) return "ours: " + ours.failure();
  return theirs.peer_name();
}

TEST(ClientCertificate, IsShownToWhoAsks) {
  const Authority server, clients;
  const auto base = TlsContext::for_server("localhost", true, {"ca", server.certificate()}).value();
  const auto context = TlsContext::presenting(*base, mint(clients).shown);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    EXPECT_EQ(handshake(*context, server, clients.certificate(), version), kName);
    EXPECT_EQ(handshake(*context, server, "", version),
              "ours: it asks for no certificate (ssl_ca_file, and `cert` in pg_hba.conf)");
    const std::string foreign = handshake(*context, server, Authority().certificate(), version);
    EXPECT_NE(foreign.find("server: "), std::string::npos) << foreign;
    EXPECT_NE(foreign.find("ours: "), std::string::npos) << foreign;
    EXPECT_NE(foreign.find("alert unknown ca"), std::string::npos) << foreign;
    const auto expired = TlsContext::presenting(*base, mint(clients, now() - 3600 * kSecond).shown);
    const std::string late = handshake(*expired, server, clients.certificate(), version);
    EXPECT_NE(late.find("certificate expired"), std::string::npos) << late;
    EXPECT_EQ(handshake(*context, server, clients.certificate(), version), kName) << "the others go on";
    EXPECT_EQ(handshake(*base, server, "", version).find("ours: "), std::string::npos);
  }
}

TEST(ClientCertificate, KeepsItsKeyForTheHandshakeAlone) {
  const Authority server, clients;
  const auto base = TlsContext::for_server("localhost", true, {"ca", server.certificate()}).value();
  MintedCertificate minted = mint(clients);
  const std::weak_ptr<EVP_PKEY> key = minted.shown.key;
  auto context = TlsContext::presenting(*base, std::exchange(minted.shown, {}));
  Tls ours(*context);
  context.reset();
  TlsEnd theirs({.own = server.issue(), .ca = clients.certificate()}, true);
  EXPECT_FALSE(key.expired());
  std::string to_theirs;
  std::string_view nothing;
  ours.handshake(nothing, to_theirs);
  const std::string answer = theirs.handshake(std::exchange(to_theirs, {}));
  std::string_view input = answer;
  ours.handshake(input, to_theirs);
  ASSERT_EQ(ours.state(), Tls::State::kOpen) << ours.failure();
  EXPECT_TRUE(key.expired());
}

TEST(ClientCertificate, OfAnIntermediateAuthorityComesWithIt) {
  const Authority server, root("the root");
  const Authority between("the one between", root);
  const auto base = TlsContext::for_server("localhost", true, {"ca", server.certificate()}).value();
  const auto authority = read(between.certificate() + root.certificate(), between.key()).value();
  const auto minted = authority->mint(kName, now(), 600).value();
  EXPECT_EQ(minted.shown.chain.size(), 1U);
  EXPECT_EQ(handshake(*TlsContext::presenting(*base, minted.shown), server, root.certificate()), kName);
}

TEST(ClientCertificate, InPemForm) {
  const Authority server, clients;
  const auto base = TlsContext::for_server("localhost", true, {"ca", server.certificate()}).value();
  const Credentials own = clients.issue({.common_name = "given", .usage = "clientAuth"});
  const auto context = TlsContext::presenting(*base, {"certificate", own.certificate}, {"key", own.key});
  ASSERT_TRUE(context) << context.error().message;
  EXPECT_EQ(handshake(**context, server, clients.certificate()), "given");
  EXPECT_EQ(
      TlsContext::presenting(*base, {"certificate", own.certificate}, {"key", clients.key()}).error().message,
      "key: the private key is not that of the certificate in certificate");
  EXPECT_FALSE(TlsContext::presenting(*base, {"certificate", "x"}, {"key", own.key}));
  EXPECT_FALSE(TlsContext::presenting(*base, {"certificate", own.certificate}, {"key", "x"}));
}

}  // namespace
}  // namespace chaperone::net
