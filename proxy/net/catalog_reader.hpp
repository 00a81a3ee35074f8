#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "proxy/net/control_connection.hpp"
#include "rules/catalog/catalog.hpp"

namespace chaperone::net {

/// The catalog of the database that a connection is to.
ControlOutcome<std::shared_ptr<const rules::Catalog>> read_catalog(ControlConnection& connection,
                                                                   std::chrono::milliseconds timeout);

/// A catalog and the hash of its snapshot, "sha256:..": the same for the same schema.
struct HashedCatalog {
  std::shared_ptr<const rules::Catalog> catalog;
  std::string hash;
};

/// Follows the schema of one database over a connection of its own, which it opens when it is asked and opens
/// again when it is lost. Blocking calls, one thread at a time.
class CatalogReader {
 public:
  /// How to log in; asked for each connection, and may block.
  using Login = std::function<ControlOutcome<session::ControlLogin>()>;

  explicit CatalogReader(Login login) : login_(std::move(login)) {}

  /// The catalog, with all that was committed before the call; nothing where it is the last one that it gave.
  /// While a connection is there one cheap query tells whether anything can have changed; the whole is read
  /// over a new connection, whose search_path is the one that sessions get now.
  ControlOutcome<std::optional<HashedCatalog>> read();
  /// Closes the connection until the next read().
  void hang_up() { connection_.reset(); }

 private:
  ControlOutcome<std::string> probe();

  Login login_;
  std::optional<ControlConnection> connection_;
  std::string mark_;  // what probe() gave when the catalog was read
};

}  // namespace chaperone::net
