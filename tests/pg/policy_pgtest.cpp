// What a policy puts into SQL, run by a real server: masks keep type and typmod and never fail, expressions
// are accepted as they are written out, and neither depends on what an agent can set.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "rules/policy/expression.hpp"
#include "rules/policy/mask.hpp"
#include "rules/rewrite/literal.hpp"
#include "tests/pg/messages.hpp"
#include "tests/pg/servers.hpp"
#include "tests/rules/shop.hpp"

namespace chaperone::pg {
namespace {

using rules::MaskKind;

constexpr std::string_view kSalt = "a-salt-of-a-test-1234";

// A row of nulls, and of each type its edges.
constexpr std::string_view kRows = R"sql(
CREATE COLLATION public.nd (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
ALTER TABLE public.kinds ADD nd text COLLATE public.nd, ADD cjson jsonb, ADD va varchar(3)[], ADD iv2 interval hour to minute;
ALTER TABLE public.kinds ALTER k TYPE varchar(8);
ALTER TABLE public.kinds ALTER k TYPE public.code;
INSERT INTO public.kinds (id, k) VALUES (1, '');
INSERT INTO public.kinds VALUES
 (2, 32767, 9223372036854775807, 'NaN', 99999999.99, 'Infinity', '-Infinity', 'someone@example.com', 'a@b', 'ab', 'nm', true,
  '\x00ff27', '00000000-0000-0000-0000-000000000000', 'infinity', '-infinity', 'infinity', '24:00:00', '178000000 years', '[1]', '{"a":"b"}',
  'ok', 1, 'x', '{a,NULL}', '{1,2}', '::1', '[1,)', '1.00', B'10101010', '{sad}', '<a/>', 'A@B.c', '@', '1', '{abc}', '01:02'),
 (-2147483648, -32768, -9223372036854775808, '-1e131071', -99999999.99, '-0', 'NaN', '@', '', '', '', false,
  '', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '4713-01-01 BC', '4713-01-01 00:00:00 BC', '4713-01-01 00:00:00+00 BC', '00:00:00', '-178000000 years',
  'null', 'null', 'happy', 2147483647, '12345678', '{}', '{}', '10.0.0.0/8', 'empty', '-92233720368547758.08', B'00000000', '{}', NULL, '', '', '[]', '{}', '-01:02'),
 (2147483647, 0, 0, 'Infinity', 0, 1e38, 1e308, '"a@b"@c.example', 'äöüß@ä.de', 'äöüß', 'a''b\c', NULL,
  '\x5c', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '5874897-12-31', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.99+00', '12:00', '1 mon -1 day', '{}', '[1,2]',
  'sad', 5, 'x@y', '[0:1]={x,y}', '[2:3]={1,2}', '0.0.0.0', '(,)', '0', B'11111111', '{sad,ok}', NULL, 'someone@EXAMPLE.com', 'é@x', '{"a":[]}', '{{a},{b}}', '00:00')
)sql";

struct Answer {
  std::uint32_t type = 0;
  std::int32_t modifier = 0;
  std::vector<std::string> values;
  std::string error;
};

std::uint32_t number(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

/// The one column that a query gives.
Answer ask(Client& client, const std::string& sql) {
  Answer answer;
  const Messages messages = client.exchange(query(sql));
  for (const Message& message : messages) {
    if (message.type() == 'T') {
      const std::string_view field = message.body().substr(2);
      const std::string_view rest = field.substr(field.find('\0') + 1);
      answer.type = number(rest.substr(6, 4));
      answer.modifier = static_cast<std::int32_t>(number(rest.substr(12, 4)));
    }
    if (message.type() == 'D') answer.values.push_back(message.value(0));
    if (message.type() == 'E') answer.error = message.field('C') + " " + message.field('M');
  }
  return answer;
}

/// With sample values in place of parameters.
std::string filled(const rules::Expression& expression) {
  std::string out;
  for (const auto& part : expression.parts) {
    if (part.kind == rules::Expression::PartKind::kText) out += part.text;
    if (part.kind == rules::Expression::PartKind::kColumn) out += rules::identifier(part.text);
    if (part.kind == rules::Expression::PartKind::kParameter) {
      const std::string& type = part.type.name;
      const std::string value = part.type.dimensions > 0 ? "{}"
                                : type == "uuid"         ? "00000000-0000-0000-0000-000000000001"
                                : type == "mood"         ? "ok"
                                : type == "bool"         ? "true"
                                                         : "1";
      out += fmt::format("CAST({} AS {})", rules::literal(value), part.type.sql());
    }
  }
  return out;
}

class PolicySql : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    postgres().run("DROP DATABASE IF EXISTS policy_sql");
    postgres().run("CREATE DATABASE policy_sql");
    client = std::make_unique<Client>(postgres().address(), Login{.database = "policy_sql"});
    client->run(test::kShopSchema);
    client->run(kRows);
    rules::Problems problems;
    catalog = rules::load_catalog_sql(std::string(test::kShopSchema) + R"sql(
ALTER TABLE public.kinds ADD nd text, ADD cjson jsonb, ADD va varchar(3)[], ADD iv2 interval hour to minute;
)sql",
                                      "kinds.sql", problems);
    ASSERT_TRUE(problems.empty()) << problems.text();
  }
  static void TearDownTestSuite() {
    client.reset();
    postgres().run("DROP DATABASE policy_sql");
  }
  void TearDown() override { client->run("RESET ALL"); }

