#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <set>
#include <thread>
#include <unordered_map>
#include <vector>

#include "proxy/audit/log.hpp"
#include "proxy/net/agent_sessions.hpp"
#include "proxy/net/cancel.hpp"
#include "proxy/net/connection.hpp"
#include "proxy/net/credentials/credentials.hpp"
#include "proxy/net/mailbox.hpp"
#include "proxy/net/outbox.hpp"
#include "proxy/net/rule_keeper.hpp"
#include "proxy/session/session.hpp"

namespace chaperone::net {

/// What all workers share; outlives them.
struct Shared {
  explicit Shared(audit::Log& audit_log) : log(audit_log) {}

  audit::Log& log;
  /// What decides in each database.
  RuleKeeper* rules = nullptr;
  /// What sessions log in with, where it is made for each of them.
  Credentials* credentials = nullptr;
  /// What is rare has one thread for all of them: accepting, resolving, sending cancels.
  boost::asio::io_context io{1};
  CancelKeys cancel_keys;
  std::chrono::milliseconds login_timeout{10'000};
  std::uint32_t max_sessions = 1000;
  std::atomic<std::uint32_t> sessions{0};   ///< admitted and not over
  std::atomic<std::uint32_t> strangers{0};  ///< connections that are not admitted (yet)
  AgentSessions agents;                     ///< that have proved who they are
  std::atomic<bool> draining{false};
  bool sync = false;  ///< durability sync: what was recorded goes upstream when it is on disk
};

/// One I/O thread: its sessions, both sockets of each, from accept to close. Nothing of a session is touched
/// by another thread; others post().
///
/// The thread sleeps in one epoll_wait(): on its sockets (level-triggered), its mailbox, and the next
/// deadline. One round: receive from every socket that has something, let the sessions decide; then hand the
/// records of the round to the log, all at once, and only then what it has to send to the kernel, likewise.
class Worker {
 public:
  Worker(Shared& shared, std::shared_ptr<const session::Environment> environment, audit::Values values);
  ~Worker();  ///< stops and joins

  void start();
  /// Runs `task` on the worker's thread.
  void post(Mailbox::Task task) { mailbox_.post(std::move(task)); }

  /// All below run on the worker's thread (through post).
  void adopt(Descriptor client, std::shared_ptr<const TlsContext> tls);
  /// What the keeper of rulebooks has to tell: with an environment (else nullptr) a reload.
  void on_rules(std::shared_ptr<const session::Environment> environment, const std::vector<RuleNews>& news);
  /// What is revoked ends now, and does not come in any more.
  void revoke(std::shared_ptr<const auth::Revocations> revocations);
  /// `now` false: sessions end as they come out of their transactions; true: all end.
  void drain(bool now);
  /// Records up to `seq` are on disk.
  void on_durable(std::uint64_t seq);

  const session::Counters& counters() const { return thread_.counters; }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr Clock::time_point kNever = Clock::time_point::max();
  struct Deferred {
    Connection* connection;
    std::unique_ptr<session::Step> step;
  };

  // worker.cpp: life of connections
  std::optional<wire::Error> admit();
  bool take_place(Connection& connection);
  void open_lease(Connection& connection);
  void close_lease(Connection& connection);
  void open_upstream(Connection& connection);
  void try_candidates(Connection& connection, std::string why);
  void connected(Connection& connection);
  void pass_cancel(Connection& connection);
  void close(Connection& connection);
  void bury();
  void expect_end(Connection& connection);
  void expect_deadline(Connection& connection);
  void cancel_statement(Connection& connection);
  void logged_in(Connection& connection);
  void on_rules(const RuleNews& news);
  void on_rules(Connection& connection, const RuleNews& news);
  void server_gone(Connection& connection, std::string_view why);
  session::Now now() const;

  // readiness.cpp: the loop
  void run();
  int milliseconds_to_wait() const;
  void meet_deadlines();
  void handle(Leg& leg, std::uint32_t events);
  void read_client(Connection& connection);
  void read_server(Connection& connection);
  void flush(Leg& leg);
  std::unique_ptr<session::Step> take_step();
  void settle(Connection& connection, std::unique_ptr<session::Step> step);
  void commit();
  void send_queued();
  wire::Result<std::uint64_t> write_records_due();
  wire::Result<std::uint64_t> write_records();
  void send_upstream(Connection& connection, session::Step& step, std::uint64_t seq);
  void carry_out(Connection& connection, session::Action action);
  void append(Leg& leg, const session::Gather& gather);
  void send_to(Leg& leg, const session::Gather& gather);
  void lost(Leg& leg);
  void update_interest(Connection& connection);
  void watch(Leg& leg, std::uint32_t interest);
  void unwatch(Leg& leg);

  // worker_tls.cpp: the legs that are encrypted
  Transfer receive_from(Leg& leg, char* to, std::size_t room);
  void start_tls(Connection& connection);
  void start_upstream_tls(Connection& connection);
  void shake_hands(Leg& leg, std::string_view& input);
  void seal(Leg& leg, const session::Gather& gather, std::string& output);
  void send_sealed(Leg& leg, const session::Gather& gather);
  void send_reply(Leg& leg);
  void forget_sealed();
  void say_goodbye(Leg& leg);

  Shared& shared_;
  std::shared_ptr<const session::Environment> environment_;
  session::ThreadState thread_;
  audit::Batch batch_;

  Descriptor readiness_;  // epoll; of the mailbox it holds a null pointer, of a socket its Leg
  Mailbox mailbox_;
  bool stopping_ = false;

  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_;
  std::set<std::pair<Clock::time_point, Connection*>> deadlines_;
  Clock::time_point records_due_ = kNever;  // of records that no statement waits for
  std::set<Connection*> waiting_for_disk_;
  std::vector<Connection*> dead_;

  // Both are used from the front again in each round. What sessions want to send are mostly views into them,
  // so each receive gets a part of its own until commit().
  std::vector<char> client_buffer_, server_buffer_;
  std::size_t client_buffer_used_ = 0, server_buffer_used_ = 0;
  std::vector<Deferred> deferred_, settling_;
  Outbox outbox_;
  // Of encrypted legs: what was received last; what has to be sent because of it; pieces on their way into
  // one record; and what the outbox holds, of which so many are in use.
  std::vector<char> sealed_input_;
  std::string reply_, plain_;
  std::vector<std::unique_ptr<std::string>> sealed_;
  std::size_t sealed_used_ = 0;
  std::vector<std::unique_ptr<session::Step>> spare_steps_;

  std::thread thread_of_control_;
};

}  // namespace chaperone::net
