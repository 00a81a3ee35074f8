#include "tests/pg/servers.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fstream>
#include <map>

#include "proxy/audit/spool.hpp"
#include "proxy/auth/passwords.hpp"

namespace chaperone::pg {
namespace {

constexpr const char* kBin = "/usr/lib/postgresql/15/bin/";
constexpr std::string_view kSchema = R"(
CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL, price numeric(10,2), stock int DEFAULT 0 CHECK (stock >= 0));
CREATE TABLE line (id int PRIMARY KEY, item int REFERENCES item DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE big (id int, filler text);
CREATE SEQUENCE numbers;
CREATE FUNCTION shout(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'heard: %', $1; RETURN upper($1); END $$;
CREATE FUNCTION fails() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'on purpose' USING DETAIL = 'a detail', HINT = 'a hint', ERRCODE = 'P0123'; END $$;
CREATE PROCEDURE twice() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO big VALUES (1, 'a'); COMMIT; INSERT INTO big VALUES (2, 'b'); COMMIT; END $$;
)";

// gtest owns it: the servers end with the last test.
class Servers : public testing::Environment {
 public:
  void TearDown() override {
    chaperone.reset();
    encrypted.reset();
    postgres.reset();
  }
  std::unique_ptr<Postgres> postgres;
  std::unique_ptr<Chaperone> chaperone, encrypted;
};

Servers& servers() {
  static auto* const both = static_cast<Servers*>(testing::AddGlobalTestEnvironment(new Servers));
  return *both;
}

[[maybe_unused]] const Servers& registered = servers();

std::uint16_t free_port() {
  net::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage storage{};
  auto& address = reinterpret_cast<sockaddr_in&>(storage);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&storage), length) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
    throw std::runtime_error("no free port");
  }
  return ntohs(address.sin_port);
}

}  // namespace

Postgres::Postgres() {
  const std::string data = directory_.path("data");
  write_file(directory_.path("password"), Login{}.password);
  std::filesystem::permissions(directory_.path(), std::filesystem::perms(0777));
  std::filesystem::permissions(directory_.path("password"), std::filesystem::perms(0644));
  Process initdb(
      {std::string(kBin) + "initdb", "--no-sync", "--auth=scram-sha-256", "--username=tester",
       "--pwfile=" + directory_.path("password").string(), "--locale=C.UTF-8", "--encoding=UTF8", data},
      {.user = "postgres", .log = directory_.path("initdb.log")});
  if (!initdb.wait(std::chrono::seconds(60)) || initdb.status() != 0) {
    throw std::runtime_error("initdb failed: " + read_file(directory_.path("initdb.log")));
  }
  const Credentials own = authority_.issue();
  write_file(directory_.path("data") / "server.crt", own.certificate);
  write_file(directory_.path("data") / "server.key", own.key);
  const auto hba = directory_.path("data") / "pg_hba.conf";
  write_file(hba, "hostnossl all encrypted all reject\nlocal all encrypted reject\n" + read_file(hba));
  if (const auto* const user = ::geteuid() == 0 ? ::getpwnam("postgres") : nullptr) {
    for (const char* file : {"server.crt", "server.key"}) {
      if (::chown((directory_.path("data") / file).c_str(), user->pw_uid, user->pw_gid) != 0) {
        throw std::runtime_error("the server's certificate can't be given to it");
      }
    }
  }
  address_ = {.host = "127.0.0.1", .port = free_port()};
  socket_ = {.host = directory_.path(), .port = address_.port, .unix_socket = true};
  process_ = std::make_unique<Process>(
      std::vector<std::string>{std::string(kBin) + "postgres",
                               "-D",
                               data,
                               "-p",
                               std::to_string(address_.port),
                               "-c",
                               "listen_addresses=127.0.0.1",
                               "-c",
                               "unix_socket_directories=" + socket_.host,
                               "-c",
                               "ssl=on",
                               "-c",
                               "fsync=off",
                               "-c",
                               "full_page_writes=off",
                               "-c",
                               "jit=off",
                               "-c",
                               "max_connections=450",
                               "-c",
                               "max_prepared_transactions=10",
                               "-c",
                               "autovacuum=off",
                               "-c",
                               "deadlock_timeout=200ms"},
      ProcessOptions{.user = "postgres", .log = directory_.path("log"), .stop_signal = SIGINT});
  const auto ready = [&] {
    return read_file(directory_.path("data") / "postmaster.pid").find("ready") != std::string::npos;
  };
  if (!eventually([&] { return ready() || !process_->running(); }, std::chrono::seconds(30)) ||
      !process_->running()) {
    throw std::runtime_error("PostgreSQL does not start: " + read_file(directory_.path("log")));
  }
  Client first(address_, {.database = "postgres"});
  first.run("CREATE DATABASE shop");
  first.run("CREATE ROLE other LOGIN PASSWORD 'a secret'");
  first.run("CREATE ROLE encrypted LOGIN SUPERUSER PASSWORD 'a secret'");
  run(kSchema);
}

