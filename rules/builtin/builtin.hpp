#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

/// What PostgreSQL itself brings, in the versions 15 and 17, and what we say of it: the tables of
/// rules/builtin/, which are part of the binary. They hold pg_catalog and information_schema; names of types
/// are those of pg_type (int4, _text for text[]), with a schema in front where it is not pg_catalog.
///
/// A name or signature that is not here is unknown, and unknown means no: a server of another version may
/// have more overloads of a name than those that were judged.
namespace chaperone::rules {

/// What a name is for. The first ones are sets that a policy names; all others are denied, each with its
/// reason. A name has one class for all its overloads.
enum class BuiltinClass : std::uint8_t {
  kSafe,           ///< set `safe`: a value out of values
  kJson,           ///< set `json`, which `safe` includes
  kBounded,        ///< in `safe` while an argument is a constant within bounds: BuiltinName::bound
  kTextSearch,     ///< set `text_search`, which `safe` includes
  kIntrospection,  ///< set `introspection`
  kSession,        ///< current_setting, set_config: judged by rules/builtin/settings.hpp
  // Denied:
  kRunsSql,       ///< runs SQL or types that a text names
  kTables,        ///< reads tables or definitions that an argument names
  kWrites,        ///< changes catalogs, indexes or sequences, or takes a transaction number
  kFiles,         ///< files of the server
  kLargeObjects,  ///< large objects
  kSecrets,       ///< passwords and connection strings
  kSettings,      ///< settings that are not in the table of settings
  kStatistics,    ///< statistics, which tell about rows and statements of others
  kPhysical,      ///< sizes and places on disk
  kSessions,      ///< other sessions and transactions, or SQL as the proxy sent it
  kSignals,       ///< acts on other sessions or the server
  kSleeps,
  kLocks,        ///< advisory locks
  kUnbounded,    ///< memory or time that no limit bounds
  kState,        ///< state that other statements of the session left
  kServer,       ///< facts about the installation and its network
  kReplication,  ///< write-ahead log and replication
  kTypeIo,       ///< input and output of a type
  kInternal,     ///< serves indexes, aggregates, triggers or the planner
};

/// As the tables say it: "safe", "runs_sql" ..
std::string_view name_of(BuiltinClass value);
/// Whether a policy may name it as a set (and kBounded, which belongs to `safe`).
constexpr bool is_allowed(BuiltinClass value) {
  return value <= BuiltinClass::kSession;
}
/// The set that allows it: "safe" also for kBounded; empty for what is denied.
std::string_view set_of(BuiltinClass value);
/// Whether `functions: [set]` allows the class: `safe` includes `json` and `text_search`.
bool in_set(BuiltinClass value, std::string_view set);

/// What has to hold for one argument of a kBounded function.
struct Bound {
  enum class Kind : std::uint8_t {
    kNone,
    kNumber,  ///< an integer constant of at most `most`
    kText,    ///< a string constant of at most `most` bytes
    kFormat,  ///< a string constant for format() whose widths are at most `most`, none of them `*`
  };
  Kind kind = Kind::kNone;
  std::uint8_t argument = 0;  ///< from 1
  std::uint32_t most = 0;

