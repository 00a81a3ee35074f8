#include "proxy/auth/revocations.hpp"

#include <gtest/gtest.h>

namespace chaperone::auth {
namespace {

using Kind = Revocations::Kind;

TEST(Revocations, SurviveTheirFile) {
  Revocations list;
  EXPECT_TRUE(list.add(Kind::kToken, "id \"1\"\n", "2026-11-26T02:00:00Z"));
  EXPECT_TRUE(list.add(Kind::kAgent, "triage-bot", "2026-11-26T02:00:01Z"));
  EXPECT_TRUE(list.add(Kind::kActor, "b\xc3\xb6se", "2026-11-26T02:00:02Z"));
  EXPECT_FALSE(list.add(Kind::kAgent, "triage-bot", "later")) << "the first time counts";
  const auto again = Revocations::from_text(list.to_text(), "revocations.jsonl");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->to_text(), list.to_text());
  EXPECT_EQ(again->size(), 3U);
  EXPECT_EQ(again->why({.method = "token", .agent = "a", .token_id = "id \"1\"\n"}),
            R"(the token "id \"1\"\n" was revoked at 2026-11-26T02:00:00Z)");
  EXPECT_TRUE(again->why({.method = "scram", .agent = "triage-bot"}));
  EXPECT_TRUE(again->why({.method = "token", .agent = "a", .actor = "b\xc3\xb6se"}));
  EXPECT_FALSE(again->why({.method = "token", .agent = "a", .actor = "triage-bot"}));
  EXPECT_FALSE(again->why({.method = "token", .agent = "a"})) << "no id and no actor are nobody's";
}

TEST(Revocations, CanBeLifted) {
  Revocations list;
  list.add(Kind::kAgent, "triage-bot", "");
  EXPECT_FALSE(list.lift(Kind::kActor, "triage-bot"));
  EXPECT_TRUE(list.lift(Kind::kAgent, "triage-bot"));
  EXPECT_FALSE(list.why({.method = "token", .agent = "triage-bot"}));
  EXPECT_EQ(list.to_text(), "");
}

TEST(Revocations, FilesThatAreNone) {
  for (const std::string text : {"x", "[]", "{}", R"({"agent":"a"})", R"({"time":"t"})",
                                 R"({"agent":7,"time":"t"})", R"({"agent":"a","actor":"b","time":"t"})",
                                 R"({"user":"a","time":"t"})", R"({"agent":"a","time":"t","x":1})"}) {
    const auto read = Revocations::from_text("\n" + text + "\n", "revocations.jsonl");
    ASSERT_FALSE(read) << text;
    EXPECT_TRUE(read.error().message.starts_with("revocations.jsonl:2: ")) << read.error().message;
  }
}

}  // namespace
}  // namespace chaperone::auth
