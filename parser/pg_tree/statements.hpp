#pragma once

/// What a statement is and does to the session: part of pg_tree.cpp.
namespace chaperone::parser {

namespace {

// PASSWORD NULL tells nothing.
bool sets_password(const List* options) {
  const DefElem* password = find_option(options, "password");
  return password != nullptr && password->arg != nullptr;
}

bool detaches_concurrently(const AlterTableStmt& statement) {
  for (const ListCell& cell : cells(statement.cmds)) {
    const auto& command = as<AlterTableCmd>(cell.ptr_value);
    if (command.subtype == AT_DetachPartition && as<PartitionCmd>(command.def).concurrent) return true;
  }
  return false;
}

void read_transaction(const TransactionStmt& node, Statement& statement) {
  switch (node.kind) {
    case TRANS_STMT_BEGIN:
    case TRANS_STMT_START:
      statement.kind = StatementKind::kBegin;
      break;
    case TRANS_STMT_COMMIT:
      statement.kind = StatementKind::kCommit;
      break;
    case TRANS_STMT_ROLLBACK:
      statement.kind = StatementKind::kRollback;
      break;
    case TRANS_STMT_SAVEPOINT:
      statement.kind = StatementKind::kSavepoint;
      break;
    case TRANS_STMT_RELEASE:
      statement.kind = StatementKind::kReleaseSavepoint;
      break;
    case TRANS_STMT_ROLLBACK_TO:
      statement.kind = StatementKind::kRollbackToSavepoint;
      break;
    case TRANS_STMT_PREPARE:
      statement.kind = StatementKind::kPrepareTransaction;
      break;
    case TRANS_STMT_COMMIT_PREPARED:
      statement.kind = StatementKind::kCommitPrepared;
      break;
    case TRANS_STMT_ROLLBACK_PREPARED:
      statement.kind = StatementKind::kRollbackPrepared;
      break;
  }
  statement.name = text_or_empty(node.savepoint_name);
  statement.chain = node.chain;
}

void read_copy(const CopyStmt& node, Statement& statement) {
  if (!node.is_from) {
    statement.kind = StatementKind::kCopyTo;
  } else {
    statement.kind = node.filename == nullptr ? StatementKind::kCopyFromStdin : StatementKind::kCopyFrom;
  }
}

void read_name(StatementKind kind, const char* name, Statement& statement) {
  statement.kind = kind;
  statement.name = text_or_empty(name);
}

void read_cursor(const DeclareCursorStmt& node, Statement& statement) {
  read_name(StatementKind::kDeclareCursor, node.portalname, statement);
  statement.holdable = (node.options & CURSOR_OPT_HOLD) != 0;
}

// As transformOptionalSelectInto looks for it.
bool selects_into(const SelectStmt& node) {
  const SelectStmt* leftmost = &node;
  while (leftmost->op != SETOP_NONE) leftmost = leftmost->larg;
  return leftmost->intoClause != nullptr;
}

bool is_relation(ObjectType type) {
  return type == OBJECT_TABLE || type == OBJECT_VIEW || type == OBJECT_MATVIEW || type == OBJECT_INDEX ||
         type == OBJECT_SEQUENCE || type == OBJECT_FOREIGN_TABLE;
}

bool resets(const VariableSetStmt& node) {
  return node.kind == VAR_RESET || node.kind == VAR_RESET_ALL;
}

StatementKind ddl_if(bool on_relation) {
  return on_relation ? StatementKind::kDdl : StatementKind::kOther;
}

// CREATE, ALTER and the like of relations: what Lowering::lower_definition reads.
StatementKind definition_kind(const Node* node) {
  switch (node->type) {
    case T_CreateStmt:
    case T_IndexStmt:
    case T_ViewStmt:
    case T_CreateSeqStmt:
    case T_AlterSeqStmt:
    case T_RefreshMatViewStmt:
      return StatementKind::kDdl;
    case T_AlterTableStmt:
      return ddl_if(is_relation(as<AlterTableStmt>(node).objtype));
    case T_DropStmt:
      return ddl_if(is_relation(as<DropStmt>(node).removeType));
    case T_CommentStmt:
      return ddl_if(is_relation(as<CommentStmt>(node).objtype) ||
                    as<CommentStmt>(node).objtype == OBJECT_COLUMN);
    case T_RenameStmt:
      return ddl_if(as<RenameStmt>(node).relation != nullptr);
    case T_AlterObjectSchemaStmt:
      return ddl_if(as<AlterObjectSchemaStmt>(node).relation != nullptr);
    default:
      return StatementKind::kOther;
  }
}

void read_statement(const Node* node, Statement& statement) {
  statement.kind = definition_kind(node);
  switch (node->type) {
    case T_SelectStmt:
      statement.kind =
          selects_into(as<SelectStmt>(node)) ? StatementKind::kCreateTableAs : StatementKind::kSelect;
      break;
    case T_InsertStmt:
      statement.kind = StatementKind::kInsert;
      break;
    case T_UpdateStmt:
      statement.kind = StatementKind::kUpdate;
      break;
    case T_DeleteStmt:
      statement.kind = StatementKind::kDelete;
      break;
    case T_MergeStmt:
      statement.kind = StatementKind::kMerge;
      break;
    case T_TransactionStmt:
      read_transaction(as<TransactionStmt>(node), statement);
      break;
    case T_CopyStmt:
      read_copy(as<CopyStmt>(node), statement);
      break;
    case T_PrepareStmt:
      read_name(StatementKind::kPrepare, as<PrepareStmt>(node).name, statement);
      break;
    case T_ExecuteStmt:
      read_name(StatementKind::kExecute, as<ExecuteStmt>(node).name, statement);
      break;
    case T_DeallocateStmt:
      read_name(StatementKind::kDeallocate, as<DeallocateStmt>(node).name, statement);
      break;
    case T_DeclareCursorStmt:
      read_cursor(as<DeclareCursorStmt>(node), statement);
      break;
    case T_FetchStmt:
      read_name(StatementKind::kFetch, as<FetchStmt>(node).portalname, statement);
      break;
    case T_ClosePortalStmt:
      read_name(StatementKind::kCloseCursor, as<ClosePortalStmt>(node).portalname, statement);
      break;
    case T_DiscardStmt:
      statement.kind = as<DiscardStmt>(node).target == DISCARD_ALL ? StatementKind::kDiscardAll
                                                                   : StatementKind::kDiscardOther;
      break;
    case T_ListenStmt:
      statement.kind = StatementKind::kListen;
      break;
    case T_NotifyStmt:
      statement.kind = StatementKind::kNotify;
      break;
    case T_UnlistenStmt:
      statement.kind = StatementKind::kUnlisten;
      break;
    case T_ExplainStmt:
      statement.kind = StatementKind::kExplain;
      break;
    case T_CreateTableAsStmt:
      statement.kind = StatementKind::kCreateTableAs;
      break;
    case T_VariableSetStmt:
      statement.kind = resets(as<VariableSetStmt>(node)) ? StatementKind::kReset : StatementKind::kSet;
      break;
    case T_VariableShowStmt:
      statement.kind = StatementKind::kShow;
      break;
    case T_ConstraintsSetStmt:
      statement.kind = StatementKind::kSetConstraints;
      break;
    case T_TruncateStmt:
      statement.kind = StatementKind::kTruncate;
      break;
    case T_LockStmt:
      statement.kind = StatementKind::kLock;
      break;

    case T_CallStmt:
      statement.kind = StatementKind::kCall;
      statement.commits_inside = true;
      break;
    case T_DoStmt:
      statement.kind = StatementKind::kDo;
      statement.commits_inside = true;
      break;
    case T_VacuumStmt:  // ANALYZE of several tables too commits after each
      statement.kind = StatementKind::kVacuum;
      statement.commits_inside = true;
      break;
    case T_ClusterStmt:
    case T_ReindexStmt:
    case T_CreatedbStmt:
    case T_DropdbStmt:
    case T_CreateTableSpaceStmt:
    case T_DropTableSpaceStmt:
    case T_DropSubscriptionStmt:
      statement.commits_inside = true;
      break;
    case T_IndexStmt:
      statement.commits_inside = as<IndexStmt>(node).concurrent;
      break;
    case T_DropStmt:
      statement.commits_inside = as<DropStmt>(node).concurrent;
      break;
    case T_AlterTableStmt:
      statement.commits_inside = detaches_concurrently(as<AlterTableStmt>(node));
      break;
    case T_AlterDatabaseStmt:  // SET TABLESPACE: movedb commits
      statement.commits_inside = find_option(as<AlterDatabaseStmt>(node).options, "tablespace") != nullptr;
      break;
    case T_CreateSubscriptionStmt:
      statement.commits_inside = true;
      statement.carries_secret = true;
      break;
    case T_AlterSubscriptionStmt:
      statement.commits_inside = true;
      statement.carries_secret = as<AlterSubscriptionStmt>(node).conninfo != nullptr;
      break;

    case T_CreateRoleStmt:
      statement.carries_secret = sets_password(as<CreateRoleStmt>(node).options);
      break;
    case T_AlterRoleStmt:
      statement.carries_secret = sets_password(as<AlterRoleStmt>(node).options);
      break;
    case T_CreateUserMappingStmt:
      statement.carries_secret = as<CreateUserMappingStmt>(node).options != nullptr;
      break;
    case T_AlterUserMappingStmt:
      statement.carries_secret = as<AlterUserMappingStmt>(node).options != nullptr;
      break;
    case T_CreateForeignServerStmt:
      statement.carries_secret = as<CreateForeignServerStmt>(node).options != nullptr;
      break;
    case T_AlterForeignServerStmt:
      statement.carries_secret = as<AlterForeignServerStmt>(node).options != nullptr;
      break;
    default:
      break;
  }
}

}  // namespace

}  // namespace chaperone::parser