  static const rules::Relation& kinds() { return *catalog->find_relation("public", "kinds"); }

  static inline std::unique_ptr<Client> client;
  static inline std::shared_ptr<const rules::Catalog> catalog;
};

// All that an agent could set to change what a text means.
constexpr std::string_view kOtherSettings =
    "SET DateStyle = 'German'; SET TimeZone = 'Pacific/Auckland'; SET IntervalStyle = 'sql_standard'; SET "
    "extra_float_digits = -15; "
    "SET bytea_output = 'escape'; SET standard_conforming_strings = off; SET search_path = ''; SET xmloption "
    "= document; SET array_nulls = off; "
    "SET backslash_quote = on; SET escape_string_warning = off; SET quote_all_identifiers = on";

TEST_F(PolicySql, EveryMaskOfEveryTypeKeepsItsTypeAndNeverFails) {
  int sound = 0;
  for (std::uint16_t index = 0; index < kinds().columns.size(); ++index) {
    const rules::Column& column = kinds().columns[index];
    const Answer plain =
        ask(*client, fmt::format("SELECT {} FROM public.kinds", rules::identifier(column.name)));
    ASSERT_EQ(plain.error, "") << column.name;
    for (const MaskKind kind : {MaskKind::kNull, MaskKind::kRedact, MaskKind::kHash, MaskKind::kEmail}) {
      const auto mask = rules::mask_expression(kind, kinds(), index, *catalog, kSalt);
      if (!mask) continue;
      ++sound;
      const std::string sql = fmt::format("SELECT {} FROM public.kinds ORDER BY kinds.id", filled(*mask));
      SCOPED_TRACE(sql);
      const Answer masked = ask(*client, sql);
      EXPECT_EQ(masked.error, "");
      EXPECT_EQ(masked.type, plain.type);
      EXPECT_EQ(masked.modifier, plain.modifier);
      ASSERT_EQ(masked.values.size(), 4U);
      if (kind == MaskKind::kRedact) {
        EXPECT_EQ(std::set<std::string>(masked.values.begin(), masked.values.end()).size(), 1U);
      }
    }
  }
  EXPECT_GT(sound, 75);
}

