#pragma once

/// Statements that define relations or name them otherwise: part of pg_tree.cpp.
namespace chaperone::parser {

namespace {

/// Collected types and expressions of a definition get their slots next to each other.
inline void Lowering::emit_definitions(StatementFacts& facts) {
  facts.exprs = emit({});
  if (defined_types_.empty()) return;
  facts.types = {static_cast<Id>(facts_.types.size()), static_cast<std::uint32_t>(defined_types_.size())};
  for (const auto& [type, collation] : defined_types_) {
    TypeUse use = read_type(*type, {});
    if (collation != nullptr) use.collation = copy_names(collation->collname);
    facts_.types.push_back(use);
  }
  defined_types_.clear();
}

inline void Lowering::define(const TypeName* type, const CollateClause* collation) {
  if (type != nullptr) defined_types_.emplace_back(type, collation);
}

inline void Lowering::read_column_definition(const ColumnDef& node) {
  define(node.typeName, node.collClause);
  add(node.raw_default);
  read_options(node.fdwoptions);
  read_constraints(node.constraints);
}

inline void Lowering::read_constraints(const List* list) {
  for (const ListCell& cell : cells(list)) {
    // A column's COLLATE is kept apart, but a domain's may stand here.
    if (tag_of(cell.ptr_value) != T_Constraint) return fail_tag(cell.ptr_value);
    read_constraint(as<Constraint>(cell.ptr_value));
  }
}

inline void Lowering::read_constraint(const Constraint& node) {
  add(node.raw_expr);
  add(node.where_clause);
  add_list(node.exclusions);  // pairs of a column and an operator
  read_options(node.options);
  use_relation(node.pktable, RelationAction::kReference, node.pk_attrs);
}

inline void Lowering::read_partition_key(const PartitionSpec* spec) {
  if (spec == nullptr) return;
  for (const ListCell& cell : cells(spec->partParams)) {
    const auto& element = as<PartitionElem>(cell.ptr_value);
    add(&element);
  }
}

inline void Lowering::read_partition_bound(const PartitionBoundSpec* bound) {
  if (bound == nullptr) return;
  add_list(bound->listdatums);
  // MINVALUE and MAXVALUE are columns of these names in the raw tree.
  add_list(bound->lowerdatums);
  add_list(bound->upperdatums);
}

inline void Lowering::read_create_table(const CreateStmt& node, StatementFacts& facts) {
  facts.if_exists = node.if_not_exists;
  facts.temporary = node.relation->relpersistence == 't';
  use_relation(node.relation, RelationAction::kCreate);
  use_relations(node.inhRelations, RelationAction::kInherit);
  for (const ListCell& cell : cells(node.tableElts)) {
    switch (tag_of(cell.ptr_value)) {
      case T_ColumnDef:
        read_column_definition(as<ColumnDef>(cell.ptr_value));
        break;
      case T_Constraint:
        read_constraint(as<Constraint>(cell.ptr_value));
        break;
      case T_TableLikeClause:
        use_relation(as<TableLikeClause>(cell.ptr_value).relation, RelationAction::kReference);
        break;
      default:
        return fail_tag(cell.ptr_value);
    }
  }
  define(node.ofTypename);
  read_partition_key(node.partspec);
  read_partition_bound(node.partbound);
  read_options(node.options);
  emit_definitions(facts);
}

/// What a part of ALTER TABLE says after the table's name; empty if it is not known or never written.
inline std::string_view alter_name(AlterTableType type) {
  switch (type) {
    case AT_AddColumn:
      return "ADD COLUMN";
    case AT_ColumnDefault:
      return "ALTER COLUMN DEFAULT";
    case AT_DropNotNull:
      return "ALTER COLUMN DROP NOT NULL";
    case AT_SetNotNull:
      return "ALTER COLUMN SET NOT NULL";
    case AT_DropExpression:
      return "ALTER COLUMN DROP EXPRESSION";
    case AT_SetStatistics:
      return "ALTER COLUMN SET STATISTICS";
    case AT_SetOptions:
      return "ALTER COLUMN SET";
    case AT_ResetOptions:
      return "ALTER COLUMN RESET";
    case AT_SetStorage:
      return "ALTER COLUMN SET STORAGE";
    case AT_SetCompression:
      return "ALTER COLUMN SET COMPRESSION";
    case AT_DropColumn:
      return "DROP COLUMN";
    case AT_AddConstraint:
      return "ADD CONSTRAINT";
    case AT_AlterConstraint:
      return "ALTER CONSTRAINT";
    case AT_ValidateConstraint:
      return "VALIDATE CONSTRAINT";
    case AT_DropConstraint:
      return "DROP CONSTRAINT";
    case AT_AlterColumnType:
      return "ALTER COLUMN TYPE";
    case AT_AlterColumnGenericOptions:
      return "ALTER COLUMN OPTIONS";
    case AT_ChangeOwner:
      return "OWNER TO";
    case AT_ClusterOn:
      return "CLUSTER ON";
    case AT_DropCluster:
      return "SET WITHOUT CLUSTER";
    case AT_SetLogged:
      return "SET LOGGED";
    case AT_SetUnLogged:
      return "SET UNLOGGED";
    case AT_DropOids:
      return "SET WITHOUT OIDS";
    case AT_SetAccessMethod:
      return "SET ACCESS METHOD";
    case AT_SetTableSpace:
      return "SET TABLESPACE";
    case AT_SetRelOptions:
      return "SET";
    case AT_ResetRelOptions:
      return "RESET";
    case AT_EnableTrig:
    case AT_EnableTrigAll:
    case AT_EnableTrigUser:
      return "ENABLE TRIGGER";
    case AT_EnableAlwaysTrig:
      return "ENABLE ALWAYS TRIGGER";
    case AT_EnableReplicaTrig:
      return "ENABLE REPLICA TRIGGER";
    case AT_DisableTrig:
    case AT_DisableTrigAll:
    case AT_DisableTrigUser:
      return "DISABLE TRIGGER";
    case AT_EnableRule:
      return "ENABLE RULE";
    case AT_EnableAlwaysRule:
      return "ENABLE ALWAYS RULE";
    case AT_EnableReplicaRule:
      return "ENABLE REPLICA RULE";
    case AT_DisableRule:
      return "DISABLE RULE";
    case AT_AddInherit:
      return "INHERIT";
    case AT_DropInherit:
      return "NO INHERIT";
    case AT_AddOf:
      return "OF";
    case AT_DropOf:
      return "NOT OF";
    case AT_ReplicaIdentity:
      return "REPLICA IDENTITY";
    case AT_EnableRowSecurity:
      return "ENABLE ROW LEVEL SECURITY";
    case AT_DisableRowSecurity:
      return "DISABLE ROW LEVEL SECURITY";
    case AT_ForceRowSecurity:
      return "FORCE ROW LEVEL SECURITY";
    case AT_NoForceRowSecurity:
      return "NO FORCE ROW LEVEL SECURITY";
    case AT_GenericOptions:
      return "OPTIONS";
    case AT_AttachPartition:
      return "ATTACH PARTITION";
    case AT_DetachPartition:
    case AT_DetachPartitionFinalize:
      return "DETACH PARTITION";
    case AT_AddIdentity:
      return "ALTER COLUMN ADD IDENTITY";
    case AT_SetIdentity:
      return "ALTER COLUMN SET IDENTITY";
    case AT_DropIdentity:
      return "ALTER COLUMN DROP IDENTITY";
#if PG_VERSION_NUM >= 170000
    case AT_SetExpression:
      return "ALTER COLUMN SET EXPRESSION";
#endif
    default:
      return {};
  }
}

inline void Lowering::read_alter_command(const AlterTableCmd& node, StatementFacts& facts) {
  const std::string_view name = alter_name(node.subtype);
  if (name.empty()) return fail_member("AlterTableType", node.subtype);
  std::string_view object = strings_.copy(node.name);
  if (node.newowner != nullptr) object = role_name(*node.newowner);
  if (node.subtype == AT_AddColumn) object = strings_.copy(as<ColumnDef>(node.def).colname);
  if (node.subtype == AT_AddConstraint) object = strings_.copy(as<Constraint>(node.def).conname);
  facts_.options.push_back({name, object});
  if (node.behavior == DROP_CASCADE) facts.cascade = true;
  if (node.def == nullptr) return;
  switch (node.def->type) {
    case T_ColumnDef:  // ADD COLUMN; ALTER COLUMN .. TYPE .. USING
      return read_column_definition(as<ColumnDef>(node.def));
    case T_Constraint:
      return read_constraint(as<Constraint>(node.def));
    case T_RangeVar:
      return use_relation(&as<RangeVar>(node.def), RelationAction::kInherit);
    case T_PartitionCmd:
      use_relation(as<PartitionCmd>(node.def).name, RelationAction::kInherit);
      return read_partition_bound(as<PartitionCmd>(node.def).bound);
    case T_TypeName:
      return define(&as<TypeName>(node.def));
    case T_List:
      return read_options(reinterpret_cast<const List*>(node.def));
    case T_String:   // SET STORAGE, SET COMPRESSION
    case T_Integer:  // SET STATISTICS
    case T_ReplicaIdentityStmt:
      return;
    default:
      // An expression, or refused as an unknown one.
      add(node.def);
  }
}

inline std::string_view Lowering::role_name(const RoleSpec& role) {
  switch (role.roletype) {
    case ROLESPEC_CSTRING:
      return strings_.copy(role.rolename);
    case ROLESPEC_CURRENT_ROLE:
      return "CURRENT_ROLE";
    case ROLESPEC_CURRENT_USER:
      return "CURRENT_USER";
    case ROLESPEC_SESSION_USER:
      return "SESSION_USER";
    case ROLESPEC_PUBLIC:
      return "PUBLIC";
  }
  fail_member("RoleSpecType", role.roletype, offset_of(role.location));
  return {};
}

inline void Lowering::read_index(const IndexStmt& node, StatementFacts& facts) {
  facts.if_exists = node.if_not_exists;
  use_relation(node.relation, RelationAction::kIndex);
  add_list(node.indexParams);
  add_list(node.indexIncludingParams);
  add(node.whereClause);
  read_options(node.options);
  emit_definitions(facts);
}

/// Of a relation, or of a column, constraint, trigger, rule or policy of one.
inline void Lowering::read_rename(const RenameStmt& node, StatementFacts& facts) {
  facts.read = node.relation != nullptr;
  facts.if_exists = node.missing_ok;
  facts.cascade = node.behavior == DROP_CASCADE;
  if (!facts.read) return;
  use_relation(node.relation, RelationAction::kAlter);
  if (node.subname != nullptr) facts_.options.push_back({"RENAME", strings_.copy(node.subname)});
  facts_.options.push_back({"RENAME TO", strings_.copy(node.newname)});
}

inline void Lowering::read_drop(const DropStmt& node, StatementFacts& facts) {
  facts.read = is_relation(node.removeType);
  facts.if_exists = node.missing_ok;
  facts.cascade = node.behavior == DROP_CASCADE;
  if (!facts.read) return;
  for (const ListCell& cell : cells(node.objects)) {
    RelationUse use;
    use.action = RelationAction::kDrop;
    use.names = copy_names(static_cast<const List*>(cell.ptr_value));
    facts_.relation_uses.push_back(use);
  }
}

inline void Lowering::read_comment(const CommentStmt& node, StatementFacts& facts) {
  facts.read = is_relation(node.objtype) || node.objtype == OBJECT_COLUMN;
  if (!facts.read) return;
  RelationUse use;
  use.action = RelationAction::kComment;
  use.names = copy_names(reinterpret_cast<const List*>(node.object));
  if (node.objtype == OBJECT_COLUMN && use.names.count > 0) {
    --use.names.count;
    use.columns = {use.names.first + use.names.count, 1};
  }
  facts_.relation_uses.push_back(use);
}

inline void Lowering::read_vacuum(const VacuumStmt& node) {
  for (const ListCell& cell : cells(node.rels)) {
    const auto& relation = as<VacuumRelation>(cell.ptr_value);
    use_relation(relation.relation, RelationAction::kVacuum, relation.va_cols);
  }
  read_options(node.options);
}

inline void Lowering::lower_definition(const ::Node* node, StatementFacts& facts) {
  switch (node->type) {
    case T_CreateStmt:
      return read_create_table(as<CreateStmt>(node), facts);
    case T_AlterTableStmt: {
      const auto& alter = as<AlterTableStmt>(node);
      facts.read = is_relation(alter.objtype);
      facts.if_exists = alter.missing_ok;
      if (!facts.read) return;
      use_relation(alter.relation, RelationAction::kAlter);
      for (const ListCell& cell : cells(alter.cmds)) {
        read_alter_command(as<AlterTableCmd>(cell.ptr_value), facts);
      }
      return emit_definitions(facts);
    }
    case T_IndexStmt:
      return read_index(as<IndexStmt>(node), facts);
    case T_ViewStmt: {
      const auto& view = as<ViewStmt>(node);
      facts.temporary = view.view->relpersistence == 't';
      facts.replace = view.replace;
      use_relation(view.view, RelationAction::kCreate, view.aliases);
      read_options(view.options);
      facts.query = emit_query(view.query, QueryRole::kStatement, kNone);
      return;
    }
    case T_CreateSeqStmt:
      facts.if_exists = as<CreateSeqStmt>(node).if_not_exists;
      facts.temporary = as<CreateSeqStmt>(node).sequence->relpersistence == 't';
      use_relation(as<CreateSeqStmt>(node).sequence, RelationAction::kCreate);
      return read_options(as<CreateSeqStmt>(node).options);
    case T_AlterSeqStmt:
      facts.if_exists = as<AlterSeqStmt>(node).missing_ok;
      use_relation(as<AlterSeqStmt>(node).sequence, RelationAction::kAlter);
      return read_options(as<AlterSeqStmt>(node).options);
    case T_RenameStmt:
      return read_rename(as<RenameStmt>(node), facts);
    case T_AlterObjectSchemaStmt: {
      const auto& move = as<AlterObjectSchemaStmt>(node);
      facts.read = move.relation != nullptr;
      facts.if_exists = move.missing_ok;
      facts_.options.push_back({"SET SCHEMA", strings_.copy(move.newschema)});
      return use_relation(move.relation, RelationAction::kAlter);
    }
    case T_DropStmt:
      return read_drop(as<DropStmt>(node), facts);
    case T_CommentStmt:
      return read_comment(as<CommentStmt>(node), facts);
    case T_VacuumStmt:
      return read_vacuum(as<VacuumStmt>(node));
    case T_RefreshMatViewStmt:
      return use_relation(as<RefreshMatViewStmt>(node).relation, RelationAction::kRefresh);
    default:
      facts.read = false;
  }
}

}  // namespace

}  // namespace chaperone::parser
