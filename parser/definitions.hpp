#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "parser/parser.hpp"

/// What statements of DDL define and change, as plain values: names, columns, types and keys, without the
/// expressions in them. Names are as the grammar folds and truncates them, nothing is resolved. Offsets are
/// bytes in the text.
namespace chaperone::parser {

/// [schema.]name; a database in front is left out.
struct ObjectName {
  std::string schema;  ///< empty: none written
  std::string name;
  std::uint32_t offset = 0;  ///< of the name, where the grammar keeps it; else of the statement
};

struct TypeReference {
  std::string schema;  ///< "pg_catalog" where the grammar has a syntax of its own: integer, varchar(40)
  std::string name;    ///< of the element, if it is an array
  /// As "40" or "10,2"; of an interval its field mask and precision (utils/timestamp.h). Empty: none
  std::string modifiers;
  bool array = false;
  bool set_of = false;
  bool percent_type = false;  ///< table.column%TYPE: `name` is the column's
  std::uint32_t offset = 0;
};

struct DefinedColumn {
  std::string name;
  std::optional<TypeReference>
      type;  ///< none: a column that a partition's or typed table's list only changes
  bool not_null = false;
  bool has_default = false;  ///< DEFAULT, but for DEFAULT NULL, which PostgreSQL keeps none of
  bool generated = false;
  bool identity = false;
  bool identity_always = false;
  ObjectName identity_sequence;  ///< SEQUENCE NAME; no name: PostgreSQL chooses
  std::uint32_t offset = 0;
};

enum class ConstraintKind : std::uint8_t { kPrimaryKey, kUnique, kForeignKey, kCheck, kNotNull, kOther };
struct DefinedConstraint {
  ConstraintKind kind = ConstraintKind::kOther;
  std::string name;                  ///< empty: PostgreSQL chooses
  std::vector<std::string> columns;  ///< of a key
  ObjectName referenced;             ///< of a foreign key
  std::string index;                 ///< of a key: USING INDEX
  std::uint32_t offset = 0;
};

/// LIKE table in a CREATE TABLE.
struct LikeClause {
  ObjectName table;
  bool defaults = false;
  bool generated = false;
  bool identity = false;
  bool indexes = false;
};

/// In the order of the text; constraints of columns stand behind their column.
using TableElement = std::variant<DefinedColumn, DefinedConstraint, LikeClause>;

struct CreateTable {
  ObjectName name;
  bool foreign = false;
  bool temporary = false;
  bool if_not_exists = false;
  bool partitioned = false;
  std::vector<TableElement> elements;
  std::vector<ObjectName> parents;       ///< INHERITS or PARTITION OF
  bool partition = false;                ///< PARTITION OF
  std::optional<TypeReference> of_type;  ///< CREATE TABLE .. OF type
};

/// A view's columns are in its query, which read_facts() reads; so are those of CREATE TABLE AS.
struct CreateView {
  ObjectName name;
  bool temporary = false;
  bool replace = false;
  bool security_invoker = false;
  std::vector<std::string> columns;  ///< its column list
};

/// CREATE TABLE AS, SELECT INTO, CREATE MATERIALIZED VIEW.
struct CreateTableAs {
  ObjectName name;
  bool temporary = false;
  bool if_not_exists = false;
  bool materialized = false;
  bool execute = false;  ///< AS EXECUTE: the query is elsewhere
  std::vector<std::string> columns;
};

/// OWNED BY a column; without a table: NONE.
struct SequenceOwner {
  ObjectName table;
  std::string column;
};
struct CreateSequence {
  ObjectName name;
  bool temporary = false;
  bool if_not_exists = false;
  std::optional<SequenceOwner> owner;
};
struct AlterSequence {
  ObjectName name;
  bool if_exists = false;
  SequenceOwner owner;
};

struct CreateIndex {
  std::string name;  ///< empty: PostgreSQL chooses
  ObjectName table;
  bool if_not_exists = false;
  bool only = false;  ///< ON ONLY table
  bool unique = false;
  bool partial = false;
  std::vector<std::string> columns;  ///< an empty one is an expression
};

enum class DefinedTypeKind : std::uint8_t { kBase, kShell, kEnum, kComposite, kRange };
struct CreateType {
  ObjectName name;
  DefinedTypeKind kind = DefinedTypeKind::kBase;
  std::vector<std::string> labels;     ///< of an enum
  std::vector<DefinedColumn> columns;  ///< of a composite type
  TypeReference subtype;               ///< of a range
  ObjectName multirange;               ///< of a range; no name: PostgreSQL chooses
};

struct CreateDomain {
  ObjectName name;
  TypeReference base;
  std::vector<DefinedConstraint> constraints;  ///< CHECK and NOT NULL
};

enum class RoutineKind : std::uint8_t { kFunction, kProcedure, kAggregate, kWindow };
struct RoutineParameter {
  TypeReference type;
  bool input = true;  ///< IN, INOUT, VARIADIC
  bool variadic = false;
  bool has_default = false;
};
struct CreateRoutine {
  ObjectName name;
  RoutineKind kind = RoutineKind::kFunction;
  bool replace = false;
  std::vector<RoutineParameter> parameters;
  char volatility = 'v';  ///< pg_proc.provolatile: i, s, v
  bool security_definer = false;
  std::string language;  ///< empty: not written; with an SQL body it is sql
};

struct CreateOperator {
  ObjectName name;
};

struct CreateSchema {
  std::string name;
  bool if_not_exists = false;
  std::uint32_t offset = 0;
};

struct CreateExtension {
  std::string name;
  std::string schema;  ///< empty: not written
  bool if_not_exists = false;
  std::uint32_t offset = 0;
};

enum class AlterAction : std::uint8_t {
  kAddColumn,
  kDropColumn,
  kSetType,
  kSetNotNull,
  kDropNotNull,
  kSetDefault,
  kDropDefault,
  kAddIdentity,  ///< of `column`, as ADD COLUMN says it
  kSetIdentity,  ///< SET GENERATED ..
  kDropIdentity,
  kDropExpression,
  kAddConstraint,
  kDropConstraint,
  kAttachPartition,  ///< `other`
  kDetachPartition,
  kInherit,
  kNoInherit,
  kEnableRowSecurity,
  kDisableRowSecurity,
  kSetSecurityInvoker,  ///< `on`
};
struct AlterCommand {
  AlterAction action = AlterAction::kAddColumn;
  std::string name;                            ///< of a column or constraint
  DefinedColumn column;                        ///< kAddColumn, kSetType, kAddIdentity, kSetIdentity
  std::vector<DefinedConstraint> constraints;  ///< kAddConstraint: one; kAddColumn: those of the column
  ObjectName other;
  bool on = false;
  bool lenient = false;  ///< IF EXISTS, IF NOT EXISTS
};
/// ALTER TABLE, VIEW, SEQUENCE .. and ALTER TYPE of a composite type.
struct AlterRelation {
  ObjectName name;
  bool if_exists = false;
  bool only = false;
  std::vector<AlterCommand> commands;  ///< those that change what is told here
};

/// ALTER TYPE .. ADD VALUE, RENAME VALUE.
struct AlterEnum {
  ObjectName name;
  std::string old_value;  ///< of RENAME
  std::string value;
  std::string neighbour;
  bool after = false;
  bool if_not_exists = false;
};

enum class DomainAction : std::uint8_t { kSetNotNull, kDropNotNull, kAddConstraint, kDropConstraint };
struct AlterDomain {
  ObjectName name;
  DomainAction action = DomainAction::kSetNotNull;
  DefinedConstraint constraint;  ///< its name alone for kDropConstraint
};

/// What a name in DROP, RENAME or SET SCHEMA stands for.
enum class ObjectClass : std::uint8_t {
  kRelation,  ///< table, view, materialized view, sequence, foreign table
  kIndex,
  kColumn,  ///< also an attribute of a composite type
  kConstraint,
  kDomainConstraint,
  kSchema,
  kType,     ///< also a domain
  kRoutine,  ///< function, procedure, aggregate
  kOperator,
  kExtension,
};
/// A function or aggregate may name its arguments.
struct ObjectReference {
  ObjectName name;
  std::optional<std::vector<TypeReference>> arguments;  ///< input ones; none: not written
};

struct AlterRoutine {
  ObjectReference routine;
  std::optional<char> volatility;
  std::optional<bool> security_definer;
};

struct Rename {
  ObjectClass kind = ObjectClass::kRelation;
  ObjectReference object;  ///< of a column or constraint: the relation or domain
  std::string part;        ///< the column or constraint
  std::string to;
  bool if_exists = false;
};
struct SetSchema {
  ObjectClass kind = ObjectClass::kRelation;
  ObjectReference object;
  std::string to;
  bool if_exists = false;
};
struct Drop {
  ObjectClass kind = ObjectClass::kRelation;
  std::vector<ObjectReference> objects;
  bool if_exists = false;
};

struct SetSearchPath {
  std::vector<std::string> schemas;
  bool reset = false;       ///< to the default
  bool persistent = false;  ///< ALTER DATABASE, ALTER ROLE ALL: for sessions to come
};

/// It may define anything: DO, CREATE TABLE AS EXECUTE ..
struct OpaqueDefinition {
  std::string_view command;
};

struct Definition {
  std::variant<CreateTable, CreateView, CreateTableAs, CreateSequence, CreateIndex, CreateType, CreateDomain,
               CreateRoutine, CreateOperator, CreateSchema, CreateExtension, AlterRelation, AlterSequence,
               AlterEnum, AlterDomain, AlterRoutine, Rename, SetSchema, Drop, SetSearchPath, OpaqueDefinition>
      value;
  Span statement;  ///< CREATE SCHEMA with elements gives several definitions of one statement
};

/// The definitions of a text in order. Statements that define nothing of this are passed over. Refuses as
/// parse() does.
Result<std::vector<Definition>> read_definitions(std::string_view sql, const Limits& limits = {});

/// The identifiers of a list as search_path holds it: a, "B c" (SplitIdentifierString). None: no such list.
std::optional<std::vector<std::string>> split_identifiers(std::string_view list);

}  // namespace chaperone::parser
