#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "parser/definitions.hpp"
#include "rules/catalog/catalog.hpp"
#include "tests/fuzz/require.hpp"

// Any text is DDL to someone: it is answered, its problems lie inside it, and the catalog that comes of it is
// whole and is what its snapshot says.

namespace {

using namespace chaperone;
using namespace chaperone::rules;

void check_key(const Relation& relation, const std::vector<std::uint16_t>& key) {
  for (const std::uint16_t column : key) require(column < relation.columns.size(), "a key over no column");
}

void check(const Catalog& catalog) {
  std::set<std::pair<std::string, std::string>> names;
  for (const Relation& relation : catalog.relations()) {
    require(names.emplace(relation.schema, relation.name).second, "a relation twice");
    require(catalog.find_relation(relation.schema, relation.name) == &relation,
            "a relation that is not found");
    std::set<std::string> columns;
    for (const Column& column : relation.columns) columns.insert(column.name);
    require(columns.size() == relation.columns.size(), "a column twice");
    check_key(relation, relation.primary_key);
    for (const auto& key : relation.unique_keys) check_key(relation, key);
    for (const ForeignKey& key : relation.foreign_keys) check_key(relation, key.columns);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(as_text(data, size));
  const auto definitions = parser::read_definitions(text);
  if (definitions) {
    for (const parser::Definition& definition : *definitions) {
      require(definition.statement.offset + definition.statement.length <= text.size(),
              "a statement behind the text");
    }
  }
  Problems problems;
  std::vector<std::string> notes;
  const auto catalog = load_catalog_sql(text, "f", problems, &notes);
  require(catalog != nullptr, "no catalog");
  check(*catalog);
  const std::string snapshot = write_catalog(*catalog);
  Problems again;
  const auto read = load_catalog_snapshot(snapshot, "f", again);
  if (problems.empty()) {
    require(again.empty(), again.text().c_str());
    require(write_catalog(*read) == snapshot, "a snapshot that is not the catalog");
  }
  Problems any;
  load_catalog_snapshot(text, "f", any);
  return 0;
}
