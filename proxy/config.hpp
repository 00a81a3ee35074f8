#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/audit/log.hpp"
#include "proxy/net/server.hpp"
#include "proxy/session/environment.hpp"

namespace chaperone {

/// A file that a configuration names.
struct NamedFile {
  std::string setting;  ///< "databases.shop.credential.insecure_static.password_file"
  std::string path;
  bool secret = false;  ///< for its owner alone
};

/// A configuration file, read and checked whole (product.md, Configuration). Plain values.
struct Config {
  std::string instance;  ///< empty = none given
  std::string state;     ///< directory; empty = none given
  std::vector<net::Listen> listen;
  std::optional<session::Address> admin;
  std::shared_ptr<const session::Environment> environment;
  audit::LogOptions audit;
  std::uint32_t connections = 1000;
  std::uint32_t connections_per_agent = 0;  ///< 0 = all of them
  std::chrono::milliseconds authentication{10'000};
  std::chrono::milliseconds drain{30'000};
  unsigned threads = 0;  ///< I/O threads; 0 = half as many as there are processors, 1 to 4
  /// One sentence for each thing that weakens the product, to be logged at each start ("insecure_static:
  /// ..").
  std::vector<std::string> warnings;
  std::vector<NamedFile> files;  ///< that were read for it
};

/// What is wrong with a configuration file or a file it names: "<file>:<line>:<column>: <what>; expected
/// <what>".
struct ConfigError {
  std::string message;
};

/// Of the built-in token service, in the `state` directory: the keys that verify its tokens.
inline constexpr std::string_view kTokenKeysFile = "token_keys.json";

/// Reads a configuration and all that it names (policy, passwords, password files). Relative paths are
/// relative to the configuration file. Unknown and duplicate keys, values of the wrong type or out of range,
/// and keys that this version can't serve are errors; all that can be found in one run are given, one a line.
boost::system::result<Config, ConfigError> read_config(const std::string& file);

/// The `state` directory that a configuration names, whatever else is wrong with it.
boost::system::result<std::string, ConfigError> read_state(const std::string& file);

[[noreturn]] void throw_exception_from_error(const ConfigError& error, const boost::source_location& where);

}  // namespace chaperone
