#include <fmt/format.h>

#include <algorithm>

#include "rules/builtin/builtin.hpp"
#include "rules/catalog/ddl.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {
namespace {

using parser::ConstraintKind;
using parser::DefinedTypeKind;
using parser::DomainAction;

TypeKind kind_of(DefinedTypeKind kind) {
  switch (kind) {
    case DefinedTypeKind::kEnum:
      return TypeKind::kEnum;
    case DefinedTypeKind::kComposite:
      return TypeKind::kComposite;
    case DefinedTypeKind::kRange:
      return TypeKind::kRange;
    default:
      return TypeKind::kBase;
  }
}

FunctionKind kind_of(parser::RoutineKind kind) {
  switch (kind) {
    case parser::RoutineKind::kProcedure:
      return FunctionKind::kProcedure;
    case parser::RoutineKind::kAggregate:
      return FunctionKind::kAggregate;
    case parser::RoutineKind::kWindow:
      return FunctionKind::kWindow;
    default:
      return FunctionKind::kFunction;
  }
}

std::string modifiers_of(const parser::TypeReference& reference, std::string_view type) {
  // numeric(10) is numeric(10,0), and the server only knows that.
  if (type == "numeric" && !reference.modifiers.empty() &&
      reference.modifiers.find(',') == std::string::npos) {
    return reference.modifiers + ",0";
  }
  return reference.modifiers;
}

void rename_type(TypeName& type, const TypeName& from, const TypeName& to) {
  if (type.schema != from.schema || type.name != from.name) return;
  type.schema = to.schema;
  type.name = to.name;
}

// As makeMultirangeTypeName.
std::string multirange_name(const std::string& range) {
  const std::size_t at = range.find("range");
  if (at == std::string::npos) return range + "_multirange";
  return range.substr(0, at) + "multi" + range.substr(at);
}

}  // namespace

TypeName Ddl::resolve(const parser::TypeReference& reference) {
  TypeName out;
  out.name = reference.name;
  out.dimensions = reference.array ? 1 : 0;
  if (reference.percent_type) {
    note(reference.offset, "%TYPE is not followed; the type counts as unknown");
    return out;
  }
  const auto known = [this](const std::string& schema, const std::string& name) {
    if (builtin().find_type(name, schema) != nullptr) return true;
    return types_.contains({schema, name}) || table_names_.contains({schema, name});
  };
  std::vector<std::string> schemas = {reference.schema};
  if (reference.schema.empty()) {
    schemas = {"pg_catalog"};
    schemas.insert(schemas.end(), search_path_.begin(), search_path_.end());
  }
  for (const std::string& schema : schemas) {
    // An array type by its own name, which ALTER and dumps of old wrote.
    const bool array = reference.name.starts_with('_') && known(schema, reference.name.substr(1));
    if (array || known(schema, reference.name)) {
      out.schema = schema;
      if (array) {
        out.name = reference.name.substr(1);
        out.dimensions = 1;
      }
      out.modifiers = modifiers_of(reference, out.name);
      return out;
    }
  }
  out.schema = reference.schema;
  out.modifiers = reference.modifiers;
  const parser::ObjectName name{reference.schema, reference.name, reference.offset};
  note(reference.offset, fmt::format("type {} is not known here{}", table_name(name),
                                     strange_extension_ ? "; an extension may bring it" : ""));
  return out;
}

TypeName Ddl::resolve(const parser::Facts& facts, const parser::TypeUse& use) {
  parser::TypeReference reference;
  const auto names = facts.at(use.names);
  reference.name = names.back();
  if (names.size() > 1) reference.schema = names[names.size() - 2];
  reference.array = use.array_dimensions > 0;
  reference.offset = use.offset == parser::kNone ? statement_ : use.offset;
  for (std::uint32_t i = 0; i < use.modifiers.count; ++i) {
    const parser::Expr& modifier = facts.exprs[use.modifiers.first + i];
    if (!reference.modifiers.empty()) reference.modifiers += ',';
    reference.modifiers +=
        modifier.kind == parser::ExprKind::kColumn ? facts.at(modifier.names).back() : modifier.text;
  }
  return resolve(reference);
}

bool Ddl::has_routine(std::string_view name) const {
  return std::any_of(functions_.begin(), functions_.end(),
                     [&](const auto& entry) { return entry.first.second == name && !entry.second.empty(); });
}