  /// Whether a constant of that text is within; nothing but a constant is. `string`: a string constant, else
  /// a number.
  bool admits(std::string_view text, bool string) const;
};

struct BuiltinName {
  std::string_view schema;
  std::string_view name;
  BuiltinClass value = BuiltinClass::kInternal;
  Bound bound;
  std::string_view reason;  ///< for messages: "pads to a length that a number says, up to 1 GB in one call"
};

/// In which versions it is there.
enum Versions : std::uint8_t { kIn15 = 1, kIn17 = 2 };

/// Whether evaluating it can raise an error, or say something in a message, that depends on a value. Of an
/// operator or function on polymorphic types (anyarray, anyrange) it holds where it holds for the comparison
/// of their elements: Builtin::operator_totality() looks there.
enum class Totality : std::uint8_t {
  kPartial,
  kTotal,
  /// Raises only where a value would pass 1 GB or 131,072 digits. Calls in calls can get there from ordinary
  /// values, where each makes its argument longer (quote_literal(quote_literal(..)) doubles every time), so
  /// that this is total in a policy's own expression and partial in an agent's.
  kLimits,
  // Total while one operand is a constant of a certain form; total_with() says whether it is.
  kPattern,  ///< the right operand: a LIKE pattern that does not end in a single backslash
  kDivisor,  ///< the right operand: an integer from 1
  kLength,   ///< the third argument: an integer from 0
  kUnit,     ///< the first argument: a unit that dates, timestamps and intervals have
};
/// Whether the constant `text` makes it total. For kDivisor and kLength a number as written, without a sign
/// (a sign is an operator); for the others the string's value.
bool total_with(Totality value, std::string_view text);

struct BuiltinColumn {
  std::string_view name;
  std::string_view type;
};

struct BuiltinFunction {
  std::string_view schema;
  std::string_view name;
  std::span<const std::string_view> arguments;  ///< types of IN, INOUT and VARIADIC parameters
  std::string_view variadic;                    ///< element type of the last argument; empty: not variadic
  std::uint8_t defaults = 0;                    ///< of how many arguments at the end may be left out
  std::string_view result;
  std::span<const BuiltinColumn> columns;  ///< OUT parameters, the columns of its rows
  char kind = 'f';                         ///< pg_proc.prokind: f, a, w, p
  char volatility = 'v';                   ///< i, s, v
  bool strict = false;
  bool leakproof = false;
  bool returns_set = false;
  Totality totality = Totality::kPartial;
  std::uint8_t versions = 0;
};

struct BuiltinOperator {
  std::string_view name;
  std::string_view left;  ///< empty: a prefix operator
  std::string_view right;
  std::string_view result;
  std::string_view function;
  char volatility = 'v';
  bool strict = false;
  bool leakproof = false;
  Totality totality = Totality::kPartial;
  std::uint8_t versions = 0;
};

struct BuiltinType {
  std::string_view schema;
  std::string_view name;
  char kind = 'b';      ///< pg_type.typtype: b, d, p, r, m
  char category = 'X';  ///< pg_type.typcategory
  bool preferred = false;
  std::string_view element;  ///< of an array (and of name, point ..); empty: none
  std::string_view base;     ///< of a domain; empty: none
  /// Of naming it, as in a cast: kSafe, kJson, kTextSearch, kIntrospection (reading it from text looks names
  /// up) or denied.
  BuiltinClass value = BuiltinClass::kInternal;
  std::uint8_t versions = 0;
};

struct BuiltinCast {
  std::string_view source;
  std::string_view target;
  char context = 'e';         ///< pg_cast.castcontext: e, a, i
  char method = 'f';          ///< pg_cast.castmethod: f, b, i
  std::string_view function;  ///< empty: none
  Totality totality = Totality::kPartial;
  std::uint8_t versions = 0;
};

struct BuiltinRelation {
  std::string_view schema;
  std::string_view name;
  char kind = 'r';  ///< pg_class.relkind: r, v
  std::span<const BuiltinColumn> columns;
  BuiltinClass value = BuiltinClass::kInternal;  ///< kIntrospection, or denied
  std::span<const std::string_view> hidden;      ///< columns that `introspection` does not show
  std::string_view reason;
  std::uint8_t versions = 0;  ///< versions with different columns have an entry each
};

/// The tables; immutable, each sorted by schema (where it has one), name and the rest of its line.
class Builtin {
 public:
  std::span<const BuiltinName> names() const { return names_; }
  std::span<const BuiltinFunction> functions() const { return functions_; }
  std::span<const BuiltinOperator> operators() const { return operators_; }
  std::span<const BuiltinType> types() const { return types_; }
  std::span<const BuiltinCast> casts() const { return casts_; }
  std::span<const BuiltinRelation> relations() const { return relations_; }

  /// The judgement of a function's name; nullptr: PostgreSQL has none of that name.
  const BuiltinName* find_name(std::string_view name, std::string_view schema = "pg_catalog") const;
  /// All overloads of a name.
  std::span<const BuiltinFunction> find_functions(std::string_view name,
                                                  std::string_view schema = "pg_catalog") const;
  /// All operators of a name, all in pg_catalog.
  std::span<const BuiltinOperator> find_operators(std::string_view name) const;
  const BuiltinType* find_type(std::string_view name, std::string_view schema = "pg_catalog") const;
  const BuiltinCast* find_cast(std::string_view source, std::string_view target) const;
  /// One entry for each set of columns that the versions have.
  std::span<const BuiltinRelation> find_relations(std::string_view name,
                                                  std::string_view schema = "pg_catalog") const;

  /// What evaluating `left` operator `right` can do, with types as in pg_type. Empty left: a prefix operator.
  /// A parameter or an unadorned string constant is of type "unknown", an enum "anyenum". Judges the operator
  /// that PostgreSQL would choose with the casts it would put in; kPartial where that takes more than an
  /// exact match, one operand of unknown type, an implicit cast of one operand, or arrays, ranges and enums
  /// of their kind.
  Totality operator_totality(std::string_view name, std::string_view left, std::string_view right) const;
  /// The same for a call; judged by all overloads that take so many arguments, where none fits exactly.
  Totality function_totality(std::string_view name, std::span<const std::string_view> arguments,
                             std::string_view schema = "pg_catalog") const;
  /// The same for an explicit cast. `modified`: the target has modifiers, as numeric(5,2). What has to be
  /// read from text is kPartial, text of a value total.
  Totality cast_totality(std::string_view source, std::string_view target, bool modified = false) const;

 private:
  friend class BuiltinReader;

  std::vector<BuiltinName> names_;
  std::vector<BuiltinFunction> functions_;
  std::vector<BuiltinOperator> operators_;
  std::vector<BuiltinType> types_;
  std::vector<BuiltinCast> casts_;
  std::vector<BuiltinRelation> relations_;
  // What the spans of the entries point into.
  std::vector<std::string_view> words_;
  std::vector<BuiltinColumn> columns_;
};

/// Read at the first call, from any thread; that takes 2 ms. Lives as long as the process.
const Builtin& builtin();

}  // namespace chaperone::rules
