#include "rules/broker/grants.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "rules/policy/load.hpp"
#include "tests/rules/shop.hpp"

namespace chaperone::rules {
namespace {

std::string text_of(const Grant& grant) {
  static constexpr std::string_view kObjects[] = {"database", "schema", "", "default of ", "function "};
  const auto object = static_cast<std::size_t>(grant.object);
  std::string out = fmt::format("{} {}", name_of(grant.privilege), kObjects[object]);
  if (grant.object == GrantObject::kSchema) out += " ";
  out += grant.schema;
  if (!grant.name.empty()) out += "." + grant.name;
  if (!grant.column.empty()) out += "." + grant.column;
  if (!grant.arguments.empty()) out += fmt::format("({})", grant.arguments);
  return out;
}

/// The grants of a policy with one capability `c`, whose tables (and more) are `body`, without CONNECT and
/// USAGE on schema public.
class GrantsTest : public testing::Test {
 protected:
  void load(const std::string& body, const std::string& capability = "c") {
    const std::string policy = fmt::format(
        "version: 1\ncapabilities:\n  {0}:\n{1}agents:\n  a: {{capabilities: [{0}], parameters: {{tenant: "
        "7}}}}\n",
        capability, body);
    const PolicySet loaded = load_policy(policy, "policy.yaml", *test::shop(), problems_);
    ASSERT_TRUE(problems_.empty()) << problems_.text();
    grants_ = needed_grants(loaded, *test::shop(), "policy.yaml", problems_);
  }
  std::vector<std::string> texts() const {
    std::vector<std::string> out;
    for (const auto& [grant, reason] : grants_.grants) {
      EXPECT_EQ(grant.role, "agc_c");
      const std::string text = text_of(grant);
      if (text != "CONNECT database" && text != "USAGE schema public") out.push_back(text);
    }
    return out;
  }
  std::vector<std::string> notes() const {
    std::vector<std::string> out;
    for (const GrantNote& note : grants_.notes) out.push_back(note.text);
    return out;
  }

