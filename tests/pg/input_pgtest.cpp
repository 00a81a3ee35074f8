// Bad input: the fitting error, the connection closed within a second, nothing of it sent upstream, nobody
// else disturbed.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <iterator>
#include <memory>

#include "proxy/wire/startup.hpp"
#include "tests/pg/messages.hpp"
#include "tests/pg/servers.hpp"

namespace chaperone::pg {
namespace {

constexpr Milliseconds kAtOnce{1000};
constexpr std::string_view kFrontendTypes = "BCDEFHPQSXcdfp";

class BadInput : public testing::Test {
 protected:
  void SetUp() override { bystander_ = std::make_unique<Client>(chaperone().address()); }
  void TearDown() override { EXPECT_EQ(bystander_->scalar("select 'undisturbed'"), "undisturbed"); }

  // How many backends the server has that ours have asked for.
  static std::string backends() {
    return postgres().scalar("select count(*) from pg_stat_activity where backend_type = 'client backend'");
  }
  // What a connection that begins with these bytes gets.
  static Messages stranger(std::string_view bytes) {
    Peer peer(chaperone().address());
    peer.send(bytes);
    return peer.read_to_end(kAtOnce);
  }
  static void expect_error(const Messages& messages, std::string_view sqlstate) {
    ASSERT_EQ(count(messages, 'E'), 1u) << describe(messages);
    EXPECT_EQ(messages.back().field('C'), sqlstate) << describe(messages);
    EXPECT_EQ(messages.back().field('S'), "FATAL") << describe(messages);
  }

