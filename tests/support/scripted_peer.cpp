#include "tests/support/scripted_peer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "tests/support/records.hpp"

namespace chaperone::test {
namespace {

constexpr std::size_t kWhole = std::string::npos;

std::string lines_of(const std::vector<std::string>& sentences) {
  std::string text;
  for (const auto& each : sentences) text += "  " + each + "\n";
  return text;
}

}  // namespace

ScriptedPeer& ScriptedPeer::add(Entry entry) {
  entries_.push_back(std::move(entry));
  return *this;
}

ScriptedPeer& ScriptedPeer::client(std::string bytes, Where where) {
  from_client_ += bytes;
  return add({.kind = Kind::kClient, .where = where, .bytes = std::move(bytes)});
}
ScriptedPeer& ScriptedPeer::client_closed(Where where) {
  return add({.kind = Kind::kClientClosed, .where = where});
}
ScriptedPeer& ScriptedPeer::client_lost(Where where) {
  return add({.kind = Kind::kClientLost, .where = where});
}
ScriptedPeer& ScriptedPeer::server(std::string bytes, Where where) {
  from_server_ += bytes;
  return add({.kind = Kind::kServer, .where = where, .bytes = std::move(bytes)});
}
ScriptedPeer& ScriptedPeer::server_closed(Where where) {
  return add({.kind = Kind::kServerClosed, .where = where});
}
ScriptedPeer& ScriptedPeer::drain(bool now, Where where) {
  return add({.kind = now ? Kind::kDrainNow : Kind::kDrain, .where = where});
}
ScriptedPeer& ScriptedPeer::abort(Where where) {
  return add({.kind = Kind::kAbort, .where = where});
}
ScriptedPeer& ScriptedPeer::advance(std::chrono::microseconds time, Where where) {
  return add({.kind = Kind::kAdvance, .where = where, .time = time});
}

ScriptedPeer& ScriptedPeer::expect_server(std::string bytes, Where where) {
  from_client_.clear();
  return add({.kind = Kind::kExpectServer, .where = where, .bytes = std::move(bytes)});
}
ScriptedPeer& ScriptedPeer::expect_server(Same, Where where) {
  return expect_server(std::exchange(from_client_, {}), where);
}
ScriptedPeer& ScriptedPeer::expect_client(std::string bytes, Where where) {
  from_server_.clear();
  return add({.kind = Kind::kExpectClient, .where = where, .bytes = std::move(bytes)});
}
ScriptedPeer& ScriptedPeer::expect_client(Same, Where where) {
  return expect_client(std::exchange(from_server_, {}), where);
}
ScriptedPeer& ScriptedPeer::expect_farewell(std::string sqlstate, Where where) {
  return add({.kind = Kind::kExpectFarewell, .where = where, .bytes = std::move(sqlstate)});
}
ScriptedPeer& ScriptedPeer::expect_action(session::Action action, Where where) {
  return add({.kind = Kind::kExpectAction, .where = where, .action = action});
}
ScriptedPeer& ScriptedPeer::expect_records(std::vector<std::string> sentences, Where where) {
  return add({.kind = Kind::kExpectRecords, .where = where, .sentences = std::move(sentences)});
}
ScriptedPeer& ScriptedPeer::expect_client_waits(bool waits, Where where) {
  return add({.kind = Kind::kExpectWaits, .where = where, .waits = waits});
}

ScriptedPeer& ScriptedPeer::in_order(std::string_view) {
  late_ = false;
  return *this;
}

ScriptedPeer& ScriptedPeer::without_failures() {
  failures_ = false;
  return *this;
}

void ScriptedPeer::play(Peer& peer, const Entry& entry, std::size_t piece) {
  for (std::size_t at = 0; at < entry.bytes.size(); at += std::min(piece, entry.bytes.size())) {
    const auto part = std::string_view(entry.bytes).substr(at, piece);
    if (entry.kind == Kind::kClient) peer.client(part);
    if (entry.kind == Kind::kServer) peer.server(part);
  }
  switch (entry.kind) {
    case Kind::kClientClosed:
      return peer.client_closed();
    case Kind::kClientLost:
      return peer.client_lost();
    case Kind::kServerClosed:
      return peer.server_closed();
    case Kind::kDrain:
      return peer.drain(false);
    case Kind::kDrainNow:
      return peer.drain(true);
    case Kind::kAbort:
      return peer.abort();
    case Kind::kAdvance:
      return peer.advance(entry.time);
    default:
      return;
  }
}

void ScriptedPeer::check(Peer& peer, const Entry& entry) {
  const ::testing::ScopedTrace trace(entry.where.file_name(), static_cast<int>(entry.where.line()),
                                     "expected here");
  switch (entry.kind) {
    case Kind::kExpectServer: {
      const auto sent = peer.take_to_server();
      EXPECT_TRUE(sent == entry.bytes)
          << "to the server: " << show(sent) << "\nexpected:      " << show(entry.bytes);
      return;
    }
    case Kind::kExpectClient: {
      const auto sent = peer.take_to_client();
      EXPECT_TRUE(sent == entry.bytes)
          << "to the client: " << show(sent) << "\nexpected:      " << show(entry.bytes);
      return;
    }
    case Kind::kExpectFarewell: {
      const auto sent = peer.take_to_client();
      EXPECT_TRUE(sent.starts_with('E') && sent.find("VFATAL") != std::string::npos) << show(sent);
      EXPECT_NE(sent.find("C" + entry.bytes), std::string::npos)
          << "not " << entry.bytes << ": " << show(sent);
      EXPECT_EQ(peer.take_action(), session::Action::kClose);
      EXPECT_TRUE(peer.over());
      return;
    }
    case Kind::kExpectAction:
      EXPECT_EQ(static_cast<int>(peer.take_action()), static_cast<int>(entry.action)) << "another action";
      return;
    case Kind::kExpectRecords: {
      const auto records = peer.take_records();
      EXPECT_TRUE(records == entry.sentences) << "records:\n"
                                              << lines_of(records) << "expected:\n"
                                              << lines_of(entry.sentences);
      return;
    }
    case Kind::kExpectWaits:
      EXPECT_EQ(peer.client_waits(), entry.waits) << "whether the client's bytes wait";
      return;
    default:
      return;
  }
}

ScriptedPeer ScriptedPeer::enforcing() {
  static const auto rulebook = test_rulebook();
  ScriptedPeer script;
  script.rulebook_ = rulebook;
  return script;
}

std::unique_ptr<Peer> ScriptedPeer::peer() const {
  auto peer = rulebook_ ? std::make_unique<Peer>(enforcing_environment(), "127.0.0.1:51234", rulebook_)
                        : std::make_unique<Peer>();
  peer->log_in();
  return peer;
}

ScriptedPeer::Totals ScriptedPeer::run_in_order(std::size_t piece) const {
  const auto logged_in = this->peer();
  Peer& peer = *logged_in;
  for (const auto& entry : entries_) {
    is_expectation(entry.kind) ? check(peer, entry) : play(peer, entry, piece);
  }
  EXPECT_EQ(show(peer.take_to_server()), "") << "more to the server than the script says";
  EXPECT_EQ(show(peer.take_to_client()), "") << "more to the client than the script says";
  EXPECT_EQ(static_cast<int>(peer.take_action()), 0) << "an action that the script does not speak of";
  EXPECT_EQ(contradiction(peer.records()), "");
  return {peer.all_to_client(), peer.all_to_server(), story(peer.records())};
}

void ScriptedPeer::run_failing(const Totals& whole) const {
  const std::vector<std::pair<std::string_view, void (*)(Peer&)>> failures = {
      {"the client closes", [](Peer& peer) { peer.client_closed(); }},
      {"the client is lost", [](Peer& peer) { peer.client_lost(); }},
      {"the server closes", [](Peer& peer) { peer.server_closed("it broke"); }},
      {"the log breaks", [](Peer& peer) { peer.abort(); }},
      {"the proxy stops", [](Peer& peer) { peer.drain(true); }},
  };
  for (const auto& [name, fail] : failures) {
    for (auto at = entries_.begin();; ++at) {
      if (at != entries_.end() && is_expectation(at->kind)) continue;
      SCOPED_TRACE(std::string(name) + " before step " + std::to_string(at - entries_.begin() + 1));
      const auto logged_in = this->peer();
      Peer& peer = *logged_in;
      for (auto done = entries_.begin(); done != at; ++done) play(peer, *done, kWhole);
      fail(peer);
      // A server whose client is gone answers what it has.
      for (auto left = at; left != entries_.end(); ++left) {
        if (is_server(left->kind)) play(peer, *left, kWhole);
      }
      peer.server_closed("it closed");
      EXPECT_TRUE(peer.over()) << "the session goes on";
      EXPECT_TRUE(whole.to_server.starts_with(peer.all_to_server())) << show(peer.all_to_server());
      EXPECT_EQ(contradiction(peer.records()), "");
      const auto records = sentences(peer.records());
      EXPECT_TRUE(!records.empty() && records.back().starts_with("closed")) << lines_of(records);
      if (at == entries_.end()) break;
    }
  }
}

void ScriptedPeer::run_late(const Totals& whole) const {
  const auto logged_in = this->peer();
  Peer& peer = *logged_in;
  std::deque<const Entry*> client, server;
  const auto play_both = [&] {
    while (!client.empty() || !server.empty()) {
      auto& lane = !client.empty() && (!peer.client_waits() || server.empty()) ? client : server;
      play(peer, *lane.front(), kWhole);
      lane.pop_front();
    }
  };
  for (const auto& entry : entries_) {
    if (is_expectation(entry.kind)) continue;
    if (is_client(entry.kind)) {
      client.push_back(&entry);
    } else if (is_server(entry.kind)) {
      server.push_back(&entry);
    } else {
      play_both();
      play(peer, entry, kWhole);
    }
  }
  play_both();
  EXPECT_TRUE(peer.all_to_server() == whole.to_server) << show(peer.all_to_server());
  EXPECT_TRUE(peer.all_to_client() == whole.to_client) << show(peer.all_to_client());
  const auto told = story(peer.records());
  EXPECT_TRUE(told == whole.story) << "it tells:\n"
                                   << lines_of(told) << "in order it told:\n"
                                   << lines_of(whole.story);
  EXPECT_EQ(contradiction(peer.records()), "");
}

void ScriptedPeer::run() const {
  Totals whole;
  {
    SCOPED_TRACE("as it is");
    whole = run_in_order(kWhole);
  }
  if (::testing::Test::HasFailure()) return;  // the other ways would say the same again
  {
    SCOPED_TRACE("byte by byte");
    // Of megabytes in pieces, whose length fits nothing.
    std::size_t bytes = 0;
    for (const auto& entry : entries_) bytes += entry.bytes.size();
    run_in_order(bytes < 16384 ? 1 : 4093);
  }
  if (failures_) run_failing(whole);
  if (late_) {
    SCOPED_TRACE("with late results");
    run_late(whole);
  }
}

}  // namespace chaperone::test
