#include <gtest/gtest.h>

#include <stdlib.h>
#include <unistd.h>

#include <string>

#include "rules/catalog/catalog.hpp"
#include "rules/file.hpp"

namespace chaperone::rules {
namespace {

std::string rich_schema() {
  const File file = read_file(SOURCE_DIR "/tests/rules/schemas/rich.sql", 1U << 20);
  EXPECT_EQ(file.error, "");
  return file.text;
}

/// A file that is gone with its owner.
class ScratchFile {
 public:
  explicit ScratchFile(std::string_view text) : path_(testing::TempDir() + "catalog_XXXXXX") {
    const int descriptor = ::mkstemp(path_.data());
    EXPECT_EQ(::write(descriptor, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    ::close(descriptor);
  }
  ~ScratchFile() { ::unlink(path_.c_str()); }
  ScratchFile(const ScratchFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

constexpr std::string_view kHead = "{\"catalog\":1,\"search_path\":[\"public\"],\"schemas\":[\"public\"]}\n";

std::string problem_of(std::string_view line) {
  Problems problems;
  load_catalog_snapshot(std::string(kHead) + std::string(line), "s.jsonl", problems);
  return problems.text();
}

TEST(CatalogSnapshot, IsTheCatalog) {
  Problems problems;
  const auto catalog = load_catalog_sql(rich_schema(), "rich.sql", problems);
  ASSERT_TRUE(problems.empty()) << problems.text();
  const std::string text = write_catalog(*catalog);
  EXPECT_GT(text.size(), 10'000u);
  const auto again = load_catalog_snapshot(text, "s.jsonl", problems);
  ASSERT_TRUE(problems.empty()) << problems.text();
  EXPECT_EQ(write_catalog(*again), text);
  EXPECT_EQ(again->relations().size(), catalog->relations().size());
  EXPECT_TRUE(again->find_relation("vehicles")->has_children);
  EXPECT_EQ(again->find_relation("app", "lines")->primary_key, (std::vector<std::uint16_t>{0, 1}));
  EXPECT_EQ(again->functions("public", "add_up").size(), 2u);
  EXPECT_EQ(again->types("app", "temper")[0]->labels.size(), 4u);
}

TEST(CatalogSnapshot, OrderOfLinesAndKeysDoesNotMatter) {
  Problems problems;
  const auto catalog = load_catalog_snapshot(
      "{\"schemas\":[\"b\",\"a\"],\"search_path\":[\"a\"],\"server_major\":17,\"catalog\":1}\n\n"
      "{\"schema\":\"b\",\"kind\":\"table\",\"relation\":\"t\",\"columns\":[{\"type\":{\"name\":\"int4\","
      "\"schema\":\"pg_catalog\"},\"name\":\"x\"}],\"primary_key\":[\"x\"]}\r\n"
      "{\"schema\":\"a\",\"kind\":\"view\",\"relation\":\"t\"}",
      "s.jsonl", problems);
  ASSERT_TRUE(problems.empty()) << problems.text();
  EXPECT_EQ(catalog->server_major(), 17);
  EXPECT_EQ(catalog->find_relation("t")->schema, "a");
  EXPECT_EQ(write_catalog(*catalog),
            "{\"catalog\":1,\"server_major\":17,\"search_path\":[\"a\"],\"schemas\":[\"a\",\"b\"]}\n"
            "{\"relation\":\"t\",\"schema\":\"a\",\"kind\":\"view\",\"columns\":[]}\n"
            "{\"relation\":\"t\",\"schema\":\"b\",\"kind\":\"table\",\"columns\":[{\"name\":\"x\",\"type\":{"
            "\"schema\":"
            "\"pg_catalog\",\"name\":\"int4\"}}],\"primary_key\":[\"x\"]}\n");
}

TEST(CatalogSnapshot, IsReadStrictly) {
  const std::pair<std::string_view, std::string_view> lines[] = {
      {"{", "s.jsonl:2:1: not JSON: incomplete JSON; expected one object on the line"},
      {"[1]", "s.jsonl:2:1: the line is not an object; expected an object"},
      {"{\"table\":\"t\"}",
       "s.jsonl:2:1: a line of no kind that is known; expected one with relation, type, function or "
       "operator"},
      {"{\"relation\":\"t\",\"schema\":\"public\"}", "s.jsonl:2:1: key \"kind\" is missing; expected it"},
      {"{\"relation\":7,\"schema\":\"public\",\"kind\":\"table\"}",
       "s.jsonl:2:1: relation is no text; expected a text"},
      {"{\"relation\":\"t\",\"schema\":\"public\",\"kind\":\"tabel\"}",
       "s.jsonl:2:1: kind is \"tabel\"; expected table, partitioned_table, view, materialized_view, "
       "foreign_table, "
       "sequence, composite_type"},
      {"{\"relation\":\"t\",\"schema\":\"public\",\"kind\":\"table\",\"row_secruity\":true}",
       "s.jsonl:2:1: unknown key \"row_secruity\"; expected no other keys"},
      {"{\"relation\":\"t\",\"schema\":\"public\",\"kind\":\"table\",\"row_security\":1}",
       "s.jsonl:2:1: row_security is no truth value; expected true or false"},
      {"{\"relation\":\"t\",\"schema\":\"public\",\"kind\":\"table\",\"primary_key\":[\"x\"]}",
       "s.jsonl:2:1: a key over \"x\"; expected a column of the relation"},
      {"{\"relation\":\"t\",\"schema\":\"public\",\"kind\":\"table\",\"columns\":[{\"name\":\"x\"},{\"name\":"
       "\"x\"}]}",
       "s.jsonl:2:1: column \"x\" stands twice; expected it once"},
      {"{\"relation\":\"t\",\"schema\":\"public\",\"kind\":\"table\",\"columns\":[{\"name\":\"x\",\"nulls\":"
       "true}]}",
       "s.jsonl:2:1: unknown key \"nulls\"; expected no other keys"},
      {"{\"function\":\"f\",\"schema\":\"public\",\"kind\":\"function\",\"volatility\":\"x\"}",
       "s.jsonl:2:1: volatility is \"x\"; expected i, s or v"},
      {"{\"function\":\"f\",\"schema\":\"public\",\"kind\":\"function\",\"volatility\":\"v\",\"defaults\":1}",
       "s.jsonl:2:1: defaults is no number in its bounds; expected 0 to 0"},
      {"{\"operator\":\"+\",\"schema\":\"public\"}\n{\"type\":\"t\",\"schema\":\"public\",\"kind\":\"enum\"}"
       "\n"
       "{\"type\":\"t\",\"schema\":\"public\",\"kind\":\"enum\"}",
       "s.jsonl:4:1: type \"public.t\" stands twice; expected it once"},
  };
  for (const auto& [line, problem] : lines) EXPECT_EQ(problem_of(line), problem) << line;
  EXPECT_EQ(problem_of(std::string(100'000, '[')).find("s.jsonl:2:1: not JSON"), 0u);
  Problems problems;
  load_catalog_snapshot("{\"catalog\":2}\n{\"what\":\"ever\"}", "s.jsonl", problems);
  load_catalog_snapshot("", "empty.jsonl", problems);
  load_catalog_snapshot("{\"relation\":\"t\"}", "other.jsonl", problems);
  EXPECT_EQ(problems.text(),
            "s.jsonl:1:1: format 2 is not known to this version; expected a snapshot of format 1\n"
            "empty.jsonl:1:1: the file is empty; expected a snapshot, as `pgchaperone catalog` prints it\n"
            "other.jsonl:1:1: the file does not begin as a snapshot does; expected {\"catalog\":1, ..");
}

TEST(CatalogFile, IsOfEitherKind) {
  Problems problems;
  const ScratchFile ddl("CREATE TABLE t (a int);");
  const ScratchFile snapshot(std::string(kHead) +
                             "{\"relation\":\"t\",\"schema\":\"public\",\"kind\":\"table\"}\n");
  EXPECT_EQ(load_catalog(ddl.path(), problems)->find_relation("t")->columns.size(), 1u);
  EXPECT_EQ(load_catalog(snapshot.path(), problems)->find_relation("t")->columns.size(), 0u);
  EXPECT_TRUE(problems.empty()) << problems.text();
  load_catalog("/nonexistent/schema.sql", problems);
  EXPECT_EQ(
      problems.text(),
      "/nonexistent/schema.sql:1:1: can't be read: No such file or directory; expected a file of DDL or a "
      "snapshot");
}

}  // namespace
}  // namespace chaperone::rules
