#include "rules/evaluate/projection.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <vector>

#include "rules/builtin/builtin_tables.hpp"
#include "rules/rewrite/literal.hpp"

namespace chaperone::rules {
namespace {

using Texts = std::map<std::string, std::string, std::less<>>;

std::string_view take(std::string_view& rest, char separator) {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

/// rules/builtin/rows.tsv.
struct Templates {
  struct Set {
    std::string head;  // name(columns)
    std::string body;
  };
  std::map<std::string, Set, std::less<>> sets;
  Texts rows;
  Texts masks;  // relation.column

  Templates() {
    for (std::string_view table = tables::kRows; !table.empty();) {
      std::string_view line = take(table, '\n');
      if (line.empty() || line.starts_with('#')) continue;
      const std::string_view kind = take(line, '\t');
      const std::string name(take(line, '\t'));
      std::string text(line);
      for (const std::string_view name_of_operator : {"=", "<", ">=", "||"}) {
        replace_all(text, " " + std::string(name_of_operator) + " ",
                    " OPERATOR(pg_catalog." + std::string(name_of_operator) + ") ");
      }
      replace_all(text, " IN ", " OPERATOR(pg_catalog.=) ANY ");
      if (kind == "set") {
        sets[name.substr(0, name.find('('))] = {name, std::move(text)};
      } else if (kind == "rows") {
        rows[name] = std::move(text);
      } else if (kind == "mask") {
        masks[name] = std::move(text);
      } else {
        throw std::logic_error("rows.tsv: " + name);
      }
    }
  }
};

const Templates& templates() {
  static const auto& read = *new Templates();
  return read;
}

/// As rows.tsv names it: the schema in front unless it is pg_catalog.
std::string key_of(const Relation& relation) {
  return relation.schema == "pg_catalog" ? relation.name : relation.schema + "." + relation.name;
}

std::string list(const std::vector<std::string_view>& names) {
  std::string text = "(CAST(ARRAY[";
  for (const std::string_view name : names) {
    if (text.back() != '[') text += ", ";
    text += literal(name);
  }
  return text + "] AS pg_catalog.name[]))";
}

std::string is(std::string_view value, std::string_view name) {
  return std::string(value) + " OPERATOR(pg_catalog.=) " + literal(name);
}

std::string is_one_of(std::string_view value, const std::vector<std::string_view>& names) {
  return std::string(value) + " OPERATOR(pg_catalog.=) ANY " + list(names);
}

void add_or(std::string& condition, const std::string& one) {
  condition += condition.empty() ? "(" : " OR (";
  condition += one + ")";
}

std::string bracketed(const std::string& condition) {
  return condition.empty() ? "false" : "(" + condition + ")";
}

/// What of a capability the macros of rows.tsv say.
class Shown {
 public:
  Shown(const Capability& capability, const Catalog& catalog) {
    for (const auto& [key, rule] : capability.tables) {
      if (!rule.read && !rule.insert && !rule.update && !rule.remove) continue;
      Table& table = tables_[key.first].emplace_back();
      table.name = key.second;
      table.all = add(rule, table.columns);
      table.whole = rule.read && rule.read->columns.all && rule.read->masks.empty() && !rule.read->rows;
    }
    for (const auto& [schema, name] : capability.functions) functions_[schema].push_back(name);
    std::set<std::string_view> schemas(catalog.search_path().begin(), catalog.search_path().end());
    for (const auto& [schema, tables] : tables_) schemas.insert(schema);
    for (const auto& [schema, functions] : functions_) schemas.insert(schema);
    schemas_.assign(schemas.begin(), schemas.end());
  }

  std::string macro(std::string_view name, const std::vector<std::string_view>& arguments) const {
    if (name == "system") return bracketed(is_one_of(arguments[0], {"pg_catalog", "information_schema"}));
    if (name == "schema") return schemas_.empty() ? "false" : bracketed(is_one_of(arguments[0], schemas_));
    if (name == "function") {
      std::string condition;
      for (const auto& [schema, names] : functions_)
        add_or(condition, is(arguments[0], schema) + " AND " + is_one_of(arguments[1], names));
      return bracketed(condition);
    }
    std::string condition;
    for (const auto& [schema, tables] : tables_) {
      const std::string of_tables = of(name, tables, arguments);
      if (!of_tables.empty()) add_or(condition, is(arguments[0], schema) + " AND (" + of_tables + ")");
    }
    return bracketed(condition);
  }

 private:
  struct Table {
    std::string_view name;
    bool all = false;    // its columns
    bool whole = false;  // and rows, as they are
    std::set<std::string_view> columns;
  };

  /// True: all columns are shown.
  static bool add(const TableRule& rule, std::set<std::string_view>& columns) {
    bool all = false;
    const auto put = [&](const ColumnSet& set) {
      all |= set.all;
      columns.insert(set.names.begin(), set.names.end());
    };
    if (rule.read) put(rule.read->columns);
    if (rule.insert) put(rule.insert->columns);
    if (rule.insert && rule.insert->returning) put(*rule.insert->returning);
    if (rule.update) put(rule.update->columns);
    if (rule.update && rule.update->returning) put(*rule.update->returning);
    if (rule.update) columns.insert(rule.update->bounds.by.begin(), rule.update->bounds.by.end());
    if (rule.remove && rule.remove->returning) put(*rule.remove->returning);
    if (rule.remove) columns.insert(rule.remove->bounds.by.begin(), rule.remove->bounds.by.end());
    return all;
  }

  static std::string of(std::string_view macro, const std::vector<Table>& tables,
                        const std::vector<std::string_view>& arguments) {
    std::vector<std::string_view> whole;
    std::string condition;
    for (const Table& table : tables) {
      const std::vector<std::string_view> columns(table.columns.begin(), table.columns.end());
      if (macro == "whole") {
        if (table.whole) whole.push_back(table.name);
      } else if (macro == "table" || (table.all && macro != "hidden")) {
        whole.push_back(table.name);
      } else if (macro == "column" && !table.all && !columns.empty()) {
        add_or(condition, is(arguments[1], table.name) + " AND " + is_one_of(arguments[2], columns));
      } else if (macro == "hidden" && !table.all) {
        std::string others = is(arguments[1], table.name);
        if (!columns.empty()) others += " AND NOT " + is_one_of(arguments[2], columns);
        add_or(condition, others);
      }
    }
    if (!whole.empty()) add_or(condition, is_one_of(arguments[1], whole));
    return condition;
  }

  std::map<std::string_view, std::vector<Table>> tables_;  // by schema
  std::map<std::string_view, std::vector<std::string_view>> functions_;
  std::vector<std::string_view> schemas_;
};

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || c == '_';
}

std::string_view word_at(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && is_letter(text[end])) ++end;
  return text.substr(at, end - at);
}

class Expander {
 public:
  explicit Expander(const Shown& shown) : shown_(shown) {}

