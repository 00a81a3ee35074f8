#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <limits>
#include <optional>
#include <set>
#include <tuple>

#include "rules/catalog/catalog.hpp"
#include "rules/catalog/catalog_builder.hpp"
#include "rules/catalog/catalog_files.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {
namespace {

namespace json = boost::json;

constexpr int kFormat = 1;
/// Lines are flat: an object, its columns, a column's type.
constexpr std::size_t kMaxDepth = 8;

constexpr std::string_view kRelationKinds[] = {
    "table", "partitioned_table", "view", "materialized_view", "foreign_table", "sequence", "composite_type"};
constexpr std::string_view kFunctionKinds[] = {"function", "aggregate", "window", "procedure"};
constexpr std::string_view kTypeKinds[] = {"base", "enum", "domain", "composite", "range"};

// --- Writing: what is as usual is left out.

void put(json::object& object, std::string_view key, bool value) {
  if (value) object[key] = true;
}

json::object type_value(const TypeName& type) {
  json::object out;
  if (!type.schema.empty()) out["schema"] = type.schema;
  out["name"] = type.name;
  if (!type.modifiers.empty()) out["modifiers"] = type.modifiers;
  if (type.dimensions != 0) out["dimensions"] = type.dimensions;
  return out;
}

json::array column_names(const Relation& relation, const std::vector<std::uint16_t>& columns) {
  json::array out;
  for (const std::uint16_t i : columns) out.emplace_back(relation.columns[i].name);
  return out;
}

json::object value_of(const Relation& relation) {
  json::object out;
  out["relation"] = relation.name;
  out["schema"] = relation.schema;
  out["kind"] = kRelationKinds[static_cast<std::size_t>(relation.kind)];
  json::array columns;
  for (const Column& column : relation.columns) {
    json::object value;
    value["name"] = column.name;
    if (!column.type.name.empty()) value["type"] = type_value(column.type);
    put(value, "not_null", column.not_null);
    put(value, "has_default", column.has_default);
    put(value, "generated", column.generated);
    put(value, "identity", column.identity);
    put(value, "identity_always", column.identity_always);
    columns.push_back(std::move(value));
  }
  out["columns"] = std::move(columns);
  if (!relation.primary_key.empty()) out["primary_key"] = column_names(relation, relation.primary_key);
  if (!relation.unique_keys.empty()) {
    json::array keys;
    for (const auto& key : relation.unique_keys) keys.push_back(column_names(relation, key));
    out["unique_keys"] = std::move(keys);
  }
  if (!relation.foreign_keys.empty()) {
    json::array keys;
    for (const ForeignKey& key : relation.foreign_keys) {
      json::object value;
      value["columns"] = column_names(relation, key.columns);
      value["schema"] = key.schema;
      value["relation"] = key.relation;
      keys.push_back(std::move(value));
    }
    out["foreign_keys"] = std::move(keys);
  }
  if (!relation.parents.empty()) {
    json::array parents;
    for (const auto& [schema, name] : relation.parents) parents.push_back(json::array{schema, name});
    out["parents"] = std::move(parents);
  }
  put(out, "row_security", relation.row_security);
  put(out, "security_invoker", relation.security_invoker);
  return out;
}

json::object value_of(const Type& type) {
  json::object out;
  out["type"] = type.name;
  out["schema"] = type.schema;
  out["kind"] = kTypeKinds[static_cast<std::size_t>(type.kind)];
  if (!type.base.name.empty()) out["base"] = type_value(type.base);
  put(out, "checked", type.checked);
  if (!type.labels.empty()) out["labels"] = json::array(type.labels.begin(), type.labels.end());
  return out;
}

json::object value_of(const Function& function) {
  json::object out;
  out["function"] = function.name;
  out["schema"] = function.schema;
  out["kind"] = kFunctionKinds[static_cast<std::size_t>(function.kind)];
  json::array arguments;
  for (const TypeName& type : function.arguments) arguments.push_back(type_value(type));
  out["arguments"] = std::move(arguments);
  if (function.defaults != 0) out["defaults"] = function.defaults;
  put(out, "variadic", function.variadic);
  out["volatility"] = std::string(1, function.volatility);
  put(out, "security_definer", function.security_definer);
  if (!function.language.empty()) out["language"] = function.language;
  if (!function.extension.empty()) out["extension"] = function.extension;
  return out;
}

json::object value_of(const Operator& op) {
  json::object out;
  out["operator"] = op.name;
  out["schema"] = op.schema;
  if (!op.extension.empty()) out["extension"] = op.extension;
  return out;
}

json::array strings(std::span<const std::string> texts) {
  return json::array(texts.begin(), texts.end());
}

// --- Reading: everything is of its type, nothing is unknown.

/// What is wrong with a line.
struct Wrong {
  std::string what;
  std::string expected;
};

/// One object of a line. Keys are taken; what is left at the end is unknown.
class Fields {
 public:
  Fields(const json::value& value, std::string_view what) {
    if (!value.is_object()) throw Wrong{fmt::format("{} is not an object", what), "an object"};
    object_ = &value.as_object();
  }

