#include "rules/policy/expression_types.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace chaperone::rules {
namespace {

constexpr std::string_view kCatalogSchema = "pg_catalog";

bool is_one_of(std::string_view word, std::span<const std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// To what operators and functions see: varchar as text, an enum as its kind, a user-made type's array as
/// any.
std::string served_as(const std::string& key, const Catalog& catalog) {
  if (key == "varchar") return "text";
  const Type* type = find_user_type(key, catalog);
  if (type == nullptr) return key;
  if (type->kind == TypeKind::kEnum) return "anyenum";
  return key;
}

bool is_implicit(std::string_view from, std::string_view to) {
  const BuiltinCast* cast = builtin().find_cast(from, to);
  return cast != nullptr && cast->context == 'i';
}

/// Whether an argument of type `given` can take the place of a parameter of type `wanted`.
bool fits(std::string_view given, std::string_view wanted) {
  if (given == wanted || given == kUnknownType || wanted == "any" || wanted == "anyelement" ||
      wanted == "anycompatible" || wanted == "anynonarray") {
    return true;
  }
  if (wanted == "anyarray" || wanted == "anycompatiblearray") return given.starts_with("_");
  return is_implicit(given, wanted);
}

std::string_view parameter_type(const BuiltinFunction& function, std::size_t index) {
  const bool variadic = !function.variadic.empty() && index + 1 >= function.arguments.size();
  return variadic ? function.variadic : function.arguments[index];
}

/// func_select_candidate() of parse_func.c, as far as it can be told: those that take most of the types as
/// they are, and where a literal has no type those that take text there.
std::vector<const BuiltinFunction*> find_candidates(std::string_view name,
                                                    std::span<const std::string_view> types) {
  std::vector<const BuiltinFunction*> candidates;
  std::size_t most_exact = 0;
  for (const BuiltinFunction& row : builtin().find_functions(name)) {
    const std::size_t most = row.arguments.size();
    const bool variadic = !row.variadic.empty();
    if (types.size() + row.defaults + (variadic ? 1 : 0) < most || (types.size() > most && !variadic))
      continue;
    std::size_t exact = 0;
    bool good = true;
    for (std::size_t i = 0; i < types.size() && good; ++i) {
      good = fits(types[i], parameter_type(row, i));
      if (types[i] == parameter_type(row, i)) ++exact;
    }
    if (!good || exact < most_exact) continue;
    if (exact > most_exact) candidates.clear();
    most_exact = exact;
    candidates.push_back(&row);
  }
  for (std::size_t i = 0; i < types.size(); ++i) {
    const auto takes_text = [i](const BuiltinFunction* row) { return is_text(parameter_type(*row, i)); };
    if (types[i] != kUnknownType || std::none_of(candidates.begin(), candidates.end(), takes_text)) continue;
    std::erase_if(candidates, [&](const BuiltinFunction* row) { return !takes_text(row); });
  }
  return candidates;
}

const BuiltinOperator* find_exact(std::string_view name, std::string_view left, std::string_view right) {
  for (const BuiltinOperator& row : builtin().find_operators(name)) {
    if (row.left == left && row.right == right) return &row;
  }
  return nullptr;
}

/// oper() of parse_oper.c, as far as it can be told.
const BuiltinOperator* find_operator(std::string_view name, std::string_view left, std::string_view right) {
  if (const BuiltinOperator* row = find_exact(name, left, right)) return row;
  if (left.empty()) return nullptr;
  if (left == kUnknownType && right == kUnknownType) return find_exact(name, "text", "text");
  const std::string_view known = left == kUnknownType ? right : left;
  if (left == kUnknownType || right == kUnknownType) {
    if (const BuiltinOperator* row = find_exact(name, known, known)) return row;
    // Of several the one that takes text, as func_select_candidate() prefers it.
    const BuiltinOperator* only = nullptr;
    int candidates = 0;
    for (const BuiltinOperator& row : builtin().find_operators(name)) {
      if (row.left.empty() || (left == kUnknownType ? row.right : row.left) != known) continue;
      if ((left == kUnknownType ? row.left : row.right) == "text") return &row;
      ++candidates;
      only = &row;
    }
    if (candidates == 1) return only;
  }
  const BuiltinType* type = builtin().find_type(known);
  if (left == right || left == kUnknownType || right == kUnknownType) {
    const std::string_view general = known.starts_with("_")                 ? "anyarray"
                                     : type != nullptr && type->kind == 'r' ? "anyrange"
                                     : type != nullptr && type->kind == 'm' ? "anymultirange"
                                                                            : "";
    if (!general.empty()) {
      if (const BuiltinOperator* row = find_exact(name, general, general)) return row;
    }
  }
  for (const auto& [from, to] : {std::pair(left, right), std::pair(right, left)}) {
    const BuiltinOperator* row = find_exact(name, to, to);
    if (row != nullptr && is_implicit(from, to)) return row;
  }
  return nullptr;
}

/// Takes so many digits from the front.
bool take_digits(std::string_view& text, std::size_t least, std::size_t most) {
  std::size_t count = 0;
  while (count < text.size() && count < most && text[count] >= '0' && text[count] <= '9') ++count;
  text.remove_prefix(count);
  return count >= least;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

bool take_date(std::string_view& text) {
  return take_digits(text, 4, 6) && take(text, '-') && take_digits(text, 2, 2) && take(text, '-') &&
         take_digits(text, 2, 2);
}

bool take_time(std::string_view& text) {
  if (!take_digits(text, 2, 2) || !take(text, ':') || !take_digits(text, 2, 2)) return false;
  if (!take(text, ':')) return true;
  if (!take_digits(text, 2, 2)) return false;
  return !take(text, '.') || take_digits(text, 1, 6);
}

bool take_offset(std::string_view& text) {
  if (take(text, 'Z')) return true;
  if (!take(text, '+') && !take(text, '-')) return false;
  if (!take_digits(text, 2, 2)) return false;
  return !take(text, ':') || take_digits(text, 2, 2);
}

bool is_infinity(std::string_view text) {
  return text == "infinity" || text == "-infinity";
}

bool ends(std::string_view text) {
  return text.empty() || text == " BC";
}

bool is_iso_date(std::string_view text) {
  return is_infinity(text) || (take_date(text) && ends(text));
}

bool is_iso_timestamp(std::string_view text, bool offset) {
  if (is_infinity(text)) return true;
  if (!take_date(text)) return false;
  if (!offset && ends(text)) return true;
  if ((!take(text, ' ') && !take(text, 'T')) || !take_time(text)) return false;
  return (!offset || take_offset(text)) && ends(text);
}

/// 168 hours 30 minutes; 12:30:00; each of the units once and nothing negative.
bool is_plain_interval(std::string_view text, std::span<const std::string_view> units) {
  std::string_view clock = text;
  if (take_time(clock) && clock.empty()) return true;
  bool any = false;
  while (!text.empty()) {
    if (!take_digits(text, 1, 9) || !take(text, ' ')) return false;
    const std::size_t end = std::min(text.find(' '), text.size());
    if (!is_one_of(text.substr(0, end), units)) return false;
    text.remove_prefix(end);
    any = true;
    if (!text.empty() && (!take(text, ' ') || text.empty())) return false;
  }
  return any;
}

constexpr std::array<std::string_view, 6> kHours = {"hour",    "hours",  "minute",
                                                    "minutes", "second", "seconds"};
constexpr std::array<std::string_view, 14> kIntervalUnits = {
    "hour", "hours", "minute", "minutes", "second", "seconds", "day",
    "days", "week",  "weeks",  "month",   "months", "year",    "years"};

/// Whether what a literal of the type means depends on how it is written.
bool is_read_by_settings(std::string_view key) {
  return wanted_form(key, "").has_value();
}

}  // namespace

TypeName base_type(const TypeName& type, const Catalog& catalog) {
  TypeName base = type;
  // A domain over a domain over ..; a catalog can't hold a circle, a snapshot could.
  for (int depth = 0; depth < 32 && base.dimensions == 0; ++depth) {
    if (base.schema == "information_schema") {
      const BuiltinType* builtin_type = builtin().find_type(base.name, base.schema);
      if (builtin_type == nullptr || builtin_type->base.empty()) break;
      base = type_of_key(builtin_type->base);
      continue;
    }
    const auto found = catalog.types(base.schema, base.name);
    if (base.schema.empty() || found.empty() || found[0]->kind != TypeKind::kDomain) break;
    base = found[0]->base;
  }
  return base;
}

std::string type_key(const TypeName& type, const Catalog& catalog) {
  const TypeName base = base_type(type, catalog);
  if (!base.known()) return "";
  const std::string name = (base.dimensions > 0 ? "_" : "") + base.name;
  return base.schema == kCatalogSchema ? name : base.schema + "." + name;
}

TypeName type_of_key(std::string_view key) {
  TypeName type;
  const std::size_t dot = key.find('.');
  type.schema = dot == std::string_view::npos ? kCatalogSchema : key.substr(0, dot);
  if (dot != std::string_view::npos) key.remove_prefix(dot + 1);
  if (key.starts_with("_")) {
    type.dimensions = 1;
    key.remove_prefix(1);
  }
  type.name = key;
  return type;
}

std::string array_key(std::string_view key) {
  if (key.empty() || key == kUnknownType) return std::string(key);
  const std::size_t name = key.find('.') + 1;  // 0 where there is no dot
  if (key.substr(name).starts_with("_")) return std::string(key);
  return std::string(key.substr(0, name)) + "_" + std::string(key.substr(name));
}

std::string element_key(std::string_view key) {
  const std::size_t name = key.find('.') + 1;
  if (!key.substr(name).starts_with("_")) return "";
  return std::string(key.substr(0, name)) + std::string(key.substr(name + 1));
}

std::string common_type(const std::string& a, const std::string& b) {
  if (a == b || b == kUnknownType) return a;
  if (a == kUnknownType) return b;
  if (is_text(a) && is_text(b)) return "text";
  static constexpr std::array<std::string_view, 6> kNumbers = {"int2",    "int4",   "int8",
                                                               "numeric", "float4", "float8"};
  const auto left = std::find(kNumbers.begin(), kNumbers.end(), a);
  const auto right = std::find(kNumbers.begin(), kNumbers.end(), b);
  if (left == kNumbers.end() || right == kNumbers.end()) return "";
  return std::string(*std::max(left, right));
}

const Type* find_user_type(std::string_view key, const Catalog& catalog) {
  const std::size_t dot = key.find('.');
  if (dot == std::string_view::npos) return nullptr;
  const auto found = catalog.types(key.substr(0, dot), key.substr(dot + 1));
  return found.empty() ? nullptr : found[0];
}

bool is_foreign(std::string_view key, const Catalog& catalog) {
  if (key.find('.') == std::string_view::npos) return false;
  const std::string element = element_key(key);
  const Type* type = find_user_type(element.empty() ? key : std::string_view(element), catalog);
  return type == nullptr || type->kind != TypeKind::kEnum;
}

bool is_text(std::string_view key) {
  static constexpr std::array<std::string_view, 4> kText = {"text", "varchar", "bpchar", "name"};
  return is_one_of(key, kText);
}

bool has_unstable_text(std::string_view key) {
  static constexpr std::array<std::string_view, 22> kStable = {
      "bool", "int2", "int4", "int8",    "numeric",  "text", "varchar", "bpchar", "name",   "char", "uuid",
      "oid",  "inet", "cidr", "macaddr", "macaddr8", "json", "jsonb",   "bit",    "varbit", "xid",  "pg_lsn"};
  if (key.starts_with("_")) key.remove_prefix(1);
  if (key == kUnknownType) return false;
  return !is_one_of(key, kStable);
}

bool is_hours(std::string_view interval) {
  return is_plain_interval(interval, kHours);
}

std::optional<std::string> wanted_form(std::string_view key, std::string_view literal) {
  if (key == "date") {
    if (is_iso_date(literal)) return {};
    return "ISO form, as '2026-01-31'";
  }
  if (key == "timestamp") {
    if (is_iso_timestamp(literal, false)) return {};
    return "ISO form, as '2026-01-31 18:00:00'";
  }
  if (key == "timestamptz") {
    if (is_iso_timestamp(literal, true)) return {};
    return "ISO form with an offset, as '2026-01-31 18:00:00+00'";
  }
  if (key == "time") {
    std::string_view rest = literal;
    if (take_time(rest) && rest.empty()) return {};
    return "the form '18:00:00'";
  }
  if (key == "timetz") return "a `time` or `timestamptz` instead";
  if (key == "interval") {
    if (is_plain_interval(literal, kIntervalUnits)) return {};
    return "the form '36 hours' or '1 day 12 hours', without signs";
  }
  // Names of objects, looked up by the search_path.
  const BuiltinType* named = key.starts_with("reg") ? builtin().find_type(key) : nullptr;
  if (named != nullptr && !literal.starts_with("pg_catalog."))
    return "its schema in front, as 'pg_catalog.english'";
  if (key == "money") return "a numeric instead: money is read by lc_monetary";
  const std::string_view element = key.starts_with("_") ? key.substr(1) : key;
  static constexpr std::array<std::string_view, 6> kTimes = {"date", "timestamp", "timestamptz",
                                                             "time", "timetz",    "interval"};
  const BuiltinType* type = builtin().find_type(element);
  const bool range = type != nullptr && (type->kind == 'r' || type->kind == 'm');
  if (is_one_of(element, kTimes) || (range && (element.starts_with("ts") || element.starts_with("date")))) {
    return "ARRAY[..] or a range function over single literals";
  }
  return {};
}

Effect evaluate_operator(std::string_view name, const std::string& left_key, const std::string& right_key,
                         const Catalog& catalog) {
  const std::string left = served_as(left_key, catalog);
  const std::string right = served_as(right_key, catalog);
  Effect out;
  const BuiltinOperator* row = find_operator(name, left, right);
  if (row == nullptr) return out;
  // Two enums are comparable if they are one.
  if (left == "anyenum" && right == "anyenum" && left_key != right_key) return out;
  out.found = true;
  const std::string& known = left_key == kUnknownType ? right_key : left_key;
  const auto wanted = [&known](std::string_view type) {
    return type.starts_with("any") ? known : std::string(type);
  };
  if (!left.empty()) out.wanted.push_back(wanted(row->left));
  out.wanted.push_back(wanted(row->right));
  out.result = row->result;
  if (out.result.starts_with("any")) out.result = known;
  out.stable = row->volatility != 'i';
  out.is_volatile = row->volatility == 'v';
  out.totality = builtin().operator_totality(name, left, right);
  return out;
}

Effect evaluate_function(std::string_view name, std::span<const std::string> arguments) {
  Effect out;
  std::vector<std::string_view> types(arguments.begin(), arguments.end());
  for (std::string_view& type : types) {
    if (type == "varchar") type = "text";
  }
  const std::vector<const BuiltinFunction*> candidates = find_candidates(name, types);
  for (const BuiltinFunction* row : candidates) {
    for (std::size_t i = 0; i < types.size(); ++i) {
      const std::string_view wanted = parameter_type(*row, i);
      if (row == candidates.front()) {
        out.wanted.emplace_back(wanted);
      } else if (out.wanted[i] != wanted) {
        const bool unsteady = is_read_by_settings(out.wanted[i]) || is_read_by_settings(wanted);
        out.ambiguous_literal = out.ambiguous_literal || (types[i] == kUnknownType && unsteady);
        out.wanted[i].clear();
      }
    }
    std::string result(row->result);
    if (result.starts_with("any")) result = arguments.empty() || result != "anyelement" ? "" : arguments[0];
    if (row->returns_set || row->kind != 'f') result = "";
    out.result = !out.found || out.result == result ? result : "";
    out.found = true;
    out.stable = out.stable || row->volatility != 'i';
    out.is_volatile = out.is_volatile || row->volatility == 'v';
  }
  if (out.found) out.totality = builtin().function_totality(name, types);
  return out;
}

Effect evaluate_cast(const std::string& source, const std::string& target, bool modified,
                     const Catalog& catalog) {
  Effect out;
  out.found = true;
  out.result = target;
  if (source == target && !modified) {
    out.totality = Totality::kTotal;
    return out;
  }
  const Type* user_source = find_user_type(source, catalog);
  if (user_source != nullptr && user_source->kind == TypeKind::kEnum && is_text(target)) {
    out.totality = Totality::kTotal;
    return out;
  }
  // citext is text with operators of its own; the cast does nothing.
  if (source.ends_with(".citext") && is_text(target)) {
    out.totality = Totality::kTotal;
    return out;
  }
  const BuiltinCast* cast = builtin().find_cast(source, target);
  if (cast == nullptr) {
    const bool array = !element_key(source).empty() && !element_key(target).empty();
    out.found = is_text(source) || is_text(target) || source == kUnknownType || array || source == target;
    out.stable = has_unstable_text(source) || (has_unstable_text(target) && source != kUnknownType);
  } else if (!cast->function.empty()) {
    for (const BuiltinFunction& row : builtin().find_functions(cast->function)) {
      if (!row.arguments.empty() && row.arguments[0] == source && row.volatility != 'i') out.stable = true;
    }
  }
  out.totality = builtin().cast_totality(source, target, modified);
  return out;
}

}  // namespace chaperone::rules