  /// Macros and sets put in; columns stay as $column.
  std::string condition(std::string_view text) const {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '@') {
        const std::string_view set = word_at(text, i + 1);
        out += query(set);
        i += set.size();
      } else if (text[i] == '%') {
        out += macro(text, i);
      } else {
        out += text[i];
      }
    }
    return out;
  }

 private:
  /// "(WITH a(o) AS (..), b(o) AS (..) SELECT * FROM b)": with all sets that it needs, each once.
  std::string query(std::string_view set) const {
    std::string with;
    std::set<std::string_view> defined;
    define(set, with, defined);
    return "(WITH " + with + " SELECT * FROM " + std::string(set) + ")";
  }

  void define(std::string_view name, std::string& with, std::set<std::string_view>& defined) const {
    if (!defined.insert(name).second) return;
    const auto found = templates().sets.find(name);
    if (found == templates().sets.end()) throw std::logic_error("rows.tsv: no set " + std::string(name));
    const std::string_view body = found->second.body;
    std::string text;
    for (std::size_t i = 0; i < body.size(); ++i) {
      if (body[i] == '@') {
        const std::string_view set = word_at(body, i + 1);
        define(set, with, defined);
        text += set;
        i += set.size();
      } else if (body[i] == '%') {
        text += macro(body, i);
      } else {
        text += body[i];
      }
    }
    with += with.empty() ? "" : ", ";
    with += found->second.head + " AS (" + text + ")";
  }

  // %name(argument, argument); `i` comes to stand on the bracket that closes.
  std::string macro(std::string_view text, std::size_t& i) const {
    const std::string_view name = word_at(text, i + 1);
    const std::size_t open = i + 1 + name.size();
    const std::size_t close = text.find(')', open);
    if (close == std::string_view::npos) throw std::logic_error("rows.tsv: " + std::string(name));
    std::vector<std::string_view> arguments;
    for (std::string_view rest = text.substr(open + 1, close - open - 1); !rest.empty();) {
      std::string_view argument = take(rest, ',');
      argument.remove_prefix(std::min(argument.find_first_not_of(' '), argument.size()));
      arguments.push_back(argument);
    }
    i = close;
    return shown_.macro(name, arguments);
  }

  const Shown& shown_;
};

