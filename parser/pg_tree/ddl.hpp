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
