#include "tests/support/peer.hpp"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include "proxy/auth/scram.hpp"
#include "rules/policy/load.hpp"
#include "tests/support/records.hpp"

namespace chaperone::test {
namespace {

using session::Action;

// Few rounds, made once: a script logs in hundreds of times.
const auth::ScramVerifier& verifier_of(std::string_view password) {
  static const auto agent = auth::ScramVerifier::derive(kPassword, 1);
  static const auto upstream = auth::ScramVerifier::derive("upstream", 1);
  static const auto wrong = auth::ScramVerifier::derive("something else", 1);
  return password == kPassword ? agent : password == "upstream" ? upstream : wrong;
}

/// The data of the Authentication message at the front, which is taken.
std::string take_authentication(std::string& bytes, std::uint32_t code) {
  const std::string head = int32(code);
  if (bytes.size() < 9 || bytes[0] != 'R' || bytes.substr(5, 4) != head) {
    ADD_FAILURE() << "no Authentication message of code " << code << ": " << show(bytes);
    return {};
  }
  const auto length = (static_cast<unsigned char>(bytes[3]) << 8) + static_cast<unsigned char>(bytes[4]);
  std::string data = bytes.substr(9, static_cast<std::size_t>(length) - 8);
  bytes.erase(0, static_cast<std::size_t>(length) + 1);
  return data;
}

}  // namespace

session::Environment test_environment() {
  session::Environment environment;
  environment.databases["shop"] = {
      .server = {.host = "db", .port = 5432},
      .database = "shop_live",
      .credential = session::StaticCredential{.role = "app", .password = "upstream"}};
  const auto line = auth::Passwords::line(kAgent, verifier_of(kPassword));
  environment.passwords = auth::Passwords::from_text(line + "\n", "passwords").value();
  return environment;
}

namespace {

constexpr std::string_view kSchema =
    "CREATE TABLE account (id int PRIMARY KEY, owner text, balance int, tenant int, pin text);"
    "CREATE TABLE entry (id int, note text);";

std::string policy_text(int tenant, bool observe = false) {
  return fmt::format(R"(version: 1
capabilities:
  ledger:
    tables:
      account:
        read: {{columns: [id, owner], rows: "tenant = :tenant", mask: {{owner: redact}}}}
        update: {{columns: [balance], rows: "tenant = :tenant", max_rows: 1}}
      entry:
        read: {{columns: "*"}}
        insert: {{columns: "*"}}
    functions: [safe]
    limits: {{rows: 2}}
agents:
  bot: {{capabilities: [ledger], parameters: {{tenant: {}}}{}}}
)",
                     tenant, observe ? ", mode: observe" : "");
}

}  // namespace

std::shared_ptr<const session::Rulebook> test_rulebook(int tenant) {
  return rulebook_of(policy_text(tenant));
}

std::shared_ptr<const session::Rulebook> rulebook_of(const std::string& policy_file) {
  rules::Problems problems;
  std::shared_ptr<const rules::Catalog> catalog = rules::load_catalog_sql(kSchema, "schema.sql", problems);
  auto policy = std::make_shared<const rules::PolicySet>(
      rules::load_policy(policy_file, "policy.yaml", *catalog, problems));
  EXPECT_TRUE(problems.empty()) << problems.text();
  const auto environment = test_environment();
  return std::make_shared<const session::Rulebook>(std::move(policy), std::move(catalog), parser::Limits{},
                                                   environment.find_database("shop")->target("shop"));
}

namespace {

session::Environment environment_of(const std::string& policy) {
  auto environment = test_environment();
  rules::Problems problems;
  environment.policy =
      std::make_shared<const rules::PolicySet>(rules::load_policy(policy, "policy.yaml", problems));
  EXPECT_TRUE(problems.empty()) << problems.text();
  return environment;
}

}  // namespace

session::Environment enforcing_environment() {
  return environment_of(policy_text(7));
}

