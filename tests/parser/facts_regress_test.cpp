#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "parser/facts.hpp"
#include "tests/parser/facts_check.hpp"
#include "tests/parser/regress_corpus.hpp"

extern "C" {
#include <pg_query.h>
}

// PostgreSQL's own regression suite: whatever its grammar takes is read, or refused for a reason that is
// listed here.

namespace chaperone::parser {

namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::size_t occurrences(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

/// libpg_query's own JSON of the tree; empty if it has none.
std::string tree_of(const std::string& sql) {
  const PgQueryParseResult result = pg_query_parse(sql.c_str());
  std::string tree = result.error == nullptr ? result.parse_tree : "";
  pg_query_free_parse_result(result);
  return tree;
}

std::size_t expressions(const Facts& facts, std::initializer_list<ExprKind> kinds) {
  return static_cast<std::size_t>(
      std::count_if(facts.exprs.begin(), facts.exprs.end(), [&](const Expr& expr) {
        if (expr.form == Form::kSortUsing || expr.form == Form::kExclude) return false;  // no A_Expr
        return std::find(kinds.begin(), kinds.end(), expr.kind) != kinds.end();
      }));
}

std::size_t queries(const Facts& facts, std::initializer_list<QueryKind> kinds) {
  return static_cast<std::size_t>(std::count_if(
      facts.queries.begin(), facts.queries.end(),
      [&](const Query& query) { return std::find(kinds.begin(), kinds.end(), query.kind) != kinds.end(); }));
}

std::size_t relations(const Facts& facts) {
  std::size_t count = 0;
  for (const FromItem& item : facts.from_items) count += item.kind == FromKind::kRelation ? 1 : 0;
  for (const Query& query : facts.queries) count += query.lock_names.count;
  for (const RelationUse& use : facts.relation_uses) {
    // These two are lists of names in the tree.
    count += use.action == RelationAction::kDrop || use.action == RelationAction::kComment ? 0 : 1;
  }
  return count;
}

/// FOR ORDINALITY has no name of a type.
std::size_t named_types(const Facts& facts) {
  return static_cast<std::size_t>(std::count_if(facts.types.begin(), facts.types.end(),
                                                [](const TypeUse& type) { return type.names.count > 0; }));
}

}  // namespace

// As many of each as the library finds in another way.
TEST(RegressionSuite, NothingIsLeftOut) {
  std::size_t compared = 0;
  for (const std::string& sql : testing::read_regress_corpus()) {
    const Result<Facts> facts = read_facts(sql);
    if (!facts || !std::all_of(facts->statements.begin(), facts->statements.end(),
                               [](const StatementFacts& statement) { return statement.read; })) {
      continue;
    }
    const std::string tree = tree_of(sql);
    // The first repeats its source for each column, the second names no relations though it looks like it.
    if (tree.empty() || contains(tree, "MultiAssignRef") || contains(tree, "ConstraintsSetStmt")) continue;
    ++compared;
    using enum ExprKind;
    const std::size_t key_columns =
        occurrences(tree, "\"IndexElem\":{\"name\"") + occurrences(tree, "\"PartitionElem\":{\"name\"");
    EXPECT_EQ(expressions(*facts, {kColumn}), occurrences(tree, "\"ColumnRef\":{") + key_columns) << sql;
    EXPECT_EQ(expressions(*facts, {kFunction}), occurrences(tree, "\"funcname\":[")) << sql;
    EXPECT_EQ(expressions(*facts, {kConstant}), occurrences(tree, "\"A_Const\":{")) << sql;
    EXPECT_EQ(expressions(*facts, {kParameter}), occurrences(tree, "\"ParamRef\":{")) << sql;
    EXPECT_EQ(expressions(*facts, {kOperator}), occurrences(tree, "\"A_Expr\":{")) << sql;
    EXPECT_EQ(expressions(*facts, {kAnd, kOr, kNot}), occurrences(tree, "\"BoolExpr\":{")) << sql;
    EXPECT_EQ(expressions(*facts, {kSubquery}), occurrences(tree, "\"SubLink\":{")) << sql;
    EXPECT_EQ(expressions(*facts, {kCase}), occurrences(tree, "\"CaseExpr\":{")) << sql;
    EXPECT_EQ(queries(*facts, {QueryKind::kSelect, QueryKind::kValues, QueryKind::kSetOperation}),
              occurrences(tree, "\"limitOption\":"))
        << sql;
    EXPECT_EQ(queries(*facts, {QueryKind::kInsert}), occurrences(tree, "\"InsertStmt\":{")) << sql;
    EXPECT_EQ(queries(*facts, {QueryKind::kUpdate}), occurrences(tree, "\"UpdateStmt\":{")) << sql;
    EXPECT_EQ(queries(*facts, {QueryKind::kDelete}), occurrences(tree, "\"DeleteStmt\":{")) << sql;
    EXPECT_EQ(relations(*facts), occurrences(tree, "\"relname\":")) << sql;
    // Words in WITH (..) are types in the tree.
    if (!contains(tree, "DefElem")) {
      EXPECT_EQ(named_types(*facts), occurrences(tree, "\"typemod\":")) << sql;
    }
  }
  EXPECT_GE(compared, 9'000U);
}

TEST(RegressionSuite, EveryStatementIsReadOrRefusedAsParseRefusesIt) {
  const std::vector<std::string> statements = testing::read_regress_corpus();
  ASSERT_GE(statements.size(), 10'000U) << "the corpus was cut short";
  std::size_t read = 0;
  for (const std::string& sql : statements) {
    const Result<Script> script = parse(sql);
    const Result<Facts> facts = read_facts(sql);
    if (!script) {
      ASSERT_FALSE(facts.has_value()) << sql;
      EXPECT_EQ(facts.error().message, script.error().message) << sql;
      EXPECT_EQ(facts.error().position, script.error().position) << sql;
      continue;
    }
    if (!facts) {
      ADD_FAILURE() << sql << facts.error().message << " at " << facts.error().position;
      continue;
    }
    ++read;
    EXPECT_EQ(testing::inconsistency(*facts, *script, sql), "") << sql;
  }
  // What is left are the suite's own syntax errors and what a later PostgreSQL brought.
  EXPECT_GE(read, statements.size() * 9 / 10);
}

}  // namespace chaperone::parser
