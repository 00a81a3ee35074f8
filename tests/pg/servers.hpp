#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/audit/verify.hpp"
#include "tests/pg/client.hpp"
#include "tests/pg/process.hpp"

namespace chaperone::pg {

/// A throwaway PostgreSQL with a role `tester` (a superuser) and a database `shop`, on a loopback port and a
/// Unix socket. Over TCP it speaks TLS with whoever asks, and the role `encrypted` gets in by it alone.
class Postgres {
 public:
  Postgres();

  const session::Address& address() const { return address_; }
  const session::Address& socket() const { return socket_; }
  /// Who has signed its certificate, which is of 127.0.0.1 and localhost.
  const Authority& authority() const { return authority_; }
  /// A session of the superuser, for what tests arrange behind the proxy's back.
  Client& control();
  std::string scalar(std::string_view sql) { return control().scalar(sql); }
  void run(std::string_view sql) { control().run(sql); }

 private:
  TemporaryDirectory directory_;
  Authority authority_;
  session::Address address_, socket_;
  std::unique_ptr<Process> process_;
  std::unique_ptr<Client> control_;
};

struct ChaperoneOptions {
  session::Address server;
  std::string tls = "";  ///< YAML of the listener's `tls` as a flow map; empty = none
  std::string server_tls = "{mode: insecure_disable}";  ///< the same of the server's, where that is TCP
  std::string durability = "batch";
  std::string limits = "";     ///< lines of YAML under `limits`, each "  key: value\n"
  std::string database = "*";  ///< the entry under `databases`
  std::string role = "";       ///< empty = the agent's own name
  std::string role_password = "a secret";
  std::string credential =
      "";  ///< YAML of `credential` as a flow map; empty = insecure_static with that role
  std::string identity = "  default: scram\n  passwords: passwords\n";
  std::string more = "";  ///< lines of YAML at the end
  bool start = true;
  std::filesystem::path audit = {};               ///< empty = in its own directory
  std::string policy = "";                        ///< the text of a policy file; empty = none
  std::map<std::string, std::string> files = {};  ///< beside the configuration: text by name
};

/// Encrypted on both sides, with certificates of that authority.
ChaperoneOptions encrypted(const Postgres& server);
/// How a client speaks TLS with it: as libpq with sslmode=verify-full.
TlsOptions verifying(const Postgres& server);

using Record = boost::json::object;
using Records = std::vector<Record>;

/// A pgchaperone process with a configuration, secrets and an audit log of its own. Agents `tester` and
/// `other`, with the password of Login.
class Chaperone {
 public:
  explicit Chaperone(ChaperoneOptions options);
  ~Chaperone();

  /// Starts it (again); throws with its log when it does not come up.
  void start();
  const session::Address& address() const { return address_; }
  const session::Address& admin() const { return admin_; }
  Process& process() { return *process_; }
  std::filesystem::path config() const { return directory_.path("chaperone.yaml"); }
  std::filesystem::path policy() const { return directory_.path("policy.yaml"); }
  std::filesystem::path audit() const { return audit_; }
  std::string log() const { return read_file(directory_.path("log")); }
  void write_config(const ChaperoneOptions& options);
  /// Writes a file beside the configuration.
  void write(const std::string& name, std::string_view text);

  /// Records of the log that have this value under this name, oldest first.
  Records records(std::string_view key, const boost::json::value& value) const;
  /// Records of the newest session of this server process, once that is closed.
  Records session(std::int32_t backend_pid) const;
  /// The value of a metric; labels as written ("name{label=\"x\"}").
  double metric(std::string_view name) const;
  /// GET over HTTP: the whole answer.
  std::string get(std::string_view path) const;
  audit::Verification verify() const;

 private:
  void read_audit() const;
  void read_audit_file() const;

  ChaperoneOptions options_;
  TemporaryDirectory directory_;
  std::filesystem::path audit_;
  session::Address address_{.host = "127.0.0.1", .port = 0},
      admin_{.host = "127.0.0.1", .port = 0};  ///< kept over restarts
  std::unique_ptr<Process> process_;

  // What has been read of the audit log so far; a long run would read it over and over.
  mutable std::uint64_t audit_read_ = 0;
  mutable std::vector<std::string> lines_;
  mutable std::map<std::string, std::vector<std::size_t>, std::less<>> lines_of_session_;
  mutable std::map<std::string, std::string, std::less<>> newest_session_;  // by backend PID
};

/// The records of one kind.
Records of_kind(const Records& records, std::string_view kind);
/// A text of a record; "null" where it is null.
std::string text(const Record& record, std::string_view key);
/// What became of each statement, in their order: "ok INSERT 0 1", "failed 42703", "not_run".
std::vector<std::string> outcomes(const Records& session);
/// The statements' texts, in their order.
std::vector<std::string> statements(const Records& session);
/// How each transaction ended, with its statements: "committed 1 2".
std::vector<std::string> transactions(const Records& session);

/// The server that all tests share, a pgchaperone in front of it, and one that is encrypted on both sides.
Postgres& postgres();
Chaperone& chaperone();
Chaperone& encrypted_chaperone();

}  // namespace chaperone::pg