TEST_F(PolicySql, MasksDependOnNoSetting) {
  for (std::uint16_t index = 0; index < kinds().columns.size(); ++index) {
    for (const MaskKind kind : {MaskKind::kRedact, MaskKind::kHash, MaskKind::kEmail}) {
      const auto mask = rules::mask_expression(kind, kinds(), index, *catalog, kSalt);
      if (!mask) continue;
      // Rows that are the same, compared in SQL: how a value is printed may depend on settings.
      const std::string sql = fmt::format(
          "SELECT count(*) FROM public.kinds k JOIN public.kept ON kept.id = k.id WHERE kept.v IS DISTINCT "
          "FROM CAST({} AS pg_catalog.text)",
          "(SELECT " + filled(*mask) + " FROM public.kinds WHERE kinds.id = k.id)");
      client->run("RESET ALL");
      client->run(fmt::format(
          "CREATE TABLE public.kept AS SELECT id, CAST({} AS pg_catalog.text) AS v FROM public.kinds",
          filled(*mask)));
      client->run(
          "SET standard_conforming_strings = off; SET search_path = ''; SET backslash_quote = on; SET "
          "escape_string_warning = off; SET array_nulls = off");
      EXPECT_EQ(ask(*client, sql).values, std::vector<std::string>{"0"}) << sql;
      client->run("RESET ALL; DROP TABLE public.kept");
    }
  }
}

TEST_F(PolicySql, AMaskKeepsWhatItShould) {
  const auto masked = [](std::string_view column, MaskKind kind) {
    const auto mask = rules::mask_expression(kind, kinds(), *kinds().find_column(column), *catalog, kSalt);
    if (!mask) return std::vector<std::string>{mask.error().what};
    return ask(*client, fmt::format("SELECT coalesce(CAST({} AS text), 'NULL') FROM public.kinds ORDER BY id",
                                    filled(*mask)))
        .values;
  };
  using Values = std::vector<std::string>;
  EXPECT_EQ(masked("t", MaskKind::kEmail), (Values{"***", "NULL", "s***@example.com", "\"***@c.example"}));
  EXPECT_EQ(masked("v", MaskKind::kEmail), (Values{"***", "NULL", "a***@b", "ä***@ä.de"}));
  EXPECT_EQ(masked("c", MaskKind::kEmail), (Values{"***", "NULL", "***", "***"}));
  EXPECT_EQ(masked("nd", MaskKind::kEmail), (Values{"***", "NULL", "***", "é***@x"}));
  EXPECT_EQ(masked("t", MaskKind::kRedact), (Values{"***", "***", "***", "***"}));
  EXPECT_EQ(masked("va", MaskKind::kRedact), (Values{"{}", "{}", "{}", "{}"}));
  const Values hashes = masked("ci", MaskKind::kHash);
  EXPECT_EQ(hashes[1], "NULL");
  EXPECT_EQ(hashes[2].size(), 32U);
  EXPECT_EQ(ask(*client, fmt::format("SELECT md5('{}a@b.c')", kSalt)).values[0], hashes[2])
      << "letters of either case are one";
  EXPECT_EQ(masked("v", MaskKind::kHash)[2].size(), 12U) << "cut to what the column holds";
}

