// The only file that knows libpg_query and PostgreSQL's node structs. Rules of this file:
// - libpg_query raises errors by siglongjmp and catches them only inside pg_query_raw_parse: nothing else of
// PostgreSQL
//   is called here, no palloc, no walker, no function or macro that touches a global (they are thread-local
//   in the library and plain in the headers). Structs are read, and that is all.
// - The tree lives in the memory context between enter and exit; what leaves this file is a copy.
#include "parser/pg_tree.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <span>

// postgres.h redefines printf and much else: nothing may be included after it.
// clang-format off
extern "C" {
#include <pg_query.h>
}
namespace {
constexpr int kGrammarVersion = PG_VERSION_NUM;
}
extern "C" {
#include <pg_query/pg_query_internal.h>
#include <nodes/parsenodes.h>
}
// clang-format on

namespace chaperone::parser {

namespace {

static_assert(kGrammarVersion / 10000 == PG_VERSION_NUM / 10000,
              "libpg_query and PostgreSQL's server headers are of different major versions");

// One a thread at a time: leaving always goes back to the top context.
class TreeMemory {
 public:
  TreeMemory() : context_(pg_query_enter_memory_context()) {}
  ~TreeMemory() { pg_query_exit_memory_context(context_); }
  TreeMemory(const TreeMemory&) = delete;
  TreeMemory& operator=(const TreeMemory&) = delete;

 private:
  MemoryContext context_;
};

struct ErrorDeleter {
  void operator()(PgQueryError* error) const { pg_query_free_error(error); }
};
struct FreeDeleter {
  void operator()(char* text) const { std::free(text); }
};

// Only while TreeMemory lives.
class RawTree {
 public:
  explicit RawTree(const char* sql) : RawTree(raw_parse(sql)) {}

  const PgQueryError* error() const { return error_.get(); }
  const List* statements() const { return statements_; }

 private:
  static PgQueryInternalParsetreeAndError raw_parse(const char* sql) {
#if PG_VERSION_NUM >= 160000
    return pg_query_raw_parse(sql, PG_QUERY_PARSE_DEFAULT);
#else
    return pg_query_raw_parse(sql);
#endif
  }
  explicit RawTree(PgQueryInternalParsetreeAndError result)
      : statements_(result.tree), notices_(result.stderr_buffer), error_(result.error) {}

  const List* statements_;
  std::unique_ptr<char, FreeDeleter> notices_;
  std::unique_ptr<PgQueryError, ErrorDeleter> error_;
};

std::span<const ListCell> cells(const List* list) {
  if (list == nullptr) return {};
  return {list->elements, static_cast<std::size_t>(list->length)};
}

template <class T>
const T& as(const void* node) {
  return *static_cast<const T*>(node);
}

std::string text_or_empty(const char* text) {
  return text == nullptr ? std::string() : std::string(text);
}

const DefElem* find_option(const List* options, std::string_view name) {
  for (const ListCell& cell : cells(options)) {
    const auto& option = as<DefElem>(cell.ptr_value);
    if (option.defname == name) return &option;
  }
  return nullptr;
}

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

void read_statement(const Node* node, Statement& statement) {
  switch (node->type) {
    case T_SelectStmt:
      statement.kind = StatementKind::kSelect;
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

    case T_CallStmt:
    case T_DoStmt:
    case T_VacuumStmt:  // ANALYZE of several tables too commits after each
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
      break;  // kOther
  }
}

}  // namespace

Result<Script> read_tree(const std::string& sql) {
  const TreeMemory memory;
  const RawTree tree(sql.c_str());
  if (const PgQueryError* error = tree.error()) {
    return Error{ErrorKind::kSyntax, text_or_empty(error->message),
                 static_cast<std::uint32_t>(std::max(0, error->cursorpos))};
  }
  Script script;
  const auto statements = cells(tree.statements());
  script.statements.resize(statements.size());
  for (std::size_t i = 0; i < statements.size(); ++i) {
    const auto& raw = as<RawStmt>(statements[i].ptr_value);
    const auto offset = static_cast<std::uint32_t>(std::max(0, raw.stmt_location));
    const auto rest = static_cast<std::uint32_t>(sql.size()) - offset;
    Statement& statement = script.statements[i];
    statement.span = {offset, raw.stmt_len > 0 ? static_cast<std::uint32_t>(raw.stmt_len) : rest};
    read_statement(raw.stmt, statement);
  }
  return script;
}

}  // namespace chaperone::parser