session::Environment observing_environment() {
  return environment_of(policy_text(7, true));
}

Peer::Peer(session::Environment environment, std::string from,
           std::shared_ptr<const session::Rulebook> rulebook, bool offers_tls) {
  if (rulebook) thread_.rulebooks["shop"] = std::move(rulebook);
  thread_.admit = [] { return std::nullopt; };
  session_ =
      std::make_unique<session::Session>(std::make_shared<const session::Environment>(std::move(environment)),
                                         thread_, std::move(from), offers_tls);
}

template <class Event>
void Peer::happen(Event&& event) {
  if (over_) return;
  session::Step step(batch_, {std::chrono::steady_clock::time_point(now_), now_.count()});
  event(step);
  all_to_client_ += step.to_client.flatten();
  all_to_server_ += step.to_server.flatten();
  to_client_ += step.to_client.flatten();
  to_server_ += step.to_server.flatten();
  const bool refresh = step.refresh_rules;
  if (step.action != Action::kNone) actions_.push_back(step.action);
  over_ = step.action == Action::kClose || step.action == Action::kCancelAndClose ||
          step.action == Action::kCancel;
  // What is there is as fresh as can be.
  if (refresh) rules();
  take_waiting();
}

void Peer::take_waiting() {
  if (over_ || !session_->wants_client()) return;
  if (!waiting_.empty()) {
    // In a block of its own: whoever keeps a view beyond the call is seen.
    const auto bytes = std::make_unique<std::string>(std::exchange(waiting_, {}));
    happen([&](session::Step& step) { session_->on_client(*bytes, step); });
  } else if (std::exchange(closing_, false)) {
    happen([&](session::Step& step) { session_->on_client_closed(step); });
  }
}

void Peer::client(std::string_view bytes) {
  waiting_ += bytes;
  take_waiting();
}

void Peer::client_closed() {
  closing_ = true;
  take_waiting();
}

void Peer::client_lost() {
  waiting_.clear();
  happen([&](session::Step& step) { session_->on_client_lost(step); });
}

void Peer::server(std::string_view bytes) {
  const auto copy = std::make_unique<std::string>(bytes);
  happen([&](session::Step& step) { session_->on_server(*copy, step); });
}

void Peer::server_closed(std::string_view why) {
  happen([&](session::Step& step) { session_->on_server_closed(why, step); });
}

void Peer::lease(session::Lease lease) {
  happen([&](session::Step& step) { session_->on_lease(std::move(lease), step); });
}

void Peer::lease_failed(std::string_view why) {
  happen([&](session::Step& step) { session_->on_lease_failed(why, step); });
}

void Peer::upstream_connected() {
  happen([&](session::Step& step) { session_->on_upstream_connected(step); });
}

void Peer::upstream_tls_established(std::string end_point) {
  happen([&](session::Step& step) { session_->on_upstream_tls_established(std::move(end_point), step); });
}

void Peer::upstream_failed(std::string_view why) {
  happen([&](session::Step& step) { session_->on_upstream_failed(why, step); });
}

void Peer::login_timeout() {
  happen([&](session::Step& step) { session_->on_deadline(step); });
}

void Peer::cancel_sent() {
  happen([&](session::Step& step) { session_->on_cancel_sent(step); });
}

void Peer::revoke(auth::Revocations revocations) {
  thread_.revocations = std::make_shared<const auth::Revocations>(std::move(revocations));
  happen([&](session::Step& step) { session_->on_revocations(step); });
}

void Peer::drain(bool now) {
  happen([&](session::Step& step) { session_->drain(now, step); });
}

void Peer::abort() {
  happen([&](session::Step& step) {
    session_->abort({.sqlstate = "53100", .message = "the log can't be written"}, step);
  });
}

void Peer::rules() {
  happen([&](session::Step& step) { session_->on_rules(step); });
}