  bool has(std::string_view key) const { return object_->contains(key); }
  const json::value* find(std::string_view key) {
    const json::value* value = object_->if_contains(key);
    if (value != nullptr) taken_.insert(key);
    return value;
  }
  std::string text(std::string_view key) {
    if (!has(key)) throw Wrong{fmt::format("key {} is missing", in_quotes(key)), "it"};
    return text_or(key);
  }
  std::string text_or(std::string_view key, std::string_view otherwise = {}) {
    const json::value* value = find(key);
    if (value == nullptr) return std::string(otherwise);
    return text_of(*value, key);
  }
  bool flag(std::string_view key) {
    const json::value* value = find(key);
    if (value == nullptr) return false;
    if (!value->is_bool()) throw Wrong{fmt::format("{} is no truth value", key), "true or false"};
    return value->as_bool();
  }
  std::uint64_t number(std::string_view key, std::uint64_t most) {
    const json::value* value = find(key);
    if (value == nullptr) return 0;
    if (!value->is_int64() || value->as_int64() < 0 || static_cast<std::uint64_t>(value->as_int64()) > most) {
      throw Wrong{fmt::format("{} is no number in its bounds", key), fmt::format("0 to {}", most)};
    }
    return static_cast<std::uint64_t>(value->as_int64());
  }
  std::span<const json::value> list(std::string_view key) {
    const json::value* value = find(key);
    if (value == nullptr) return {};
    return list_of(*value, key);
  }
  template <class Kind, std::size_t N>
  Kind choice(std::string_view key, const std::string_view (&names)[N]) {
    const std::string word = text(key);
    const auto* found = std::find(std::begin(names), std::end(names), word);
    if (found == std::end(names)) {
      throw Wrong{fmt::format("{} is {}", key, in_quotes(word)), fmt::format("{}", fmt::join(names, ", "))};
    }
    return static_cast<Kind>(found - std::begin(names));
  }
  void end() const {
    for (const auto& field : *object_) {
      if (!taken_.contains(field.key())) {
        throw Wrong{fmt::format("unknown key {}", in_quotes(field.key())), "no other keys"};
      }
    }
  }

  static std::string text_of(const json::value& value, std::string_view what) {
    if (!value.is_string()) throw Wrong{fmt::format("{} is no text", what), "a text"};
    return std::string(value.as_string());
  }
  static std::span<const json::value> list_of(const json::value& value, std::string_view what) {
    if (!value.is_array()) throw Wrong{fmt::format("{} is no list", what), "a list"};
    return {value.as_array().data(), value.as_array().size()};
  }

