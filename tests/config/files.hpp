#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "proxy/auth/passwords.hpp"

namespace chaperone::test {

/// A directory of its own for a test, gone with it.
class Directory {
 public:
  Directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "chaperone-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory can be made");
    path_ = pattern;
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  Directory(const Directory&) = delete;

  std::string operator/(std::string_view name) const { return (path_ / name).string(); }
  std::string write(std::string_view name, std::string_view text, mode_t mode = 0600) const {
    const std::string path = *this / name;
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
    EXPECT_EQ(::chmod(path.c_str(), mode), 0) << path;
    return path;
  }

 private:
  std::filesystem::path path_;
};

/// A configuration in which everything is said, and all that it names. Its lines are what the tests edit.
inline constexpr std::string_view kGoodConfig = R"(instance: west-1
state: state
listen:
  - address: 127.0.0.1:6432
  - address: unix:/run/pgchaperone
admin:
  address: 127.0.0.1:6433
databases:
  shop:
    server: db.internal:5432
    database: shop_production
    tls:
      mode: insecure_disable
    credential:
      insecure_static:
        role: app
        password_file: app.password
  "*":
    server: unix:/run/postgresql
    credential:
      insecure_static: {}
policy: policy.yaml
identity:
  default: scram
  agents:
    legacy-bot: scram
  passwords: passwords
  insecure_token_without_tls: false
context:
  comment: front
audit:
  durability: batch
  values: keep
  sinks:
    - file: audit.jsonl
      rotate_size: 256MiB
    - stdout: true
limits:
  connections: 1000
  statement_bytes: 1MiB
  statement_tokens: 200000
  statement_nesting: 200
  authentication: 10s
  drain: 30s
threads: 2
)";

inline constexpr std::string_view kSecret = "correct horse battery staple";

/// Writes the files that kGoodConfig names.
inline void write_named_files(const Directory& directory) {
  directory.write("policy.yaml",
                  "version: 1\nagents:\n  triage-bot: {mode: observe}\n  legacy-bot: {mode: observe}\n");
  directory.write("app.password", std::string(kSecret) + "\n");
  const auth::ScramVerifier verifier = auth::ScramVerifier::mock("triage-bot", auth::Sha256{});
  directory.write("passwords", auth::Passwords::line("triage-bot", verifier) + "\n");
}

/// `text` with the one place where `from` stands replaced.
inline std::string edited(std::string_view text, std::string_view from, std::string_view to) {
  std::string out(text);
  const std::size_t at = out.find(from);
  if (at == std::string::npos || out.find(from, at + 1) != std::string::npos) {
    throw std::logic_error("not exactly once in the text: " + std::string(from));
  }
  return out.replace(at, from.size(), to);
}

}  // namespace chaperone::test
