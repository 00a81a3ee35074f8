#pragma once

/// CREATE of all kinds, and what sets the search_path: part of pg_tree.cpp.
namespace chaperone::parser {

namespace {

void DefinitionReader::create_table(const ::CreateStmt& node, bool foreign) {
  CreateTable table;
  table.name = name_of(node.relation);
  table.foreign = foreign;
  table.temporary = is_temporary(*node.relation);
  table.if_not_exists = node.if_not_exists;
  table.partitioned = node.partspec != nullptr;
  table.partition = node.partbound != nullptr;
  if (node.ofTypename != nullptr) table.of_type = type_of(node.ofTypename);
  for (const ListCell& cell : cells(node.inhRelations)) {
    table.parents.push_back(name_of(&as<::RangeVar>(cell.ptr_value)));
  }
  for (const ListCell& cell : cells(node.tableElts)) {
    switch (as<::Node>(cell.ptr_value).type) {
      case T_ColumnDef: {
        std::vector<DefinedConstraint> keys;
        table.elements.emplace_back(column_of(as<::ColumnDef>(cell.ptr_value), keys));
        for (DefinedConstraint& key : keys) table.elements.emplace_back(std::move(key));
        break;
      }
      case T_Constraint:
        table.elements.emplace_back(constraint_of(as<::Constraint>(cell.ptr_value)));
        break;
      case T_TableLikeClause: {
        const auto& like = as<::TableLikeClause>(cell.ptr_value);
        table.elements.emplace_back(LikeClause{name_of(like.relation),
                                               (like.options & CREATE_TABLE_LIKE_DEFAULTS) != 0,
                                               (like.options & CREATE_TABLE_LIKE_GENERATED) != 0,
                                               (like.options & CREATE_TABLE_LIKE_IDENTITY) != 0,
                                               (like.options & CREATE_TABLE_LIKE_INDEXES) != 0});
        break;
      }
      default:
        break;
    }
  }
  add(std::move(table));
}

std::optional<SequenceOwner> DefinitionReader::owner_of(const ::List* options) const {
  const DefElem* option = find_option(options, "owned_by");
  if (option == nullptr) return {};
  SequenceOwner owner;
  auto names = strings_of(&as<::List>(option->arg));
  if (names.size() < 2) return owner;  // NONE
  owner.column = std::move(names.back());
  names.pop_back();
  owner.table.name = names.back();
  if (names.size() > 1) owner.table.schema = names[names.size() - 2];
  owner.table.offset = statement_.offset;
  return owner;
}

void DefinitionReader::create_index(const ::IndexStmt& node) {
  CreateIndex index;
  index.name = text_or_empty(node.idxname);
  index.table = name_of(node.relation);
  index.if_not_exists = node.if_not_exists;
  index.only = !node.relation->inh;
  index.unique = node.unique;
  index.partial = node.whereClause != nullptr;
  for (const ListCell& cell : cells(node.indexParams)) {
    index.columns.push_back(text_or_empty(as<::IndexElem>(cell.ptr_value).name));
  }
  add(std::move(index));
}

void DefinitionReader::create_range(const ::CreateRangeStmt& node) {
  CreateType type = new_type(name_of(node.typeName), DefinedTypeKind::kRange);
  for (const ListCell& cell : cells(node.params)) {
    const auto& option = as<::DefElem>(cell.ptr_value);
    if (option.arg == nullptr || option.arg->type != T_TypeName) continue;
    const std::string_view name = option.defname;
    const auto& value = as<::TypeName>(option.arg);
    if (name == "subtype") type.subtype = type_of(&value);
    if (name == "multirange_type_name") type.multirange = name_of(value.names);
  }
  add(std::move(type));
}

void DefinitionReader::create_domain(const ::CreateDomainStmt& node) {
  CreateDomain domain{.name = name_of(node.domainname), .base = type_of(node.typeName), .constraints = {}};
  for (const ListCell& cell : cells(node.constraints)) {
    const DefinedConstraint constraint = constraint_of(as<::Constraint>(cell.ptr_value));
    if (constraint.kind == ConstraintKind::kCheck || constraint.kind == ConstraintKind::kNotNull) {
      domain.constraints.push_back(constraint);
    }
  }
  add(std::move(domain));
}

void DefinitionReader::create_routine(const ::CreateFunctionStmt& node) {
  CreateRoutine routine;
  routine.name = name_of(node.funcname);
  routine.kind = node.is_procedure ? RoutineKind::kProcedure : RoutineKind::kFunction;
  routine.replace = node.replace;
  for (const ListCell& cell : cells(node.parameters)) {
    const auto& parameter = as<::FunctionParameter>(cell.ptr_value);
    const bool output = parameter.mode == FUNC_PARAM_OUT || parameter.mode == FUNC_PARAM_TABLE;
    routine.parameters.push_back({type_of(parameter.argType), !output, parameter.mode == FUNC_PARAM_VARIADIC,
                                  parameter.defexpr != nullptr});
  }
  if (node.sql_body != nullptr) routine.language = "sql";
  for (const ListCell& cell : cells(node.options)) {
    const auto& option = as<::DefElem>(cell.ptr_value);
    const std::string_view name = option.defname;
    if (name == "language") routine.language = string_of(option.arg);
    if (name == "security") routine.security_definer = option_is_on(option);
    if (name == "window") routine.kind = RoutineKind::kWindow;
    if (name == "volatility") routine.volatility = string_of(option.arg)[0];
  }
  add(std::move(routine));
}

// CREATE AGGREGATE: args is a list of the FunctionParameters and of how many are direct; the old syntax has
// BASETYPE among its options.
void DefinitionReader::create_aggregate(const ::DefineStmt& node) {
  CreateRoutine routine;
  routine.name = name_of(node.defnames);
  routine.kind = RoutineKind::kAggregate;
  routine.replace = node.replace;
  routine.volatility = 'i';
  routine.language = "internal";
  if (node.oldstyle) {
    const DefElem* base = find_option(node.definition, "basetype");
    const bool any = base == nullptr || base->arg == nullptr || base->arg->type != T_TypeName ||
                     name_of(as<::TypeName>(base->arg).names).name == "any";
    if (!any) routine.parameters.push_back({type_of(&as<::TypeName>(base->arg))});
  } else if (!cells(node.args).empty()) {
    for (const ListCell& cell : cells(&as<::List>(cells(node.args)[0].ptr_value))) {
      const auto& parameter = as<::FunctionParameter>(cell.ptr_value);
      routine.parameters.push_back(
          {type_of(parameter.argType), true, parameter.mode == FUNC_PARAM_VARIADIC, false});
    }
  }
  add(std::move(routine));
}

void DefinitionReader::define(const ::DefineStmt& node) {
  switch (node.kind) {
    case OBJECT_AGGREGATE:
      return create_aggregate(node);
    case OBJECT_OPERATOR:
      return add(CreateOperator{name_of(node.defnames)});
    case OBJECT_TYPE:
      return add(new_type(name_of(node.defnames),
                          node.definition == nullptr ? DefinedTypeKind::kShell : DefinedTypeKind::kBase));
    default:
      return;
  }
}

// As transformCreateSchemaStmtElements: the elements are the new schema's.
void DefinitionReader::create_schema(const ::CreateSchemaStmt& node) {
  CreateSchema schema{text_or_empty(node.schemaname), node.if_not_exists, statement_.offset};
  if (schema.name.empty() && node.authrole != nullptr) schema.name = text_or_empty(node.authrole->rolename);
  const std::string name = schema.name;
  add(std::move(schema));
  const auto place = [&name](ObjectName& object) {
    if (object.schema.empty()) object.schema = name;
  };
  for (const ListCell& cell : cells(node.schemaElts)) {
    const std::size_t first = out_.size();
    const auto* element = &as<::Node>(cell.ptr_value);
    if (element->type == T_CreateSchemaStmt) continue;  // the grammar has none
    statement(element);
    for (std::size_t i = first; i < out_.size(); ++i) {
      if (auto* table = std::get_if<CreateTable>(&out_[i].value)) place(table->name);
      if (auto* view = std::get_if<CreateView>(&out_[i].value)) place(view->name);
      if (auto* sequence = std::get_if<CreateSequence>(&out_[i].value)) place(sequence->name);
      if (auto* index = std::get_if<CreateIndex>(&out_[i].value)) place(index->table);
    }
  }
}

void DefinitionReader::create_extension(const ::CreateExtensionStmt& node) {
  CreateExtension extension{text_or_empty(node.extname), {}, node.if_not_exists, statement_.offset};
  if (const DefElem* schema = find_option(node.options, "schema")) extension.schema = string_of(schema->arg);
  add(std::move(extension));
}

void DefinitionReader::create_table_as(const ::CreateTableAsStmt& node) {
  CreateTableAs table;
  table.name = name_of(node.into->rel);
  table.temporary = is_temporary(*node.into->rel);
  table.if_not_exists = node.if_not_exists;
  table.materialized = node.objtype == OBJECT_MATVIEW;
  table.execute = node.query != nullptr && node.query->type == T_ExecuteStmt;
  table.columns = strings_of(node.into->colNames);
  add(std::move(table));
}

// SELECT INTO, and SELECT set_config('search_path', ..) as pg_dump writes it.
void DefinitionReader::select(const ::SelectStmt& node) {
  if (node.intoClause != nullptr) {
    CreateTableAs table;
    table.name = name_of(node.intoClause->rel);
    table.temporary = is_temporary(*node.intoClause->rel);
    table.columns = strings_of(node.intoClause->colNames);
    return add(std::move(table));
  }
  for (const ListCell& cell : cells(node.targetList)) {
    const ::Node* value = as<::ResTarget>(cell.ptr_value).val;
    if (value == nullptr || value->type != T_FuncCall) continue;
    const auto& call = as<::FuncCall>(value);
    const auto arguments = cells(call.args);
    if (name_of(call.funcname).name != "set_config" || arguments.size() != 3) continue;
    const char* setting = string_constant(arguments[0].ptr_value);
    const char* list = string_constant(arguments[1].ptr_value);
    if (setting == nullptr || list == nullptr || std::string_view(setting) != "search_path") continue;
    if (auto schemas = split_identifiers(list)) add(SetSearchPath{std::move(*schemas), false, false});
  }
}

void DefinitionReader::set(const ::VariableSetStmt& node, bool persistent) {
  if (node.kind == VAR_RESET_ALL)
    return add(SetSearchPath{.schemas = {}, .reset = true, .persistent = persistent});
  if (node.name == nullptr || std::string_view(node.name) != "search_path") return;
  if (node.kind == VAR_RESET || node.kind == VAR_SET_DEFAULT) {
    return add(SetSearchPath{.schemas = {}, .reset = true, .persistent = persistent});
  }
  if (node.kind != VAR_SET_VALUE) return;
  SetSearchPath path{.schemas = {}, .reset = false, .persistent = persistent};
  for (const ListCell& cell : cells(node.args)) {
    if (const char* schema = string_constant(cell.ptr_value)) path.schemas.emplace_back(schema);
  }
  // SET search_path = '' is one empty name, which is no schema's.
  std::erase(path.schemas, "");
  add(std::move(path));
}

}  // namespace

}  // namespace chaperone::parser
