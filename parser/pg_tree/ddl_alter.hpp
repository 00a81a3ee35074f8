#pragma once

/// ALTER, RENAME, DROP: part of pg_tree.cpp.
namespace chaperone::parser {

namespace {

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

}  // namespace

}  // namespace chaperone::parser
