#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>

#include "rules/builtin/builtin.hpp"

namespace chaperone::rules {
namespace {

Totality of(std::string_view left, std::string_view name, std::string_view right) {
  return builtin().operator_totality(name, left, right);
}

TEST(Totality, OfOperators) {
  constexpr Totality kTotal = Totality::kTotal;
  struct Case {
    std::string_view left, name, right;
    Totality totality;
  };
  const Case cases[] = {
      {"int4", "=", "int4", kTotal},
      {"int4", "=", "int8", kTotal},
      {"int4", "=", "unknown", kTotal},
      {"unknown", "<", "timestamptz", kTotal},
      {"text", "=", "text", kTotal},
      {"varchar", "=", "unknown", kTotal},
      {"varchar", "=", "bpchar", kTotal},
      {"varchar", "~~", "unknown", Totality::kPattern},
      {"text", "~~*", "text", Totality::kPattern},
      {"text", "~", "unknown", Totality::kPartial},
      {"numeric", "=", "int4", kTotal},
      {"int4", "=", "float8", kTotal},
      {"anyenum", "=", "unknown", kTotal},
      {"uuid", "=", "unknown", kTotal},
      {"date", ">=", "timestamptz", kTotal},
      {"date", "<", "unknown", kTotal},
      {"jsonb", "->>", "unknown", kTotal},
      {"jsonb", "@>", "unknown", kTotal},
      {"jsonb", "?", "unknown", kTotal},
      {"inet", "<<", "unknown", kTotal},
      {"_int4", "@>", "_int4", kTotal},
      {"_text", "&&", "unknown", kTotal},
      {"_numeric", "=", "_numeric", kTotal},
      {"int4range", "&&", "int4range", kTotal},
      {"tsvector", "@@", "tsquery", kTotal},
      {"text", "||", "unknown", Totality::kLimits},
      {"text", "||", "text", Totality::kLimits},
      {"", "-", "numeric", kTotal},
      {"", "-", "int4", Totality::kPartial},
      {"int4", "/", "int4", Totality::kDivisor},
      {"int8", "%", "int4", Totality::kDivisor},
      {"numeric", "/", "int4", Totality::kDivisor},
      // What hostile expressions raise with.
      {"int4", "+", "int4", Totality::kPartial},
      {"float8", "/", "float8", Totality::kPartial},
      {"float8", "/", "int4", Totality::kPartial},
      {"numeric", "=", "float8", Totality::kPartial},  // the cast to float8 overflows
      {"json", "->", "text", Totality::kPartial},      // \u0000 in the text
      {"json", "->>", "unknown", Totality::kPartial},
      {"timestamptz", "-", "timestamptz", Totality::kPartial},
      {"circle", "=", "circle", Totality::kPartial},  // leakproof, says PostgreSQL
      {"lseg", "<", "lseg", Totality::kPartial},
      {"_circle", "=", "_circle", Totality::kPartial},
      {"_box", "@>", "_box", Totality::kPartial},
      {"bit", "&", "bit", Totality::kPartial},  // of unequal lengths
      {"record", "=", "record", Totality::kPartial},
      {"text", "=", "int4", Totality::kPartial},
      {"mood", "=", "mood", Totality::kPartial},
      {"", "no", "int4", Totality::kPartial},
      {"int4", "%%%", "int4", Totality::kPartial},
      {"", "", "", Totality::kPartial},
  };
  for (const Case& c : cases)
    EXPECT_EQ(of(c.left, c.name, c.right), c.totality) << c.left << " " << c.name << " " << c.right;
}

TEST(Totality, OfFunctions) {
  const auto call = [](std::string_view name, std::initializer_list<std::string_view> types) {
    return builtin().function_totality(name, std::span(types.begin(), types.size()));
  };
  EXPECT_EQ(call("lower", {"text"}), Totality::kTotal);
  EXPECT_EQ(call("lower", {"varchar"}), Totality::kTotal);
  EXPECT_EQ(call("lower", {"bpchar"}), Totality::kTotal);
  EXPECT_EQ(call("lower", {"unknown"}), Totality::kTotal);
  EXPECT_EQ(call("length", {"text"}), Totality::kTotal);
  EXPECT_EQ(call("length", {"lseg"}), Totality::kPartial);
  EXPECT_EQ(call("left", {"text", "int4"}), Totality::kTotal);
  EXPECT_EQ(call("md5", {"text"}), Totality::kTotal);
  EXPECT_EQ(call("num_nulls", {"int4", "text", "circle"}), Totality::kTotal);
  EXPECT_EQ(call("concat", {"text", "int4", "jsonb"}), Totality::kLimits);
  EXPECT_EQ(call("quote_literal", {"text"}), Totality::kLimits);
  EXPECT_EQ(call("replace", {"text", "unknown", "unknown"}), Totality::kLimits);
  EXPECT_EQ(call("round", {"numeric", "int4"}), Totality::kLimits);
  EXPECT_EQ(call("round", {"float8"}), Totality::kTotal);
  EXPECT_EQ(call("substr", {"text", "int4", "int4"}), Totality::kLength);
  EXPECT_EQ(call("extract", {"unknown", "timestamptz"}), Totality::kUnit);
  EXPECT_EQ(call("now", {}), Totality::kTotal);
  EXPECT_EQ(call("lower", {}), Totality::kPartial);
  EXPECT_EQ(call("lower", {"text", "text"}), Totality::kPartial);
  EXPECT_EQ(call("sqrt", {"float8"}), Totality::kPartial);
  EXPECT_EQ(call("ln", {"numeric"}), Totality::kPartial);
  EXPECT_EQ(call("date_trunc", {"unknown", "timestamptz"}), Totality::kPartial);
  EXPECT_EQ(call("to_number", {"text", "unknown"}), Totality::kPartial);
  EXPECT_EQ(call("jsonb_array_length", {"jsonb"}), Totality::kPartial);
  EXPECT_EQ(call("repeat", {"text", "int4"}), Totality::kPartial);
  EXPECT_EQ(call("random", {}), Totality::kPartial);
  EXPECT_EQ(call("date_part", {"unknown", "date"}), Totality::kPartial);
  EXPECT_EQ(call("array_length", {"_circle", "int4"}), Totality::kTotal);
  EXPECT_EQ(call("no_such_function", {"text"}), Totality::kPartial);
}

TEST(Totality, OfCasts) {
  const Builtin& b = builtin();
  for (const auto& [source, target] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"int4", "int8"},
           {"int4", "numeric"},
           {"int8", "float8"},
           {"text", "varchar"},
           {"varchar", "text"},
           {"varchar", "bpchar"},
           {"int4", "text"},
           {"uuid", "text"},
           {"timestamptz", "varchar"},
           {"jsonb", "text"},
           {"timestamptz", "date"},
           {"inet", "text"},
           {"unknown", "int4"},
           {"circle", "circle"},
       })
    EXPECT_EQ(b.cast_totality(source, target), Totality::kTotal) << source << " to " << target;
  for (const auto& [source, target] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"text", "int4"},
           {"varchar", "date"},
           {"text", "jsonb"},
           {"int8", "int4"},
           {"numeric", "float8"},
           {"float8", "int4"},
           {"jsonb", "int4"},
           {"date", "timestamp"},
           {"bit", "int4"},
           {"text", "regclass"},
           {"mood", "text"},
           {"int4", "uuid"},
           {"_text", "jsonb"},
       })
    EXPECT_EQ(b.cast_totality(source, target), Totality::kPartial) << source << " to " << target;
  EXPECT_EQ(b.cast_totality("text", "varchar", true), Totality::kTotal) << "cut to its length";
  EXPECT_EQ(b.cast_totality("numeric", "numeric", true), Totality::kPartial) << "numeric(3,1) of 100";
  EXPECT_EQ(b.cast_totality("_text", "text"), Totality::kLimits) << "quotes and backslashes are doubled";
}