  Grants grants_;
  Problems problems_;
};

using Texts = std::vector<std::string>;

TEST_F(GrantsTest, ColumnsThatAreShownOrThatFiltersAndMasksRead) {
  load(R"yaml(    tables:
      customers:
        read:
          columns: [id, name, email, ssn]
          mask: {email: email, ssn: redact}
          rows: "tenant_id = :tenant AND created_at < now()"
)yaml");
  EXPECT_EQ(texts(), (Texts{"SELECT public.customers.created_at", "SELECT public.customers.email",
                            "SELECT public.customers.id", "SELECT public.customers.name",
                            "SELECT public.customers.tenant_id"}));
}

TEST_F(GrantsTest, AMaskThatReadsNothingHasAWallEvenUnderAStar) {
  load(R"yaml(    tables:
      members: {read: {columns: "*", mask: {agent: "null"}}}
)yaml");
  EXPECT_EQ(texts(), (Texts{"SELECT public.members.tenant_id"}));
}

TEST_F(GrantsTest, AStarIsTheWholeTable) {
  load(R"yaml(    tables:
      members:
        read: {columns: "*", rows: "tenant_id = :tenant"}
        insert: {columns: "*"}
        delete: {}
)yaml");
  EXPECT_EQ(texts(), (Texts{"SELECT public.members", "INSERT public.members", "DELETE public.members"}));
}

TEST_F(GrantsTest, AListOfAllColumnsHasSystemColumnsToo) {
  load(R"yaml(    tables:
      members: {read: {columns: [tenant_id, agent]}}
)yaml");
  EXPECT_EQ(texts(), (Texts{"SELECT public.members.agent", "SELECT public.members.cmax",
                            "SELECT public.members.cmin", "SELECT public.members.ctid",
                            "SELECT public.members.tableoid", "SELECT public.members.tenant_id",
                            "SELECT public.members.xmax", "SELECT public.members.xmin"}));
}

TEST_F(GrantsTest, InsertsHaveSetColumnsAndSequencesOfDefaults) {
  load(R"yaml(    tables:
      ticket_notes:
        insert:
          columns: [ticket_id, body]
          set: {tenant_id: ":tenant", author: ":actor"}
          returning: [id, created_at]
)yaml");
  EXPECT_EQ(texts(), (Texts{"INSERT public.ticket_notes.author", "INSERT public.ticket_notes.body",
                            "SELECT public.ticket_notes.created_at", "SELECT public.ticket_notes.id",
                            "INSERT public.ticket_notes.tenant_id", "INSERT public.ticket_notes.ticket_id",
                            "USAGE default of public.ticket_notes.created_at",
                            "USAGE default of public.ticket_notes.id"}));
}

TEST_F(GrantsTest, AnIdentityColumnNeedsNoSequence) {
  load(R"yaml(    tables:
      tickets: {insert: {columns: [tenant_id, subject]}}
)yaml");
  EXPECT_EQ(texts(),
            (Texts{"INSERT public.tickets.subject", "INSERT public.tickets.tenant_id",
                   "USAGE default of public.tickets.created_at", "USAGE default of public.tickets.status"}));
}

TEST_F(GrantsTest, WhatAFilterUsesIsNeverAssigned) {
  load(R"yaml(    tables:
      members:
        read: {columns: [agent, tenant_id], rows: "tenant_id = :tenant"}
        update: {columns: "*"}
)yaml");
  EXPECT_EQ(texts(), (Texts{"SELECT public.members.agent", "UPDATE public.members.agent",
                            "SELECT public.members.tenant_id"}));
}

TEST_F(GrantsTest, SubqueriesOfFilters) {
  load(R"yaml(    tables:
      tickets:
        read:
          columns: [id]
          rows: "tenant_id IN (SELECT m.tenant_id FROM public.members m JOIN archive.log l ON true WHERE m.agent = :agent)"
)yaml");
  EXPECT_EQ(texts(), (Texts{"USAGE schema archive", "SELECT archive.log.id", "SELECT public.members.agent",
                            "SELECT public.members.tenant_id", "SELECT public.tickets.id",
                            "SELECT public.tickets.tenant_id"}));
}

TEST_F(GrantsTest, RowLevelSecurityNeedsNoColumnsOfItsTableButThoseOfSubqueries) {
  load(R"yaml(    tables:
      tickets:
        read: {columns: [id], rows: {where: "tenant_id = :tenant", enforce: rls}}
        delete:
          rows: {where: "EXISTS (SELECT 1 FROM public.members m)", enforce: rls}
)yaml");
  EXPECT_EQ(texts(),
            (Texts{"SELECT public.members.tenant_id", "DELETE public.tickets", "SELECT public.tickets.id"}));
}

TEST_F(GrantsTest, TruncateWhereTheTableMayBeEmptied) {
  load(R"yaml(    statements: [truncate]
    tables:
      members: {delete: {}}
      archive.log: {delete: {max_rows: 3}}
)yaml");
  EXPECT_EQ(texts(), (Texts{"USAGE schema archive", "DELETE archive.log", "DELETE public.members",
                            "TRUNCATE public.members"}));
}

TEST_F(GrantsTest, FunctionsOfTheDatabaseAndOfPostgres) {
  load(R"yaml(    functions: [safe, public.word_count, public.tidy, nextval]
    statements: [call]
    tables:
      members: {insert: {columns: [agent], set: {tenant_id: "public.word_count(:agent)"
}
}
}
)yaml");
  EXPECT_EQ(texts(), (Texts{"INSERT public.members.agent", "INSERT public.members.tenant_id",
                            "EXECUTE function pg_catalog.nextval", "EXECUTE function public.tidy",
                            "EXECUTE function public.word_count(pg_catalog.text)"}));
  ASSERT_EQ(notes().size(), 1U);
  EXPECT_TRUE(notes()[0].starts_with("nextval takes a privilege on the sequence")) << notes()[0];
}

TEST_F(GrantsTest, TheSchemaOfATypeThatAColumnHas) {
  load(R"yaml(    tables:
      archive.log: {read: {columns: [id]}}
      kinds: {read: {columns: [m]}}
)yaml");
  EXPECT_EQ(texts(), (Texts{"USAGE schema archive", "SELECT archive.log.id", "SELECT public.kinds.m"}));
}

TEST_F(GrantsTest, ViewsTakeTheDefaultsBeneath) {
  load(R"yaml(    tables:
      open_tickets: {read: {columns: "*"}, insert: {columns: [subject]}}
)yaml");
  EXPECT_EQ(texts(), (Texts{"SELECT public.open_tickets", "INSERT public.open_tickets.subject",
                            "USAGE default of public.open_tickets"}));
}

TEST_F(GrantsTest, SaysWhatNoGrantCanGive) {
  load(R"yaml(    statements: [lock, ddl]
    tables:
      members: {read: {columns: "*"}, delete: {}}
      archive.log: {read: {columns: "*"}, update: {columns: [line]}}
)yaml");
  ASSERT_EQ(notes().size(), 2U);
  EXPECT_TRUE(
      notes()[0].starts_with("LOCK TABLE \"archive.log\" takes a privilege on the whole table (UPDATE"));
  EXPECT_TRUE(notes()[1].starts_with("`ddl` takes a role that owns the table"));
}

TEST_F(GrantsTest, ReasonsNameTheLine) {
  load("    tables:\n      members: {read: {columns: \"*\"}}\n");
  const Grant grant{"agc_c", GrantObject::kRelation, "public", "members", {}, {}, Privilege::kSelect};
  ASSERT_TRUE(grants_.has(grant));
  EXPECT_EQ(grants_.grants.at(grant).mark.line, 5U);
  EXPECT_EQ(grants_.grants.at(grant).rule, "tables.members.read.columns");
}

TEST_F(GrantsTest, ANameThatPostgresWouldCutIsAnError) {
  load("    tables:\n      members: {read: {columns: \"*\"}}\n", std::string(59, 'c'));
  EXPECT_TRUE(problems_.empty()) << problems_.text();
  load("    tables:\n      members: {read: {columns: \"*\"}}\n", std::string(60, 'c'));
  EXPECT_NE(problems_.text().find("a role with a name of 64 bytes; expected a name of at most 59 bytes"),
            std::string::npos)
      << problems_.text();
}

}  // namespace
}  // namespace chaperone::rules
