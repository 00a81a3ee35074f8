#include "rules/policy/mask.hpp"

#include <gtest/gtest.h>

#include "rules/policy/expression.hpp"
#include "tests/rules/shop.hpp"

namespace chaperone::rules {
namespace {

std::string mask(MaskKind kind, std::string_view column) {
  const Relation& kinds = *test::shop()->find_relation("public", "kinds");
  const auto expression =
      mask_expression(kind, kinds, *kinds.find_column(column), *test::shop(), "0123456789abcdef");
  if (!expression) return expression.error().what + "; " + expression.error().expected;
  EXPECT_TRUE(expression->total);
  return describe(*expression);
}

TEST(Mask, NullIsOfTheColumnsExactType) {
  EXPECT_EQ(mask(MaskKind::kNull, "v"), "CAST(NULL AS pg_catalog.varchar(12))");
  EXPECT_EQ(mask(MaskKind::kNull, "amount"), "CAST(NULL AS pg_catalog.numeric(10,2))");
  EXPECT_EQ(mask(MaskKind::kNull, "m"), "CAST(NULL AS public.mood)");
  EXPECT_EQ(mask(MaskKind::kNull, "p"), "CAST(NULL AS pg_catalog.int4)")
      << "a domain's own NOT NULL would fail";
  EXPECT_EQ(mask(MaskKind::kNull, "k"), "CAST(NULL AS pg_catalog.varchar(8))");
  EXPECT_EQ(mask(MaskKind::kNull, "tags"), "CAST(NULL AS pg_catalog.text[])");
}

TEST(Mask, RedactShowsTheSameForAll) {
  EXPECT_EQ(mask(MaskKind::kRedact, "t"), "CAST('***' AS pg_catalog.text)");
  EXPECT_EQ(mask(MaskKind::kRedact, "ci"), "CAST('***' AS public.citext)");
  EXPECT_EQ(mask(MaskKind::kRedact, "id"), "CAST('0' AS pg_catalog.int4)");
  EXPECT_EQ(mask(MaskKind::kRedact, "tz"), "CAST('1970-01-01 00:00:00+00' AS pg_catalog.timestamptz(3))");
  EXPECT_EQ(mask(MaskKind::kRedact, "ms"), "CAST('{}' AS public.mood[])");
  EXPECT_EQ(mask(MaskKind::kRedact, "r"), "CAST('empty' AS pg_catalog.int4range)");
}

TEST(Mask, HashTakesTheSalt) {
  EXPECT_EQ(mask(MaskKind::kHash, "v"),
            "CAST(pg_catalog.md5('0123456789abcdef' OPERATOR(pg_catalog.||) CAST(v AS pg_catalog.text)) AS "
            "pg_catalog.varchar(12))");
  EXPECT_EQ(mask(MaskKind::kHash, "u"),
            "CAST(pg_catalog.md5('0123456789abcdef' OPERATOR(pg_catalog.||) CAST(u AS pg_catalog.text)) AS "
            "pg_catalog.uuid)");
  EXPECT_NE(mask(MaskKind::kHash, "ci").find("pg_catalog.lower("), std::string::npos)
      << "equal values give equal digests";
}

TEST(Mask, AKindWithoutASoundFormNamesThoseThatHaveOne) {
  EXPECT_EQ(mask(MaskKind::kRedact, "m"),
            "there is no mask redact for the column \"m\" of type public.mood; null or {sql: \"..\"}");
  EXPECT_EQ(mask(MaskKind::kHash, "num"),
            "there is no mask hash for the column \"num\" of type pg_catalog.numeric; null, redact or {sql: "
            "\"..\"}");
  EXPECT_EQ(mask(MaskKind::kHash, "tz"),
            "there is no mask hash for the column \"tz\" of type pg_catalog.timestamptz(3); null, redact or "
            "{sql: \"..\"}");
  EXPECT_EQ(mask(MaskKind::kEmail, "id"),
            "there is no mask email for the column \"id\" of type pg_catalog.int4; null, redact, hash or "
            "{sql: \"..\"}");
  EXPECT_EQ(
      mask(MaskKind::kEmail, "jb"),
      "there is no mask email for the column \"jb\" of type pg_catalog.jsonb; null, redact or {sql: \"..\"}");
  EXPECT_EQ(
      mask(MaskKind::kRedact, "bits"),
      "there is no mask redact for the column \"bits\" of type pg_catalog.bit(8); null or {sql: \"..\"}");
}

TEST(Mask, SaltsAreLongAndPlain) {
  EXPECT_TRUE(is_salt("0123456789abcdef"));
  for (const char* text : {"", "0123456789abcde", "0123456789abcde'", "0123456789abcde\\",
                           "0123456789 abcdef", "0123456789abcdeä"}) {
    EXPECT_FALSE(is_salt(text)) << text;
  }
  EXPECT_FALSE(is_salt(std::string(129, 'a')));
}

}  // namespace
}  // namespace chaperone::rules