/// Each as a filter of the table, under the settings of the server and under others: the same rows.
TEST_F(PolicySql, FiltersRunAndDependOnNoSetting) {
  constexpr std::string_view kFilters[] = {
      "id = 7",
      "id = :tenant",
      "v = :x AND u = :y AND b = :z AND m = :w AND num = :n AND big = :o",
      "p = :x OR k = :y",
      "v IN ('a', 'b') AND m NOT IN ('ok', 'sad')",
      "id IN (1, 3000000000)",
      "id IN (:a, :b) OR id = ANY (:ids) OR t = ANY (ARRAY['a', :c])",
      "t LIKE '%\\_x' OR t NOT ILIKE 'x%'",
      "id BETWEEN 1 AND 5 OR id NOT BETWEEN 1 AND 5",
      "t IS DISTINCT FROM 'x' AND t IS NOT DISTINCT FROM v",
      "CASE m WHEN 'ok' THEN true ELSE b END",
      "COALESCE(t, v, 'x') = 'x' AND NULLIF(t, 'x') IS NULL",
      "d > (now() AT TIME ZONE 'UTC')::date - 7",
      "d = '2026-01-31' OR d IN ('2026-01-31', '2026-02-01')",
      "ts > '2026-01-31 18:00:00' AND tm < '18:00:00'",
      "tz > now() - interval '168 hours' AND tz < '2026-01-31 18:00:00+00'",
      "(tz AT TIME ZONE 'UTC')::date > '2026-01-31' AND (tz AT TIME ZONE 'UTC') < '2026-01-31 18:00:00'",
      "jb @> '{\"a\": \"b\"}' AND jb ->> 'a' = 'b' AND jb -> 'a' IS NOT NULL",
      "tags @> '{a}' AND ns[1] = 1 AND 'a' = ANY (tags)",
      "lower(t) = lower(:x) AND length(v) > 3 AND left(t, 1) = 'a' AND strpos(t, '@') > 0",
      "ci::text = :x",
      "t COLLATE \"C\" < 'm'",
      "t = E'a\\\\b' OR t = 'a\\b'",
      "id IN (SELECT tenant_id FROM public.members WHERE agent = :agent)",
      "EXISTS (SELECT m.agent FROM public.members m JOIN public.tickets t ON t.tenant_id = m.tenant_id WHERE "
      "t.status = 'open')",
      "NOT (id = ANY (SELECT tenant_id FROM public.members))",
      "GREATEST(id, small) > 3 AND small % 2 = 0",
      "bits = B'10101010' OR ip <<= '10.0.0.0/8'",
  };
  for (const std::string_view text : kFilters) {
    SCOPED_TRACE(text);
    const auto filter =
        rules::compile_expression(text, {*catalog, kinds(), rules::ExpressionUse::kFilter, nullptr});
    if (!filter) {
      ADD_FAILURE() << filter.error().what << "; " << filter.error().expected;
      continue;
    }
    const std::string sql = fmt::format("SELECT id FROM public.kinds WHERE {} ORDER BY 1", filled(*filter));
    client->run("RESET ALL");
    const Answer usual = ask(*client, sql);
    EXPECT_EQ(usual.error, "") << sql;
    client->run(kOtherSettings);
    const Answer other = ask(*client, sql);
    EXPECT_EQ(other.error, "") << sql;
    EXPECT_EQ(other.values, usual.values) << sql;
    // As the author wrote it, for rows where nothing is a parameter.
    if (text.find(':') == std::string_view::npos) {
      client->run("RESET ALL");
      EXPECT_EQ(ask(*client, fmt::format("SELECT id FROM public.kinds WHERE {} ORDER BY 1", text)).values,
                usual.values)
          << sql;
    }
  }
}

TEST_F(PolicySql, MasksOfTheAuthorRun) {
  const std::pair<std::string_view, std::string_view> masks[] = {
      {"t", "left(t, 1) || '***'"},
      {"v", "'v-' || v"},
      {"id", "id - id % 100"},
      {"amount", "0"},
      {"amount", "trunc(amount, -3)"},
      {"d", "CASE WHEN d >= '0001-01-01' THEN '2026-01-01'::date END"},
      {"tz", "CASE WHEN tz >= '0001-01-01 00:00:00+00' THEN '2026-01-01 00:00:00+00'::timestamptz END"},
      {"m", "'ok'"},
      {"b", "NULL"},
      {"jb", "jb -> 'a'"},
      {"u", "'00000000-0000-0000-0000-000000000000'"},
      {"ci", "left(ci::text, 1)"},
      {"big", "id"},
  };
  for (const auto& [name, text] : masks) {
    SCOPED_TRACE(text);
    const rules::Column& column = kinds().columns[*kinds().find_column(name)];
    const auto mask =
        rules::compile_expression(text, {*catalog, kinds(), rules::ExpressionUse::kMask, &column});
    if (!mask) {
      ADD_FAILURE() << mask.error().what << "; " << mask.error().expected;
      continue;
    }
    const Answer plain = ask(*client, fmt::format("SELECT {} FROM public.kinds", rules::identifier(name)));
    const Answer masked = ask(*client, fmt::format("SELECT {} FROM public.kinds", filled(*mask)));
    EXPECT_EQ(masked.error, "") << filled(*mask);
    EXPECT_EQ(masked.type, plain.type);
    EXPECT_EQ(masked.modifier, plain.modifier);
  }
}

}  // namespace
}  // namespace chaperone::pg
