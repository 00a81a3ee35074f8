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

#include "rules/policy/problems.hpp"

/// What a database holds, as far as a decision depends on it: a plain value, the same from SQL DDL, from a
/// snapshot file and from a live server. PostgreSQL's own catalogs and functions are part of it, from
/// builtin.hpp. Names are as PostgreSQL stores them.
namespace chaperone::rules {

/// A column's type. `schema` is "pg_catalog" for the built-in ones. Of an interval the modifiers are those
/// that intervaltypmodin takes: its field mask and precision.
struct TypeName {
  std::string schema;
  std::string name;
  std::string modifiers;        ///< as "40" or "10,2"; empty: none
  std::uint8_t dimensions = 0;  ///< 1: an array, of however many; PostgreSQL does not enforce how many

  /// False: the type could not be told (a view's column over an expression, an extension that is not known).
  bool known() const { return !schema.empty(); }

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
  bool identity = false;     ///< GENERATED .. AS IDENTITY
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
  std::string extension = {};  ///< that it belongs to; empty: none, or not known
};

enum class TypeKind : std::uint8_t { kBase, kEnum, kDomain, kComposite, kRange };
/// A type that is not PostgreSQL's own; without arrays and the row types of tables. Of a composite type the
/// columns are in a Relation of that name, a range's multirange is a kRange as well.
struct Type {
  std::string schema;
  std::string name;
  TypeKind kind = TypeKind::kBase;
  TypeName base;         ///< of a domain
  bool checked = false;  ///< a domain with CHECK or NOT NULL: casting to it can fail and can run functions
  std::vector<std::string> labels;  ///< of an enum
};

/// An operator that is not PostgreSQL's own, whatever its operands.
struct Operator {
  std::string schema;
  std::string name;
  std::string extension;  ///< that it belongs to; empty: none, or not known

  auto operator<=>(const Operator&) const = default;
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

  /// All that are not the system's, in the order of schema, name (and arguments).
  std::span<const Function> functions() const { return functions_; }
  std::span<const Type> types() const { return types_; }
  std::span<const Operator> operators() const { return operators_; }
  std::span<const std::string> schemas() const { return schemas_; }

  /// User-made functions of that name; empty schema: in any schema (what an unqualified call could reach).
  std::vector<const Function*> functions(std::string_view schema, std::string_view name) const;
  /// User-made types of that name; empty schema: in any.
  std::vector<const Type*> types(std::string_view schema, std::string_view name) const;
  /// Whether a user-made operator of that name exists in a schema (empty: in any).
  bool has_operator(std::string_view schema, std::string_view name) const;

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
  std::unordered_map<std::string, std::vector<std::uint32_t>, Hash, std::equal_to<>> types_by_name_;
};

/// Reads SQL DDL as `pg_dump --schema-only` writes it, and hand-written files: CREATE, ALTER, DROP, COMMENT,
/// SET search_path and set_config('search_path', ..); data (INSERT, COPY) and psql's backslash lines are
/// skipped. A statement that does not change what a Catalog holds is passed over; one that can't be read, or
/// that PostgreSQL would refuse because of what stands in front of it, is a problem at its line and column.
/// What the catalog says counts only if `problems` got nothing. `notes` gets what was skipped or could not be
/// told, each as "<file>:<line>:<column>: <what>". The search_path of the catalog is "public" unless ALTER
/// DATABASE or ALTER ROLE ALL sets it. What CASCADE drops beside foreign keys is not followed.
std::shared_ptr<const Catalog> load_catalog_sql(std::string_view sql, const std::string& file,
                                                Problems& problems,
                                                std::vector<std::string>* notes = nullptr);

/// Reads a snapshot that write_catalog() made; `file` is its name in messages.
std::shared_ptr<const Catalog> load_catalog_snapshot(std::string_view text, const std::string& file,
                                                     Problems& problems);

/// Reads either, told apart by the first bytes. Files of up to 256 MiB.
std::shared_ptr<const Catalog> load_catalog(const std::string& path, Problems& problems,
                                            std::vector<std::string>* notes = nullptr);

/// SQL whose rows are the lines of a live database's snapshot: several statements, each with one text column;
/// a row that does not begin with "{" is none of them. Reads the schema as of one moment and writes nothing.
/// Any role may run it; the search_path is that of its session.
std::string_view live_catalog_query();

/// The catalog as a snapshot: JSON Lines, deterministic, so that a diff of two shows what changed.
std::string write_catalog(const Catalog& catalog);

}  // namespace chaperone::rules
