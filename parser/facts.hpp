#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "parser/parser.hpp"

/// What a text of SQL says, as plain values: every statement with its queries, FROM items, expressions, types
/// and settings at any depth. The raw parse tree of PostgreSQL (nodes/parsenodes.h) in a form that owes
/// nothing to it: names are as the grammar folds and truncates them, nothing is resolved, nothing is left
/// out. What is not known to this file does not exist: a node that has no place here makes read_facts() fail.
///
/// All lists lie in flat vectors of Facts; an Id is an index into the vector that its comment names, a Range
/// is a run of them. What stands inside has a higher index than what it stands in. Offsets are bytes in the
/// text.
namespace chaperone::parser {

using Id = std::uint32_t;
inline constexpr Id kNone = 0xffff'ffff;

struct Range {
  Id first = 0;
  std::uint32_t count = 0;
};

/// Where in its query an expression stands.
enum class Clause : std::uint8_t {
  kOutput,  ///< select list
  kValues,  ///< a row of VALUES, also as an INSERT's source
  kFrom,    ///< arguments of functions and of TABLESAMPLE in FROM
  kOn,      ///< JOIN .. ON
  kWhere,   ///< also WHERE of UPDATE and DELETE
  kGroupBy,
  kHaving,
  kWindow,  ///< WINDOW clause
  kOrderBy,
  kDistinctOn,
  kLimit,  ///< LIMIT, OFFSET, FETCH
  kSet,    ///< values of UPDATE .. SET
  kReturning,
  kConflict,  ///< ON CONFLICT: inferred columns, its WHERE, DO UPDATE SET .. WHERE
  kMerge,     ///< MERGE: ON, conditions and actions of WHEN
  kUtility,   ///< arguments of EXECUTE and CALL, options, DEFAULT, CHECK, index expressions
};

enum class ExprKind : std::uint8_t {
  kColumn,     ///< `names` as written (a, t.a, s.t.a, d.s.t.a); flag kStar: the last part is *
  kConstant,   ///< `text` is the value, `constant` its kind
  kParameter,  ///< $`number`
  kFunction,   ///< `names`; `children` arguments, `extra` what stands in FILTER, ORDER BY, OVER
  kOperator,   ///< `names`; `form`; `children` one or two operands (BETWEEN three; IN (list): the test, then
               ///< the list). BETWEEN has the grammar's own name for it (BETWEEN, NOT BETWEEN SYMMETRIC ..)
  kAnd,        ///< flat, as the grammar makes it
  kOr,
  kNot,
  kCast,      ///< `type`; one child. Also TREAT and `type 'literal'`
  kCollate,   ///< `names` the collation; one child
  kSubquery,  ///< `query`; `form` EXISTS, ANY, ALL, scalar, ARRAY; `names` the operator of ANY/ALL/IN; child:
              ///< test
  kCase,      ///< children: argument if there is one (flag kHasArgument), then WHEN, THEN pairs, then ELSE
  kCoalesce,
  kMinMax,         ///< GREATEST, LEAST (`text`)
  kRow,            ///< ROW(..), (a, b)
  kArray,          ///< ARRAY[..]
  kField,          ///< (expression).`text`; flag kStar: (expression).*
  kSubscript,      ///< expression[..][..]: child 0 the expression, then the bounds there are
  kNullTest,       ///< IS [NOT] NULL
  kBooleanTest,    ///< IS [NOT] TRUE, FALSE, UNKNOWN: `text` the lower-case keyword
  kGrouping,       ///< GROUPING(..)
  kGroupingSet,    ///< ROLLUP, CUBE, GROUPING SETS (`text`, lower case), () (no text)
  kSqlValue,       ///< CURRENT_DATE, CURRENT_USER ..: `text` the lower-case keyword, `number` its precision
  kNamedArgument,  ///< `text` => child
  kDefault,        ///< DEFAULT as a value
  kCurrentOf,      ///< WHERE CURRENT OF `text`
  kXml,            ///< XMLELEMENT, XMLFOREST, XMLPARSE, XMLSERIALIZE, IS DOCUMENT ..: `text` which
  kJson,           ///< SQL/JSON constructors and tests (16 and later): `text` which
  kMultiAssign,    ///< the source of SET (a, b) = source, once for each column; `number` which column from 1.
                   ///< All of them share the one child
  kOperatorClass,  ///< a column of an index or ON CONFLICT (..) with an operator class: `names`; one child
};

enum class ConstantKind : std::uint8_t { kInteger, kFloat, kBoolean, kString, kBitString, kNull };

/// Of kOperator and kSubquery.
enum class Form : std::uint8_t {
  kPlain,
  kAny,
  kAll,
  kIn,
  kNotIn,
  kLike,
  kILike,
  kSimilar,
  kBetween,
  kDistinct,
  kNotDistinct,
  kNullIf,
  kSortUsing,  ///< ORDER BY child USING operator
  kExists,
  kScalar,
  kArray,
  kExclude,  ///< EXCLUDE (child WITH operator)
};

namespace flag {
inline constexpr std::uint16_t kStar = 1;         ///< kColumn, kField: ends in *; kFunction: f(*)
inline constexpr std::uint16_t kDistinct = 2;     ///< f(DISTINCT ..)
inline constexpr std::uint16_t kVariadic = 4;     ///< f(VARIADIC ..)
inline constexpr std::uint16_t kWithinGroup = 8;  ///< ordered-set aggregate
inline constexpr std::uint16_t kOver = 16;        ///< window call
inline constexpr std::uint16_t kFilter = 32;      ///< extra starts with the FILTER expression
inline constexpr std::uint16_t kSqlSyntax =
    64;  ///< called by a syntax of its own: EXTRACT(..), AT TIME ZONE ..
inline constexpr std::uint16_t kHasArgument = 128;   ///< kCase
inline constexpr std::uint16_t kNegated = 256;       ///< IS NOT .., NOT BETWEEN, NOT LIKE, NOT IN
inline constexpr std::uint16_t kSymmetric = 512;     ///< BETWEEN SYMMETRIC
inline constexpr std::uint16_t kImplicitRow = 1024;  ///< (a, b) without ROW
}  // namespace flag

struct Expr {
  ExprKind kind = ExprKind::kConstant;
  Clause clause = Clause::kOutput;
  ConstantKind constant = ConstantKind::kNull;
  Form form = Form::kPlain;
  std::uint16_t flags = 0;
  std::uint32_t number = 0;
  Id query = kNone;   ///< queries: the one it stands in; kNone in a utility statement
  Id parent = kNone;  ///< exprs: the one it is a child (or extra) of
  Range children;     ///< exprs
  Range extra;        ///< exprs
  Range names;        ///< names
  std::string_view text;
  Id subquery = kNone;           ///< queries
  Id type = kNone;               ///< types
  std::uint32_t offset = kNone;  ///< of the token that PostgreSQL's errors point at; kNone: it has none

