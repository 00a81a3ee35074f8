#include "proxy/session/session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proxy/wire/sqlstate.hpp"

namespace chaperone::session {
namespace {

// As the kernel tells who is on the other side.
bool is_local(std::string_view peer) {
  return peer == "unix" || peer.starts_with("127.") || peer.starts_with("[::1]") ||
         peer.starts_with("[::ffff:127.");
}

audit::SessionMembers describe(const Login& login, std::string_view id, std::string_view peer) {
  return audit::SessionMembers({.session = id,
                                .agent = login.agent(),
                                .actor = login.identity().actor,
                                .task = login.identity().task,
                                .proof = login.identity().method,
                                .token_id = login.identity().token_id,
                                .client = peer,
                                .database = login.database_name(),
                                .role = login.role(),
                                .backend_pid = login.server_key().backend_pid,
                                .enforced = login.context() != nullptr});
}

}  // namespace

Session::Session(std::shared_ptr<const Environment> environment, ThreadState& thread, std::string peer,
                 bool offers_tls)
    : environment_(std::move(environment)),
      thread_(thread),
      peer_(std::move(peer)),
      id_(auth::random_id()),
      login_(std::make_unique<Login>(environment_, thread.keys, thread.admit, thread.revocations, offers_tls,
                                     is_local(peer_))) {
}

void Session::on_client(std::string_view bytes, Step& step) {
  if (over_) return;
  if (relay_) {
    if (deadline_ && step.now.steady >= *deadline_) {  // nothing begins behind it
      on_deadline(step);
      return;
    }
    relay_->on_client(bytes, step);
    over_ = relay_->over();
    return;
  }
  login_->on_client(bytes, step);
  const bool comes_in = step.action == Action::kConnectUpstream || step.action == Action::kOpenLease;
  if (step.action == Action::kLoadRules) {
    name_database();
    if (thread_.rulebooks.contains(database_name_)) on_rules(step);
  } else if (comes_in && environment_->judges(login_->agent())) {  // it does not wait for them
    judged_ = true;
    name_database();
  }
  if (step.action == Action::kConnectUpstream) connect_upstream();
  if (step.action == Action::kClose) record_refusal(step);
}

void Session::name_database() {
  database_name_ = login_->database_name();
  target_ = login_->database().target(database_name_);
}

void Session::connect_upstream() {
  server_ = login_->database().server;
  server_tls_ = login_->upstream_tls();
}

void Session::on_lease(Lease lease, Step& step) {
  if (over_ || relay_) return;
  login_->on_lease(std::move(lease), step);
  if (step.action == Action::kConnectUpstream) connect_upstream();
}

void Session::on_lease_failed(std::string_view why, Step& step) {
  if (over_ || relay_) return;
  login_->on_lease_failed(why, step);
  if (step.action == Action::kClose) record_refusal(step);
}

void Session::on_client_closed(Step& step) {
  if (over_) return;
  if (relay_) {
    relay_->on_client_closed(step);
    return;
  }
  over_ = true;
  step.action = Action::kClose;
}

void Session::on_client_lost(Step& step) {
  if (over_) return;
  if (relay_) {
    relay_->on_client_lost(step);
    return;
  }
  over_ = true;
  step.action = Action::kClose;
}

void Session::on_rules(Step& step) {
  if (over_) return;
  const auto rules = thread_.rulebooks.find(database_name_);
  if (rules == thread_.rulebooks.end()) return;
  if (judged_) {
    judge_by(rules->second.get());
    return;
  }
  if (rules->second->target() != target_ ||
      (enforced_ && !std::ranges::equal(rules->second->catalog().search_path(), search_path_))) {
    on_rules_gone(step);
    return;
  }
  if (relay_) {
    if (enforced_) renew_rules(*rules->second, step);
    return;
  }
  login_->on_rules(*rules->second, step);
  if (step.action == Action::kConnectUpstream) connect_upstream();
  if (step.action == Action::kClose) record_refusal(step);
}

void Session::renew_rules(const Rulebook& rules, Step& step) {
  auto context = rules.context(identity_->agent, identity_->capabilities);
  auto principal = context ? principal_of(*identity_, (*context)->agent()) : context.error();
  if (!principal) {
    relay_->abort({.sqlstate = wire::sqlstate::kAdminShutdown,
                   .message = fmt::format("pgchaperone: agent \"{}\" is no longer let in", identity_->agent),
                   .detail = principal.error().message},
                  step);
  } else {
    relay_->on_rules(std::move(*context), std::move(*principal), step);
  }
  over_ = relay_->over();
}

void Session::judge_by(const Rulebook* rules) {
  if (!relay_) return;
  std::shared_ptr<const DecisionContext> context;
  if (rules != nullptr && rules->target() == target_) {
    auto found = rules->context(identity_->agent, identity_->capabilities, false);
    if (found) context = std::move(*found);
  }
  relay_->judge_by(thread_.decisions, std::move(context));
}

void Session::on_rules_failed(std::string_view why, Step& step) {
  if (over_ || relay_) return;
  login_->on_rules_failed(why, step);
  if (step.action == Action::kClose) record_refusal(step);
}

void Session::on_rules_gone(Step& step) {
  if (over_) return;
  if (judged_) {
    judge_by(nullptr);
    return;
  }
  const wire::Error error{
      .sqlstate = wire::sqlstate::kAdminShutdown,
      .message = "terminating connection because the configuration of its database changed"};
  if (relay_) {
    relay_->abort(error, step);
    over_ = true;
    return;
  }
  login_->end(error, step);
  record_refusal(step);
}

void Session::on_upstream_connected(Step& step) {
  if (!over_) login_->on_upstream_connected(step);
}

void Session::on_upstream_tls_established(std::string end_point, Step& step) {
  if (!over_) login_->on_upstream_tls_established(std::move(end_point), step);
}

void Session::on_upstream_failed(std::string_view why, Step& step) {
  if (over_) return;
  Counters::add(thread_.counters.upstream_failures);
  login_->on_upstream_failed(why, step);
  record_refusal(step);
}

void Session::on_server(std::string_view bytes, Step& step) {
  if (over_) return;
  if (login_) {
    bytes = login_->on_server(bytes, step);
    if (step.action == Action::kClose) {
      record_refusal(step);
      return;
    }
    if (!login_->done()) return;
    begin_relay(step);
    if (bytes.empty()) return;
  }
  relay_->on_server(bytes, step);
  over_ = relay_->over();
}

void Session::begin_relay(Step& step) {
  std::optional<Guard> guard;
  if (login_->context()) {
    guard.emplace(thread_.decisions, login_->context(), login_->principal(), environment_->comment);
    enforced_ = true;
    const auto pinned = login_->context()->catalog().search_path();
    search_path_.assign(pinned.begin(), pinned.end());
  }
  relay_.emplace(environment_->statement_limits, thread_.sql, thread_.counters, describe(*login_, id_, peer_),
                 std::move(guard), declared_at_login(login_->settings()));
  server_tls_ = login_->database().tls;  // a cancel shows no certificate
  client_key_ = login_->client_key();
  server_key_ = login_->server_key();
  identity_ = std::make_unique<auth::ProvenIdentity>(login_->identity());
  deadline_ = login_->deadline();
  if (const auto& lease = login_->lease_deadline(); lease && (!deadline_ || *lease < *deadline_)) {
    deadline_ = lease;
    ends_with_lease_ = true;
  }
  const std::string early = login_->take_early_bytes();
  login_.reset();
  relay_->begin(step);
  if (judged_) judge_by(nullptr);            // until there are rules
  if (enforced_ || judged_) on_rules(step);  // there may be newer ones than those that it logged in by
  if (!over_ && !early.empty()) {
    const auto kept = step.to_server.keep(std::string(early));
    relay_->on_client(kept, step);
  }
}

void Session::on_server_closed(std::string_view why, Step& step) {
  if (over_) return;
  if (relay_) {
    relay_->on_server_closed(step, why);
    over_ = relay_->over();
    return;
  }
  Counters::add(thread_.counters.upstream_failures);
  login_->on_server_closed(why, step);
  record_refusal(step);
}

void Session::on_deadline(Step& step) {
  if (over_) return;
  if (relay_) {
    if (!deadline_ || step.now.steady < *deadline_) {
      relay_->on_time(step);
      return;
    }
    if (ends_with_lease_) {
      end_running({.sqlstate = wire::sqlstate::kAdminShutdown,
                   .message = "pgchaperone: the credential of this session has come to its end",
                   .hint = "Connect again."},
                  step);
    } else {
      end_identity("has expired", step);
    }
    return;
  }
  login_->end(
      {.sqlstate = wire::sqlstate::kQueryCanceled, .message = "canceling authentication due to timeout"},
      step);
  if (step.action == Action::kClose) record_refusal(step);
}

void Session::on_cancel_sent(Step& step) {
  if (over_) return;
  relay_->on_cancel_sent(step);
  over_ = relay_->over();
}

void Session::on_revocations(Step& step) {
  if (over_ || !thread_.revocations) return;
  if (thread_.revocations->why(relay_ ? *identity_ : login_->identity())) end_identity("was revoked", step);
}

void Session::end_identity(std::string_view how, Step& step) {
  const auto& identity = relay_ ? *identity_ : login_->identity();
  const wire::Error error{
      .sqlstate = wire::sqlstate::kAdminShutdown,
      .message = fmt::format("pgchaperone: {} {} {}", identity.method == "token" ? "the token of" : "agent",
                             identity.agent, how)};
  if (!relay_) {
    login_->end(error, step);
    record_refusal(step);
    return;
  }
  end_running(error, step);
}

// What it runs is cancelled: a server would else go on with it until it has an answer to send.
void Session::end_running(const wire::Error& error, Step& step) {
  const bool running = relay_->running();
  relay_->abort(error, step);
  over_ = true;
  if (running) step.action = Action::kCancelAndClose;
}

void Session::drain(bool now, Step& step) {
  if (over_) return;
  if (!relay_) {
    if (!now) return;
    login_->end(
        {.sqlstate = wire::sqlstate::kCannotConnectNow, .message = "the database system is shutting down"},
        step);
    if (step.action == Action::kClose) record_refusal(step);
    return;
  }
  relay_->drain(step, now);
  over_ = relay_->over();
}

void Session::abort(const wire::Error& error, Step& step) {
  if (over_) return;
  if (relay_) {
    relay_->abort(error, step);
  } else {
    login_->end(error, step);
    step.action = Action::kClose;
  }
  over_ = true;
}

void Session::refuse(const wire::Error& error, Step& step) {
  if (over_ || !login_) return;
  login_->end(error, step);
  record_refusal(step);
}

void Session::record_refusal(Step& step) {
  if (over_) return;
  over_ = true;
  if (login_->agent().empty()) return;  // a stranger who never said who it is
  Counters::add(thread_.counters.sessions_refused);
  step.records.session(step.now.wall, describe(*login_, id_, peer_), audit::SessionEvent::kRefused,
                       login_->refused_because());
}

}  // namespace chaperone::session
