#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rules/catalog/catalog.hpp"

namespace chaperone::rules {

/// A relation of pg_catalog or information_schema, in the version that is nearest to a server's (0: the
/// newest). It lives as long as the process.
const Relation* find_system_relation(std::string_view schema, std::string_view name, int server_major);

/// Puts a Catalog together. Objects may come in any order; each must be added once.
class CatalogBuilder {
 public:
  CatalogBuilder();

  void add(Relation relation) { catalog_->relations_.push_back(std::move(relation)); }
  void add(Function function) { catalog_->functions_.push_back(std::move(function)); }
  void add(Type type) { catalog_->types_.push_back(std::move(type)); }
  void add(Operator op) { catalog_->operators_.push_back(std::move(op)); }
  void add_schema(std::string name) { catalog_->schemas_.push_back(std::move(name)); }
  void set_search_path(std::vector<std::string> schemas) { catalog_->search_path_ = std::move(schemas); }
  void set_server_major(int major) { catalog_->server_major_ = major; }

  /// Sorts and indexes. The builder is empty then.
  std::shared_ptr<const Catalog> build();

 private:
  std::shared_ptr<Catalog> catalog_;
};

}  // namespace chaperone::rules
