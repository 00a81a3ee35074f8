#include "rules/evaluate/evaluate.hpp"

#include <gtest/gtest.h>

#include <span>

#include "tests/rules/cases.hpp"
#include "tests/rules/engine.hpp"

namespace chaperone::rules {
namespace {

class Evaluate : public ::testing::Test {
 protected:
  void expect(std::span<const cases::Case> all) const {
    for (const cases::Case& wanted : all) {
      const Verdict verdict = engine_.decide(wanted.agent, wanted.sql);
      EXPECT_EQ(verdict.allow, wanted.rule.empty()) << wanted.agent << ": " << wanted.sql << "\n"
                                                    << (verdict.denial ? verdict.denial->message : "");
      EXPECT_NE(verdict.allow, verdict.denial.has_value()) << wanted.sql;
      if (!verdict.denial) continue;
      EXPECT_EQ(verdict.denial->rule, wanted.rule) << wanted.sql << "\n" << verdict.denial->message;
      EXPECT_FALSE(verdict.denial->message.empty()) << wanted.sql;
      EXPECT_FALSE(verdict.denial->message.starts_with("may not ")) << wanted.sql << ": it lacks the agent";
    }
  }
  Denial denial(std::string_view agent, std::string_view sql) const {
    const Verdict verdict = engine_.decide(agent, sql);
    EXPECT_TRUE(verdict.denial) << sql;
    return verdict.denial.value_or(Denial());
  }