void Ddl::follow_type(const std::string& schema, const std::string& name, const std::string& new_schema,
                      const std::string& new_name) {
  const TypeName from{schema, name, {}, 0};
  const TypeName to{new_schema, new_name, {}, 0};
  for (const auto& table : tables_) {
    for (DdlColumn& column : table->columns) rename_type(column.column.type, from, to);
  }
  for (auto& [key, type] : types_) rename_type(type.base, from, to);
  for (auto& [key, overloads] : functions_) {
    for (Function& function : overloads) {
      for (TypeName& type : function.arguments) rename_type(type, from, to);
    }
  }
}

void Ddl::add_type(Type type, const parser::ObjectName& name) {
  Type& slot = types_[{type.schema, type.name}];
  // A shell type becomes the real one.
  const bool shell = slot.name.empty() || (slot.kind == TypeKind::kBase && type.kind == TypeKind::kBase);
  if (!shell) {
    problem(name.offset, fmt::format("type {} is there already", table_name(name)), "each once");
    return;
  }
  slot = std::move(type);
}

void Ddl::on(const parser::CreateType& definition) {
  Type type;
  type.schema = creation_schema(definition.name);
  if (type.schema.empty()) return;
  type.name = definition.name.name;
  type.kind = kind_of(definition.kind);
  type.labels = definition.labels;
  const std::string schema = type.schema;
  if (definition.kind == DefinedTypeKind::kComposite) {
    DdlTable* table = new_table(definition.name, RelationKind::kCompositeType, false, false);
    if (table == nullptr) return;
    for (const parser::DefinedColumn& column : definition.columns) add_column(*table, column);
  }
  add_type(std::move(type), definition.name);
  if (definition.kind == DefinedTypeKind::kRange) add_range(definition, schema);
}

/// What CREATE TYPE .. AS RANGE makes besides (makeRangeConstructors, makeMultirangeConstructors).
void Ddl::add_range(const parser::CreateType& definition, const std::string& schema) {
  const std::string& name = definition.name.name;
  parser::ObjectName multirange = definition.multirange;
  if (multirange.name.empty()) multirange.name = multirange_name(name);
  if (multirange.schema.empty()) multirange.schema = schema;
  Type type;
  type.schema = multirange.schema;
  type.name = multirange.name;
  type.kind = TypeKind::kRange;
  add_type(std::move(type), multirange);

  const TypeName subtype = [&] {
    TypeName out = resolve(definition.subtype);
    out.modifiers.clear();
    return out;
  }();
  const TypeName text{"pg_catalog", "text", {}, 0};
  const TypeName range{schema, name, {}, 0};
  const auto constructor = [&](const std::string& in, const std::string& called,
                               std::vector<TypeName> arguments) {
    Function function;
    function.schema = in;
    function.name = called;
    function.arguments = std::move(arguments);
    function.volatility = 'i';
    function.language = "internal";
    functions_[{in, called}].push_back(std::move(function));
  };
  constructor(schema, name, {subtype, subtype});
  constructor(schema, name, {subtype, subtype, text});
  constructor(multirange.schema, multirange.name, {});
  constructor(multirange.schema, multirange.name, {range});
  TypeName ranges = range;
  ranges.dimensions = 1;
  constructor(multirange.schema, multirange.name, {ranges});
  functions_[{multirange.schema, multirange.name}].back().variadic = true;
}

void Ddl::on(const parser::CreateDomain& definition) {
  Type type;
  type.schema = creation_schema(definition.name);
  if (type.schema.empty()) return;
  type.name = definition.name.name;
  type.kind = TypeKind::kDomain;
  type.base = resolve(definition.base);
  DomainState state;
  for (const parser::DefinedConstraint& constraint : definition.constraints) state.add(constraint);
  type.checked = state.checked();
  const Name name{type.schema, type.name};
  add_type(std::move(type), definition.name);
  domains_[name] = std::move(state);
}

void Ddl::on(const parser::AlterDomain& definition) {
  Type* type = need_type(definition.name, false);
  if (type == nullptr || type->kind != TypeKind::kDomain) return;
  DomainState& state = domains_[{type->schema, type->name}];
  switch (definition.action) {
    case DomainAction::kSetNotNull:
      state.not_null = true;
      break;
    case DomainAction::kDropNotNull:
      state.not_null = false;
      break;
    case DomainAction::kAddConstraint:
      state.add(definition.constraint);
      break;
    case DomainAction::kDropConstraint:
      state.checks.erase(definition.constraint.name);
      break;
  }
  type->checked = state.checked();
}

