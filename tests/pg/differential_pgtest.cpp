// The same bytes, direct and through pgchaperone, have to meet the same answers.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "proxy/wire/bytes.hpp"
#include "tests/pg/scripts.hpp"
#include "tests/pg/servers.hpp"

namespace chaperone::pg {
namespace {

// What a script may have left behind must not be seen by the next. TRUNCATE waits for a session that is still
// ending.
void restore() {
  auto& control = postgres().control();
  const auto prepared = control.run("SELECT gid FROM pg_prepared_xacts");
  for (const auto& message : prepared) {
    if (message.type() == 'D') control.run(fmt::format("ROLLBACK PREPARED '{}'", message.value(0)));
  }
  control.run(
      "TRUNCATE item, line, big; ALTER SEQUENCE numbers RESTART; DROP TABLE IF EXISTS scratch; "
      "INSERT INTO item VALUES (1, 'one', 1.5, 10), (2, 'two', 2.5, 20), (3, 'three', NULL, 30)");
}

// What a server can't give twice: the secret, its PID, and the OIDs of tables that a script makes.
class Normalizer {
 public:
  std::string operator()(const Message& message) {
    std::string bytes = message.bytes;
    if (message.type() == 'K') bytes.resize(5);
    if (message.type() == 'A') bytes.replace(5, 4, "PID.");
    if (message.type() == 'T') tables(bytes);
    return bytes;
  }

 private:
  void tables(std::string& bytes) {
    wire::BodyReader reader(std::string_view(bytes).substr(5));
    const std::size_t columns = reader.u16();
    for (std::size_t i = 0; i < columns; ++i) {
      (void)reader.string();
      const auto at = bytes.size() - reader.rest().size();
      const auto table = reader.u32();
      constexpr std::uint32_t kFirstNormalObject = 16384;
      if (table >= kFirstNormalObject) {
        const auto known = tables_.emplace(table, int32(static_cast<std::int64_t>(tables_.size()))).first;
        bytes.replace(at, 4, known->second);
      }
      (void)reader.bytes(14);
    }
  }

