#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>

#include "tests/pg/fake_server.hpp"

namespace chaperone::pg {

/// What a server of one table, item, answers, in each of its databases. Any thread.
struct CatalogOfOneTable {
  /// The second column of the table; the first one is `id`.
  void rename_column(std::string name);
  std::string column() const;

  std::atomic<int> checks{0};  ///< how often it was asked whether anything has changed
  std::atomic<int> loads{0};   ///< how often for the whole
  /// Called before either is answered.
  std::function<void()> before_answer = [] {};

  /// Lets in, then answers queries until the peer goes: of the catalog, and of clients with no rows.
  void serve(Peer& peer);

 private:
  mutable std::mutex mutex_;
  std::string column_ = "name";
  int version_ = 0;
};

}  // namespace chaperone::pg