 private:
  const json::object* object_;
  std::set<std::string_view> taken_;
};

std::vector<std::string> texts(std::span<const json::value> values, std::string_view what) {
  std::vector<std::string> out;
  for (const json::value& value : values) out.push_back(Fields::text_of(value, what));
  return out;
}

TypeName read_type_name(const json::value& value) {
  Fields fields(value, "type");
  TypeName type;
  type.schema = fields.text_or("schema");
  type.name = fields.text("name");
  type.modifiers = fields.text_or("modifiers");
  type.dimensions = static_cast<std::uint8_t>(fields.number("dimensions", 6));
  fields.end();
  return type;
}

std::vector<std::uint16_t> read_key(const Relation& relation, std::span<const json::value> values) {
  std::vector<std::uint16_t> out;
  for (const std::string& name : texts(values, "a key's column")) {
    const auto column = relation.find_column(name);
    if (!column) throw Wrong{fmt::format("a key over {}", in_quotes(name)), "a column of the relation"};
    out.push_back(*column);
  }
  return out;
}

Column read_column(const json::value& value) {
  Fields fields(value, "column");
  Column column;
  column.name = fields.text("name");
  if (const json::value* type = fields.find("type")) column.type = read_type_name(*type);
  column.not_null = fields.flag("not_null");
  column.has_default = fields.flag("has_default");
  column.generated = fields.flag("generated");
  column.identity = fields.flag("identity");
  column.identity_always = fields.flag("identity_always");
  fields.end();
  return column;
}

Relation read_relation(Fields& fields) {
  Relation relation;
  relation.name = fields.text("relation");
  relation.schema = fields.text("schema");
  relation.kind = fields.choice<RelationKind>("kind", kRelationKinds);
  std::set<std::string> names;
  for (const json::value& value : fields.list("columns")) {
    relation.columns.push_back(read_column(value));
    const std::string& name = relation.columns.back().name;
    if (!names.insert(name).second)
      throw Wrong{fmt::format("column {} stands twice", in_quotes(name)), "it once"};
  }
  if (relation.columns.size() > std::numeric_limits<std::uint16_t>::max()) {
    throw Wrong{"a relation with more than 65535 columns", "at most 1600, as PostgreSQL"};
  }
  relation.primary_key = read_key(relation, fields.list("primary_key"));
  for (const json::value& value : fields.list("unique_keys")) {
    relation.unique_keys.push_back(read_key(relation, Fields::list_of(value, "a unique key")));
  }
  for (const json::value& value : fields.list("foreign_keys")) {
    Fields key(value, "foreign key");
    relation.foreign_keys.push_back(
        {read_key(relation, key.list("columns")), key.text("schema"), key.text("relation")});
    key.end();
  }
  for (const json::value& value : fields.list("parents")) {
    const auto parent = texts(Fields::list_of(value, "a parent"), "a parent");
    if (parent.size() != 2) throw Wrong{"a parent is not two texts", "[schema, name]"};
    relation.parents.emplace_back(parent[0], parent[1]);
  }
  relation.row_security = fields.flag("row_security");
  relation.security_invoker = fields.flag("security_invoker");
  return relation;
}

Function read_function(Fields& fields) {
  Function function;
  function.name = fields.text("function");
  function.schema = fields.text("schema");
  function.kind = fields.choice<FunctionKind>("kind", kFunctionKinds);
  for (const json::value& value : fields.list("arguments"))
    function.arguments.push_back(read_type_name(value));
  function.defaults = static_cast<std::uint16_t>(fields.number("defaults", function.arguments.size()));
  function.variadic = fields.flag("variadic");
  const std::string volatility = fields.text("volatility");
  if (volatility != "i" && volatility != "s" && volatility != "v") {
    throw Wrong{fmt::format("volatility is {}", in_quotes(volatility)), "i, s or v"};
  }
  function.volatility = volatility[0];
  function.security_definer = fields.flag("security_definer");
  function.language = fields.text_or("language");
  function.extension = fields.text_or("extension");
  return function;
}

Type read_type(Fields& fields) {
  Type type;
  type.name = fields.text("type");
  type.schema = fields.text("schema");
  type.kind = fields.choice<TypeKind>("kind", kTypeKinds);
  if (const json::value* base = fields.find("base")) type.base = read_type_name(*base);
  type.checked = fields.flag("checked");
  type.labels = texts(fields.list("labels"), "a label");
  return type;
}

class SnapshotReader {
 public:
  void line(const json::value& value) {
    Fields fields(value, "the line");
    if (first_) {
      head(fields);
      first_ = false;
    } else if (fields.has("relation")) {
      Relation relation = read_relation(fields);
      once("relation", relation.schema, relation.name);
      builder_.add(std::move(relation));
    } else if (fields.has("type")) {
      Type type = read_type(fields);
      once("type", type.schema, type.name);
      builder_.add(std::move(type));
    } else if (fields.has("function")) {
      Function function = read_function(fields);
      std::string signature = function.name + '(';
      for (const TypeName& type : function.arguments) signature += type.sql() + ',';
      once("function", function.schema, signature);
      builder_.add(std::move(function));
    } else if (fields.has("operator")) {
      const std::string name = fields.text("operator");
      const std::string schema = fields.text("schema");
      builder_.add(Operator{schema, name, fields.text_or("extension")});
    } else {
      throw Wrong{"a line of no kind that is known", "one with relation, type, function or operator"};
    }
    fields.end();
  }

