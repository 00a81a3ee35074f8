#include "rules/builtin/builtin.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>
#include <string>
#include <tuple>

#include "rules/builtin/builtin_tables.hpp"

namespace chaperone::rules {
namespace {

constexpr std::array<std::string_view, 25> kClassNames = {
    "safe",     "json",        "bounded", "text_search",   "introspection", "session",   "runs_sql",
    "tables",   "writes",      "files",   "large_objects", "secrets",       "settings",  "statistics",
    "physical", "sessions",    "signals", "sleeps",        "locks",         "unbounded", "state",
    "server",   "replication", "type_io", "internal",
};
static_assert(kClassNames.size() == static_cast<std::size_t>(BuiltinClass::kInternal) + 1);

constexpr std::array<std::string_view, 7> kTotalityNames = {"partial", "total",  "limits", "pattern",
                                                            "divisor", "length", "unit"};

[[noreturn]] void bad_table(std::string_view line) {
  throw std::logic_error("rules/builtin: " + std::string(line));
}

template <class Enum, std::size_t Size>
Enum enum_of(const std::array<std::string_view, Size>& names, std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) bad_table(name);
  return static_cast<Enum>(found - names.begin());
}

/// Cuts the next part off `rest`.
std::string_view take(std::string_view& rest, char separator) {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

std::string_view or_empty(std::string_view field) {
  return field == "-" ? std::string_view() : field;
}

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

/// Reads the tables. A line that is not as it should be is a bug: std::logic_error.
class BuiltinReader {
 public:
  static Builtin read() {
    BuiltinReader reader;
    // The spans of the entries point into these, which therefore may not grow.
    for (const std::string_view table : {tables::kFunctions, tables::kRelations}) {
      const auto commas = static_cast<std::size_t>(std::count(table.begin(), table.end(), ','));
      const auto lines = static_cast<std::size_t>(std::count(table.begin(), table.end(), '\n'));
      reader.to_.words_.reserve(reader.to_.words_.capacity() + commas + lines * 2);
      reader.to_.columns_.reserve(reader.to_.columns_.capacity() + commas + lines * 2);
    }
    reader.rows(tables::kSets, reader.to_.names_, &BuiltinReader::read_name);
    reader.rows(tables::kFunctions, reader.to_.functions_, &BuiltinReader::read_function);
    reader.rows(tables::kOperators, reader.to_.operators_, &BuiltinReader::read_operator);
    reader.rows(tables::kTypes, reader.to_.types_, &BuiltinReader::read_type);
    reader.rows(tables::kCasts, reader.to_.casts_, &BuiltinReader::read_cast);
    reader.rows(tables::kRelations, reader.to_.relations_, &BuiltinReader::read_relation);
    return std::move(reader.to_);
  }

 private:
  template <class Row>
  void rows(std::string_view table, std::vector<Row>& to, Row (BuiltinReader::*read_row)()) {
    to.reserve(static_cast<std::size_t>(std::count(table.begin(), table.end(), '\n')));
    while (!table.empty()) {
      line_ = take(table, '\n');
      const std::string_view whole = line_;
      to.push_back((this->*read_row)());
      if (!line_.empty()) bad_table(whole);
    }
  }

  std::string_view field() { return take(line_, '\t'); }
  std::string_view optional_field() { return or_empty(field()); }
  char letter() {
    const std::string_view text = field();
    if (text.size() != 1) bad_table(text);
    return text.front();
  }
  bool marked() { return field() != "-"; }
  BuiltinClass value() { return enum_of<BuiltinClass>(kClassNames, field()); }
  Totality totality() { return enum_of<Totality>(kTotalityNames, field()); }
  std::uint8_t versions() {
    const std::string_view text = field();
    if (text == "15,17") return kIn15 | kIn17;
    if (text == "15") return kIn15;
    if (text != "17") bad_table(text);
    return kIn17;
  }
  std::span<const std::string_view> words() {
    std::string_view text = optional_field();
    const std::size_t first = to_.words_.size();
    while (!text.empty()) to_.words_.push_back(take(text, ','));
    return std::span<const std::string_view>(to_.words_).subspan(first);
  }
  std::span<const BuiltinColumn> columns() {
    std::string_view text = optional_field();
    const std::size_t first = to_.columns_.size();
    while (!text.empty()) {
      std::string_view column = take(text, ',');
      const std::string_view name = take(column, ':');
      to_.columns_.push_back({name, column});
    }
    return std::span<const BuiltinColumn>(to_.columns_).subspan(first);
  }
  /// "2<=10000", "2:text<=1000", "1:format" or "-".
  Bound bound() {
    std::string_view text = optional_field();
    if (text.empty()) return {};
    Bound bound{.kind = Bound::Kind::kFormat, .argument = 0, .most = kWidestFormat};
    const auto argument = number(text.substr(0, 1));
    if (!argument) bad_table(text);
    bound.argument = static_cast<std::uint8_t>(*argument);
    text.remove_prefix(1);
    if (text == ":format") return bound;
    bound.kind = text.starts_with(":text") ? Bound::Kind::kText : Bound::Kind::kNumber;
    if (bound.kind == Bound::Kind::kText) text.remove_prefix(std::string_view(":text").size());
    const auto most = number(text.substr(std::min<std::size_t>(2, text.size())));
    if (!text.starts_with("<=") || !most) bad_table(text);
    bound.most = *most;
    return bound;
  }

  BuiltinName read_name() {
    BuiltinName row;
    row.schema = field();
    row.name = field();
    row.value = value();
    row.bound = bound();
    row.reason = field();
    return row;
  }
  BuiltinFunction read_function() {
    BuiltinFunction row;
    row.schema = field();
    row.name = field();
    row.arguments = words();
    row.variadic = optional_field();
    row.defaults = static_cast<std::uint8_t>(number(field()).value());
    row.result = field();
    row.columns = columns();
    row.kind = letter();
    row.volatility = letter();
    row.strict = marked();
    row.leakproof = marked();
    row.returns_set = marked();
    row.totality = totality();
    row.versions = versions();
    return row;
  }
  BuiltinOperator read_operator() {
    BuiltinOperator row;
    row.name = field();
    row.left = optional_field();
    row.right = field();
    row.result = field();
    row.function = field();
    row.volatility = letter();
    row.strict = marked();
    row.leakproof = marked();
    row.totality = totality();
    row.versions = versions();
    return row;
  }
  BuiltinType read_type() {
    BuiltinType row;
    row.schema = field();
    row.name = field();
    row.kind = letter();
    row.category = letter();
    row.preferred = marked();
    row.element = optional_field();
    row.base = optional_field();
    row.value = value();
    row.versions = versions();
    return row;
  }
  BuiltinCast read_cast() {
    BuiltinCast row;
    row.source = field();
    row.target = field();
    row.context = letter();
    row.method = letter();
    row.function = optional_field();
    row.totality = totality();
    row.versions = versions();
    return row;
  }
  BuiltinRelation read_relation() {
    BuiltinRelation row;
    row.schema = field();
    row.name = field();
    row.kind = letter();
    row.columns = columns();
    row.value = value();
    row.hidden = words();
    row.reason = field();
    row.versions = versions();
    return row;
  }

  static constexpr std::uint32_t kWidestFormat = 10'000;

  Builtin to_;
  std::string_view line_;
};

namespace {

/// The run of a sorted table that has this key.
template <class Row, class Key, class KeyOf>
std::span<const Row> find(const std::vector<Row>& rows, const Key& key, KeyOf key_of) {
  const auto first = std::lower_bound(rows.begin(), rows.end(), key,
                                      [&](const Row& row, const Key& k) { return key_of(row) < k; });
  auto last = first;
  while (last != rows.end() && key_of(*last) == key) ++last;
  return std::span<const Row>(first, last);
}

using Pair = std::pair<std::string_view, std::string_view>;
constexpr auto kByName = [](const auto& row) { return Pair(row.schema, row.name); };

template <class Row>
const Row* only(std::span<const Row> rows) {
  return rows.empty() ? nullptr : &rows.front();
}

}  // namespace

std::string_view name_of(BuiltinClass value) {
  return kClassNames[static_cast<std::size_t>(value)];
}

std::string_view set_of(BuiltinClass value) {
  if (!is_allowed(value)) return {};
  return value == BuiltinClass::kBounded ? name_of(BuiltinClass::kSafe) : name_of(value);
}

bool in_set(BuiltinClass value, std::string_view set) {
  const std::string_view own = set_of(value);
  if (own.empty()) return false;
  const bool part_of_safe = value == BuiltinClass::kJson || value == BuiltinClass::kTextSearch;
  return own == set || (part_of_safe && set == name_of(BuiltinClass::kSafe));
}

const BuiltinName* Builtin::find_name(std::string_view name, std::string_view schema) const {
  return only(find(names_, Pair(schema, name), kByName));
}

std::span<const BuiltinFunction> Builtin::find_functions(std::string_view name,
                                                         std::string_view schema) const {
  return find(functions_, Pair(schema, name), kByName);
}

std::span<const BuiltinOperator> Builtin::find_operators(std::string_view name) const {
  return find(operators_, name, [](const BuiltinOperator& row) { return row.name; });
}

const BuiltinType* Builtin::find_type(std::string_view name, std::string_view schema) const {
  return only(find(types_, Pair(schema, name), kByName));
}

const BuiltinCast* Builtin::find_cast(std::string_view source, std::string_view target) const {
  return only(find(casts_, Pair(source, target),
                   [](const BuiltinCast& row) { return Pair(row.source, row.target); }));
}

std::span<const BuiltinRelation> Builtin::find_relations(std::string_view name,
                                                         std::string_view schema) const {
  return find(relations_, Pair(schema, name), kByName);
}

const Builtin& builtin() {
  // Never destroyed: threads may still ask while the process ends.
  static const Builtin& tables = *new Builtin(BuiltinReader::read());
  return tables;
}

}  // namespace chaperone::rules
