#include "proxy/commands/doctor_files.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <optional>
#include <set>

#include "proxy/commands/state.hpp"
#include "rules/file.hpp"

namespace chaperone::commands {
namespace {

using std::filesystem::path;
using Kind = FileFacts::Kind;

constexpr std::chrono::days kSoon{30};
constexpr std::size_t kMaxPemBytes = 1U << 20;

std::optional<mode_t> mode_of(const std::string& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return {};
  return status.st_mode & 07777;
}

std::string quoted(const std::string& file) {
  std::string out = "'";
  for (const char byte : file) out += byte == '\'' ? std::string("'\\''") : std::string(1, byte);
  return out + "'";
}

Finding of_file(const FileFacts& file, Severity severity, std::string_view id, std::string_view risk,
                std::string_view change) {
  return {severity,
          std::string(id),
          "",
          fmt::format("{} {}", file.kind == Kind::kDirectory ? "directory" : "file", file.path),
          fmt::format("{} ({}, mode {:04o})", risk, file.setting, file.mode),
          fmt::format("chmod {} {}", change, quoted(file.path))};
}

void gather(std::vector<FileFacts>& files, std::string setting, const std::string& file, Kind kind) {
  if (const auto mode = mode_of(file)) files.push_back({std::move(setting), file, kind, *mode});
}

/// The value of a warning's key is what stands in front of ": ".
std::string mend_of(std::string_view setting) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kMends = {
      {{"insecure_static",
        "credential: {session_role: {broker: pgchaperone_broker, password_file: broker.password}}"},
       {"insecure_require", "tls: {mode: verify-full, ca: <the authority of the server's certificate>}"},
       {"insecure_disable", "tls: {mode: verify-full, ca: <the authority of the server's certificate>}"},
       {"insecure_token_without_tls",
        "listen: [{address: .., tls: {certificate: .., key: ..}}], and no insecure_token_without_tls"}}};
  for (const auto& [name, mend] : kMends) {
    if (setting.find(name) != std::string_view::npos) return std::string(mend);
  }
  return "the setting without insecure_";
}

std::string day(std::chrono::sys_seconds time) {
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(time));
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

}  // namespace

std::vector<FileFacts> gather_files(const Config& config, const std::string& config_file) {
  std::vector<FileFacts> files;
  gather(files, "the configuration", config_file, Kind::kPlain);
  for (const NamedFile& each : config.files) {
    gather(files, each.setting, each.path, each.secret ? Kind::kSecret : Kind::kPlain);
  }
  if (!config.state.empty()) {
    const State state(config.state);
    gather(files, "the key of the token service", state.path(State::kKeyFile), Kind::kSecret);
    gather(files, "the keys of the token service", state.path(kTokenKeysFile), Kind::kPlain);
    gather(files, "what has been revoked", state.path(State::kRevocationsFile), Kind::kPlain);
  }
  std::set<std::string> directories;
  for (const FileFacts& each : files) directories.insert(path(each.path).parent_path().string());
  if (!config.audit.file.empty()) {
    const path audit(config.audit.file);
    directories.insert(audit.parent_path().string());
    // The file, and those that rotation has set aside.
    std::error_code error;
    const path folder = audit.has_parent_path() ? audit.parent_path() : path(".");
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      const std::string name = entry.path().filename().string();
      if (name == audit.filename() || name.starts_with(audit.filename().string() + ".")) {
        gather(files, "audit.sinks", entry.path().string(), Kind::kRecords);
      }
    }
  }
  for (const std::string& each : directories) {
    gather(files, "it holds files of the configuration", each.empty() ? "." : each, Kind::kDirectory);
  }
  return files;
}

std::vector<Finding> judge_files(std::span<const FileFacts> files) {
  std::vector<Finding> findings;
  for (const FileFacts& each : files) {
    const bool sticky = each.kind == Kind::kDirectory && (each.mode & S_ISVTX) != 0;
    if ((each.mode & (S_IWGRP | S_IWOTH)) != 0 && !sticky) {
      findings.push_back(
          each.kind == Kind::kDirectory
              ? of_file(each, Severity::kDanger, "directory-writable",
                        "Others than its owner can put other files in place of those of the configuration",
                        "go-w")
              : of_file(each, Severity::kDanger, "file-writable",
                        "Others than its owner can change it, and with it what pgchaperone does", "go-w"));
    }
    if (each.kind == Kind::kSecret && (each.mode & (S_IRGRP | S_IROTH)) != 0) {
      findings.push_back(of_file(each, Severity::kDanger, "secret-readable",
                                 "Others than its owner can read it, and use what it holds", "go-rwx"));
    }
    if (each.kind == Kind::kRecords && (each.mode & (S_IRGRP | S_IROTH)) != 0) {
      findings.push_back(of_file(each, (each.mode & S_IROTH) != 0 ? Severity::kWarning : Severity::kNote,
                                 "audit-readable",
                                 "Others than its owner can read what agents asked, with the values in it",
                                 (each.mode & S_IROTH) != 0 ? "o-rwx" : "g-rwx"));
    }
  }
  return findings;
}