  bool empty() const { return first_; }
  std::shared_ptr<const Catalog> build() { return builder_.build(); }

 private:
  void head(Fields& fields) {
    if (!fields.has("catalog"))
      throw Wrong{"the file does not begin as a snapshot does", "{\"catalog\":1, .."};
    const std::uint64_t format = fields.number("catalog", 1'000'000);
    if (format != kFormat) {
      throw Wrong{fmt::format("format {} is not known to this version", format), "a snapshot of format 1"};
    }
    builder_.set_server_major(static_cast<int>(fields.number("server_major", 1'000)));
    builder_.set_search_path(texts(fields.list("search_path"), "search_path"));
    for (std::string& schema : texts(fields.list("schemas"), "schemas"))
      builder_.add_schema(std::move(schema));
  }

  void once(std::string_view kind, const std::string& schema, const std::string& name) {
    if (seen_.emplace(kind, schema, name).second) return;
    throw Wrong{fmt::format("{} {} stands twice", kind, in_quotes(schema + "." + name)), "it once"};
  }

  CatalogBuilder builder_;
  bool first_ = true;
  std::set<std::tuple<std::string_view, std::string, std::string>> seen_;
};

}  // namespace

std::shared_ptr<const Catalog> load_catalog_snapshot(std::string_view text, const std::string& file,
                                                     Problems& problems) {
  SnapshotReader reader;
  bool good = true;
  Mark mark{0, 1};
  json::parse_options options;
  options.max_depth = kMaxDepth;
  while (!text.empty()) {
    ++mark.line;
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    json::error_code error;
    const json::value value = json::parse(json::string_view(line.data(), line.size()), error, {}, options);
    if (error) {
      problems.add(file, mark, fmt::format("not JSON: {}", error.message()), "one object on the line");
      good = false;
      continue;
    }
    try {
      reader.line(value);
    } catch (const Wrong& wrong) {
      problems.add(file, mark, wrong.what, wrong.expected);
      good = false;
      if (reader.empty()) break;  // not a snapshot at all
    }
  }
  if (reader.empty() && good) {
    problems.add(file, {}, "the file is empty", "a snapshot, as `pgchaperone catalog` prints it");
  }
  return reader.build();
}

std::string_view live_catalog_query() {
  return catalog_files::kLiveQuery;
}

std::string write_catalog(const Catalog& catalog) {
  std::string out;
  const auto line = [&out](const json::object& object) {
    out += json::serialize(object);
    out += '\n';
  };
  json::object head;
  head["catalog"] = kFormat;
  if (catalog.server_major() != 0) head["server_major"] = catalog.server_major();
  head["search_path"] = strings(catalog.search_path());
  head["schemas"] = strings(catalog.schemas());
  line(head);
  for (const Type& type : catalog.types()) line(value_of(type));
  for (const Relation& relation : catalog.relations()) line(value_of(relation));
  for (const Function& function : catalog.functions()) line(value_of(function));
  for (const Operator& op : catalog.operators()) line(value_of(op));
  return out;
}

}  // namespace chaperone::rules
