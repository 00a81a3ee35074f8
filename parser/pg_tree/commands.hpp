#pragma once

/// Names of the statements: part of pg_tree.cpp.
namespace chaperone::parser {

namespace {

/// As PostgreSQL's command tags name it; empty if it is not known.
inline std::string_view object_name(ObjectType type) {
  switch (type) {
    case OBJECT_ACCESS_METHOD:
      return "ACCESS METHOD";
    case OBJECT_AGGREGATE:
      return "AGGREGATE";
    case OBJECT_ATTRIBUTE:
    case OBJECT_TYPE:
      return "TYPE";
    case OBJECT_CAST:
      return "CAST";
    case OBJECT_COLLATION:
      return "COLLATION";
    case OBJECT_COLUMN:
    case OBJECT_TABCONSTRAINT:
    case OBJECT_TABLE:
      return "TABLE";
    case OBJECT_CONVERSION:
      return "CONVERSION";
    case OBJECT_DATABASE:
      return "DATABASE";
    case OBJECT_DOMAIN:
    case OBJECT_DOMCONSTRAINT:
      return "DOMAIN";
    case OBJECT_EVENT_TRIGGER:
      return "EVENT TRIGGER";
    case OBJECT_EXTENSION:
      return "EXTENSION";
    case OBJECT_FDW:
      return "FOREIGN DATA WRAPPER";
    case OBJECT_FOREIGN_SERVER:
      return "SERVER";
    case OBJECT_FOREIGN_TABLE:
      return "FOREIGN TABLE";
    case OBJECT_FUNCTION:
      return "FUNCTION";
    case OBJECT_INDEX:
      return "INDEX";
    case OBJECT_LANGUAGE:
      return "LANGUAGE";
    case OBJECT_LARGEOBJECT:
      return "LARGE OBJECT";
    case OBJECT_MATVIEW:
      return "MATERIALIZED VIEW";
    case OBJECT_OPCLASS:
      return "OPERATOR CLASS";
    case OBJECT_OPERATOR:
      return "OPERATOR";
    case OBJECT_OPFAMILY:
      return "OPERATOR FAMILY";
    case OBJECT_POLICY:
      return "POLICY";
    case OBJECT_PROCEDURE:
      return "PROCEDURE";
    case OBJECT_PUBLICATION:
      return "PUBLICATION";
    case OBJECT_ROLE:
      return "ROLE";
    case OBJECT_ROUTINE:
      return "ROUTINE";
    case OBJECT_RULE:
      return "RULE";
    case OBJECT_SCHEMA:
      return "SCHEMA";
    case OBJECT_SEQUENCE:
      return "SEQUENCE";
    case OBJECT_STATISTIC_EXT:
      return "STATISTICS";
    case OBJECT_SUBSCRIPTION:
      return "SUBSCRIPTION";
    case OBJECT_TABLESPACE:
      return "TABLESPACE";
    case OBJECT_TRANSFORM:
      return "TRANSFORM";
    case OBJECT_TRIGGER:
      return "TRIGGER";
    case OBJECT_TSCONFIGURATION:
      return "TEXT SEARCH CONFIGURATION";
    case OBJECT_TSDICTIONARY:
      return "TEXT SEARCH DICTIONARY";
    case OBJECT_TSPARSER:
      return "TEXT SEARCH PARSER";
    case OBJECT_TSTEMPLATE:
      return "TEXT SEARCH TEMPLATE";
    case OBJECT_VIEW:
      return "VIEW";
    default:
      return {};
  }
}

/// What a statement that is named with an object does, and to what.
struct ObjectCommand {
  std::string_view verb;
  ObjectType type;
};

inline std::optional<ObjectCommand> object_command(const ::Node* node) {
  switch (node->type) {
    case T_DropStmt:
      return ObjectCommand{"DROP", as<DropStmt>(node).removeType};
    case T_DefineStmt:
      return ObjectCommand{"CREATE", as<DefineStmt>(node).kind};
    case T_AlterTableStmt:
      return ObjectCommand{"ALTER", as<AlterTableStmt>(node).objtype};
    case T_AlterTableMoveAllStmt:
      return ObjectCommand{"ALTER", as<AlterTableMoveAllStmt>(node).objtype};
    case T_AlterFunctionStmt:
      return ObjectCommand{"ALTER", as<AlterFunctionStmt>(node).objtype};
    case T_AlterOwnerStmt:
      return ObjectCommand{"ALTER", as<AlterOwnerStmt>(node).objectType};
    case T_AlterObjectSchemaStmt:
      return ObjectCommand{"ALTER", as<AlterObjectSchemaStmt>(node).objectType};
    case T_AlterObjectDependsStmt:
      return ObjectCommand{"ALTER", as<AlterObjectDependsStmt>(node).objectType};
    case T_RenameStmt: {
      const auto& rename = as<RenameStmt>(node);
      const bool part = rename.renameType == OBJECT_COLUMN || rename.renameType == OBJECT_ATTRIBUTE;
      return ObjectCommand{"ALTER", part ? rename.relationType : rename.renameType};
    }
    default:
      return std::nullopt;
  }
}

inline std::string_view transaction_command(TransactionStmtKind kind) {
  switch (kind) {
    case TRANS_STMT_BEGIN:
      return "BEGIN";
    case TRANS_STMT_START:
      return "START TRANSACTION";
    case TRANS_STMT_COMMIT:
      return "COMMIT";
    case TRANS_STMT_ROLLBACK:
    case TRANS_STMT_ROLLBACK_TO:
      return "ROLLBACK";
    case TRANS_STMT_SAVEPOINT:
      return "SAVEPOINT";
    case TRANS_STMT_RELEASE:
      return "RELEASE";
    case TRANS_STMT_PREPARE:
      return "PREPARE TRANSACTION";
    case TRANS_STMT_COMMIT_PREPARED:
      return "COMMIT PREPARED";
    case TRANS_STMT_ROLLBACK_PREPARED:
      return "ROLLBACK PREPARED";
  }
  return {};
}

inline std::string_view discard_command(DiscardMode mode) {
  switch (mode) {
    case DISCARD_ALL:
      return "DISCARD ALL";
    case DISCARD_PLANS:
      return "DISCARD PLANS";
    case DISCARD_SEQUENCES:
      return "DISCARD SEQUENCES";
    case DISCARD_TEMP:
      return "DISCARD TEMP";
  }
  return {};
}

/// As CreateCommandTag names the statement; empty if it is not known. All statements are here: this is the
/// closed table of them.
inline std::string_view command_of(const ::Node* node, StringStore& strings) {
  if (const auto command = object_command(node)) {
    const std::string_view name = object_name(command->type);
    return name.empty() ? name : strings.copy(fmt::format("{} {}", command->verb, name));
  }
  switch (node->type) {
    case T_SelectStmt:
      return "SELECT";
    case T_InsertStmt:
      return "INSERT";
    case T_UpdateStmt:
      return "UPDATE";
    case T_DeleteStmt:
      return "DELETE";
    case T_MergeStmt:
      return "MERGE";
    case T_TransactionStmt:
      return transaction_command(as<TransactionStmt>(node).kind);
    case T_DiscardStmt:
      return discard_command(as<DiscardStmt>(node).target);
    case T_VariableSetStmt:
      return resets(as<VariableSetStmt>(node)) ? "RESET" : "SET";
    case T_CreateTableAsStmt:
      return as<CreateTableAsStmt>(node).objtype == OBJECT_MATVIEW ? "CREATE MATERIALIZED VIEW"
                                                                   : "CREATE TABLE AS";
    case T_VacuumStmt:
      return as<VacuumStmt>(node).is_vacuumcmd ? "VACUUM" : "ANALYZE";
    case T_FetchStmt:
      return as<FetchStmt>(node).ismove ? "MOVE" : "FETCH";
    case T_DeallocateStmt:
      return as<DeallocateStmt>(node).name == nullptr ? "DEALLOCATE ALL" : "DEALLOCATE";
    case T_ClosePortalStmt:
      return as<ClosePortalStmt>(node).portalname == nullptr ? "CLOSE CURSOR ALL" : "CLOSE CURSOR";
    case T_GrantStmt:
      return as<GrantStmt>(node).is_grant ? "GRANT" : "REVOKE";
    case T_GrantRoleStmt:
      return as<GrantRoleStmt>(node).is_grant ? "GRANT ROLE" : "REVOKE ROLE";
    case T_CreateFunctionStmt:
      return as<CreateFunctionStmt>(node).is_procedure ? "CREATE PROCEDURE" : "CREATE FUNCTION";
#define COMMAND(tag, name) \
  case T_##tag:            \
    return name
      COMMAND(VariableShowStmt, "SHOW");
      COMMAND(ConstraintsSetStmt, "SET CONSTRAINTS");
      COMMAND(ExplainStmt, "EXPLAIN");
      COMMAND(CopyStmt, "COPY");
      COMMAND(PrepareStmt, "PREPARE");
      COMMAND(ExecuteStmt, "EXECUTE");
      COMMAND(DeclareCursorStmt, "DECLARE CURSOR");
      COMMAND(CallStmt, "CALL");
      COMMAND(DoStmt, "DO");
      COMMAND(TruncateStmt, "TRUNCATE TABLE");
      COMMAND(LockStmt, "LOCK TABLE");
      COMMAND(ListenStmt, "LISTEN");
      COMMAND(NotifyStmt, "NOTIFY");
      COMMAND(UnlistenStmt, "UNLISTEN");
      COMMAND(CommentStmt, "COMMENT");
      COMMAND(SecLabelStmt, "SECURITY LABEL");
      COMMAND(CheckPointStmt, "CHECKPOINT");
      COMMAND(LoadStmt, "LOAD");
      COMMAND(ClusterStmt, "CLUSTER");
      COMMAND(ReindexStmt, "REINDEX");
      COMMAND(RefreshMatViewStmt, "REFRESH MATERIALIZED VIEW");
      COMMAND(CreateStmt, "CREATE TABLE");
      COMMAND(CreateForeignTableStmt, "CREATE FOREIGN TABLE");
      COMMAND(ImportForeignSchemaStmt, "IMPORT FOREIGN SCHEMA");
      COMMAND(ViewStmt, "CREATE VIEW");
      COMMAND(IndexStmt, "CREATE INDEX");
      COMMAND(CreateSeqStmt, "CREATE SEQUENCE");
      COMMAND(AlterSeqStmt, "ALTER SEQUENCE");
      COMMAND(CreateSchemaStmt, "CREATE SCHEMA");
      COMMAND(CreateDomainStmt, "CREATE DOMAIN");
      COMMAND(AlterDomainStmt, "ALTER DOMAIN");
      COMMAND(CompositeTypeStmt, "CREATE TYPE");
      COMMAND(CreateEnumStmt, "CREATE TYPE");
      COMMAND(CreateRangeStmt, "CREATE TYPE");
      COMMAND(AlterEnumStmt, "ALTER TYPE");
      COMMAND(AlterTypeStmt, "ALTER TYPE");
      COMMAND(AlterOperatorStmt, "ALTER OPERATOR");
      COMMAND(CreateCastStmt, "CREATE CAST");
      COMMAND(CreateConversionStmt, "CREATE CONVERSION");
      COMMAND(CreateTransformStmt, "CREATE TRANSFORM");
      COMMAND(CreateOpClassStmt, "CREATE OPERATOR CLASS");
      COMMAND(CreateOpFamilyStmt, "CREATE OPERATOR FAMILY");
      COMMAND(AlterOpFamilyStmt, "ALTER OPERATOR FAMILY");
      COMMAND(CreateAmStmt, "CREATE ACCESS METHOD");
      COMMAND(CreateStatsStmt, "CREATE STATISTICS");
      COMMAND(AlterStatsStmt, "ALTER STATISTICS");
      COMMAND(AlterCollationStmt, "ALTER COLLATION");
      COMMAND(CreatePLangStmt, "CREATE LANGUAGE");
      COMMAND(CreateTrigStmt, "CREATE TRIGGER");
      COMMAND(CreateEventTrigStmt, "CREATE EVENT TRIGGER");
      COMMAND(AlterEventTrigStmt, "ALTER EVENT TRIGGER");
      COMMAND(RuleStmt, "CREATE RULE");
      COMMAND(CreatePolicyStmt, "CREATE POLICY");
      COMMAND(AlterPolicyStmt, "ALTER POLICY");
      COMMAND(CreateExtensionStmt, "CREATE EXTENSION");
      COMMAND(AlterExtensionStmt, "ALTER EXTENSION");
      COMMAND(AlterExtensionContentsStmt, "ALTER EXTENSION");
      COMMAND(CreateFdwStmt, "CREATE FOREIGN DATA WRAPPER");
      COMMAND(AlterFdwStmt, "ALTER FOREIGN DATA WRAPPER");
      COMMAND(CreateForeignServerStmt, "CREATE SERVER");
      COMMAND(AlterForeignServerStmt, "ALTER SERVER");
      COMMAND(CreateUserMappingStmt, "CREATE USER MAPPING");
      COMMAND(AlterUserMappingStmt, "ALTER USER MAPPING");
      COMMAND(DropUserMappingStmt, "DROP USER MAPPING");
      COMMAND(CreatePublicationStmt, "CREATE PUBLICATION");
      COMMAND(AlterPublicationStmt, "ALTER PUBLICATION");
      COMMAND(CreateSubscriptionStmt, "CREATE SUBSCRIPTION");
      COMMAND(AlterSubscriptionStmt, "ALTER SUBSCRIPTION");
      COMMAND(DropSubscriptionStmt, "DROP SUBSCRIPTION");
      COMMAND(AlterTSDictionaryStmt, "ALTER TEXT SEARCH DICTIONARY");
      COMMAND(AlterTSConfigurationStmt, "ALTER TEXT SEARCH CONFIGURATION");
      COMMAND(CreatedbStmt, "CREATE DATABASE");
      COMMAND(AlterDatabaseStmt, "ALTER DATABASE");
      COMMAND(AlterDatabaseSetStmt, "ALTER DATABASE");
      COMMAND(AlterDatabaseRefreshCollStmt, "ALTER DATABASE");
      COMMAND(DropdbStmt, "DROP DATABASE");
      COMMAND(CreateTableSpaceStmt, "CREATE TABLESPACE");
      COMMAND(AlterTableSpaceOptionsStmt, "ALTER TABLESPACE");
      COMMAND(DropTableSpaceStmt, "DROP TABLESPACE");
      COMMAND(AlterSystemStmt, "ALTER SYSTEM");
      COMMAND(CreateRoleStmt, "CREATE ROLE");
      COMMAND(AlterRoleStmt, "ALTER ROLE");
      COMMAND(AlterRoleSetStmt, "ALTER ROLE");
      COMMAND(DropRoleStmt, "DROP ROLE");
      COMMAND(DropOwnedStmt, "DROP OWNED");
      COMMAND(ReassignOwnedStmt, "REASSIGN OWNED");
      COMMAND(AlterDefaultPrivilegesStmt, "ALTER DEFAULT PRIVILEGES");
#undef COMMAND
    default:
      return {};
  }
}

}  // namespace

}  // namespace chaperone::parser
