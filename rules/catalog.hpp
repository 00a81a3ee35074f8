#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "rules/problems.hpp"

/// What a database holds, as far as a decision depends on it: a plain value, the same from SQL DDL, from a
/// snapshot file and from a live server. PostgreSQL's own catalogs and functions are part of it, from
/// builtin.hpp. Names are as PostgreSQL stores them.
namespace chaperone::rules {

/// A column's type. `schema` is "pg_catalog" for the built-in ones.
struct TypeName {
  std::string schema;
  std::string name;
  std::string modifiers;        ///< as "40" or "10,2"; empty: none
  std::uint8_t dimensions = 0;  ///< of an array; PostgreSQL does not enforce how many

  bool operator==(const TypeName&) const = default;
  /// As SQL that means this type whatever the search_path: pg_catalog.varchar(40), public.mood[].
  std::string sql() const;
};

enum class RelationKind : std::uint8_t {
  kTable,
  kPartitionedTable,
  kView,
  kMaterializedView,
  kForeignTable,
  kSequence,
  kCompositeType,
};

struct Column {
  std::string name;
  TypeName type;
  bool not_null = false;
  bool has_default = false;  ///< of any kind: DEFAULT, identity, generated
  bool generated = false;    ///< GENERATED ALWAYS AS (..) STORED
  bool identity_always = false;
};

struct ForeignKey {
  std::vector<std::uint16_t> columns;  ///< indexes in the relation's columns
  std::string schema;                  ///< of the referenced relation
  std::string relation;
};

struct Relation {
  std::string schema;
  std::string name;
  RelationKind kind = RelationKind::kTable;
  std::vector<Column> columns;                          ///< in attnum order, dropped ones left out
  std::vector<std::uint16_t> primary_key;               ///< indexes in columns
  std::vector<std::vector<std::uint16_t>> unique_keys;  ///< not partial, not over expressions
  std::vector<ForeignKey> foreign_keys;
  std::vector<std::pair<std::string, std::string>> parents;  ///< schema, name: INHERITS, PARTITION OF
  bool has_children = false;                                 ///< another relation has it as a parent
  bool row_security = false;
  bool system = false;            ///< of pg_catalog or information_schema
  bool security_invoker = false;  ///< of a view

  std::optional<std::uint16_t> find_column(std::string_view name) const;
};

enum class FunctionKind : std::uint8_t { kFunction, kAggregate, kWindow, kProcedure };
/// A function that is not PostgreSQL's own.
struct Function {
  std::string schema;
  std::string name;
  FunctionKind kind = FunctionKind::kFunction;
  std::vector<TypeName> arguments;  ///< of IN, INOUT and VARIADIC parameters
  std::uint16_t defaults = 0;
  bool variadic = false;
  char volatility = 'v';  ///< pg_proc.provolatile: i, s, v
  bool security_definer = false;
  std::string language;
};

enum class TypeKind : std::uint8_t { kBase, kEnum, kDomain, kComposite, kRange };
struct Type {
  std::string schema;
  std::string name;
  TypeKind kind = TypeKind::kBase;
  TypeName base;         ///< of a domain
  bool checked = false;  ///< a domain with CHECK or NOT NULL: casting to it can fail and can run functions
  std::vector<std::string> labels;  ///< of an enum
};

/// An operator that is not PostgreSQL's own.
struct Operator {
  std::string schema;
  std::string name;
  std::string extension;  ///< that it belongs to; empty: none, or not known
};

/// Immutable once built (CatalogBuilder); shared between threads as shared_ptr<const Catalog>.
class Catalog {
 public:
  /// Only PostgreSQL's own objects, search_path public.
  Catalog();

  /// By exact schema and name; nullptr: there is none. System relations included.
  const Relation* find_relation(std::string_view schema, std::string_view name) const;
  /// As PostgreSQL's RangeVarGetRelid for a name of one part: pg_catalog first, then the search_path.
  const Relation* find_relation(std::string_view name) const;
  /// All that are not the system's, by schema and name.
  std::span<const Relation> relations() const { return relations_; }

  /// User-made functions of that name; empty schema: in any schema (what an unqualified call could reach).
  std::vector<const Function*> functions(std::string_view schema, std::string_view name) const;
  /// User-made types of that name; empty schema: in any.
  std::vector<const Type*> types(std::string_view schema, std::string_view name) const;
  /// Whether a user-made operator of that name exists in a schema (empty: in any).
  bool has_operator(std::string_view schema, std::string_view name) const;
  /// All of them; few databases have more than some hundred.
  std::span<const Operator> operators() const { return operators_; }

  bool has_schema(std::string_view schema) const;
  /// The pinned search_path, without pg_catalog, which always comes first, and never pg_temp.
  std::span<const std::string> search_path() const { return search_path_; }
  /// server_version_num / 10000; 0: not known.
  int server_major() const { return server_major_; }

 private:
  friend class CatalogBuilder;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  std::vector<Relation> relations_;
  std::vector<Function> functions_;
  std::vector<Type> types_;
  std::vector<Operator> operators_;
  std::vector<std::string> schemas_;
  std::vector<std::string> search_path_;
  int server_major_ = 0;
  /// Name (without schema) to indexes in relations_.
  std::unordered_map<std::string, std::vector<std::uint32_t>, Hash, std::equal_to<>> relations_by_name_;
  std::unordered_map<std::string, std::vector<std::uint32_t>, Hash, std::equal_to<>> functions_by_name_;
};

/// Reads SQL DDL as `pg_dump --schema-only` writes it (and hand-written files): CREATE, ALTER, DROP, COMMENT,
/// SET search_path and set_config('search_path', ..), psql's backslash lines skipped. A statement that does
/// not change what a Catalog holds is passed over; one that can't be read is a problem at its line and
/// column. What the catalog says counts only if `problems` got nothing.
std::shared_ptr<const Catalog> load_catalog_sql(std::string_view sql, const std::string& file,
                                                Problems& problems);

/// Reads a snapshot that write_catalog() made; `file` is its name in messages.
std::shared_ptr<const Catalog> load_catalog_snapshot(std::string_view text, const std::string& file,
                                                     Problems& problems);

/// Reads either, told apart by the first bytes.
std::shared_ptr<const Catalog> load_catalog(const std::string& path, Problems& problems);

/// The catalog as a snapshot: JSON Lines, deterministic, so that a diff of two shows what changed.
std::string write_catalog(const Catalog& catalog);

}  // namespace chaperone::rules
