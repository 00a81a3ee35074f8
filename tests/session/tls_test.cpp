#include <gtest/gtest.h>

#include "tests/support/peer.hpp"
#include "tests/support/records.hpp"

// What a session makes of TLS on either side; the bytes of a handshake are none of its business.

namespace chaperone::test {
namespace {

using session::Action;

const Pairs kUser = {{"user", kAgent}, {"database", "shop"}};
const std::string kEndPoint(32, '\xe0');
constexpr std::string_view kPlus = auth::kScramSha256Plus;

Peer listening_with_tls(std::string peer = "10.0.0.7:51234") {
  return Peer(test_environment(), std::move(peer), nullptr, true);
}

void expect_action(Peer& peer, Action action) {
  EXPECT_EQ(static_cast<int>(peer.take_action()), static_cast<int>(action));
}

void expect_refused(Peer& peer, std::string_view sqlstate, std::string_view text) {
  const auto said = peer.take_to_client();
  EXPECT_NE(said.find("C" + std::string(sqlstate)), std::string::npos) << show(said);
  EXPECT_NE(said.find(text), std::string::npos) << show(said);
  expect_action(peer, Action::kClose);
  EXPECT_TRUE(peer.over());
  EXPECT_EQ(show(peer.take_to_server()), "");
}

/// Asked for, promised and done.
void encrypt(Peer& peer, const std::string& end_point = kEndPoint) {
  peer.client(ssl_request());
  EXPECT_EQ(peer.take_to_client(), "S");
  expect_action(peer, Action::kStartTls);
  EXPECT_EQ(peer.session().take_client_hello(), "");
  EXPECT_FALSE(peer.session().tls_is_direct());
  peer.tls_established(end_point);
}

/// The whole proof by the best mechanism that is offered.
void prove(Peer& peer, auth::ScramClient& scram, std::string_view mechanism) {
  peer.client(sasl_initial_response(mechanism, scram.first()));
  auto said = peer.take_to_client();
  ASSERT_TRUE(said.starts_with('R') && said.size() > 9) << show(said);
  const auto final = scram.final(std::string_view(said).substr(9));
  ASSERT_TRUE(final) << final.error().message;
  peer.client(sasl_response(*final));
}

auth::ScramKeyCache& keys() {
  static auth::ScramKeyCache cache;
  return cache;
}

TEST(ClientTls, IsPromisedWhereItIsOfferedAndBindsTheProof) {
  Peer peer = listening_with_tls();
  encrypt(peer);
  peer.client(startup(kUser));
  EXPECT_EQ(peer.take_to_client(), authentication_sasl({kPlus, auth::kScramSha256}));
  auth::ScramClient scram(kPassword, keys(), kEndPoint);
  EXPECT_EQ(scram.choose({kPlus, auth::kScramSha256}), kPlus);
  prove(peer, scram, kPlus);
  expect_action(peer, Action::kConnectUpstream);
}

TEST(ClientTls, AClientThatCanNotBindGetsInWithout) {
  Peer peer = listening_with_tls();
  encrypt(peer);
  peer.client(startup(kUser));
  peer.take_to_client();
  auth::ScramClient scram(kPassword, keys());
  prove(peer, scram, auth::kScramSha256);
  expect_action(peer, Action::kConnectUpstream);
}

TEST(ClientTls, WhoBindsToAnotherConnectionIsRefused) {
  Peer peer = listening_with_tls();
  encrypt(peer);
  peer.client(startup(kUser));
  peer.take_to_client();
  auth::ScramClient scram(kPassword, keys(), std::string(32, '\xe1'));
  ASSERT_EQ(scram.choose({kPlus}), kPlus);
  prove(peer, scram, kPlus);
  expect_refused(peer, "28000", "channel binding check failed");
}

TEST(ClientTls, WhoWasNotToldOfTheBindingIsRefused) {
  Peer peer = listening_with_tls();
  encrypt(peer);
  peer.client(startup(kUser));
  peer.take_to_client();
  auth::ScramClient scram(kPassword, keys(), kEndPoint);
  ASSERT_EQ(scram.choose({auth::kScramSha256}), auth::kScramSha256) << "somebody took the other one away";
  peer.client(sasl_initial_response(auth::kScramSha256, scram.first()));
  expect_refused(peer, "28000", "channel binding negotiation error");
}

TEST(ClientTls, ACertificateWithoutAHashBindsNothing) {
  Peer peer = listening_with_tls();
  encrypt(peer, "");
  peer.client(startup(kUser));
  EXPECT_EQ(peer.take_to_client(), authentication_sasl());
  auth::ScramClient scram(kPassword, keys(), kEndPoint);
  ASSERT_EQ(scram.choose({kPlus}), kPlus);
  peer.client(sasl_initial_response(kPlus, scram.first()));
  expect_refused(peer, "08P01", "invalid SASL authentication mechanism");
}

TEST(ClientTls, WithoutItNoBindingIsOffered) {
  Peer peer;
  peer.client(startup(kUser));
  EXPECT_EQ(peer.take_to_client(), authentication_sasl());
}

TEST(ClientTls, NobodyGetsInWithoutWhereItIsOffered) {
  for (const bool asked_for_gss : {false, true}) {
    Peer peer = listening_with_tls();
    if (asked_for_gss) peer.client(gss_enc_request());
    peer.client(startup(kUser));
    expect_refused(peer, "28000", "encrypted connections only");
    EXPECT_EQ(peer.all_to_client().find("SCRAM"), std::string::npos) << "a proof was asked for";
    EXPECT_EQ(
        peer.take_records(),
        std::vector<std::string>{"refused: pgchaperone: this address takes encrypted connections only"});
    EXPECT_FALSE(peer.session().admitted());
  }
}

TEST(ClientTls, FromTheMachineItselfItIsNotNeeded) {
  for (const char* where : {"127.0.0.1:51234", "[::1]:51234", "unix"}) {
    Peer peer = listening_with_tls(where);
    peer.prove(startup(kUser));
  }
  for (const char* where : {"10.127.0.1:1", "[::2]:1", "unknown"}) {
    Peer peer = listening_with_tls(where);
    peer.client(startup(kUser));
    expect_refused(peer, "28000", "encrypted connections only");
  }
}

TEST(ClientTls, EachEncryptionIsAskedForOnce) {
  for (const auto& again : {ssl_request(), gss_enc_request()}) {
    Peer peer = listening_with_tls();
    encrypt(peer);
    peer.client(again);
    expect_refused(peer, "08P01", "more than once");
  }
  Peer peer = listening_with_tls();
  peer.client(gss_enc_request());
  EXPECT_EQ(peer.take_to_client(), "N");
  encrypt(peer);
  peer.client(startup(kUser));
  EXPECT_EQ(peer.take_to_client(), authentication_sasl({kPlus, auth::kScramSha256}));
}

TEST(ClientTls, WhatComesBeforeTheHandshakeEndsIt) {
  const auto behind = startup(kUser);
  for (std::size_t size = 1; size <= behind.size(); ++size) {
    Peer peer = listening_with_tls();
    peer.client(ssl_request() + behind.substr(0, size));
    expect_refused(peer, "08P01", "received unencrypted data after an encryption request");
    EXPECT_EQ(peer.all_to_client().find('S'), 5U) << "the first is of the field SFATAL";
  }
}

TEST(ClientTls, NothingThatCameInClearCountsBehindIt) {
  Peer peer = listening_with_tls();
  peer.client(ssl_request());
  peer.take_to_client();
  peer.client(startup(kUser));  // as if it had been taken from the socket in between
  EXPECT_EQ(peer.take_to_client(), "");
  peer.tls_established(kEndPoint);
  EXPECT_EQ(peer.take_to_client(), "");
  peer.client(startup(kUser));
  EXPECT_EQ(peer.take_to_client(), authentication_sasl({kPlus, auth::kScramSha256}));
}

TEST(ClientTls, BeginsWithoutAskingByItsFirstByte) {
  const std::string hello = std::string("\x16\x03\x01\x02\x00\x01", 6) + std::string(500, 'h');
  for (const std::size_t size : {std::size_t{1}, std::size_t{5}, hello.size()}) {
    Peer peer = listening_with_tls();
    peer.client(hello.substr(0, size));
    expect_action(peer, Action::kStartTls);
    EXPECT_TRUE(peer.session().tls_is_direct());
    EXPECT_EQ(peer.session().take_client_hello(), hello.substr(0, size));
    EXPECT_EQ(peer.take_to_client(), "");
    peer.tls_established(kEndPoint);
    peer.client(startup(kUser));
    EXPECT_EQ(peer.take_to_client(), authentication_sasl({kPlus, auth::kScramSha256}));
  }
}

TEST(ClientTls, DoesNotBeginAnywhereElse) {
  const std::string hello = std::string("\x16\x03\x01\x02\x00\x01", 6);
  Peer without;
  without.client(hello);
  expect_refused(without, "08P01", "invalid length of startup packet");
  Peer asked = listening_with_tls();
  asked.client(gss_enc_request());
  asked.take_to_client();
  asked.client(hello);
  expect_refused(asked, "08P01", "invalid length of startup packet");
  Peer twice = listening_with_tls();
  encrypt(twice);
  twice.client(hello);
  expect_refused(twice, "08P01", "invalid length of startup packet");
}

TEST(ClientTls, CancelRequestsNeedNone) {
  for (const bool encrypted : {false, true}) {
    Peer peer = listening_with_tls();
    if (encrypted) encrypt(peer);
    peer.client(cancel_request(42, "abcd"));
    expect_action(peer, Action::kCancel);
  }
}

TEST(ClientTls, AStrangerInTheHandshakeIsLeftWithoutAWord) {
  Peer late = listening_with_tls();
  late.client(ssl_request());
  late.take_to_client();
  late.login_timeout();
  EXPECT_EQ(late.take_to_client(), "");
  EXPECT_TRUE(late.over());
  Peer lost = listening_with_tls();
  lost.client(ssl_request());
  lost.client_lost();
  EXPECT_TRUE(lost.over());
  EXPECT_TRUE(lost.take_records().empty());
}

/// The upstream of the tests, over TLS. Nobody here looks into the context.
session::Environment with_upstream_tls() {
  auto environment = test_environment();
  static const int nothing = 0;
  environment.databases["shop"].tls = {std::shared_ptr<void>(),
                                       reinterpret_cast<const net::TlsContext*>(&nothing)};
  return environment;
}

/// Proved, connected and asked for TLS upstream.
void connect(Peer& peer) {
  peer.prove(startup(kUser));
  EXPECT_TRUE(peer.session().upstream_tls());
  peer.upstream_connected();
  EXPECT_EQ(peer.take_to_server(), ssl_request()) << "nothing else goes there in clear";
}

TEST(UpstreamTls, IsAskedForBeforeAnythingIsSaid) {
  Peer peer(with_upstream_tls());
  connect(peer);
  peer.server("S");
  expect_action(peer, Action::kStartUpstreamTls);
  EXPECT_EQ(peer.take_to_server(), "");
  peer.upstream_tls_established(kEndPoint);
  EXPECT_EQ(peer.take_to_server(), startup({{"user", "app"}, {"database", "shop_live"}}));
  peer.challenge();
  peer.server(authentication_ok() + key_data(kServerPid, kServerSecret) + ready());
  EXPECT_TRUE(peer.session().logged_in());
  EXPECT_TRUE(peer.session().upstream_tls()) << "a cancel needs it as well";
}

TEST(UpstreamTls, BindsTheProofWhereTheServerOffersIt) {
  Peer peer(with_upstream_tls());
  connect(peer);
  peer.server("S");
  peer.upstream_tls_established(kEndPoint);
  peer.take_to_server();
  peer.server(authentication_sasl({kPlus, auth::kScramSha256}));
  const auto initial = peer.take_to_server();
  EXPECT_NE(initial.find(string(kPlus)), std::string::npos) << show(initial);
  auth::ScramServer scram(auth::ScramVerifier::derive("upstream", 1), false, kEndPoint);
  ASSERT_TRUE(scram.choose(kPlus));
  const auto first = scram.first(std::string_view(initial).substr(9 + string(kPlus).size()));
  ASSERT_TRUE(first) << first.error().message;
  peer.server(authentication(11, *first));
  const auto response = peer.take_to_server();
  EXPECT_TRUE(scram.final(std::string_view(response).substr(5)));
}

TEST(UpstreamTls, SaysThatItCouldBindWhereTheServerDoesNotOfferIt) {
  Peer peer(with_upstream_tls());
  connect(peer);
  peer.server("S");
  peer.upstream_tls_established(kEndPoint);
  peer.take_to_server();
  peer.server(authentication_sasl());
  const auto initial = peer.take_to_server();
  EXPECT_NE(initial.find("y,,n=,r="), std::string::npos)
      << "a server whose offer was cut by somebody has to notice: " << show(initial);
}

TEST(UpstreamTls, AnythingButConsentIsTheEnd) {
  const std::vector<std::pair<std::string, std::string_view>> answers = {
      {"N", "it speaks no TLS"},
      {"NN", "neither yes nor no"},
      {"SS", "unencrypted data behind its consent"},
      {"S" + authentication_ok(), "unencrypted data behind its consent"},
      {error("0A000", "FATAL", "unsupported frontend protocol"), "neither yes nor no"},
      {authentication_ok(), "neither yes nor no"},
  };
  for (const auto& [answer, why] : answers) {
    SCOPED_TRACE(answer);
    Peer peer(with_upstream_tls());
    connect(peer);
    peer.server(answer);
    expect_refused(peer, "08006", "the login to the database server for \"shop\" failed");
    const auto records = peer.take_records();
    ASSERT_EQ(records.size(), 1U);
    EXPECT_NE(records[0].find(why), std::string::npos) << records[0];
  }
}

TEST(UpstreamTls, ThatFailsIsRecordedWithItsReason) {
  Peer peer(with_upstream_tls());
  connect(peer);
  peer.server("S");
  peer.take_action();
  peer.server_closed("TLS with it failed: the certificate: hostname mismatch");
  expect_refused(peer, "08006", "failed");
  const auto records = peer.take_records();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_NE(records[0].find("hostname mismatch"), std::string::npos) << records[0];
}

}  // namespace
}  // namespace chaperone::test
