#include <gtest/gtest.h>

#include "tests/support/peer.hpp"
#include "tests/support/records.hpp"

namespace chaperone::test {
namespace {

using session::Action;

const Pairs kUser = {{"user", kAgent}, {"database", "shop"}};

/// The client gets a FATAL error with this SQLSTATE and text, and the session is over.
void expect_refused(Peer& peer, std::string_view sqlstate, std::string_view text) {
  const auto said = peer.take_to_client();
  EXPECT_NE(said.find("VFATAL"), std::string::npos) << show(said);
  EXPECT_NE(said.find("C" + std::string(sqlstate)), std::string::npos)
      << "not " << sqlstate << ": " << show(said);
  EXPECT_NE(said.find(text), std::string::npos) << "not \"" << text << "\": " << show(said);
  EXPECT_EQ(static_cast<int>(peer.take_action()), static_cast<int>(Action::kClose));
  EXPECT_TRUE(peer.over());
  EXPECT_EQ(show(peer.take_to_server()), "") << "something went upstream";
}

/// Proved, connected, and the server asked for nothing yet; the StartupMessage is taken.
void connect(Peer& peer) {
  peer.prove(startup(kUser));
  peer.upstream_connected();
  peer.take_to_server();
}

std::vector<std::string> refusal(std::string_view why) {
  return {"refused: " + std::string(why)};
}

TEST(Login, BothLegsWithScram) {
  Peer peer;
  peer.prove(
      startup({{"user", kAgent}, {"database", "shop"}, {"application_name", "psql"}, {"options", "-c a=b"}}));
  EXPECT_EQ(peer.session().upstream().host, "db");
  peer.upstream_connected();
  EXPECT_EQ(
      peer.take_to_server(),
      startup(
          {{"user", "app"}, {"database", "shop_live"}, {"application_name", "psql"}, {"options", "-c a=b"}}));
  peer.challenge();
  peer.server(authentication_ok() + parameter_status("server_version", "15.0"));
  EXPECT_EQ(peer.take_to_client(), authentication_ok() + parameter_status("server_version", "15.0"));
  EXPECT_FALSE(peer.session().logged_in());
  peer.server(key_data(kServerPid, kServerSecret) + notice() + ready());
  const auto key = peer.session().client_key();
  EXPECT_EQ(key.backend_pid, static_cast<std::int32_t>(kServerPid)) << "the PID shown is the server's";
  EXPECT_EQ(key.secret_key.size(), 4U);
  EXPECT_NE(key.secret_key, kServerSecret) << "the server's secret is not the client's to know";
  EXPECT_EQ(peer.session().server_key().secret_key, kServerSecret);
  EXPECT_EQ(peer.take_to_client(), key_data(kServerPid, key.secret_key) + notice() + ready());
  EXPECT_TRUE(peer.session().logged_in());
  EXPECT_EQ(peer.take_records(), std::vector<std::string>{"opened"});
}

TEST(Login, ByteByByte) {
  Peer peer;
  const auto packet = startup(kUser);
  for (const char byte : packet.substr(0, packet.size() - 1)) peer.client({&byte, 1});
  EXPECT_EQ(peer.take_to_client(), "");
  peer.prove(packet.substr(packet.size() - 1));
  peer.upstream_connected();
  peer.take_to_server();
  peer.challenge();
  const auto rest =
      authentication_ok() + parameter_status("a", "b") + key_data(kServerPid, kServerSecret) + ready();
  for (const char byte : rest) peer.server({&byte, 1});
  EXPECT_TRUE(peer.session().logged_in());
  EXPECT_TRUE(peer.take_to_client().ends_with(ready()));
}

TEST(Login, TrustNeedsNoPassword) {
  Peer peer;
  connect(peer);
  peer.server(authentication_ok() + key_data(1, "abcd") + ready() + notice());
  EXPECT_TRUE(peer.session().logged_in());
  EXPECT_TRUE(peer.take_to_client().ends_with(ready() + notice()))
      << "what is behind ReadyForQuery is the relay's";
}

TEST(Login, EarlyBytesGoToTheRelay) {
  Peer peer;
  peer.prove(startup(kUser));
  peer.client(query("SELECT 1"));
  EXPECT_TRUE(peer.client_waits()) << "nothing is taken from the client until the server is there";
  session::Step step(const_cast<audit::Batch&>(peer.records()), {});
  peer.session().on_client(query("SELECT 0"), step);  // as what was received with the proof
  peer.upstream_connected();
  peer.take_to_server();
  peer.challenge();
  peer.server(authentication_ok() + key_data(1, "abcd") + ready());
  EXPECT_EQ(peer.take_to_server(), query("SELECT 0") + query("SELECT 1"));
  EXPECT_EQ(peer.take_records(), (std::vector<std::string>{"opened", "1: SELECT 0", "2: SELECT 1"}));
}

TEST(Login, InitialResponseWithoutDataIsAskedForItsFirstMessage) {
  Peer peer;
  auth::ScramKeyCache keys;
  auth::ScramClient scram(kPassword, keys);
  peer.client(startup(kUser));
  peer.take_to_client();
  peer.client(sasl_initial_response("SCRAM-SHA-256", std::nullopt));
  EXPECT_EQ(peer.take_to_client(), authentication(11));
  peer.client(sasl_response(scram.first()));
  const auto challenge = peer.take_to_client();
  ASSERT_TRUE(challenge.starts_with('R') && challenge.size() > 9) << show(challenge);
  const auto final = scram.final(std::string_view(challenge).substr(9));
  ASSERT_TRUE(final) << final.error().message;
  peer.client(sasl_response(*final));
  EXPECT_EQ(static_cast<int>(peer.take_action()), static_cast<int>(Action::kConnectUpstream));
}

TEST(Encryption, IsDeclinedOnceEach) {
  Peer peer;
  peer.client(gss_enc_request());
  peer.client(ssl_request());
  EXPECT_EQ(peer.take_to_client(), "NN");
  peer.prove(startup(kUser));
}

TEST(Encryption, AskedForTwiceIsRefused) {
  Peer peer;
  peer.client(ssl_request());
  EXPECT_EQ(peer.take_to_client(), "N");
  peer.client(ssl_request());
  expect_refused(peer, "08P01", "more than once");
  EXPECT_TRUE(peer.take_records().empty()) << "a stranger has no name to be recorded under";
}

TEST(Encryption, BytesBehindTheQuestionAreRefused) {
  Peer peer;
  peer.client(ssl_request() + startup(kUser));
  expect_refused(peer, "08P01", "unencrypted data");
}

TEST(Startup, NewerMinorVersionsAreNegotiated) {
  const std::vector<std::pair<std::uint16_t, std::string>> expected = {
      {0, ""}, {2, ""}, {3, negotiate(2)}, {99, negotiate(2)}, {9999, negotiate(2)}};
  for (const auto& [minor, said] : expected) {
    SCOPED_TRACE(minor);
    Peer peer;
    peer.client(startup(kUser, minor));
    EXPECT_EQ(peer.take_to_client(), said + authentication_sasl());
  }
}

TEST(Startup, UnknownProtocolOptionsAreNamed) {
  Peer peer;
  peer.client(startup({{"user", kAgent}, {"_pq_.a", "1"}, {"b", "2"}, {"_pq_.c", ""}}));
  EXPECT_EQ(peer.take_to_client(), negotiate(2, {"_pq_.a", "_pq_.c"}) + authentication_sasl());
}

TEST(Startup, Protocol32AsksTheServerForItAndHasLongKeys) {
  Peer peer;
  peer.prove(startup({{"user", kAgent}, {"database", "shop"}, {"_pq_.a", "1"}, {"replication", "off"}}, 99));
  peer.upstream_connected();
  EXPECT_EQ(peer.take_to_server(), startup({{"user", "app"}, {"database", "shop_live"}}, 2));
  peer.server(negotiate(0));
  peer.challenge();
  peer.server(authentication_ok() + key_data(1, "abcd") + ready());
  EXPECT_EQ(peer.session().client_key().secret_key.size(), 32U);
  EXPECT_TRUE(peer.session().logged_in());
}

struct Refusal {
  std::string packet;
  std::string_view sqlstate, text;
};

class Refused : public ::testing::TestWithParam<Refusal> {};

TEST_P(Refused, AtTheStartupPacket) {
  for (const bool whole : {true, false}) {
    Peer peer;
    if (whole) {
      peer.client(GetParam().packet);
    } else {
      for (const char byte : GetParam().packet) peer.client({&byte, 1});
    }
    expect_refused(peer, GetParam().sqlstate, GetParam().text);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Packets, Refused,
    ::testing::Values(
        Refusal{startup({}), "28000", "no PostgreSQL user name"},
        Refusal{startup({{"user", ""}}), "28000", "no PostgreSQL user name"},
        Refusal{startup({{"user", "bot"}, {"replication", "true"}}), "28000", "replication"},
        Refusal{startup({{"user", "bot"}, {"replication", "database"}}), "28000", "replication"},
        Refusal{startup({{"user", "bot"}, {"replication", "maybe"}}), "22023", "replication"},
        Refusal{startup({{"user", "bot"}}, 0, 2), "0A000", "unsupported frontend protocol 2.0"},
        Refusal{startup({{"user", "bot"}}, 0, 4), "0A000", "unsupported frontend protocol 4.0"},
        Refusal{std::string("\0\0\0\3", 4), "08P01", "invalid length of startup packet"},
        Refusal{std::string("GET "), "08P01", "invalid length of startup packet"},
        Refusal{packet(int16(3) + int16(0) + string("user")), "08P01", "invalid startup packet layout"}),
    [](const auto& each) { return "at" + std::to_string(each.index); });

TEST(Proof, WrongPasswordAndUnknownAgentLookAlike) {
  Peer wrong;
  wrong.prove(startup(kUser), "guess");
  const auto said = wrong.take_to_client();
  EXPECT_NE(said.find("C28P01"), std::string::npos) << show(said);
  EXPECT_NE(said.find("password authentication failed for user \"bot\""), std::string::npos) << show(said);
  EXPECT_EQ(wrong.take_records(), refusal("password authentication failed for user \\\"bot\\\""));
  Peer unknown;
  unknown.prove(startup({{"user", "tob"}}), "guess");
  auto same_said = unknown.take_to_client();
  const auto name = same_said.find("tob");
  ASSERT_NE(name, std::string::npos) << show(same_said);
  EXPECT_EQ(same_said.replace(name, 3, "bot"), said);
}

TEST(Proof, AnythingElseIsRefused) {
  const std::vector<std::pair<std::string, std::string_view>> messages = {
      {query("SELECT 1"), "08P01"},
      {sasl_initial_response("SCRAM-SHA-1", "x"), "08P01"},
      {sasl_initial_response("SCRAM-SHA-256", "x"), "08P01"},
      {message('p', ""), "08P01"},
      {std::string("p\xff\xff\xff\xff", 5), "08P01"},
  };
  for (const auto& [bytes, sqlstate] : messages) {
    SCOPED_TRACE(show(bytes));
    Peer peer;
    peer.client(startup(kUser));
    peer.take_to_client();
    peer.client(bytes);
    expect_refused(peer, sqlstate, "");
    EXPECT_EQ(peer.take_records().size(), 1U);
  }
}

TEST(Admission, IsRefusedWithWhatTheThreadSays) {
  Peer peer;
  peer.thread().admit = [] {
    return wire::Error{.sqlstate = "53300", .message = "sorry, too many clients already"};
  };
  peer.client(startup(kUser));
  expect_refused(peer, "53300", "too many clients");
  EXPECT_FALSE(peer.session().admitted());
  EXPECT_EQ(peer.take_records(), refusal("sorry, too many clients already"));
}

TEST(Admission, AgentThatThePolicyDoesNotNameIsNotLetIn) {
  auto environment = test_environment();
  rules::PolicySet policy;
  policy.agents["another"].observe = true;
  environment.policy = std::make_shared<const rules::PolicySet>(std::move(policy));
  Peer peer(std::move(environment));
  static auth::ScramKeyCache keys;
  auth::ScramClient scram(kPassword, keys);
  peer.client(startup(kUser));
  peer.take_to_client();
  peer.client(sasl_initial_response("SCRAM-SHA-256", scram.first()));
  const auto final = scram.final(std::string_view(peer.take_to_client()).substr(9));
  ASSERT_TRUE(final);
  peer.client(sasl_response(*final));
  expect_refused(peer, "28000", "not let in");
  EXPECT_EQ(peer.take_records(),
            refusal("pgchaperone: agent \\\"bot\\\" is not let in (the policy does not name this agent)"));
}

TEST(Upstream, CantBeReached) {
  Peer peer;
  peer.prove(startup(kUser));
  peer.upstream_failed("Connection refused");
  expect_refused(peer, "08006", "can't be reached");
  EXPECT_EQ(
      peer.take_records(),
      refusal("pgchaperone: the database server for \\\"shop\\\" can't be reached (Connection refused)"));
}

TEST(Upstream, ItsWordOnTheDatabaseIsPassed) {
  Peer peer;
  connect(peer);
  peer.server(error("3D000", "FATAL", "database \"shop_live\" does not exist"));
  EXPECT_EQ(peer.take_to_client(), error("3D000", "FATAL", "database \"shop_live\" does not exist"));
  EXPECT_TRUE(peer.over());
  EXPECT_EQ(peer.take_records(), refusal("the database server: database \\\"shop_live\\\" does not exist"));
}

TEST(Upstream, ItsWordOnOurRoleIsNot) {
  Peer peer;
  connect(peer);
  peer.challenge();
  peer.take_to_client();
  peer.server(error("28P01", "FATAL", "password authentication failed for user \"app\""));
  EXPECT_EQ(peer.records().lines(), 1U);
  const auto said = peer.take_to_client();
  EXPECT_EQ(said.find("app"), std::string::npos) << show(said);
  EXPECT_NE(said.find("C08006"), std::string::npos) << show(said);
}

class UpstreamFault : public ::testing::TestWithParam<std::string> {};

TEST_P(UpstreamFault, EndsTheLogin) {
  Peer peer;
  connect(peer);
  peer.server(GetParam());
  expect_refused(peer, "08006", "the login to the database server for \"shop\" failed");
  EXPECT_EQ(peer.records().lines(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Messages, UpstreamFault,
                         ::testing::Values(authentication(3), authentication(5, "salt"), authentication(7),
                                           authentication(11, "r=x"), authentication(12, "v=x"),
                                           authentication_sasl({"SCRAM-SHA-1"}), message('R', "x"), ready(),
                                           notice(), parameter_status("a", "b"), key_data(1, "abcd"),
                                           negotiate(0), data_row(), message('?', ""),
                                           authentication_ok() + authentication_ok(),
                                           authentication_ok() + message('Z', "?"),
                                           authentication_ok() + key_data(1, "abcd") + key_data(2, "abcd")),
                         [](const auto& each) { return "at" + std::to_string(each.index); });

TEST(Upstream, ThatDoesNotKnowThePasswordIsNotTrusted) {
  Peer peer;
  connect(peer);
  peer.server(authentication_sasl());
  peer.take_to_server();
  peer.server(authentication_ok());
  expect_refused(peer, "08006", "failed");
}

TEST(Upstream, ClosesDuringTheLogin) {
  Peer peer;
  connect(peer);
  peer.server_closed();
  expect_refused(peer, "08006", "failed");
  EXPECT_EQ(peer.records().lines(), 1U);
}

TEST(Time, IsOverWithoutAWordBeforeTheStartupPacket) {
  Peer peer;
  peer.client(ssl_request());
  peer.take_to_client();
  peer.login_timeout();
  EXPECT_EQ(peer.take_to_client(), "");
  EXPECT_TRUE(peer.over());
  EXPECT_TRUE(peer.take_records().empty());
}

TEST(Time, IsOverDuringTheProof) {
  Peer peer;
  peer.client(startup(kUser));
  peer.take_to_client();
  peer.login_timeout();
  expect_refused(peer, "57014", "canceling authentication due to timeout");
  EXPECT_EQ(peer.take_records(), refusal("canceling authentication due to timeout"));
}

TEST(Time, DoesNotMatterOnceLoggedIn) {
  Peer peer;
  peer.log_in();
  peer.login_timeout();
  EXPECT_FALSE(peer.over());
}

TEST(Login, EndsWithTheProxy) {
  Peer waits;
  waits.client(startup(kUser));
  waits.take_to_client();
  waits.drain(false);
  EXPECT_FALSE(waits.over()) << "a login under way may still come to its end";
  waits.drain(true);
  expect_refused(waits, "57P03", "shutting down");
  EXPECT_EQ(waits.take_records().size(), 1U);
  Peer aborted;
  aborted.client(startup(kUser));
  aborted.take_to_client();
  aborted.abort();
  expect_refused(aborted, "53100", "log");
  EXPECT_TRUE(aborted.take_records().empty()) << "the log can't be written";
}

TEST(Cancel, IsAnActionOfItsOwn) {
  for (const bool encrypted : {false, true}) {
    Peer peer;
    if (encrypted) peer.client(ssl_request());
    peer.take_to_client();
    peer.client(cancel_request(42, "abcd"));
    EXPECT_EQ(static_cast<int>(peer.take_action()), static_cast<int>(Action::kCancel));
    EXPECT_EQ(peer.session().cancel_request().backend_pid, 42);
    EXPECT_EQ(peer.session().cancel_request().secret_key, "abcd");
    EXPECT_EQ(peer.take_to_client(), "");
    EXPECT_TRUE(peer.take_records().empty());
  }
}

TEST(Login, EachSideFailingAtEachStepEndsIt) {
  for (int step = 0; step < 5; ++step) {
    for (int failure = 0; failure < 3; ++failure) {
      SCOPED_TRACE(std::to_string(step) + ", " + std::to_string(failure));
      Peer peer;
      if (step >= 1) peer.prove(startup(kUser));
      if (step >= 2) peer.upstream_connected();
      peer.take_to_server();
      if (step >= 3) peer.challenge();
      if (step >= 4) peer.server(authentication_ok());
      if (failure == 0) peer.client_lost();
      if (failure == 1) peer.drain(true);
      if (failure == 2) peer.abort();
      EXPECT_TRUE(peer.over());
      EXPECT_EQ(contradiction(peer.records()), "");
    }
  }
}

}  // namespace
}  // namespace chaperone::test
