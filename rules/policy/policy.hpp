#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "rules/catalog/catalog.hpp"
#include "rules/policy/problems.hpp"

/// What a policy file says (product.md, docs/policy.md): a plain value, immutable once loaded.
namespace chaperone::rules {

/// An expression of the policy's author, ready to be put into SQL: names, operators and types are qualified,
/// so that its meaning does not depend on where it is put or on any setting. In between stand columns of the
/// table it belongs to, which get the qualifier of their place, and parameters.
struct Expression {
  enum class PartKind : std::uint8_t { kText, kColumn, kParameter };
  struct Part {
    PartKind kind = PartKind::kText;
    std::string text;  ///< SQL text; a column's name; a parameter's name without the colon
    TypeName type;  ///< of a parameter: what its literal is cast to; no name: left to its place, as a quoted
                    ///< literal
  };
  std::vector<Part> parts;
  std::vector<std::uint16_t> columns;  ///< indexes in the relation's columns, each once
  bool has_subquery = false;
  bool total = false;  ///< can raise no error that depends on a value
  Mark mark;
};

struct ColumnSet {
  bool all = false;                ///< "*": the columns of the moment
  std::vector<std::string> names;  ///< in the order of the file

  bool has(std::string_view name) const;
};

enum class MaskKind : std::uint8_t { kNull, kRedact, kHash, kEmail, kExpression };
struct Mask {
  MaskKind kind = MaskKind::kNull;
  Expression expression;  ///< what is sent in place of the column, of the column's exact type, for every kind
};

struct RowFilter {
  Expression expression;
  bool row_security = false;  ///< enforce: rls: left to row-level security in the database
};

struct ReadRule {
  ColumnSet columns;
  std::map<std::string, Mask, std::less<>> masks;
  std::optional<RowFilter> rows;
  bool explain = false;
  Mark mark;
};
/// max_rows and `by` of writes.
struct WriteBounds {
  std::vector<std::string> by;
  std::optional<std::uint64_t> max_rows;
};
struct UpdateRule {
  ColumnSet columns;
  std::optional<RowFilter> rows;
  WriteBounds bounds;
  std::optional<ColumnSet> returning;  ///< none: RETURNING may name what `read` shows
  Mark mark;
};
struct DeleteRule {
  std::optional<RowFilter> rows;
  WriteBounds bounds;
  std::optional<ColumnSet> returning;
  Mark mark;
};
struct InsertRule {
  ColumnSet columns;
  std::map<std::string, Expression, std::less<>> set;
  std::optional<std::uint64_t> max_rows;
  std::optional<ColumnSet> returning;
  Mark mark;
};

/// Rare kinds of statement, `statements:`.
enum class StatementClass : std::uint8_t { kTruncate, kListen, kNotify, kCall, kDdl, kCopyFrom, kLock };

struct TableRule {
  std::string schema;
  std::string name;
  std::optional<ReadRule> read;
  std::optional<InsertRule> insert;
  std::optional<UpdateRule> update;
  std::optional<DeleteRule> remove;  ///< key `delete`
  Mark mark;
};

struct SettingRule {
  bool allow = true;                ///< false: `deny`
  std::vector<std::string> values;  ///< the only ones; empty: as the shipped table bounds it
  std::optional<std::string> most;  ///< `max`
  Mark mark;
};

struct ResultLimits {
  std::optional<std::uint64_t> rows;
  bool rows_fail = false;  ///< over: fail
  std::optional<std::uint64_t> bytes;
  std::optional<std::chrono::milliseconds> time;
};

/// Orders names of two parts; a pair of views is looked up without copying.
struct QualifiedLess {
  using is_transparent = void;
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    const int schemas = std::string_view(a.first).compare(std::string_view(b.first));
    return schemas != 0 ? schemas < 0 : std::string_view(a.second) < std::string_view(b.second);
  }
};

struct Capability {
  std::string name;
  std::string description;
  /// Keyed by schema and name. Included capabilities are merged in.
  std::map<std::pair<std::string, std::string>, TableRule, QualifiedLess> tables;
  /// Shipped sets by name (safe, json, text_search, introspection) and single functions ("public.f", "f").
  std::set<std::string, std::less<>> function_sets;
  /// Schema, name. The schema is empty where the policy was loaded without a catalog and names none.
  std::set<std::pair<std::string, std::string>, QualifiedLess> functions;
  std::set<StatementClass> statements;
  std::map<std::string, SettingRule, std::less<>> settings;
  ResultLimits limits;
  /// It includes the shipped `introspection`: what clients ask of the system catalogs.
  bool introspection = false;
  Mark mark;

  const TableRule* find_table(std::string_view schema, std::string_view table) const;
};

/// Where a parameter's value comes from.
struct ClaimSource {
  std::string claim;
};
struct ConstantSource {
  std::string text;
  bool number = false;
};
using ParameterSource = std::variant<ConstantSource, ClaimSource>;

struct Agent {
  std::string name;
  std::vector<std::shared_ptr<const Capability>> capabilities;  ///< in the order that decides
  std::map<std::string, ParameterSource, std::less<>> parameters;
  bool session = true;  ///< the set `session` belongs to it
  bool observe = false;
  Mark mark;
};

struct PolicySet {
  std::map<std::string, Agent, std::less<>> agents;
  std::map<std::string, std::shared_ptr<const Capability>, std::less<>> capabilities;
  std::string hash;  ///< "sha256:..", of the file's bytes

  const Agent* find_agent(std::string_view name) const;
  /// Names of the agents of `mode: observe`.
  std::set<std::string, std::less<>> observed() const;
};

/// Who asks: all that a decision may depend on besides policy, catalog and SQL.
struct Principal {
  std::string agent;
  std::string actor;
  std::string task;
  /// Values of parameters, constants of the policy and verified claims alike; `agent`, `actor` and `task` are
  /// always there.
  std::map<std::string, std::string, std::less<>> parameters;
};

}  // namespace chaperone::rules