/// $column to parts.
Expression to_expression(std::string_view text, const Relation& relation) {
  Expression expression;
  expression.total = true;
  std::string plain;
  bool quoted = false;  // names of tables may hold anything
  const auto flush = [&] {
    if (!plain.empty())
      expression.parts.push_back({Expression::PartKind::kText, std::exchange(plain, {}), {}});
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\'') quoted = !quoted;
    if (text[i] != '$' || quoted) {
      plain += text[i];
      continue;
    }
    const std::string_view name = word_at(text, i + 1);
    const auto column = relation.find_column(name);
    if (!column) throw std::logic_error("rows.tsv: no column " + std::string(name) + " in " + relation.name);
    flush();
    expression.parts.push_back({Expression::PartKind::kColumn, std::string(name), {}});
    if (std::ranges::find(expression.columns, *column) == expression.columns.end())
      expression.columns.push_back(*column);
    i += name.size();
  }
  flush();
  return expression;
}

std::set<std::vector<std::string>> read_relations() {
  std::set<std::vector<std::string>> names;
  for (const auto& [name, set] : templates().sets) {
    names.insert({name});
    constexpr std::string_view kSchema = "pg_catalog.";
    for (const std::string_view word : {"FROM ", "JOIN "}) {
      for (std::size_t at = set.body.find(word); at != std::string::npos; at = set.body.find(word, at + 1)) {
        const std::string_view rest = std::string_view(set.body).substr(at + word.size());
        if (rest.starts_with(kSchema))
          names.insert({"pg_catalog", std::string(word_at(rest, kSchema.size()))});
      }
    }
  }
  return names;
}

}  // namespace

const std::set<std::vector<std::string>>& projection_relations() {
  static const auto& names = *new std::set<std::vector<std::string>>(read_relations());
  return names;
}

Expression Projection::rows_of(const Relation& relation, std::string_view part) const {
  std::string key = key_of(relation);
  if (!part.empty()) key.append(":").append(part);
  const auto rows = templates().rows.find(key);
  if (rows == templates().rows.end()) return to_expression("false", relation);
  if (rows->second == "all") return to_expression("", relation);
  const Shown shown(capability_, catalog_);
  return to_expression("(" + Expander(shown).condition(rows->second) + ")", relation);
}

const TableRule* Projection::rule_of(const Relation& relation, const SystemRelation& system) {
  const std::pair key(std::string_view(relation.schema), std::string_view(relation.name));
  if (const auto known = rules_.find(key); known != rules_.end()) return &known->second;
  TableRule rule = system.rule;
  if (!rule.read->rows) {
    Expression rows = rows_of(relation);
    if (rows.parts.empty()) return system.complete ? nullptr : &system.rule;
    rule.read->rows = RowFilter{std::move(rows), false};
    rule.read->explain = false;
  }
  const Shown shown(capability_, catalog_);
  const std::string prefix = key_of(relation) + ".";
  for (auto mask = templates().masks.lower_bound(prefix);
       mask != templates().masks.end() && mask->first.starts_with(prefix); ++mask) {
    rule.read->masks[mask->first.substr(prefix.size())] = {
        MaskKind::kExpression, to_expression(Expander(shown).condition(mask->second), relation)};
  }
  return &rules_.emplace(std::pair(relation.schema, relation.name), std::move(rule)).first->second;
}

}  // namespace chaperone::rules
