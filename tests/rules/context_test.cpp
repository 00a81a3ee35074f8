#include "rules/rewrite/context.hpp"

#include <gtest/gtest.h>

#include <string>

#include "parser/facts.hpp"

namespace chaperone::rules {

namespace {

Principal principal(std::string actor, std::string agent, std::string task) {
  Principal who;
  who.actor = std::move(actor);
  who.agent = std::move(agent);
  who.task = std::move(task);
  return who;
}

std::string with_context(const std::string& sql, const Principal& who) {
  const auto script = parser::parse(sql);
  parser::EditScript edits;
  add_context(*script, context_comment(who), CommentPlace::kFront, edits);
  return edits.apply(sql, nullptr);
}

}  // namespace

TEST(Context, IsSqlcommenters) {
  EXPECT_EQ(context_comment(principal("alice@example.com", "triage-bot", "TICKET-4711")),
            "/*actor='alice%40example.com',agent='triage-bot',task='TICKET-4711'*/ ");
  EXPECT_EQ(context_comment(principal("", "bot", "")), "/*agent='bot'*/ ");
  EXPECT_EQ(context_comment(principal("", "", "")), "");
}

TEST(Context, NothingInAValueCanEndIt) {
  EXPECT_EQ(context_comment(principal("*/ DROP TABLE x; --", "a'b", "/*\n\\%\x01")),
            "/*actor='%2A%2F%20DROP%20TABLE%20x%3B%20--',agent='a%27b',task='%2F%2A%0A%5C%25%01'*/ ");
  EXPECT_EQ(context_comment(principal("é", "bot", "")), "/*actor='%C3%A9',agent='bot'*/ ");
  std::string all;
  for (int byte = 1; byte < 128; ++byte) all += static_cast<char>(byte);
  const std::string comment = context_comment(principal(all, "bot", ""));
  EXPECT_EQ(comment.find("*/"), comment.size() - 3) << comment;
  EXPECT_EQ(comment.find("/*", 2), std::string::npos) << comment;
}

TEST(Context, StandsInFrontOfEachStatement) {
  const Principal bot = principal("", "bot", "");
  EXPECT_EQ(with_context("select 1", bot), "/*agent='bot'*/ select 1");
  EXPECT_EQ(with_context("-- c\nselect 1; ;\n update t set a = 1;", bot),
            "-- c\n/*agent='bot'*/ select 1; ;\n /*agent='bot'*/ update t set a = 1;");
  EXPECT_EQ(with_context("explain select 1", bot), "/*agent='bot'*/ explain select 1");
  EXPECT_EQ(with_context(" -- nothing", bot), " -- nothing");
  EXPECT_EQ(with_context("select 1", principal("", "", "")), "select 1");
}

TEST(Context, StandsInFrontOfOtherEdits) {
  const std::string sql = "select 1";
  const auto script = parser::parse(sql);
  parser::EditScript edits;
  edits.insert(0, {{"SELECT * FROM (", false}});
  edits.insert(8, {{") q LIMIT 3", false}});
  add_context(*script, "/*c*/ ", CommentPlace::kFront, edits);
  EXPECT_EQ(edits.apply(sql, nullptr), "/*c*/ SELECT * FROM (select 1) q LIMIT 3");
}

TEST(Context, StandsBehindTheLastTokenOfEachStatement) {
  const std::string sql = "select 1 -- one\n; select t.* ; ";
  const auto script = parser::parse(sql);
  parser::EditScript edits;
  edits.insert(8, {{" LIMIT 3", false}});
  add_context(*script, "/*c*/ ", CommentPlace::kEnd, edits);
  EXPECT_EQ(edits.apply(sql, nullptr), "select 1 LIMIT 3 /*c*/  -- one\n; select t.* /*c*/  ; ");
}

}  // namespace chaperone::rules