Client& Postgres::control() {
  if (!control_) control_ = std::make_unique<Client>(address_);
  return *control_;
}

ChaperoneOptions encrypted(const Postgres& server) {
  const Credentials own = server.authority().issue({.common_name = "pgchaperone"});
  return {.server = server.address(),
          .tls = "{certificate: server.crt, key: server.key}",
          .server_tls = "{ca: ca.pem}",
          .files = {{"server.crt", own.certificate},
                    {"server.key", own.key},
                    {"ca.pem", server.authority().certificate()}}};
}

TlsOptions verifying(const Postgres& server) {
  return {.ca = server.authority().certificate(), .host = "localhost"};
}

Chaperone::Chaperone(ChaperoneOptions options) : options_(std::move(options)) {
  audit_ = options_.audit.empty() ? directory_.path("audit.jsonl") : options_.audit;
  static const auth::ScramVerifier verifier = auth::ScramVerifier::derive(Login{}.password);
  write_file(directory_.path("passwords"), auth::Passwords::line("tester", verifier) + "\n" +
                                               auth::Passwords::line("other", verifier) + "\n" +
                                               auth::Passwords::line("encrypted", verifier) + "\n" +
                                               auth::Passwords::line("unknown_role", verifier) + "\n");
  write_file(directory_.path("role.password"), options_.role_password + "\n");
  for (const auto& [name, content] : options_.files) write(name, content);
  write_config(options_);
  if (options_.start) start();
}

Chaperone::~Chaperone() = default;

void Chaperone::write_config(const ChaperoneOptions& options) {
  const std::string role = options.role.empty() ? "" : fmt::format("role: {}, ", options.role);
  const std::string credential =
      !options.credential.empty()
          ? options.credential
          : fmt::format("{{insecure_static: {{{}password_file: role.password}}}}", role);
  const std::string tls = options.server.unix_socket ? "" : fmt::format("    tls: {}\n", options.server_tls);
  const std::string client_tls = options.tls.empty() ? "" : fmt::format("    tls: {}\n", options.tls);
  write_file(config(), fmt::format("listen:\n  - address: 127.0.0.1:{}\n{}"
                                   "admin:\n  address: 127.0.0.1:{}\n"
                                   "databases:\n  \"{}\":\n    server: {}\n{}    credential: {}\n"
                                   "identity:\n{}"
                                   "audit:\n  durability: {}\n  sinks:\n    - file: {}\n"
                                   "limits:\n  drain: 3s\n{}{}{}",
                                   address_.port, client_tls, admin_.port, options.database,
                                   options.server.to_string(), tls, credential, options.identity,
                                   options.durability, audit_.string(), options.limits,
                                   options.policy.empty() ? "" : "policy: policy.yaml\n", options.more));
  if (!options.policy.empty()) write_file(policy(), options.policy);
}

void Chaperone::write(const std::string& name, std::string_view text) {
  write_file(directory_.path(name), text);
}

void Chaperone::start() {
  process_.reset();
  const auto log_file = directory_.path("log");
  std::filesystem::remove(log_file);
  process_ = std::make_unique<Process>(std::vector<std::string>{PGCHAPERONE, "serve", "--config", config()},
                                       ProcessOptions{.log = log_file});
  const auto port_after = [](const std::string& log, std::string_view words) -> std::uint16_t {
    const auto at = log.find(words);
    const auto end = at == std::string::npos ? at : log.find('\n', at);
    if (end == std::string::npos) return 0;
    return static_cast<std::uint16_t>(std::stoi(log.substr(log.rfind(':', end) + 1)));
  };
  const bool up = eventually([&] { return port_after(log(), "listening on") != 0 || !process_->running(); },
                             std::chrono::seconds(20));
  if (!up || !process_->running()) throw std::runtime_error("pgchaperone does not start: " + log());
  address_ = {.host = "127.0.0.1", .port = port_after(log(), "listening on")};
  admin_ = {.host = "127.0.0.1", .port = port_after(log(), "metrics and health on")};
}

namespace {

// A member of a line as it stands there, without parsing it: strings without their quotes.
std::string member(std::string_view line, std::string_view key) {
  const auto at = line.find(fmt::format("\"{}\":", key));
  if (at == std::string_view::npos) return {};
  line.remove_prefix(at + key.size() + 3);
  if (line.starts_with('"')) return std::string(line.substr(1, line.find('"', 1) - 1));
  return std::string(line.substr(0, line.find_first_of(",}")));
}

}  // namespace

void Chaperone::read_audit() const {
  // The newest lines may still be in the spool.
  static_cast<void>(eventually([&] {
    read_audit_file();
    if (lines_.empty() || !process_->running()) return true;
    const auto last = audit::read_sealed_line(lines_.back());
    if (!last) return true;
    audit::ChainPosition end = last->position();
    return audit::spooled_lines(audit::read_spool(audit_).value(), end).lines.empty();
  }));
}

