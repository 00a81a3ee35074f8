#pragma once

/// From the C tree of DDL to definitions.hpp: part of pg_tree.cpp. Nothing here walks an expression.
namespace chaperone::parser {

namespace {

class DefinitionReader {
 public:
  DefinitionReader(std::vector<Definition>& out, Span statement) : out_(out), statement_(statement) {}

  void statement(const ::Node* node);

 private:
  template <class T>
  void add(T value) {
    out_.push_back({std::move(value), statement_});
  }
  std::uint32_t offset_or_statement(int location) const {
    return location < 0 ? statement_.offset : static_cast<std::uint32_t>(location);
  }

  ObjectName name_of(const ::RangeVar* relation) const;
  ObjectName name_of(const ::List* names) const;
  TypeReference type_of(const ::TypeName* type) const;
  DefinedConstraint constraint_of(const ::Constraint& constraint) const;
  DefinedColumn column_of(const ::ColumnDef& column, std::vector<DefinedConstraint>& keys) const;
  void identity_of(const ::Constraint& constraint, DefinedColumn& column) const;
  std::vector<DefinedColumn> columns_of(const ::List* columns) const;
  std::optional<SequenceOwner> owner_of(const ::List* options) const;
  ObjectReference reference_of(ObjectType kind, const ::Node* object) const;
  ObjectReference routine_of(const ::ObjectWithArgs& object) const;

  void create_table(const ::CreateStmt& node, bool foreign);
  void create_index(const ::IndexStmt& node);
  void create_range(const ::CreateRangeStmt& node);
  void create_domain(const ::CreateDomainStmt& node);
  void create_routine(const ::CreateFunctionStmt& node);
  void create_aggregate(const ::DefineStmt& node);
  void create_schema(const ::CreateSchemaStmt& node);
  void create_extension(const ::CreateExtensionStmt& node);
  void create_table_as(const ::CreateTableAsStmt& node);
  void select(const ::SelectStmt& node);
  void define(const ::DefineStmt& node);
  void alter_table(const ::AlterTableStmt& node);
  void alter_command(const ::AlterTableCmd& node, AlterRelation& alter) const;
  void alter_domain(const ::AlterDomainStmt& node);
  void alter_enum(const ::AlterEnumStmt& node);
  void alter_routine(const ::AlterFunctionStmt& node);
  void rename(const ::RenameStmt& node);
  void set_schema(const ::AlterObjectSchemaStmt& node);
  void drop(const ::DropStmt& node);
  void set(const ::VariableSetStmt& node, bool persistent);