std::vector<Finding> judge_certificates(const NamedFile& file,
                                        std::span<const net::CertificateFacts> certificates,
                                        std::chrono::sys_seconds now) {
  std::vector<Finding> findings;
  const auto ended = [&](const net::CertificateFacts& each) { return each.ends <= now; };
  // Of a list of authorities that others still stand in, an old one does no harm.
  const bool list = file.setting.ends_with("ca") && !std::ranges::all_of(certificates, ended);
  for (const net::CertificateFacts& each : certificates) {
    const auto add = [&](Severity severity, std::string_view id, std::string risk, std::string_view mend) {
      findings.push_back({severity, std::string(id), "", fmt::format("certificate {}", each.subject),
                          fmt::format("{} ({} in {})", risk, file.setting, file.path), std::string(mend)});
    };
    constexpr std::string_view kRenew =
        "a new certificate in that file, then SIGHUP (systemctl reload pgchaperone)";
    if (ended(each)) {
      add(list ? Severity::kNote : Severity::kDanger, "certificate-expired",
          fmt::format("It ended on {}: whoever checks it refuses the connection", day(each.ends)), kRenew);
    } else if (each.begins > now) {
      add(Severity::kDanger, "certificate-not-yet-valid",
          fmt::format("It begins on {}: until then whoever checks it refuses the connection",
                      day(each.begins)),
          "the right time on this machine, or the certificate that is good now");
    } else if (each.ends <= now + kSoon) {
      add(list ? Severity::kNote : Severity::kWarning, "certificate-expires",
          fmt::format("It ends on {}, and with it every new connection", day(each.ends)), kRenew);
    }
    if (each.weak_key) {
      add(Severity::kWarning, "certificate-weak",
          fmt::format("Its key ({}) is small enough to be broken", each.key),
          "a certificate with a key of P-256, or of RSA with 3072 bits");
    }
    if (each.weak_digest) {
      add(Severity::kWarning, "certificate-weak",
          fmt::format("It is signed with {}, which can be forged", each.digest),
          "a certificate that is signed with SHA-256");
    }
  }
  return findings;
}

std::vector<Finding> judge_config(const Config& config) {
  std::vector<Finding> findings;
  for (const std::string& warning : config.warnings) {
    const auto colon = warning.find(": ");
    const std::string setting = warning.substr(0, colon);
    if (setting.find("insecure_") != std::string::npos || warning.find(": insecure_") != std::string::npos) {
      findings.push_back({Severity::kWarning, "insecure-setting", "", "setting " + setting,
                          colon == std::string::npos ? "" : warning.substr(colon + 2), mend_of(warning)});
    } else if (config.environment->policy == nullptr) {
      findings.push_back(
          {Severity::kDanger, "no-policy", "", "setting policy", warning, "policy: policy.yaml"});
    } else {
      findings.push_back(
          {Severity::kNote, "policy-warning", "", "the policy", warning, "the policy at that place"});
    }
  }
  if (const auto& policy = config.environment->policy) {
    for (const auto& [name, agent] : policy->agents) {
      if (!agent.observe) continue;
      findings.push_back(
          {Severity::kWarning, "agent-observed", "", "agent " + name,
           "Everything that it sends passes, and is only recorded",
           fmt::format("agents: {{{}: {{capabilities: [..]}}}} # without mode: observe", name)});
    }
  }
  return findings;
}

std::vector<Finding> judge_environment(std::span<const std::string> variables) {
  std::vector<Finding> findings;
  for (const std::string& each : variables) {
    const std::size_t equals = each.find('=');
    if (equals == std::string::npos) continue;
    const std::string name = each.substr(0, equals);
    const std::string_view value = std::string_view(each).substr(equals + 1);
    const std::size_t scheme = value.find("://");
    const std::string_view host = value.substr(0, value.find('@'));
    const bool password =
        name == "PGPASSWORD" ||
        (value.starts_with("postgres") && scheme != std::string_view::npos && host.size() < value.size() &&
         host.find(':', scheme + 3) != std::string_view::npos);
    if (!password) continue;
    findings.push_back(
        {Severity::kNote, "secret-in-environment", "", "variable " + name,
         "It holds a password of a database, and every program that is started here gets it, an agent too",
         "unset " + name});
  }
  return findings;
}

std::vector<Finding> examine_config(const Config& config, const std::string& config_file,
                                    std::chrono::sys_seconds now) {
  std::vector<Finding> findings = judge_config(config);
  const auto add = [&](std::vector<Finding> more) {
    findings.insert(findings.end(), std::move_iterator(more.begin()), std::move_iterator(more.end()));
  };
  add(judge_files(gather_files(config, config_file)));
  std::vector<std::string> variables;
  for (char** each = ::environ; each != nullptr && *each != nullptr; ++each) variables.emplace_back(*each);
  add(judge_environment(variables));
  for (const NamedFile& each : config.files) {
    const rules::File file = rules::read_file(each.path, kMaxPemBytes);
    if (!file.error.empty() || file.text.find("-----BEGIN CERTIFICATE") == std::string::npos) continue;
    const auto certificates = net::certificate_facts({each.path, file.text});
    if (certificates) add(judge_certificates(each, *certificates, now));
  }
  return findings;
}

}  // namespace chaperone::commands
