#pragma once

#include <sys/types.h>

#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "proxy/commands/doctor_finding.hpp"
#include "proxy/config.hpp"
#include "proxy/net/certificate_facts.hpp"

namespace chaperone::commands {

/// Who may do what with a file or directory that pgchaperone relies on.
struct FileFacts {
  enum class Kind : std::uint8_t {
    kPlain,      ///< whoever writes it decides what pgchaperone does
    kSecret,     ///< whoever reads it has what it protects
    kRecords,    ///< what agents did, with values
    kDirectory,  ///< whoever writes it can put other files in place
  };

  std::string setting;  ///< that names it
  std::string path;
  Kind kind = Kind::kPlain;
  mode_t mode = 0;  ///< permission bits, and S_ISVTX
};

/// The files that a configuration names or implies, with the directories that they are in. What is not there
/// is left out.
std::vector<FileFacts> gather_files(const Config& config, const std::string& config_file);
std::vector<Finding> judge_files(std::span<const FileFacts> files);

/// `setting` names the file they are of.
std::vector<Finding> judge_certificates(const NamedFile& file,
                                        std::span<const net::CertificateFacts> certificates,
                                        std::chrono::sys_seconds now);

/// What the configuration itself gives away: insecure_* settings, agents that are only observed, certificates
/// that end.
std::vector<Finding> judge_config(const Config& config);

/// Secrets in environment variables ("NAME=value", as environ has them), which every program that is started
/// here gets.
std::vector<Finding> judge_environment(std::span<const std::string> variables);

/// All of these, of the files as they are.
std::vector<Finding> examine_config(const Config& config, const std::string& config_file,
                                    std::chrono::sys_seconds now);

}  // namespace chaperone::commands