  std::vector<Definition>& out_;
  Span statement_;
};

// pg_attribute.attidentity and pg_class.relpersistence
constexpr char kIdentityAlways = 'a';
constexpr char kTemporary = 't';

CreateType new_type(ObjectName name, DefinedTypeKind kind) {
  CreateType type;
  type.name = std::move(name);
  type.kind = kind;
  return type;
}

std::string string_of(const void* node) {
  return text_or_empty(as<::String>(node).sval);
}

std::vector<std::string> strings_of(const List* list) {
  std::vector<std::string> out;
  for (const ListCell& cell : cells(list)) out.push_back(string_of(cell.ptr_value));
  return out;
}

bool is_temporary(const ::RangeVar& relation) {
  return relation.relpersistence == kTemporary;
}

// NULL and NULL::type, of which AddRelationNewConstraints keeps no default.
bool is_null_constant(const ::Node* node) {
  while (node != nullptr && node->type == T_TypeCast && as<::TypeCast>(node).typeName->typmods == nullptr) {
    node = as<::TypeCast>(node).arg;
  }
  return node != nullptr && node->type == T_A_Const && as<::A_Const>(node).isnull;
}

const char* string_constant(const void* node) {
  if (as<::Node>(node).type != T_A_Const) return nullptr;
  const auto& constant = as<::A_Const>(node);
  return constant.isnull || constant.val.node.type != T_String ? nullptr : constant.val.sval.sval;
}

std::string modifier_of(const ::Node* node) {
  if (node->type == T_A_Const) {
    const auto& constant = as<::A_Const>(node);
    if (!constant.isnull && constant.val.node.type == T_Integer)
      return std::to_string(constant.val.ival.ival);
    if (!constant.isnull && constant.val.node.type == T_String) return text_or_empty(constant.val.sval.sval);
  }
  if (node->type == T_ColumnRef) {
    const auto fields = cells(as<::ColumnRef>(node).fields);
    if (fields.size() == 1 && as<::Node>(fields[0].ptr_value).type == T_String)
      return string_of(fields[0].ptr_value);
  }
  if (node->type == T_A_Expr) {  // numeric(3, -2)
    const auto& expression = as<::A_Expr>(node);
    if (expression.lexpr == nullptr && expression.rexpr->type == T_A_Const &&
        cells(expression.name).size() == 1 && string_of(cells(expression.name)[0].ptr_value) == "-") {
      return "-" + modifier_of(expression.rexpr);
    }
  }
  return "?";
}

// As defGetBoolean reads it.
bool option_is_on(const ::DefElem& option) {
  if (option.arg == nullptr) return true;
  switch (option.arg->type) {
    case T_Integer:
      return as<::Integer>(option.arg).ival != 0;
    case T_Boolean:
      return as<::Boolean>(option.arg).boolval;
    case T_String: {
      const std::string text = string_of(option.arg);
      return text == "true" || text == "on" || text == "yes" || text == "1";
    }
    case T_TypeName: {  // an unquoted word
      const auto names = strings_of(as<::TypeName>(option.arg).names);
      return !names.empty() && (names.back() == "true" || names.back() == "on" || names.back() == "yes");
    }
    default:
      return false;
  }
}

// In WITH (..), where the last one of a name counts.
bool has_security_invoker(const List* options) {
  bool on = false;
  for (const ListCell& cell : cells(options)) {
    const auto& option = as<::DefElem>(cell.ptr_value);
    if (std::string_view(option.defname) == "security_invoker") on = option_is_on(option);
  }
  return on;
}

ObjectName DefinitionReader::name_of(const ::RangeVar* relation) const {
  return {text_or_empty(relation->schemaname), text_or_empty(relation->relname),
          offset_or_statement(relation->location)};
}

ObjectName DefinitionReader::name_of(const ::List* names) const {
  const auto parts = strings_of(names);
  ObjectName name{.schema = {}, .name = {}, .offset = statement_.offset};
  if (!parts.empty()) name.name = parts.back();
  if (parts.size() > 1) name.schema = parts[parts.size() - 2];
  return name;
}

TypeReference DefinitionReader::type_of(const ::TypeName* type) const {
  TypeReference out;
  const ObjectName name = name_of(type->names);
  out.schema = name.schema;
  out.name = name.name;
  for (const ListCell& cell : cells(type->typmods)) {
    if (!out.modifiers.empty()) out.modifiers += ',';
    out.modifiers += modifier_of(&as<::Node>(cell.ptr_value));
  }
  out.array = !cells(type->arrayBounds).empty();
  out.set_of = type->setof;
  out.percent_type = type->pct_type;
  out.offset = offset_or_statement(type->location);
  return out;
}

DefinedConstraint DefinitionReader::constraint_of(const ::Constraint& constraint) const {
  DefinedConstraint out;
  out.name = text_or_empty(constraint.conname);
  out.offset = offset_or_statement(constraint.location);
  switch (constraint.contype) {
    case CONSTR_PRIMARY:
    case CONSTR_UNIQUE:
      out.kind = constraint.contype == CONSTR_PRIMARY ? ConstraintKind::kPrimaryKey : ConstraintKind::kUnique;
      out.columns = strings_of(constraint.keys);
      out.index = text_or_empty(constraint.indexname);
      break;
    case CONSTR_FOREIGN:
      out.kind = ConstraintKind::kForeignKey;
      out.columns = strings_of(constraint.fk_attrs);
      out.referenced = name_of(constraint.pktable);
      break;
    case CONSTR_CHECK:
      out.kind = ConstraintKind::kCheck;
      break;
    case CONSTR_NOTNULL:
      out.kind = ConstraintKind::kNotNull;
      break;
    default:
      break;
  }
  return out;
}

void DefinitionReader::identity_of(const ::Constraint& constraint, DefinedColumn& column) const {
  column.identity = true;
  column.identity_always = constraint.generated_when == kIdentityAlways;
  if (const DefElem* name = find_option(constraint.options, "sequence_name")) {
    column.identity_sequence = name_of(&as<::List>(name->arg));
  }
}

DefinedColumn DefinitionReader::column_of(const ::ColumnDef& node,
                                          std::vector<DefinedConstraint>& keys) const {
  DefinedColumn column;
  column.name = text_or_empty(node.colname);
  column.offset = offset_or_statement(node.location);
  column.not_null = node.is_not_null;
  if (node.typeName != nullptr) column.type = type_of(node.typeName);
  for (const ListCell& cell : cells(node.constraints)) {
    const auto& constraint = as<::Constraint>(cell.ptr_value);
    switch (constraint.contype) {
      case CONSTR_NOTNULL:
        column.not_null = true;
        break;
      case CONSTR_DEFAULT:
        column.has_default = !is_null_constant(constraint.raw_expr);
        break;
      case CONSTR_GENERATED:
        column.generated = true;
        break;
      case CONSTR_IDENTITY:
        identity_of(constraint, column);
        break;
      case CONSTR_PRIMARY:
      case CONSTR_UNIQUE:
      case CONSTR_FOREIGN:
        keys.push_back(constraint_of(constraint));
        keys.back().columns = {column.name};
        break;
      default:
        break;
    }
  }
  return column;
}

std::vector<DefinedColumn> DefinitionReader::columns_of(const ::List* columns) const {
  std::vector<DefinedColumn> out;
  std::vector<DefinedConstraint> keys;
  for (const ListCell& cell : cells(columns)) out.push_back(column_of(as<::ColumnDef>(cell.ptr_value), keys));
  return out;
}

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

void DefinitionReader::alter_command(const ::AlterTableCmd& node, AlterRelation& alter) const {
  AlterCommand command;
  command.name = text_or_empty(node.name);
  command.lenient = node.missing_ok;
  switch (node.subtype) {
    case AT_AddColumn:
      command.action = AlterAction::kAddColumn;
      command.column = column_of(as<::ColumnDef>(node.def), command.constraints);
      command.name = command.column.name;
      break;
    case AT_DropColumn:
      command.action = AlterAction::kDropColumn;
      break;
    case AT_AlterColumnType: {
      command.action = AlterAction::kSetType;
      const auto& column = as<::ColumnDef>(node.def);
      command.column.type = type_of(column.typeName);
      break;
    }
    case AT_SetNotNull:
      command.action = AlterAction::kSetNotNull;
      break;
    case AT_DropNotNull:
      command.action = AlterAction::kDropNotNull;
      break;
    case AT_ColumnDefault:
      command.action = node.def == nullptr || is_null_constant(node.def) ? AlterAction::kDropDefault
                                                                         : AlterAction::kSetDefault;
      break;
    case AT_AddIdentity:
      command.action = AlterAction::kAddIdentity;
      identity_of(as<::Constraint>(node.def), command.column);
      break;
    case AT_SetIdentity:
      command.action = AlterAction::kSetIdentity;
      if (const DefElem* when = find_option(&as<::List>(node.def), "generated")) {
        command.column.identity_always = as<::Integer>(when->arg).ival == kIdentityAlways;
      } else {
        return;
      }
      break;
    case AT_DropIdentity:
      command.action = AlterAction::kDropIdentity;
      break;
    case AT_DropExpression:
      command.action = AlterAction::kDropExpression;
      break;
    case AT_AddConstraint:
      command.action = AlterAction::kAddConstraint;
      command.constraints = {constraint_of(as<::Constraint>(node.def))};
      break;
    case AT_DropConstraint:
      command.action = AlterAction::kDropConstraint;
      break;
    case AT_AttachPartition:
    case AT_DetachPartition:
      command.action =
          node.subtype == AT_AttachPartition ? AlterAction::kAttachPartition : AlterAction::kDetachPartition;
      command.other = name_of(as<::PartitionCmd>(node.def).name);
      break;
    case AT_AddInherit:
    case AT_DropInherit:
      command.action = node.subtype == AT_AddInherit ? AlterAction::kInherit : AlterAction::kNoInherit;
      command.other = name_of(&as<::RangeVar>(node.def));
      break;
    case AT_EnableRowSecurity:
      command.action = AlterAction::kEnableRowSecurity;
      break;
    case AT_DisableRowSecurity:
      command.action = AlterAction::kDisableRowSecurity;
      break;
    case AT_SetRelOptions:
    case AT_ResetRelOptions: {
      const auto* options = &as<::List>(node.def);
      if (find_option(options, "security_invoker") == nullptr) return;
      command.action = AlterAction::kSetSecurityInvoker;
      command.on = node.subtype == AT_SetRelOptions && has_security_invoker(options);
      break;
    }
    default:
      return;
  }
  alter.commands.push_back(std::move(command));
}

void DefinitionReader::alter_table(const ::AlterTableStmt& node) {
  if (node.objtype == OBJECT_INDEX) return;
  AlterRelation alter{name_of(node.relation), node.missing_ok, !node.relation->inh, {}};
  for (const ListCell& cell : cells(node.cmds)) alter_command(as<::AlterTableCmd>(cell.ptr_value), alter);
  add(std::move(alter));
}

void DefinitionReader::alter_domain(const ::AlterDomainStmt& node) {
  AlterDomain alter;
  alter.name = name_of(node.typeName);
  switch (node.subtype) {
    case 'N':
      alter.action = DomainAction::kDropNotNull;
      break;
    case 'O':
      alter.action = DomainAction::kSetNotNull;
      break;
    case 'C':
      alter.action = DomainAction::kAddConstraint;
      alter.constraint = constraint_of(as<::Constraint>(node.def));
      break;
    case 'X':
      alter.action = DomainAction::kDropConstraint;
      alter.constraint.name = text_or_empty(node.name);
      break;
    default:
      return;
  }
  add(std::move(alter));
}

void DefinitionReader::alter_enum(const ::AlterEnumStmt& node) {
  AlterEnum alter;
  alter.name = name_of(node.typeName);
  alter.old_value = text_or_empty(node.oldVal);
  alter.value = text_or_empty(node.newVal);
  alter.neighbour = text_or_empty(node.newValNeighbor);
  alter.after = node.newValIsAfter;
  alter.if_not_exists = node.skipIfNewValExists;
  add(std::move(alter));
}

ObjectReference DefinitionReader::routine_of(const ::ObjectWithArgs& object) const {
  ObjectReference out{name_of(object.objname), {}};
  if (object.args_unspecified) return out;
  out.arguments.emplace();
  for (const ListCell& cell : cells(object.objargs)) {
    // NULL: the missing operand of a prefix operator
    if (cell.ptr_value != nullptr) out.arguments->push_back(type_of(&as<::TypeName>(cell.ptr_value)));
  }
  return out;
}

void DefinitionReader::alter_routine(const ::AlterFunctionStmt& node) {
  AlterRoutine alter{routine_of(*node.func), {}, {}};
  for (const ListCell& cell : cells(node.actions)) {
    const auto& option = as<::DefElem>(cell.ptr_value);
    const std::string_view name = option.defname;
    if (name == "volatility") alter.volatility = string_of(option.arg)[0];
    if (name == "security") alter.security_definer = option_is_on(option);
  }
  add(std::move(alter));
}

std::optional<ObjectClass> class_of(ObjectType type) {
  switch (type) {
    case OBJECT_TABLE:
    case OBJECT_VIEW:
    case OBJECT_MATVIEW:
    case OBJECT_SEQUENCE:
    case OBJECT_FOREIGN_TABLE:
      return ObjectClass::kRelation;
    case OBJECT_INDEX:
      return ObjectClass::kIndex;
    case OBJECT_COLUMN:
    case OBJECT_ATTRIBUTE:
      return ObjectClass::kColumn;
    case OBJECT_TABCONSTRAINT:
      return ObjectClass::kConstraint;
    case OBJECT_DOMCONSTRAINT:
      return ObjectClass::kDomainConstraint;
    case OBJECT_SCHEMA:
      return ObjectClass::kSchema;
    case OBJECT_TYPE:
    case OBJECT_DOMAIN:
      return ObjectClass::kType;
    case OBJECT_FUNCTION:
    case OBJECT_PROCEDURE:
    case OBJECT_AGGREGATE:
    case OBJECT_ROUTINE:
      return ObjectClass::kRoutine;
    case OBJECT_OPERATOR:
      return ObjectClass::kOperator;
    case OBJECT_EXTENSION:
      return ObjectClass::kExtension;
    default:
      return {};
  }
}

// The grammar's forms of an object: List of String, String, TypeName, ObjectWithArgs.
ObjectReference DefinitionReader::reference_of(ObjectType, const ::Node* object) const {
  switch (object->type) {
    case T_List:
      return {name_of(&as<::List>(object)), {}};
    case T_String:
      return {{.schema = {}, .name = string_of(object), .offset = statement_.offset}, {}};
    case T_TypeName: {
      const auto& type = as<::TypeName>(object);
      ObjectReference out{name_of(type.names), {}};
      out.name.offset = offset_or_statement(type.location);
      return out;
    }
    case T_ObjectWithArgs:
      return routine_of(as<::ObjectWithArgs>(object));
    default:
      return {};
  }
}

void DefinitionReader::rename(const ::RenameStmt& node) {
  const auto kind = class_of(node.renameType);
  if (!kind) return;
  Rename out{*kind, {}, text_or_empty(node.subname), text_or_empty(node.newname), node.missing_ok};
  if (*kind == ObjectClass::kSchema) {
    out.object.name = {.schema = {}, .name = out.part, .offset = statement_.offset};
  } else if (node.relation != nullptr) {
    out.object.name = name_of(node.relation);
  } else if (node.object != nullptr) {
    out.object = reference_of(node.renameType, node.object);
  }
  add(std::move(out));
}

void DefinitionReader::set_schema(const ::AlterObjectSchemaStmt& node) {
  const auto kind = class_of(node.objectType);
  if (!kind) return;
  SetSchema out{*kind, {}, text_or_empty(node.newschema), node.missing_ok};
  if (node.relation != nullptr) {
    out.object.name = name_of(node.relation);
  } else if (node.object != nullptr) {
    out.object = reference_of(node.objectType, node.object);
  }
  add(std::move(out));
}

void DefinitionReader::drop(const ::DropStmt& node) {
  const auto kind = class_of(node.removeType);
  if (!kind) return;
  Drop out{*kind, {}, node.missing_ok};
  for (const ListCell& cell : cells(node.objects)) {
    out.objects.push_back(reference_of(node.removeType, &as<::Node>(cell.ptr_value)));
  }
  add(std::move(out));
}

void DefinitionReader::statement(const ::Node* node) {
  switch (node->type) {
    case T_CreateStmt:
      return create_table(as<::CreateStmt>(node), false);
    case T_CreateForeignTableStmt:
      return create_table(as<::CreateForeignTableStmt>(node).base, true);
    case T_ViewStmt: {
      const auto& view = as<::ViewStmt>(node);
      return add(CreateView{name_of(view.view), is_temporary(*view.view), view.replace,
                            has_security_invoker(view.options), strings_of(view.aliases)});
    }
    case T_CreateTableAsStmt:
      return create_table_as(as<::CreateTableAsStmt>(node));
    case T_SelectStmt:
      return select(as<::SelectStmt>(node));
    case T_CreateSeqStmt: {
      const auto& sequence = as<::CreateSeqStmt>(node);
      return add(CreateSequence{name_of(sequence.sequence), is_temporary(*sequence.sequence),
                                sequence.if_not_exists, owner_of(sequence.options)});
    }
    case T_AlterSeqStmt: {
      const auto& sequence = as<::AlterSeqStmt>(node);
      if (auto owner = owner_of(sequence.options)) {
        add(AlterSequence{name_of(sequence.sequence), sequence.missing_ok, std::move(*owner)});
      }
      return;
    }
    case T_IndexStmt:
      return create_index(as<::IndexStmt>(node));
    case T_CompositeTypeStmt: {
      const auto& composite = as<::CompositeTypeStmt>(node);
      CreateType type = new_type(name_of(composite.typevar), DefinedTypeKind::kComposite);
      type.columns = columns_of(composite.coldeflist);
      return add(std::move(type));
    }
    case T_CreateEnumStmt: {
      const auto& labels = as<::CreateEnumStmt>(node);
      CreateType type = new_type(name_of(labels.typeName), DefinedTypeKind::kEnum);
      type.labels = strings_of(labels.vals);
      return add(std::move(type));
    }
    case T_CreateRangeStmt:
      return create_range(as<::CreateRangeStmt>(node));
    case T_DefineStmt:
      return define(as<::DefineStmt>(node));
    case T_CreateDomainStmt:
      return create_domain(as<::CreateDomainStmt>(node));
    case T_CreateFunctionStmt:
      return create_routine(as<::CreateFunctionStmt>(node));
    case T_CreateSchemaStmt:
      return create_schema(as<::CreateSchemaStmt>(node));
    case T_CreateExtensionStmt:
      return create_extension(as<::CreateExtensionStmt>(node));
    case T_AlterTableStmt:
      return alter_table(as<::AlterTableStmt>(node));
    case T_AlterDomainStmt:
      return alter_domain(as<::AlterDomainStmt>(node));
    case T_AlterEnumStmt:
      return alter_enum(as<::AlterEnumStmt>(node));
    case T_AlterFunctionStmt:
      return alter_routine(as<::AlterFunctionStmt>(node));
    case T_RenameStmt:
      return rename(as<::RenameStmt>(node));
    case T_AlterObjectSchemaStmt:
      return set_schema(as<::AlterObjectSchemaStmt>(node));
    case T_DropStmt:
      return drop(as<::DropStmt>(node));
    case T_VariableSetStmt:
      return set(as<::VariableSetStmt>(node), false);
    case T_AlterDatabaseSetStmt:
      return set(*as<::AlterDatabaseSetStmt>(node).setstmt, true);
    case T_AlterRoleSetStmt:
      // Of one role: others are not affected.
      if (as<::AlterRoleSetStmt>(node).role != nullptr) return;
      return set(*as<::AlterRoleSetStmt>(node).setstmt, true);
    case T_DoStmt:
      return add(OpaqueDefinition{"DO"});
    case T_CallStmt:
      return add(OpaqueDefinition{"CALL"});
    case T_ExecuteStmt:
      return add(OpaqueDefinition{"EXECUTE"});
    default:
      return;
  }
}

}  // namespace

}  // namespace chaperone::parser