  std::map<std::uint32_t, std::string> tables_;
};

struct Played {
  std::vector<Messages> answers;  // to the login, then to each round
  std::int32_t pid = 0;
};

Played play(const Script& script, const session::Address& address,
            const std::optional<TlsOptions>& tls = std::nullopt) {
  restore();
  Played played;
  Peer peer(address);
  Login login = script.login;
  login.tls = tls;
  played.answers.push_back(log_in(peer, login));
  const auto& greeting = played.answers.front();
  if (greeting.back().type() != 'Z') return played;
  played.pid = wire::BodyReader(find(greeting, 'K').body()).i32();
  for (const auto& round : script.rounds) {
    peer.send(round.bytes);
    if (!round.meanwhile.empty()) {
      std::string sql = round.meanwhile;
      if (const auto at = sql.find("$PID"); at != std::string::npos)
        sql.replace(at, 4, std::to_string(played.pid));
      postgres().run(sql);
    }
    played.answers.push_back(peer.read_until(round.until.empty() ? readies(round.bytes) : round.until));
  }
  return played;
}

void expect_same(const Played& direct, const Played& through) {
  ASSERT_EQ(direct.answers.size(), through.answers.size());
  Normalizer normalize_direct, normalize_through;
  for (std::size_t i = 0; i < direct.answers.size(); ++i) {
    std::string left, right;
    for (const auto& message : direct.answers[i]) left += normalize_direct(message);
    for (const auto& message : through.answers[i]) right += normalize_through(message);
    EXPECT_TRUE(left == right) << "round " << i << "\ndirect:" << describe(direct.answers[i])
                               << "\nthrough pgchaperone:" << describe(through.answers[i]);
  }
}

// Whatever happened, the records tell a whole story: each statement has one outcome, and each tag that a
// record shows was sent by the server.
void expect_whole_records(const Played& played, const Chaperone& through) {
  if (played.pid == 0) return;
  const auto records = through.session(played.pid);
  std::map<std::string, int> tags;
  for (const auto& answer : played.answers) {
    for (const auto& message : answer) {
      if (message.type() == 'C') ++tags[std::string(message.body().substr(0, message.body().size() - 1))];
    }
  }
  for (const auto& outcome : outcomes(records)) {
    EXPECT_NE(outcome, "none") << "a statement has no outcome";
    EXPECT_EQ(outcome.find(" AND "), std::string::npos) << "a statement has two outcomes: " << outcome;
  }
  for (const auto& record : of_kind(records, "outcome")) {
    const std::string tag = text(record, "tag");
    if (tag == "null") continue;
    EXPECT_GE(--tags[tag], 0) << "the record says " << tag << ", which the server did not";
  }
}

class Differential : public testing::TestWithParam<Script> {};

TEST_P(Differential, DirectAndThroughAreTheSame) {
  const auto& script = GetParam();
  const auto direct = play(script, postgres().address());
  const auto through = play(script, chaperone().address());
  expect_same(direct, through);
  expect_whole_records(through, chaperone());
  const auto encrypted = play(script, encrypted_chaperone().address(), verifying(postgres()));
  expect_same(direct, encrypted);
  expect_whole_records(encrypted, encrypted_chaperone());
}

std::string name_of(const testing::TestParamInfo<Script>& info) {
  std::string name = fmt::format("{:03}_", info.index);
  for (const char c : info.param.name.substr(info.param.name.find(':') + 1)) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      name += c;
    } else if (name.back() != '_') {
      name += '_';
    }
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Simple, Differential, testing::ValuesIn(simple_scripts()), name_of);
INSTANTIATE_TEST_SUITE_P(Extended, Differential, testing::ValuesIn(extended_scripts()), name_of);
INSTANTIATE_TEST_SUITE_P(Copy, Differential, testing::ValuesIn(copy_scripts()), name_of);
INSTANTIATE_TEST_SUITE_P(Session, Differential, testing::ValuesIn(session_scripts()), name_of);

// A pipeline out of anything. Each ends in a Sync, and the query behind it tells where its answer ends.
Script random_pipelines(unsigned seed, int rounds) {
  static const std::vector<std::string> pool = {
      query("select 1"),
      query("select 1/0"),
      query(""),
      query("select 1; select 2"),
      query("select 1; select 1/0; select 2"),
      query("begin"),
      query("commit"),
      query("rollback"),
      query("savepoint a"),
      query("rollback to a"),
      query("insert into big values (1, 'r')"),
      query("select count(*) from big"),
      query("selec"),
      query("copy big from stdin") + copy_data("5\tfive\n") + copy_done(),
      query("copy big from stdin") + copy_data("bad\n") + copy_done(),
      query("copy big from stdin; select 1") + copy_fail("no"),
      query("copy item to stdout"),
      query("set datestyle = 'German'"),
      query("reset all"),
      query("select json_serialize('{}')"),
      query("prepare a as select 11"),
      query("execute a"),
      query("deallocate a"),
      query("discard all"),
      query("deallocate all"),
      query("declare c cursor for select 1"),
      query("declare c cursor with hold for select id from item"),
      query("fetch 1 from c"),
      query("close c"),
      query("close all"),
      query("select shout('r')"),
      query("listen r"),
      query("notify r"),
      query("unlisten *"),
      parse("", "select 1"),
      parse("", "select $1::int"),
      parse("", "selec"),
      parse("a", "select 21"),
      parse("b", "select g from generate_series(1, 5) g"),
      parse("c", "insert into big values ($1, 'p') returning id"),
      parse("a", "select 1/0"),
      parse("d", "copy big from stdin"),
      parse("e", "begin"),
      parse("f", "commit"),
      parse("g", "select 1; select 2"),
      parse("h", "rollback"),
      bind_portal("", ""),
      bind_portal("", "", {"5"}),
      bind_portal("", "a"),
      bind_portal("p", "b"),
      bind_portal("c", "b"),
      bind_portal("", "c", {"3"}),
      bind_portal("", "c", {"x"}),
      bind_portal("q", "no"),
      bind_portal("", "e"),
      bind_portal("", "f"),
      bind_portal("", "h"),
      bind_portal("", "b", {}, {}, {1}),
      describe_statement(""),
      describe_statement("a"),
      describe_statement("b"),
      describe_portal(""),
      describe_portal("p"),
      describe_portal("c"),
      execute(),
      execute(),
      execute(),
      execute("p"),
      execute("p", 2),
      execute("p", 1),
      execute("c", 2),
      execute("", 1),
      execute("no"),
      bind_portal("", "d") + execute() + copy_data("6\tsix\n") + copy_done(),
      bind_portal("", "d") + execute() + copy_fail("no"),
      bind_portal("", "d") + execute() + sync() + copy_data("6\tsix\n") + copy_done(),
      close_statement("a"),
      close_statement("b"),
      close_statement(""),
      close_portal("p"),
      close_portal(""),
      close_portal("c"),
      sync(),
      sync(),
      sync(),
      flush(),
      copy_data("stray"),
      copy_done(),
      copy_fail("stray"),
      function_call(177, {"2", "3"}),
      function_call(154, {"2", "0"}),
      extended("select 1"),
      extended("select 1/0"),
      extended("insert into big values (4, 'e')"),
      extended("copy item to stdout"),
      extended("set datestyle = 'SQL'"),
  };
  std::mt19937 random(seed);
  Script script{fmt::format("random: {}", seed), {}};
  for (int round = 0; round < rounds; ++round) {
    std::string bytes;
    const auto messages = 1 + random() % 12;
    for (unsigned i = 0; i < messages; ++i) bytes += pool[random() % pool.size()];
    script.rounds.push_back({bytes + sync() + query(fmt::format("select 'end of {}'::text as mark", round))});
  }
  return script;
}

// As play(), but the marks tell where an answer ends, since an error swallows what a count would expect.
Played play_random(const Script& script, const session::Address& address) {
  restore();
  Played played;
  Client client(address, script.login);
  played.pid = client.pid();
  for (std::size_t i = 0; i < script.rounds.size(); ++i) {
    client.send(script.rounds[i].bytes);
    auto& answer = played.answers.emplace_back();
    // The mark may fail, in a failed transaction: an error behind its own number of ReadyForQuery can't be
    // told apart, so the next message asks for nothing and its answer is looked for.
    client.send(query("rollback") + query(fmt::format("select 'over {}'", i)));
    bool over = false;
    try {
      while (!over || answer.back().type() != 'Z') {
        answer.push_back(client.read());
        over = over || (answer.back().type() == 'D' &&
                        answer.back().bytes.find(fmt::format("over {}", i)) != std::string::npos);
      }
    } catch (const std::exception& error) {
      std::string sent;
      for (const char c : script.rounds[i].bytes) sent += c >= ' ' && c <= '~' ? c : '.';
      throw std::runtime_error(
          fmt::format("{}\nsent: {}\nthere came:{}", error.what(), sent, describe(answer)));
    }
  }
  return played;
}

TEST(RandomPipelines, DirectAndThroughAreTheSame) {
  constexpr unsigned kSessions = 25;
  constexpr int kRounds = 20;
  for (unsigned seed = 1; seed <= kSessions && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    const auto script = random_pipelines(seed, kRounds);
    const auto direct = play_random(script, postgres().address());
    const auto through = play_random(script, chaperone().address());
    expect_same(direct, through);
    expect_whole_records(through, chaperone());
  }
}

}  // namespace
}  // namespace chaperone::pg