void Chaperone::read_audit_file() const {
  std::error_code missing;
  const auto size = std::filesystem::file_size(audit_, missing);
  if (missing) return;
  if (size < audit_read_) {  // another file has taken its place
    audit_read_ = 0;
    lines_.clear();
    lines_of_session_.clear();
    newest_session_.clear();
  }
  std::ifstream in(audit_, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(audit_read_));
  // A last line may be half written: without its end it is left for the next time.
  for (std::string line; std::getline(in, line) && !in.eof();) {
    audit_read_ += line.size() + 1;
    const auto session = member(line, "session");
    if (!session.empty()) lines_of_session_[session].push_back(lines_.size());
    if (line.find("\"event\":\"opened\"") != std::string::npos)
      newest_session_[member(line, "backend_pid")] = session;
    lines_.push_back(std::move(line));
  }
}

Records Chaperone::records(std::string_view key, const boost::json::value& value) const {
  read_audit();
  Records found;
  const std::string needle = fmt::format("\"{}\":{}", key, boost::json::serialize(value));
  for (const auto& line : lines_) {
    if (line.find(needle) == std::string::npos) continue;
    auto record = boost::json::parse(line).as_object();
    if (record.contains(key) && record.at(key) == value) found.push_back(std::move(record));
  }
  return found;
}

Records Chaperone::session(std::int32_t backend_pid) const {
  const auto pid = std::to_string(backend_pid);
  const auto closed = [&] {
    read_audit();
    const auto newest = newest_session_.find(pid);
    if (newest == newest_session_.end()) return false;
    return lines_[lines_of_session_[newest->second].back()].find("\"event\":\"closed\"") != std::string::npos;
  };
  if (!eventually(closed)) {
    throw std::runtime_error(fmt::format("the session of backend {} is not recorded as closed", backend_pid));
  }
  Records records;
  for (const auto index : lines_of_session_[newest_session_[pid]]) {
    records.push_back(boost::json::parse(lines_[index]).as_object());
  }
  return records;
}

std::string Chaperone::get(std::string_view path) const {
  Peer peer(admin_);
  peer.send(fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path));
  std::string all;
  try {
    while (true) all += peer.read_some();
  } catch (const Closed&) {
  }
  return all;
}

double Chaperone::metric(std::string_view name) const {
  const std::string all = "\n" + get("/metrics");
  const auto at = all.find(fmt::format("\n{} ", name));
  if (at == std::string::npos) throw std::runtime_error(fmt::format("no metric {} in {}", name, all));
  return std::stod(all.substr(at + name.size() + 2));
}

audit::Verification Chaperone::verify() const {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(audit_.parent_path())) {
    if (entry.path().filename().string().starts_with(audit_.filename().string()))
      files.push_back(entry.path());
  }
  auto verification = audit::verify(files);
  if (!verification) throw std::runtime_error(verification.error().message);
  return *verification;
}

Records of_kind(const Records& records, std::string_view kind) {
  Records found;
  for (const auto& record : records) {
    if (record.at("kind").as_string() == kind) found.push_back(record);
  }
  return found;
}

std::string text(const Record& record, std::string_view key) {
  const auto* value = record.if_contains(key);
  if (value == nullptr)
    throw std::runtime_error(fmt::format("no {} in {}", key, boost::json::serialize(record)));
  if (value->is_string()) return std::string(value->as_string());
  return boost::json::serialize(*value);
}

std::vector<std::string> outcomes(const Records& session) {
  std::map<std::int64_t, std::string> by_statement;
  for (const auto& record : of_kind(session, "statement"))
    by_statement[record.at("statement").as_int64()] = "none";
  for (const auto& record : of_kind(session, "outcome")) {
    std::string what = text(record, "result");
    for (const char* key : {"tag", "sqlstate"}) {
      if (!record.at(key).is_null()) what += " " + text(record, key);
    }
    auto& slot = by_statement[record.at("statement").as_int64()];
    slot = slot == "none" ? what : slot + " AND " + what;
  }
  std::vector<std::string> all;
  for (const auto& [statement, what] : by_statement) all.push_back(what);
  return all;
}

std::vector<std::string> statements(const Records& session) {
  std::vector<std::string> all;
  for (const auto& record : of_kind(session, "statement")) all.push_back(text(record, "sql"));
  return all;
}

std::vector<std::string> transactions(const Records& session) {
  std::vector<std::string> all;
  for (const auto& record : of_kind(session, "transaction")) {
    std::string what = text(record, "end");
    for (const auto& statement : record.at("statements").as_array())
      what += " " + boost::json::serialize(statement);
    all.push_back(std::move(what));
  }
  return all;
}

Postgres& postgres() {
  if (!servers().postgres) servers().postgres = std::make_unique<Postgres>();
  return *servers().postgres;
}

Chaperone& chaperone() {
  if (!servers().chaperone) {
    servers().chaperone = std::make_unique<Chaperone>(ChaperoneOptions{.server = postgres().address()});
  }
  return *servers().chaperone;
}

Chaperone& encrypted_chaperone() {
  if (!servers().encrypted) servers().encrypted = std::make_unique<Chaperone>(encrypted(postgres()));
  return *servers().encrypted;
}

}  // namespace chaperone::pg