  const Engine engine_{cases::kSchema, cases::kPolicy};
};

TEST_F(Evaluate, Reads) {
  expect(cases::kReads);
}
TEST_F(Evaluate, Writes) {
  expect(cases::kWrites);
}
TEST_F(Evaluate, Statements) {
  expect(cases::kStatements);
}
TEST_F(Evaluate, Session) {
  expect(cases::kSession);
}
TEST_F(Evaluate, Expressions) {
  expect(cases::kExpressions);
}

TEST_F(Evaluate, OneCapabilityCoversTheString) {
  const Verdict stock = engine_.decide("both-bot", "SELECT id FROM products");
  ASSERT_TRUE(stock.capability);
  EXPECT_EQ(stock.capability->name, "stock");
  const Verdict triage = engine_.decide("both-bot", "SELECT id FROM customers");
  ASSERT_TRUE(triage.capability);
  EXPECT_EQ(triage.capability->name, "triage");
  // The session's statements go along with either.
  EXPECT_EQ(engine_.decide("both-bot", "BEGIN; SET timezone = 'UTC'; SELECT id FROM customers; COMMIT")
                .capability->name,
            "triage");
  // Of several that do not cover it, the denial is of the one that names all tables.
  EXPECT_EQ(denial("both-bot", "SELECT ssn FROM customers").detail,
            "capability triage, rule tables.customers.read.columns");
  EXPECT_EQ(denial("both-bot", "SELECT id FROM customers, products").detail,
            "capability stock, rule tables.customers");
  // The set `session` needs none.
  EXPECT_EQ(engine_.decide("triage-bot", "BEGIN; SET timezone = 'UTC'").capability, nullptr);
  EXPECT_EQ(engine_.decide("bare-bot", "SELECT version()").capability, nullptr);
  EXPECT_NE(engine_.decide("stock-bot", "SET statement_timeout = '1s'").capability, nullptr);
}

TEST_F(Evaluate, DenialsTeach) {
  const Denial column = denial("triage-bot", "SELECT id,\n  ssn FROM customers");
  EXPECT_EQ(column.message,
            "triage-bot may not read column \"ssn\" of \"customers\"; it may read id, name, email (masked), "
            "mood, code");
  EXPECT_EQ(column.detail, "capability triage, rule tables.customers.read.columns");
  EXPECT_EQ(column.sqlstate, "42501");
  EXPECT_EQ(column.offset, 13U);
  EXPECT_EQ(column.schema, "public");
  EXPECT_EQ(column.table, "customers");
  EXPECT_EQ(column.column, "ssn");
  EXPECT_EQ(denial("triage-bot", "SELECT nmae FROM customers").hint, "Perhaps you meant \"name\".");
  EXPECT_EQ(denial("triage-bot", "SELECT * FROM custmers").message,
            "triage-bot may not read \"custmers\"; it may read customers, open_tickets, tickets");
  EXPECT_EQ(denial("triage-bot", "SELECT uper('x')").hint, "Perhaps you meant \"upper\".");
  EXPECT_EQ(denial("triage-bot", "SELECT pg_sleep(1)").message,
            "triage-bot may not call \"pg_sleep\" (holds a connection and a snapshot for as long as it "
            "likes); it may "
            "call the set safe, the set introspection, listed");
  const Denial by = denial("triage-bot", "UPDATE tickets SET status = 'x'");
  EXPECT_EQ(by.message,
            "triage-bot may not update \"tickets\" without id = a value in its WHERE, at the top and joined "
            "by AND");
  EXPECT_EQ(by.hint, "Add: WHERE id = .. or id IN (..) of at most 3 values");
  EXPECT_EQ(denial("triage-bot", "INSERT INTO notes (tenant) VALUES (1)").hint,
            "The column \"tenant\" is filled in by pgchaperone; leave it out.");
  EXPECT_EQ(denial("triage-bot", "SET statement_timeout = '1h'").message.substr(0, 70),
            "triage-bot may not set the setting \"statement_timeout\": it may be 1 to");
  // What comes from the text cannot break out of the line.
  EXPECT_EQ(denial("triage-bot", "SELECT \"a\nb\" FROM customers").message.find('\n'), std::string::npos);
  EXPECT_EQ(denial("triage-bot", "SELECT \"a\nb\".x FROM customers").message.find('\n'), std::string::npos);
  EXPECT_EQ(denial("triage-bot", "SELECT * FROM \"a\nb\"").message.find('\n'), std::string::npos);
  EXPECT_EQ(denial("triage-bot", "SELECT \"a\nb\"(1)").message.find('\n'), std::string::npos);
  EXPECT_EQ(denial("triage-bot", "SELECT 1::\"a\nb\"").message.find('\n'), std::string::npos);
}

TEST_F(Evaluate, HiddenAndAbsentReadTheSame) {
  const std::pair<const char*, const char*> pairs[] = {
      {"SELECT * FROM employees", "SELECT * FROM employeez"},
      {"SELECT * FROM private.keys", "SELECT * FROM private.keyz"},
      {"SELECT null::employees", "SELECT null::employeez"},
      {"SELECT covert(1)", "SELECT coverz(1)"},
      {"SELECT ssn FROM customers", "SELECT ssz FROM customers"},
      {"DELETE FROM employees", "DELETE FROM employeez"},
      {"INSERT INTO notes (ticket_id, hidden) VALUES (1, 'x')",
       "INSERT INTO notes (ticket_id, hiddez) VALUES (1, 'x')"},
      {"UPDATE tickets SET secret = 1 WHERE id = 1", "UPDATE tickets SET secrez = 1 WHERE id = 1"},
      {"COPY customers (ssn) TO STDOUT", "COPY customers (ssz) TO STDOUT"},
      {"LOCK TABLE employees", "LOCK TABLE employeez"},
  };
  for (const auto& [hidden, absent] : pairs) {
    const Denial first = denial("triage-bot", hidden);
    Denial second = denial("triage-bot", absent);
    const std::string text = first.message + '|' + first.rule + '|' + first.hint + '|' + first.sqlstate;
    std::string other = second.message + '|' + second.rule + '|' + second.hint + '|' + second.sqlstate;
    for (std::size_t i = 0; i < other.size() && i < text.size(); ++i) {
      if (other[i] == 'z' && text[i] != 'z') other[i] = text[i];
    }
    EXPECT_EQ(text, other) << hidden;
  }
}

TEST_F(Evaluate, RefusedTexts) {
  const auto refused = [](std::string_view sql) {
    const auto facts = parser::read_facts(sql);
    EXPECT_FALSE(facts) << sql;
    return refusal(facts.error(), sql);
  };
  const Denial syntax = refused("SELECT 'é' FORM x");
  EXPECT_EQ(syntax.sqlstate, "42601");
  EXPECT_EQ(syntax.offset, 17U) << "in bytes";
  EXPECT_EQ(refused(std::string(1000, '(') + "1").sqlstate, "54000");
  EXPECT_EQ(refused("SELECT '\xff'").sqlstate, "22021");
}

}  // namespace
}  // namespace chaperone::rules