void Ddl::DomainState::add(const parser::DefinedConstraint& constraint) {
  if (constraint.kind == ConstraintKind::kNotNull) not_null = true;
  if (constraint.kind != ConstraintKind::kCheck) return;
  // One without a name could only be dropped by the name that PostgreSQL chose; it stays.
  if (constraint.name.empty()) ++unnamed;
  if (!constraint.name.empty()) checks.insert(constraint.name);
}

Type* Ddl::find_type(const parser::ObjectName& name) {
  std::vector<std::string> schemas = search_path_;
  if (!name.schema.empty()) schemas = {name.schema};
  for (const std::string& schema : schemas) {
    const auto found = types_.find({schema, name.name});
    if (found != types_.end()) return &found->second;
  }
  return nullptr;
}

Type* Ddl::need_type(const parser::ObjectName& name, bool lenient) {
  Type* type = find_type(name);
  if (type == nullptr && !lenient && !strange_extension_) {
    problem(name.offset, fmt::format("type {} does not exist", table_name(name)),
            "one that stands in front of this");
  }
  return type;
}

void Ddl::on(const parser::AlterEnum& definition) {
  Type* type = need_type(definition.name, false);
  if (type == nullptr) return;
  std::vector<std::string>& labels = type->labels;
  const auto find = [&](const std::string& label) { return std::find(labels.begin(), labels.end(), label); };
  if (!definition.old_value.empty()) {
    std::replace(labels.begin(), labels.end(), definition.old_value, definition.value);
    return;
  }
  if (find(definition.value) != labels.end()) {
    if (!definition.if_not_exists) {
      problem(definition.name.offset,
              fmt::format("enum label {} is there already", in_quotes(definition.value)),
              "each once, or IF NOT EXISTS");
    }
    return;
  }
  auto place = labels.end();
  if (!definition.neighbour.empty()) {
    place = find(definition.neighbour);
    if (place == labels.end()) {
      problem(definition.name.offset,
              fmt::format("{} is no label of the enum", in_quotes(definition.neighbour)),
              "one of its labels");
      return;
    }
    if (definition.after) ++place;
  }
  labels.insert(place, definition.value);
}

void Ddl::move_type(const parser::ObjectName& name, bool lenient, const std::string* schema,
                    const std::string* to) {
  // A composite type is a relation as well, and a table has a type.
  if (DdlTable* table = find_table(name)) {
    return move_table(*table, schema != nullptr ? *schema : table->schema, to != nullptr ? *to : table->name);
  }
  const Type* found = need_type(name, lenient);
  if (found == nullptr) return;
  const Name old{found->schema, found->name};
  const Name now{schema != nullptr ? *schema : old.first, to != nullptr ? *to : old.second};
  if (types_.contains(now)) {
    problem(name.offset, fmt::format("type {} is there already", in_quotes(now.second)),
            "a name that is free");
    return;
  }
  move_type(old, now);
}

void Ddl::move_type(const Name& old, const Name& now) {
  Type type = std::move(types_[old]);
  types_.erase(old);
  type.schema = now.first;
  type.name = now.second;
  types_[now] = std::move(type);
  if (const auto domain = domains_.extract(old)) {
    domains_[now] = domain.mapped();
  }
  follow_type(old.first, old.second, now.first, now.second);
}

void Ddl::drop_type(const parser::ObjectName& name, bool lenient) {
  const Type* type = need_type(name, lenient);
  if (type == nullptr) return;
  const Name key{type->schema, type->name};
  if (DdlTable* table = find_table(key.first, key.second)) drop_table(*table);
  if (type->kind == TypeKind::kRange) {
    functions_.erase(key);
    const Name multirange{key.first, multirange_name(key.second)};
    types_.erase(multirange);
    functions_.erase(multirange);
  }
  types_.erase(key);
  domains_.erase(key);
}

