#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "parser/parser.hpp"
#include "tests/parser/scanner.hpp"

namespace chaperone::parser {

namespace {

constexpr const char* kKindNames[] = {"other",
                                      "select",
                                      "insert",
                                      "update",
                                      "delete",
                                      "merge",
                                      "copy_from",
                                      "copy_from_stdin",
                                      "copy_to",
                                      "begin",
                                      "commit",
                                      "rollback",
                                      "savepoint",
                                      "release_savepoint",
                                      "rollback_to_savepoint",
                                      "prepare_transaction",
                                      "commit_prepared",
                                      "rollback_prepared",
                                      "prepare",
                                      "execute",
                                      "deallocate",
                                      "declare_cursor",
                                      "fetch",
                                      "close_cursor",
                                      "discard_all",
                                      "discard_other",
                                      "listen",
                                      "notify",
                                      "unlisten",
                                      "explain",
                                      "create_table_as",
                                      "set",
                                      "reset",
                                      "show",
                                      "set_constraints",
                                      "truncate",
                                      "lock",
                                      "call",
                                      "do",
                                      "vacuum",
                                      "ddl"};

static_assert(std::size(kKindNames) == static_cast<std::size_t>(StatementKind::kDdl) + 1);

/// As a corpus line writes it.
std::string describe(const Statement& statement) {
  std::string text = kKindNames[static_cast<std::size_t>(statement.kind)];
  if (!statement.name.empty()) text += " " + statement.name;
  if (statement.holdable) text += " +holdable";
  if (statement.chain) text += " +chain";
  if (statement.commits_inside) text += " +commits";
  if (statement.carries_secret) text += " +secret";
  return text;
}

struct Entry {
  std::string place;
  std::string expected;
  std::string sql;
};

void read_file(const std::string& name, std::vector<Entry>& entries) {
  std::ifstream file(SOURCE_DIR "/tests/parser/" + name);
  ASSERT_TRUE(file.is_open()) << name << " is not there";
  std::string expected;
  std::string sql;
  std::string text;
  for (int line = 1; std::getline(file, text); ++line) {
    if (text.starts_with("--@ ")) {
      expected = text.substr(4);
      continue;
    }
    if (sql.empty() && text.starts_with("--")) continue;
    sql += (sql.empty() ? "" : "\n") + text;
    if (!sql.ends_with(';')) continue;
    entries.push_back({name + ":" + std::to_string(line), expected, sql});
    sql.clear();
  }
  EXPECT_EQ(sql, "") << name << " ends inside a statement";
}

std::vector<Entry> read_corpus() {
  std::vector<Entry> entries;
  read_file("corpus.sql", entries);
  read_file("corpus_psql.sql", entries);
  EXPECT_GE(entries.size(), 400U) << "the corpus was cut short";
  return entries;
}

}  // namespace

TEST(Corpus, EveryStatementIsWhatItsLineSays) {
  const std::vector<Entry> entries = read_corpus();
  std::set<std::string> kinds;
  for (const Entry& entry : entries) {
    const auto script = parse(entry.sql);
    if (!script || script->statements.size() != 1) {
      ADD_FAILURE() << entry.place << ": "
                    << (script ? "more or less than one statement" : script.error().message);
      continue;
    }
    const Statement& statement = script->statements.front();
    EXPECT_EQ(describe(statement), entry.expected) << entry.place;
    EXPECT_EQ(entry.sql.substr(statement.span.offset, statement.span.length),
              entry.sql.substr(0, entry.sql.size() - 1))
        << entry.place;
    EXPECT_EQ(testing::difference(entry.sql), "") << entry.place;
    kinds.insert(entry.expected.substr(0, entry.expected.find(' ')));
  }
  for (const char* kind : kKindNames) EXPECT_TRUE(kinds.contains(kind)) << "no statement of kind " << kind;
}

TEST(Corpus, TheWholeFileIsTheSumOfItsStatements) {
  const std::vector<Entry> entries = read_corpus();
  std::string all;
  for (const Entry& entry : entries) all += "/* between */ " + entry.sql + " -- and\n;";
  const auto script = parse(all);
  ASSERT_TRUE(script.has_value()) << script.error().message << " at " << script.error().position;
  ASSERT_EQ(script->statements.size(), entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Statement& statement = script->statements[i];
    EXPECT_EQ(describe(statement), entries[i].expected) << entries[i].place;
    EXPECT_EQ(all.substr(statement.span.offset, statement.span.length) + ";", entries[i].sql);
  }
}

// Wherever a statement is cut off, it is refused or read, never more.
TEST(Corpus, EveryStatementCutOffAnywhere) {
  for (const Entry& entry : read_corpus()) {
    if (entry.sql.size() > 300) continue;
    for (std::size_t length = 0; length < entry.sql.size(); ++length) {
      const auto script = parse(std::string_view(entry.sql).substr(0, length));
      if (!script) continue;
      EXPECT_LE(script->statements.size(), 1U) << entry.place << " cut off at " << length;
      for (const Statement& statement : script->statements) {
        EXPECT_LE(statement.span.offset + statement.span.length, length)
            << entry.place << " cut off at " << length;
      }
    }
  }
}

}  // namespace chaperone::parser
