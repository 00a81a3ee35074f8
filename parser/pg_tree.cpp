// The only file that knows libpg_query and PostgreSQL's node structs. Rules of this file:
// - libpg_query raises errors by siglongjmp and catches them only inside pg_query_raw_parse: nothing else of
// PostgreSQL
//   is called here, no palloc, no walker, no function or macro that touches a global (they are thread-local
//   in the library and plain in the headers). Structs are read, and that is all.
// - The tree lives in the memory context between enter and exit; what leaves this file is a copy.
#include "parser/pg_tree.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "parser/utf8.hpp"

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
#include "parser/pg_tree/nodes.hpp"
#include "parser/pg_tree/statements.hpp"
#include "parser/pg_tree/lowering.hpp"
#include "parser/pg_tree/commands.hpp"
#include "parser/pg_tree/json.hpp"
#include "parser/pg_tree/syntax.hpp"
#include "parser/pg_tree/expressions.hpp"
#include "parser/pg_tree/from.hpp"
#include "parser/pg_tree/queries.hpp"
#include "parser/pg_tree/relations.hpp"
#include "parser/pg_tree/utility.hpp"
#include "parser/pg_tree/ddl.hpp"
#include "parser/pg_tree/ddl_create.hpp"
#include "parser/pg_tree/ddl_alter.hpp"
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

}  // namespace

namespace {

Script read_script(const RawTree& tree, std::size_t text_size) {
  Script script;
  const auto statements = cells(tree.statements());
  script.statements.resize(statements.size());
  for (std::size_t i = 0; i < statements.size(); ++i) {
    const auto& raw = as<RawStmt>(statements[i].ptr_value);
    const auto offset = static_cast<std::uint32_t>(std::max(0, raw.stmt_location));
    const auto rest = static_cast<std::uint32_t>(text_size) - offset;
    Statement& statement = script.statements[i];
    statement.span = {offset, raw.stmt_len > 0 ? static_cast<std::uint32_t>(raw.stmt_len) : rest};
    read_statement(raw.stmt, statement);
  }
  return script;
}

Error syntax_error(const PgQueryError& error) {
  return {ErrorKind::kSyntax, text_or_empty(error.message),
          static_cast<std::uint32_t>(std::max(0, error.cursorpos))};
}

}  // namespace

Result<Script> read_tree(const std::string& sql) {
  const TreeMemory memory;
  const RawTree tree(sql.c_str());
  if (tree.error() != nullptr) return syntax_error(*tree.error());
  return read_script(tree, sql.size());
}

Result<Facts> read_tree_facts(const std::string& sql) {
  const TreeMemory memory;
  const RawTree tree(sql.c_str());
  if (tree.error() != nullptr) return syntax_error(*tree.error());
  Facts facts;
  facts.script = read_script(tree, sql.size());
  facts.statements.resize(facts.script.statements.size());
  Lowering lowering(facts, sql.size());
  Id index = 0;
  for (const ListCell& cell : cells(tree.statements())) {
    if (!lowering.read(as<RawStmt>(cell.ptr_value).stmt, index)) {
      const std::uint32_t offset = lowering.error_offset() == kNone
                                       ? facts.script.statements[index].span.offset
                                       : lowering.error_offset();
      return Error{ErrorKind::kUnsupported,
                   fmt::format("SQL that this version cannot judge ({})", lowering.error()),
                   characters(std::string_view(sql).substr(0, offset)) + 1};
    }
    ++index;
  }
  return facts;
}

Result<std::vector<Definition>> read_tree_definitions(const std::string& sql) {
  const TreeMemory memory;
  const RawTree tree(sql.c_str());
  if (tree.error() != nullptr) return syntax_error(*tree.error());
  const Script script = read_script(tree, sql.size());
  std::vector<Definition> definitions;
  std::size_t index = 0;
  for (const ListCell& cell : cells(tree.statements())) {
    DefinitionReader(definitions, script.statements[index++].span)
        .statement(as<RawStmt>(cell.ptr_value).stmt);
  }
  return definitions;
}

}  // namespace chaperone::parser