void Peer::prove(std::string_view startup_packet, std::string_view password, Action then) {
  static auth::ScramKeyCache keys;
  auth::ScramClient scram(password, keys);
  client(startup_packet);
  auto said = take_to_client();
  if (said.starts_with('v')) said.erase(0, 1 + static_cast<std::size_t>(static_cast<unsigned char>(said[4])));
  EXPECT_EQ(said, authentication_sasl()) << show(said);
  client(sasl_initial_response("SCRAM-SHA-256", scram.first()));
  said = take_to_client();
  const auto final = scram.final(take_authentication(said, 11));
  ASSERT_TRUE(final) << final.error().message;
  client(sasl_response(*final));
  if (over_) return;
  said = take_to_client();
  EXPECT_TRUE(scram.verify(take_authentication(said, 12)))
      << "the proxy has not proved that it knows the password";
  EXPECT_EQ(said, "");
  EXPECT_EQ(take_action(), then);
}

void Peer::challenge(std::string_view password) {
  challenge(verifier_of(password));
}

void Peer::challenge(const auth::ScramVerifier& verifier) {
  auth::ScramServer scram(verifier, false);
  server(authentication_sasl());
  const auto initial = take_to_server();
  const std::string head = string("SCRAM-SHA-256");
  ASSERT_TRUE(initial.size() > 9 + head.size() && initial.compare(5, head.size(), head) == 0)
      << show(initial);
  const auto first = scram.first(std::string_view(initial).substr(9 + head.size()));
  ASSERT_TRUE(first) << first.error().message;
  server(authentication(11, *first));
  const auto response = take_to_server();
  ASSERT_GT(response.size(), 5U) << "no SASLResponse";
  const auto final = scram.final(std::string_view(response).substr(5));
  ASSERT_TRUE(final) << "the proxy's proof is wrong";
  server(authentication(12, *final));
}

void Peer::log_in(const Pairs& parameters) {
  prove(startup(parameters));
  upstream_connected();
  EXPECT_TRUE(take_to_server().starts_with(std::string(2, '\0'))) << "no StartupMessage";
  challenge();
  server(authentication_ok() + parameter_status("server_version", "15.0") +
         key_data(kServerPid, kServerSecret) + ready());
  EXPECT_TRUE(session_->logged_in());
  EXPECT_TRUE(take_to_client().ends_with(ready())) << "the login did not end with ReadyForQuery";
  EXPECT_EQ(take_to_server(), "");
  EXPECT_EQ(take_records(), std::vector<std::string>{"opened"});
  all_to_client_.clear();
  all_to_server_.clear();
}

Action Peer::take_action() {
  if (actions_.empty()) return Action::kNone;
  const auto first = actions_.front();
  actions_.erase(actions_.begin());
  return first;
}

std::vector<std::string> Peer::take_records() {
  auto all = sentences(batch_, records_taken_);
  records_taken_ = batch_.lines();
  return all;
}

std::string show(std::string_view bytes) {
  std::string shown;
  const auto escape = [&](std::string_view text) {
    constexpr std::string_view kHex = "0123456789abcdef";
    for (const char each : text.substr(0, 200)) {
      const auto c = static_cast<unsigned char>(each);
      if (c >= ' ' && c < 0x7f) {
        shown += static_cast<char>(c);
      } else {
        shown.append("\\").append(1, kHex[c >> 4]).append(1, kHex[c & 15]);
      }
    }
  };
  while (bytes.size() >= 5) {
    std::size_t length = 0;
    for (int i = 1; i <= 4; ++i)
      length = length << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
    if (length < 4 || length + 1 > bytes.size()) break;
    shown += bytes.front();
    shown += '(';
    escape(bytes.substr(5, length - 4));
    shown += ") ";
    bytes.remove_prefix(length + 1);
  }
  if (!bytes.empty()) {
    shown += "and bytes: ";
    escape(bytes);
  }
  return shown;
}

}  // namespace chaperone::test
