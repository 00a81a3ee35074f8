#pragma once

#include <chrono>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/messages.hpp"
#include "tests/support/peer.hpp"

namespace chaperone::test {

/// In an expectation: what the other side sent since the last one, to the byte.
struct Same {};
inline constexpr Same same;

/// A conversation through a session that is logged in, written down as both sides see it:
///
///     ScriptedPeer()
///         .client(query("SELECT 1")).expect_server(same)
///         .server(command_complete("SELECT 1") + ready()).expect_client(same)
///         .expect_records({"1: SELECT 1", "1 ok SELECT 1", "[1] committed"})
///         .run();
///
/// run() plays it four ways: as it is; byte by byte; with each side failing at each step, where what is left
/// has to be a prefix of the whole and the records have to be without a contradiction; and with late results,
/// where the client sends all that it may before the server says anything, and all has to come to the same.
class ScriptedPeer {
 public:
  using Where = std::source_location;

  ScriptedPeer() = default;
  /// Of an agent that is held back (enforcing_environment()).
  static ScriptedPeer enforcing();

  ScriptedPeer& client(std::string bytes, Where where = Where::current());
  ScriptedPeer& client_closed(Where where = Where::current());
  ScriptedPeer& client_lost(Where where = Where::current());
  ScriptedPeer& server(std::string bytes, Where where = Where::current());
  ScriptedPeer& server_closed(Where where = Where::current());
  ScriptedPeer& drain(bool now, Where where = Where::current());
  ScriptedPeer& abort(Where where = Where::current());
  ScriptedPeer& advance(std::chrono::microseconds time, Where where = Where::current());

  /// All that came out to that side since the last expectation; "" = nothing.
  ScriptedPeer& expect_server(std::string bytes, Where where = Where::current());
  ScriptedPeer& expect_server(Same, Where where = Where::current());
  ScriptedPeer& expect_client(std::string bytes, Where where = Where::current());
  ScriptedPeer& expect_client(Same, Where where = Where::current());
  /// That the client gets no more than this SQLSTATE and goodbye.
  ScriptedPeer& expect_farewell(std::string sqlstate, Where where = Where::current());
  ScriptedPeer& expect_action(session::Action action, Where where = Where::current());
  ScriptedPeer& expect_records(std::vector<std::string> sentences, Where where = Where::current());
  /// Whether the client's bytes are left unread.
  ScriptedPeer& expect_client_waits(bool waits, Where where = Where::current());

  /// Not with late results: the script depends on who was first, as `why` says.
  ScriptedPeer& in_order(std::string_view why);
  /// Not with failures: the script is too long for it.
  ScriptedPeer& without_failures();

  void run() const;

 private:
  enum class Kind {
    kClient,
    kClientClosed,
    kClientLost,
    kServer,
    kServerClosed,
    kDrain,
    kDrainNow,
    kAbort,
    kAdvance,
    kExpectServer,
    kExpectClient,
    kExpectFarewell,
    kExpectAction,
    kExpectRecords,
    kExpectWaits,
  };
  struct Entry {
    Kind kind;
    Where where;
    std::string bytes = {};
    std::vector<std::string> sentences = {};
    session::Action action = session::Action::kNone;
    bool waits = false;
    std::chrono::microseconds time = {};
  };
  struct Totals {
    std::string to_client, to_server;
    std::vector<std::string> story;
  };

  ScriptedPeer& add(Entry entry);
  static bool is_expectation(Kind kind) { return kind >= Kind::kExpectServer; }
  static bool is_client(Kind kind) { return kind <= Kind::kClientLost; }
  static bool is_server(Kind kind) { return kind == Kind::kServer || kind == Kind::kServerClosed; }
  static void play(Peer& peer, const Entry& entry, std::size_t piece);
  static void check(Peer& peer, const Entry& entry);

  Totals run_in_order(std::size_t piece) const;
  void run_failing(const Totals& whole) const;
  void run_late(const Totals& whole) const;

  std::vector<Entry> entries_;
  std::string from_client_, from_server_;  // since the last expectation of the other side
  std::unique_ptr<Peer> peer() const;

  std::shared_ptr<const session::Rulebook> rulebook_;
  bool late_ = true;
  bool failures_ = true;
};

}  // namespace chaperone::test