  std::unique_ptr<Client> bystander_;
};

TEST_F(BadInput, LengthsThatNoMessageHas) {
  constexpr std::int64_t kLengths[] = {-1, 0, 3, 0x3fffffff, 0x7fffffff, -0x80000000LL};
  // Each type with some of the lengths, each length with some of the types.
  for (std::size_t i = 0; i < 2 * kFrontendTypes.size(); ++i) {
    const char type = kFrontendTypes[i % kFrontendTypes.size()];
    const std::int64_t length = kLengths[i % std::size(kLengths)];
    SCOPED_TRACE(fmt::format("type {} length {}", type, length));
    Client client(chaperone().address());
    client.send(with_length(type, length, "some bytes behind it"));
    expect_error(client.read_to_end(kAtOnce), "08P01");
    const auto records = chaperone().session(client.pid());
    EXPECT_TRUE(statements(records).empty()) << "a message that can't be cut out was taken for a statement";
  }
}

TEST_F(BadInput, SmallMessagesThatAreTooLong) {
  for (const char type : std::string_view("CDEHSXc")) {
    SCOPED_TRACE(type);
    Client client(chaperone().address());
    client.send(with_length(type, 20'000));
    expect_error(client.read_to_end(kAtOnce), "08P01");
  }
}

TEST_F(BadInput, TypesThatThereAreNot) {
  // A password message is legal once, at its time; what servers send is never.
  for (const char type : std::string_view("pTKZ1GWyR\0\x01 \x7f\xff", 14)) {
    SCOPED_TRACE(static_cast<int>(type));
    Client client(chaperone().address());
    client.send(message(type, "x") + query("select 'must not run'"));
    expect_error(client.read_to_end(kAtOnce), "08P01");
    EXPECT_TRUE(statements(chaperone().session(client.pid())).empty());
  }
}

TEST_F(BadInput, BodiesThatAreNotWhatTheirTypeSays) {
  const std::string bodies[] = {
      message('Q', "no end"),
      message('Q', std::string_view("hidden\0text\0", 12)),
      message('Q', ""),
      message('P', zero_ended("s")),
      message('P', zero_ended("s") + zero_ended("select 1")),
      message('P', zero_ended("s") + zero_ended("select 1") + int16(1)),
      message('P', zero_ended("s") + zero_ended("select 1") + int16(0) + "more"),
      message('B', zero_ended("")),
      message('B', zero_ended("") + zero_ended("") + int16(0) + int16(1) + int32(100)),
      message('B', zero_ended("") + zero_ended("") + int16(0) + int16(1) + int32(-2) + int16(0)),
      bind_portal("", "", {"1", "2"}, {0, 0, 0}),
      message('D', "X" + zero_ended("s")),
      message('D', "S"),
      message('E', zero_ended("p")),
      message('E', zero_ended("p") + int32(0) + "x"),
      message('C', "Q" + zero_ended("s")),
      message('S', "x"),
      message('H', "x"),
  };
  for (const auto& bytes : bodies) {
    Client client(chaperone().address());
    SCOPED_TRACE(Message{bytes}.describe());
    client.send(bytes + query("select 'must not run'"));
    expect_error(client.read_to_end(kAtOnce), "08P01");
    EXPECT_TRUE(statements(chaperone().session(client.pid())).empty());
  }
}

TEST_F(BadInput, WhatWasSentBeforeIsAnswered) {
  Client client(chaperone().address());
  client.send(query("select 1") + query("insert into big values (1, 'x')") + message('y', "") +
              query("select 3"));
  const auto answer = client.read_to_end();
  EXPECT_EQ(count(answer, 'Z'), 2u) << describe(answer);
  expect_error(answer, "08P01");
  EXPECT_EQ(outcomes(chaperone().session(client.pid())),
            (std::vector<std::string>{"ok SELECT 1", "ok INSERT 0 1"}));
}

TEST_F(BadInput, OtherMessagesInCopyIn) {
  for (const auto& bytes : {query("select 1"), parse("", "select 1"), bind_portal("", ""),
                            function_call(177, {"1", "2"}), message('y', "")}) {
    Client client(chaperone().address());
    SCOPED_TRACE(Message{bytes}.describe());
    postgres().run("truncate big");
    client.exchange(query("copy big from stdin"), "G");
    client.send(copy_data("1\tx\n") + bytes);
    expect_error(client.read_to_end(kAtOnce), "08P01");
    const auto records = chaperone().session(client.pid());
    ASSERT_EQ(outcomes(records).size(), 1u);
    EXPECT_EQ(outcomes(records)[0], "unknown 08P01");
    // The server sees its client go before the end of the data.
    EXPECT_EQ(postgres().scalar("select count(*) from big"), "0");
  }
}

TEST_F(BadInput, ASecondStartupMessage) {
  Client client(chaperone().address());
  client.send(startup_packet({}));
  expect_error(client.read_to_end(kAtOnce), "08P01");
}

TEST_F(BadInput, StartupPacketsThatAreNone) {
  const std::string before = backends();
  const auto packet = [](std::int64_t length, std::int64_t code, std::string_view rest) {
    return int32(length) + int32(code) + std::string(rest);
  };
  constexpr std::int64_t kVersion3 = 3 << 16;
  for (const std::int64_t length : {-1, 0, 3, 4, 7, 10'005, 0x7fffffff}) {
    SCOPED_TRACE(length);
    expect_error(stranger(int32(length) + "12345678"), "08P01");
  }
  expect_error(stranger(packet(8, kVersion3, "")), "08P01");
  expect_error(stranger(packet(9, kVersion3, std::string_view("\0", 1))), "28000");  // no user
  expect_error(stranger(packet(13, kVersion3, std::string_view("user\0", 5))), "08P01");
  expect_error(stranger(packet(13, kVersion3, "hello")), "08P01");
  expect_error(stranger(packet(8, 2 << 16, "")), "0A000");
  expect_error(stranger(packet(8, 4 << 16, "")), "0A000");
  expect_error(stranger("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), "08P01");
  expect_error(stranger(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11)), "08P01");
  EXPECT_EQ(backends(), before) << "a stranger has reached the server";
}

TEST_F(BadInput, StartupPacketAtTheLimit) {
  // With the terminators and the rest it is just what PostgreSQL takes; a byte more is too much.
  const auto login_of = [](std::size_t size) {
    Login login;
    login.parameters = {{"application_name", ""}};
    const std::size_t rest = startup_packet(login).size();
    login.parameters[0].second = std::string(size - rest, 'a');
    return login;
  };
  Client client(chaperone().address(), login_of(wire::kMaxStartupPacketLength));
  EXPECT_EQ(client.scalar("select 1"), "1");
  expect_error(stranger(startup_packet(login_of(wire::kMaxStartupPacketLength + 1))), "08P01");
}

TEST_F(BadInput, EncryptionRequests) {
  const std::string ssl = wire::encode(wire::SslRequest{}), gss = int32(8) + int32(80877104);
  {
    Peer peer(chaperone().address());
    peer.send(ssl);
    EXPECT_EQ(peer.read_exactly(1), "N");
    peer.send(gss);
    EXPECT_EQ(peer.read_exactly(1), "N");
    const auto greeting = log_in(peer);
    EXPECT_EQ(greeting.back().type(), 'Z') << "a client that is refused encryption may go on without";
  }
  for (const auto& request : {ssl, gss}) {
    Peer peer(chaperone().address());
    peer.send(request);
    EXPECT_EQ(peer.read_exactly(1), "N");
    peer.send(request);
    expect_error(peer.read_to_end(kAtOnce), "08P01");
  }
  // Bytes behind the question can't be of an honest client.
  expect_error(stranger(ssl + startup_packet({})), "08P01");
  expect_error(stranger(gss + "x"), "08P01");
}

TEST_F(BadInput, BeforeTheLoginOnlyPasswordsAreMessages) {
  const std::string before = backends();
  for (const auto& bytes :
       {query("select 1"), sync(), message('p', ""), message('p', std::string(70'000, 'x')),
        with_length('p', -1), with_length('p', 0x7fffffff),
        message('p', zero_ended("PLAIN") + int32(1) + "x"), message('X', "")}) {
    SCOPED_TRACE(Message{bytes.substr(0, 80)}.describe());
    Peer peer(chaperone().address());
    peer.send(startup_packet({}));
    EXPECT_EQ(peer.read().type(), 'R');
    peer.send(bytes);
    expect_error(peer.read_to_end(kAtOnce), "08P01");
  }
  EXPECT_EQ(backends(), before);
}

TEST_F(BadInput, AFloodBeforeTheLoginIsNotKept) {
  const auto before = chaperone().process().resident();
  std::string flood;
  for (int i = 0; i < 100'000; ++i) flood += query("select 'flood'");
  for (int i = 0; i < 10; ++i) {
    Peer peer(chaperone().address());
    peer.send(startup_packet({}));
    try {
      peer.send(flood);
      peer.read_to_end(kAtOnce);
    } catch (const Closed&) {  // it need not be read to its end
    }
  }
  EXPECT_LT(chaperone().process().resident(), before + (16U << 20));
}

TEST_F(BadInput, RefusedLogins) {
  const std::string before = backends();
  const auto wrong = refusal(chaperone().address(), {.password = "wrong"});
  EXPECT_EQ(wrong.field('C'), "28P01");
  EXPECT_EQ(wrong.field('M'), "password authentication failed for user \"tester\"");
  const auto nobody = refusal(chaperone().address(), {.user = "nobody"});
  EXPECT_EQ(nobody.field('C'), "28P01");
  EXPECT_EQ(nobody.field('M'), "password authentication failed for user \"nobody\"");
  for (const char* value : {"true", "database", "on", "1"}) {
    EXPECT_EQ(refusal(chaperone().address(), {.parameters = {{"replication", value}}}).field('C'), "28000");
  }
  EXPECT_EQ(refusal(chaperone().address(), {.parameters = {{"replication", "perhaps"}}}).field('C'), "22023");
  EXPECT_EQ(backends(), before);
  const auto refused = [](const Record& record) {
    return text(record, "event") == "refused" && text(record, "agent") == "nobody";
  };
  EXPECT_TRUE(eventually([&] {
    const auto sessions = chaperone().records("kind", "session");
    return std::any_of(sessions.begin(), sessions.end(), refused);
  })) << "a refused login leaves a record";
}

// What comes together with an end, or just fills what is received at once, is not left behind.
TEST(Input, WhatComesTogetherIsAllTaken) {
  for (int i = 0; i < 50; ++i) {
    Client client(chaperone().address());
    client.send(query("select 'answered'"));
    client.finish();
    const Messages answer = client.read_to_end(kAtOnce);
    ASSERT_FALSE(answer.empty());
    EXPECT_EQ(answer.back().type(), 'Z') << "its end came with its last message";
  }
  Client client(chaperone().address());
  constexpr std::size_t kReceive = 64U << 10;  // what is received at once
  for (const std::size_t size : {kReceive - 1, kReceive, kReceive + 1, 2 * kReceive, 3 * kReceive}) {
    std::string sql = "select 'whole' /*";
    const std::size_t around = query(sql + "*/").size();
    sql.append(size - around, 'x').append("*/");
    ASSERT_EQ(query(sql).size(), size);
    EXPECT_EQ(client.scalar(sql), "whole") << size;
  }
}

TEST(Limits, TimeToLogIn) {
  Chaperone strict({.server = postgres().address(), .limits = "  authentication: 300ms\n"});
  Peer silent(strict.address()), halfway(strict.address()), slow(strict.address());
  Client in_time(strict.address());
  halfway.send(startup_packet({}).substr(0, 10));
  slow.send(startup_packet({}));
  EXPECT_EQ(slow.read().type(), 'R');
  EXPECT_TRUE(silent.read_to_end(kAtOnce).empty()) << "as PostgreSQL: not a word to who never said anything";
  EXPECT_TRUE(halfway.read_to_end(kAtOnce).empty());
  const auto late = slow.read_to_end(kAtOnce);
  ASSERT_EQ(late.size(), 1u);
  EXPECT_EQ(late[0].field('M'), "canceling authentication due to timeout");
  EXPECT_EQ(in_time.scalar("select 'still there'"), "still there");
}

TEST(Limits, Connections) {
  Chaperone small({.server = postgres().address(), .limits = "  connections: 3\n"});
  {
    Client one(small.address()), two(small.address());
    auto three = std::make_unique<Client>(small.address());
    const auto refused = refusal(small.address());
    EXPECT_EQ(refused.field('C'), "53300");
    EXPECT_EQ(refused.field('M'), "sorry, too many clients already");
    // A CancelRequest is no session.
    one.send(query("select pg_sleep(30)"));
    ASSERT_TRUE(eventually([&] {
      return postgres().scalar(fmt::format(
                 "select count(*) from pg_stat_activity where pid = {} and wait_event = 'PgSleep'",
                 one.pid())) == "1";
    }));
    cancel(small.address(), one.pid(), one.secret());
    EXPECT_EQ(find(one.read_until("Z"), 'E').field('C'), "57014");
    const auto pid = three->pid();
    three.reset();
    (void)small.session(pid);
    Client again(small.address());
    EXPECT_EQ(again.scalar("select 1"), "1");
  }
}

TEST(Limits, ConnectionsOfOneAgent) {
  Chaperone small(
      {.server = postgres().address(), .limits = "  connections: 4\n  connections_per_agent: 2\n"});
  auto one = std::make_unique<Client>(small.address());
  Client two(small.address());
  const auto refused = refusal(small.address());
  EXPECT_EQ(refused.field('C'), "53300");
  EXPECT_EQ(refused.field('M'),
            "pgchaperone: too many sessions of agent \"tester\", which may have 2 at once");
  EXPECT_NE(refused.field('H').find("limits.connections_per_agent"), std::string::npos);
  Client other(small.address(), {.user = "other"});
  EXPECT_EQ(other.scalar("select 1"), "1") << "there is room for others";
  Records records;
  ASSERT_TRUE(eventually([&] { return (records = small.records("event", "refused")).size() == 1; }));
  EXPECT_EQ(text(records[0], "agent"), "tester");
  // Who only claims to be an agent takes nobody's place.
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(refusal(small.address(), {.user = "other", .password = "guessed"}).field('C'), "28P01");
  }
  Client another(small.address(), {.user = "other"});
  EXPECT_EQ(another.scalar("select 1"), "1");
  const auto pid = one->pid();
  one.reset();
  (void)small.session(pid);
  EXPECT_TRUE(eventually([&] {
    Peer peer(small.address());
    return count(log_in(peer), 'Z') == 1;
  })) << "its place is free again";
}

TEST(Limits, Strangers) {
  // More connections than are let wait for a login are turned away, and all that time clients log in.
  std::vector<Peer> strangers;
  for (int i = 0; i < 400; ++i) strangers.emplace_back(chaperone().address());
  Client client(chaperone().address());
  EXPECT_EQ(client.scalar("select 1"), "1");
  for (int i = 0; i < 200; ++i) strangers.emplace_back(chaperone().address());
  EXPECT_EQ(client.scalar("select 2"), "2");
  Peer last(chaperone().address());
  const auto answer = last.read_to_end(kAtOnce);
  ASSERT_EQ(answer.size(), 1u) << describe(answer);
  EXPECT_EQ(answer[0].field('C'), "53300");
  strangers.clear();
  EXPECT_TRUE(eventually([] {
    try {
      return Client(chaperone().address()).scalar("select 3") == "3";
    } catch (const std::exception&) {
      return false;
    }
  }));
}

}  // namespace
}  // namespace chaperone::pg