  bool has(std::uint16_t f) const { return (flags & f) != 0; }
};

struct TypeUse {
  Range names;  ///< names; pg_catalog.int4 for INTEGER, as the grammar makes it
  std::uint8_t array_dimensions = 0;
  bool set_of = false;
  bool percent_type = false;  ///< t.c%TYPE
  Range modifiers;            ///< exprs
  Range collation;            ///< names: COLLATE of a column's definition
  std::uint32_t offset = kNone;
};

/// An output column, an assigned column, or a column of an INSERT.
struct Target {
  std::string_view name;  ///< AS name, or the column; empty: an output without a name of its own
  Id expr = kNone;        ///< exprs; kNone for a column of an INSERT's list
  bool subfield = false;  ///< assigns a field or element of the column: c.f, c[1]
  Range subscripts;       ///< exprs: the bounds in c[..]
  std::uint32_t offset = kNone;
};

enum class FromKind : std::uint8_t { kRelation, kSubquery, kFunction, kJoin, kTableFunction };
enum class JoinKind : std::uint8_t { kInner, kLeft, kRight, kFull };  // CROSS is kInner without ON

struct FromItem {
  FromKind kind = FromKind::kRelation;
  JoinKind join = JoinKind::kInner;
  bool natural = false;
  bool lateral = false;
  bool only = false;        ///< ONLY t
  bool ordinality = false;  ///< WITH ORDINALITY
  bool sampled = false;     ///< TABLESAMPLE: `names` of the method in sample_method, arguments in `exprs`
  bool has_using = false;
  bool typed_columns = false;  ///< AS (a int, ..)
  Id query = kNone;            ///< queries: in whose FROM (or as whose target) it stands
  Id parent = kNone;           ///< from_items: the join it is an arm of
  Id left = kNone;             ///< from_items, of a join
  Id right = kNone;
  Id on = kNone;        ///< exprs
  Range using_columns;  ///< names
  std::string_view using_alias;
  Range names;          ///< names: [database,] [schema,] relation
  Range sample_method;  ///< names
  Id subquery = kNone;  ///< queries
  Range exprs;          ///< exprs: the functions of ROWS FROM (one each), or TABLESAMPLE's arguments
  Range types;        ///< types of typed columns and of a kTableFunction's columns (FOR ORDINALITY: no names)
  Range typed_names;  ///< names of these columns
  std::string_view alias;        ///< empty: none
  Range column_aliases;          ///< names
  std::uint32_t offset = kNone;  ///< of the relation's first name token; kNone for others
};

struct Cte {
  std::string_view name;
  Range column_aliases;  ///< names
  Id query = kNone;      ///< queries
  bool search_or_cycle = false;
  Range added_columns;  ///< names: the columns that SEARCH and CYCLE add
  Range cycle_marks;    ///< exprs: constants of CYCLE .. TO .. DEFAULT
  std::uint32_t offset = kNone;
};

enum class QueryKind : std::uint8_t { kSelect, kValues, kSetOperation, kInsert, kUpdate, kDelete, kMerge };
/// What a query stands in.
enum class QueryRole : std::uint8_t {
  kStatement,  ///< it is the statement, or what EXPLAIN, PREPARE, DECLARE, COPY, CREATE .. AS wrap
  kCte,
  kFromItem,
  kExpression,
  kArm,     ///< of UNION, INTERSECT, EXCEPT
  kSource,  ///< of an INSERT
};
enum class SetOperation : std::uint8_t { kNotOne, kUnion, kIntersect, kExcept };
enum class LockStrength : std::uint8_t { kUnlocked, kKeyShare, kShare, kNoKeyUpdate, kUpdate };
enum class ConflictAction : std::uint8_t { kRaise, kNothing, kUpdate };

struct Query {
  QueryKind kind = QueryKind::kSelect;
  QueryRole role = QueryRole::kStatement;
  SetOperation operation = SetOperation::kNotOne;
  bool all = false;        ///< UNION ALL ..
  bool recursive = false;  ///< WITH RECURSIVE
  bool distinct = false;
  bool with_ties = false;
  bool fetch_first = false;     ///< reserved: the tree does not tell FETCH FIRST from LIMIT
  bool default_values = false;  ///< INSERT .. DEFAULT VALUES
  bool overriding = false;      ///< INSERT .. OVERRIDING
  bool into = false;            ///< SELECT INTO: its table is among the statement's relation uses
  LockStrength lock = LockStrength::kUnlocked;  ///< the strongest FOR UPDATE/SHARE of this query
  ConflictAction conflict = ConflictAction::kRaise;
  Id statement = kNone;    ///< statements of the script
  Id parent = kNone;       ///< queries
  Id parent_expr = kNone;  ///< exprs, of role kExpression
  Id parent_item = kNone;  ///< from_items, of role kFromItem
  Range ctes;              ///< ctes
  Range from;              ///< from_items, top level in order: FROM, USING, MERGE's source
  Id target = kNone;       ///< from_items: of INSERT, UPDATE, DELETE, MERGE
  Range outputs;           ///< targets of SELECT
  Range returning;         ///< targets
  Range columns;           ///< targets: INSERT's column list (no exprs) or UPDATE's SET
  Range values;            ///< exprs: one kRow for each row of VALUES
  Id source = kNone;       ///< queries: of an INSERT (VALUES too)
  Id left = kNone;         ///< queries: arms
  Id right = kNone;
  Id where = kNone;  ///< exprs; of a MERGE its ON
  Id having = kNone;
  Id limit = kNone;  ///< LIMIT ALL is a null constant
  Id offset = kNone;
  Range distinct_on;  ///< exprs
  Range group_by;
  Range windows;  ///< exprs of WINDOW definitions
  Range order_by;
  bool lock_all = false;                 ///< a FOR UPDATE/SHARE without OF is among them
  Range lock_names;                      ///< names: FOR UPDATE OF ..
  std::string_view conflict_constraint;  ///< ON CONFLICT ON CONSTRAINT ..
  Range conflict_columns;                ///< exprs: inferred columns and expressions
  Range conflict_set;                    ///< targets of DO UPDATE SET
  Range conflict_where;                  ///< exprs: of the inference and of DO UPDATE, those there are
  Range merge_actions;                   ///< merge_actions
};

enum class MergeCommand : std::uint8_t { kInsert, kUpdate, kDelete, kNothing };
struct MergeAction {
  MergeCommand command = MergeCommand::kNothing;
  bool matched = true;
  bool by_source = false;   ///< NOT MATCHED BY SOURCE (17 and later)
  bool overriding = false;  ///< INSERT .. OVERRIDING
  Id condition = kNone;     ///< exprs
  Range columns;            ///< targets
  Range values;             ///< exprs of an INSERT, without a row around
};

/// What a statement other than a query does to a relation it names.
enum class RelationAction : std::uint8_t {
  kCopyTo,
  kCopyFrom,
  kTruncate,
  kLock,
  kCreate,
  kAlter,
  kDrop,
  kIndex,
  kComment,
  kVacuum,
  kRefresh,
  kOther,
  kReference,  ///< LIKE, REFERENCES: read for its definition
  kInherit,    ///< INHERITS, PARTITION OF, ATTACH and DETACH PARTITION: the other side
};
struct RelationUse {
  RelationAction action = RelationAction::kOther;
  bool temporary = false;
  bool only = false;
  Range names;    ///< names
  Range columns;  ///< names, of COPY
  std::uint32_t offset = kNone;
};

enum class SettingAction : std::uint8_t {
  kSet,
  kSetDefault,
  kSetFromCurrent,
  kReset,
  kResetAll,
  kShow,
  kShowAll
};
struct SettingUse {
  SettingAction action = SettingAction::kSet;
  bool local = false;
  std::string_view
      name;      ///< lower case: timezone, search_path, role, session_authorization, transaction_isolation ..
  Range values;  ///< exprs
  std::uint32_t offset = kNone;
};

/// An option of EXPLAIN, COPY or the like: name and its value as text ("" = given without one). Names are as
/// the grammar folds them, so a part of ALTER, in capitals with blanks or of one word, may be written as an
/// option's name too: look at them only in ALTER.
struct Option {
  std::string_view name;
  std::string_view value;
};

/// The facts of a statement, beside its Statement in the script.
struct StatementFacts {
  Id query = kNone;  ///< queries: the statement's own or the wrapped one
  /// What EXPLAIN or CREATE TABLE AS wraps when it is no plain query: kExecute, kDeclareCursor,
  /// kCreateTableAs (also as SELECT INTO), kDdl for REFRESH. Its facts are here as well, and `query` is its
  /// own. kOther: nothing of the kind.
  StatementKind wrapped = StatementKind::kOther;
  std::string_view wrapped_name;  ///< of the EXECUTE or DECLARE at the bottom of it
  /// For messages: SELECT, CREATE FUNCTION .. as PostgreSQL's command tags say it.
  std::string_view command;
  /// False: a kind that is not read any deeper; nothing may be concluded but that it is `command`.
  bool read = false;
  bool temporary = false;  ///< CREATE TEMPORARY ..
  bool materialized = false;
  bool if_exists = false;      ///< IF EXISTS, IF NOT EXISTS
  bool replace = false;        ///< CREATE OR REPLACE
  bool cascade = false;        ///< TRUNCATE, DROP, a part of ALTER TABLE .. CASCADE
  bool program = false;        ///< COPY .. PROGRAM
  std::string_view copy_file;  ///< COPY to or from a file of the server, or the program
  Range relations;             ///< relation_uses
  Range settings;              ///< setting_uses
  Range options;               ///< options; of ALTER its parts: OWNER TO r, DROP COLUMN c, RENAME TO t ..
  Range exprs;  ///< exprs: arguments of EXECUTE and CALL (one kFunction), WHERE of COPY, DEFAULTs, CHECKs
  Range types;  ///< types: of PREPARE's parameters, of columns
};

/// Owns all of it; what it hands out lives as long as it. Moving keeps the strings where they are.
struct Facts {
  Script script;
  std::vector<StatementFacts> statements;  ///< one for each of the script's
  std::vector<Query> queries;
  std::vector<FromItem> from_items;
  std::vector<Expr> exprs;
  std::vector<Target> targets;
  std::vector<TypeUse> types;
  std::vector<Cte> ctes;
  std::vector<MergeAction> merge_actions;
  std::vector<RelationUse> relation_uses;
  std::vector<SettingUse> setting_uses;
  std::vector<Option> options;
  std::vector<std::string_view> names;
  std::vector<std::unique_ptr<char[]>> strings;  ///< what the views point into

  std::span<const std::string_view> at(Range names_range) const {
    return std::span(names).subspan(names_range.first, names_range.count);
  }
};

/// Reads one string of SQL whole. The same refusals as parse(), and: a node, or a member of an enumeration,
/// that this version does not know is an error of kind kUnsupported. Uses no recursion: any depth within the
/// limits.
Result<Facts> read_facts(std::string_view sql, const Limits& limits = {});

}  // namespace chaperone::parser