TEST(Totality, WithAConstant) {
  for (const std::string_view text : {"", "a%", "%\\\\", "\\%", "x\\\\\\\\"})
    EXPECT_TRUE(total_with(Totality::kPattern, text)) << text;
  for (const std::string_view text : {"\\", "a\\", "a\\\\\\"})
    EXPECT_FALSE(total_with(Totality::kPattern, text)) << text;
  for (const std::string_view text : {"1", "100", "4294967295"})
    EXPECT_TRUE(total_with(Totality::kDivisor, text)) << text;
  for (const std::string_view text : {"0", "00", "-1", "", "1.5", "0x1", "1e3"})
    EXPECT_FALSE(total_with(Totality::kDivisor, text)) << text;
  EXPECT_TRUE(total_with(Totality::kLength, "0"));
  EXPECT_FALSE(total_with(Totality::kLength, "-1"));
  EXPECT_TRUE(total_with(Totality::kUnit, "year"));
  EXPECT_FALSE(total_with(Totality::kUnit, "dow")) << "an interval has none";
  EXPECT_FALSE(total_with(Totality::kUnit, "no"));
  EXPECT_TRUE(total_with(Totality::kTotal, "anything"));
  EXPECT_FALSE(total_with(Totality::kPartial, "1"));
  EXPECT_FALSE(total_with(Totality::kLimits, "1"));
}

TEST(Totality, NothingTotalIsVolatileOrDenied) {
  for (const BuiltinFunction& function : builtin().functions()) {
    if (function.totality == Totality::kPartial) continue;
    EXPECT_NE(function.volatility, 'v') << function.name;
    EXPECT_FALSE(function.returns_set) << function.name;
    EXPECT_EQ(function.kind, 'f') << function.name;
  }
  const auto count =
      std::count_if(builtin().operators().begin(), builtin().operators().end(),
                    [](const BuiltinOperator& row) { return row.totality == Totality::kTotal; });
  EXPECT_GT(count, 400);
}

}  // namespace
}  // namespace chaperone::rules