void Ddl::on(const parser::CreateRoutine& definition) {
  Function function;
  function.schema = creation_schema(definition.name);
  if (function.schema.empty()) return;
  function.name = definition.name.name;
  function.kind = kind_of(definition.kind);
  for (const parser::RoutineParameter& parameter : definition.parameters) {
    if (!parameter.input) continue;
    TypeName type = resolve(parameter.type);
    type.modifiers.clear();
    function.arguments.push_back(std::move(type));
    function.variadic |= parameter.variadic;
    if (parameter.has_default) ++function.defaults;
  }
  function.volatility = definition.volatility;
  function.security_definer = definition.security_definer;
  function.language = definition.language;
  std::vector<Function>& overloads = functions_[{function.schema, function.name}];
  const auto same = std::find_if(overloads.begin(), overloads.end(), [&](const Function& other) {
    return other.arguments == function.arguments;
  });
  if (same == overloads.end()) {
    overloads.push_back(std::move(function));
  } else if (definition.replace) {
    *same = std::move(function);
  } else {
    problem(definition.name.offset,
            fmt::format("function {} with these arguments is there already", table_name(definition.name)),
            "each once, or CREATE OR REPLACE");
  }
}

std::vector<Function*> Ddl::routines_of(const parser::ObjectReference& reference, bool lenient) {
  std::vector<std::string> schemas = search_path_;
  if (!reference.name.schema.empty()) schemas = {reference.name.schema};
  std::optional<std::vector<TypeName>> arguments;
  if (reference.arguments) {
    arguments.emplace();
    for (const parser::TypeReference& type : *reference.arguments) {
      arguments->push_back(resolve(type));
      arguments->back().modifiers.clear();
    }
  }
  std::vector<Function*> out;
  for (const std::string& schema : schemas) {
    const auto found = functions_.find({schema, reference.name.name});
    if (found == functions_.end()) continue;
    for (Function& function : found->second) {
      if (!arguments || function.arguments == *arguments) out.push_back(&function);
    }
    if (!out.empty()) return out;
  }
  if (!lenient && !strange_extension_) {
    problem(reference.name.offset, fmt::format("function {} does not exist", table_name(reference.name)),
            "one that stands in front of this, with its arguments");
  }
  return out;
}

void Ddl::on(const parser::AlterRoutine& definition) {
  for (Function* function : routines_of(definition.routine, false)) {
    if (definition.volatility) function->volatility = *definition.volatility;
    if (definition.security_definer) function->security_definer = *definition.security_definer;
  }
}

void Ddl::move_routine(const parser::ObjectReference& reference, bool lenient, const std::string* schema,
                       const std::string* to) {
  std::vector<Function> moved;
  for (Function* function : routines_of(reference, lenient)) moved.push_back(*function);
  if (moved.empty()) return;
  drop_routine(reference, true);
  for (Function& function : moved) {
    if (schema != nullptr) function.schema = *schema;
    if (to != nullptr) function.name = *to;
    functions_[{function.schema, function.name}].push_back(std::move(function));
  }
}

void Ddl::drop_routine(const parser::ObjectReference& reference, bool lenient) {
  const auto found = routines_of(reference, lenient);
  if (found.empty()) return;
  std::vector<Function>& overloads = functions_[{found[0]->schema, found[0]->name}];
  std::vector<Function> left;
  for (Function& function : overloads) {
    if (std::find(found.begin(), found.end(), &function) == found.end()) left.push_back(std::move(function));
  }
  overloads = std::move(left);
}

void Ddl::rename_types_of_schema(const std::string& from, const std::string& to) {
  std::vector<Name> types;
  for (const auto& [name, type] : types_) {
    if (name.first == from) types.push_back(name);
  }
  for (const Name& name : types) move_type(name, {to, name.second});
  const auto move = [&](auto& objects) {
    std::vector<Name> names;
    for (const auto& entry : objects) {
      if (entry.first.first == from) names.push_back(entry.first);
    }
    for (const Name& name : names) {
      auto node = objects.extract(name);
      for (auto& object : node.mapped()) object.schema = to;
      node.key() = {to, name.second};
      objects.insert(std::move(node));
    }
  };
  move(functions_);
  move(operators_);
}

void Ddl::on(const parser::CreateOperator& definition) {
  const std::string schema = creation_schema(definition.name);
  if (!schema.empty())
    operators_[{schema, definition.name.name}].push_back({schema, definition.name.name, {}});
}

void Ddl::drop_operator(const parser::ObjectName& name) {
  std::vector<std::string> schemas = search_path_;
  if (!name.schema.empty()) schemas = {name.schema};
  for (const std::string& schema : schemas) {
    const auto found = operators_.find({schema, name.name});
    if (found == operators_.end() || found->second.empty()) continue;
    found->second.pop_back();
    return;
  }
}

void Ddl::move_operator(const parser::ObjectName& name, const std::string& to) {
  drop_operator(name);
  operators_[{to, name.name}].push_back({to, name.name, {}});
}

}  // namespace chaperone::rules
