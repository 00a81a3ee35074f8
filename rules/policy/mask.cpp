#include "rules/policy/mask.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "rules/policy/expression_types.hpp"
#include "rules/rewrite/literal.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {
namespace {

using Part = Expression::Part;
using PartKind = Expression::PartKind;

struct Placeholder {
  std::string_view type;
  std::string_view value;  ///< as text
};

/// What `redact` shows for a type of PostgreSQL's own; empty where nothing in it is a value to no one.
constexpr std::array kPlaceholders = {
    Placeholder{"text", "***"},
    Placeholder{"varchar", "***"},
    Placeholder{"bpchar", "***"},
    Placeholder{"name", "***"},
    Placeholder{"char", "*"},
    Placeholder{"int2", "0"},
    Placeholder{"int4", "0"},
    Placeholder{"int8", "0"},
    Placeholder{"numeric", "0"},
    Placeholder{"float4", "0"},
    Placeholder{"float8", "0"},
    Placeholder{"oid", "0"},
    Placeholder{"bool", "false"},
    Placeholder{"bytea", ""},
    Placeholder{"uuid", "00000000-0000-0000-0000-000000000000"},
    Placeholder{"date", "1970-01-01"},
    Placeholder{"timestamp", "1970-01-01 00:00:00"},
    Placeholder{"timestamptz", "1970-01-01 00:00:00+00"},
    Placeholder{"time", "00:00:00"},
    Placeholder{"timetz", "00:00:00+00"},
    Placeholder{"interval", "00:00:00"},
    Placeholder{"json", "{}"},
    Placeholder{"jsonb", "{}"},
    Placeholder{"inet", "0.0.0.0"},
    Placeholder{"cidr", "0.0.0.0/0"},
    Placeholder{"macaddr", "00:00:00:00:00:00"},
    Placeholder{"macaddr8", "00:00:00:00:00:00:00:00"},
    Placeholder{"tsvector", ""},
};

std::optional<std::string_view> placeholder(std::string_view key) {
  if (!element_key(key).empty()) return "{}";
  for (const Placeholder& p : kPlaceholders) {
    if (p.type == key) return p.value;
  }
  const BuiltinType* type = builtin().find_type(key);
  if (type != nullptr && type->kind == 'r') return "empty";
  if (type != nullptr && type->kind == 'm') return "{}";
  return {};
}

class Builder {
 public:
  Builder(const Column& column, const Catalog& catalog)
      : column_(column), type_(base_type(column.type, catalog)), key_(type_key(column.type, catalog)) {}

  const TypeName& type() const { return type_; }
  const std::string& key() const { return key_; }
  bool is_citext() const { return key_.ends_with(".citext"); }
  bool holds_text() const { return is_text(key_) || is_citext(); }

  Builder& text(std::string_view text) {
    if (parts_.empty() || parts_.back().kind != PartKind::kText) parts_.push_back({});
    parts_.back().text += text;
    return *this;
  }
  Builder& column() {
    parts_.push_back({PartKind::kColumn, column_.name, {}});
    return *this;
  }
  /// The column as text under the collation C: others may refuse to look for a part of it.
  Builder& plain() { return text("(CAST(").column().text(" AS pg_catalog.text) COLLATE pg_catalog.\"C\")"); }
  Expression expression(std::uint16_t index, bool uses_column) {
    Expression out;
    out.parts.push_back({PartKind::kText, "CAST(", {}});
    if (!parts_.empty() && parts_.front().kind == PartKind::kText) {
      out.parts.back().text += parts_.front().text;
      parts_.erase(parts_.begin());
    }
    out.parts.insert(out.parts.end(), parts_.begin(), parts_.end());
    const std::string end = fmt::format(" AS {})", type_.sql());
    if (out.parts.back().kind == PartKind::kText) {
      out.parts.back().text += end;
    } else {
      out.parts.push_back({PartKind::kText, end, {}});
    }
    if (uses_column) out.columns.push_back(index);
    out.total = true;
    return out;
  }

 private:
  const Column& column_;
  TypeName type_;
  std::string key_;
  std::vector<Part> parts_;
};

/// md5 of salt and column, as 32 hexadecimal digits.
void add_digest(Builder& b, std::string_view salt) {
  b.text(fmt::format("pg_catalog.md5({} OPERATOR(pg_catalog.||) ", literal(salt)));
  // To citext letters of either case are the same.
  if (b.is_citext()) {
    b.text("pg_catalog.lower(CAST(").column().text(" AS pg_catalog.text)))");
  } else {
    b.text("CAST(").column().text(" AS pg_catalog.text))");
  }
}

/// So many bits of it, as the two's complement of a number.
void add_bits(Builder& b, std::string_view salt, int bits) {
  b.text("CAST(CAST('x' OPERATOR(pg_catalog.||) pg_catalog.left(");
  add_digest(b, salt);
  b.text(fmt::format(", {}) AS pg_catalog.bit({})) AS pg_catalog.int{})", bits / 4, bits, bits / 8));
}

bool add_hash(Builder& b, std::string_view salt) {
  const std::string& key = b.key();
  if (b.holds_text() || key == "uuid") {
    add_digest(b, salt);
  } else if (key == "int8") {
    add_bits(b, salt, 64);
  } else if (key == "int4") {
    add_bits(b, salt, 32);
  } else if (key == "int2") {
    // There is no cast of 16 bits to int2; the upper half of 32 is one.
    b.text("(");
    add_bits(b, salt, 32);
    b.text(" OPERATOR(pg_catalog.>>) 16)");
  } else if (key == "bytea") {
    b.text(fmt::format("pg_catalog.decode(pg_catalog.md5(pg_catalog.decode(pg_catalog.md5({}), 'hex') "
                       "OPERATOR(pg_catalog.||) ",
                       literal(salt)))
        .column()
        .text("), 'hex')");
  } else {
    return false;
  }
  return true;
}

/// Positions are sought under the collation C, the parts cut out of the column as it is, whose collation the
/// mask then has.
void add_email(Builder& b) {
  b.text("CASE WHEN pg_catalog.strpos(")
      .plain()
      .text(", '@') OPERATOR(pg_catalog.>) 1 THEN (pg_catalog.left(CAST(");
  b.column().text(" AS pg_catalog.text), 1) OPERATOR(pg_catalog.||) '***@' OPERATOR(pg_catalog.||) ");
  b.text("pg_catalog.right(CAST(")
      .column()
      .text(" AS pg_catalog.text), pg_catalog.strpos(pg_catalog.reverse(");
  b.plain().text("), '@') OPERATOR(pg_catalog.-) 1)) WHEN ").column().text(" IS NOT NULL THEN '***' END");
}

/// As many characters of *** as the type holds.
std::string cut(std::string_view value, const TypeName& type) {
  std::size_t most = value.size();
  if (!type.modifiers.empty())
    std::from_chars(type.modifiers.data(), type.modifiers.data() + type.modifiers.size(), most);
  return std::string(value.substr(0, most));
}

std::string_view fitting_kinds(const Builder& b) {
  if (b.holds_text()) return "null, redact, hash, email or {sql: \"..\"}";
  static constexpr std::array<std::string_view, 5> kHashed = {"uuid", "int2", "int4", "int8", "bytea"};
  if (std::find(kHashed.begin(), kHashed.end(), b.key()) != kHashed.end())
    return "null, redact, hash or {sql: \"..\"}";
  if (placeholder(b.key())) return "null, redact or {sql: \"..\"}";
  return "null or {sql: \"..\"}";
}

constexpr std::array<std::string_view, 5> kKinds = {"null", "redact", "hash", "email", "sql"};

}  // namespace

bool is_salt(std::string_view text) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~+/=").find(c) != std::string_view::npos;
  };
  return text.size() >= kShortestSalt && text.size() <= kLongestSalt &&
         std::all_of(text.begin(), text.end(), good);
}

boost::system::result<Expression, ExpressionError> mask_expression(MaskKind kind, const Relation& relation,
                                                                   std::uint16_t index,
                                                                   const Catalog& catalog,
                                                                   std::string_view salt) {
  const Column& column = relation.columns[index];
  Builder b(column, catalog);
  if (!b.type().known()) {
    return ExpressionError{fmt::format("the type of the column {} can't be told", in_quotes(column.name)),
                           "a column whose type is known, or no mask"};
  }
  const ExpressionError unfit{
      fmt::format("there is no mask {} for the column {} of type {}", kKinds[static_cast<std::size_t>(kind)],
                  in_quotes(column.name), b.type().sql()),
      std::string(fitting_kinds(b))};
  switch (kind) {
    case MaskKind::kNull:
      return b.text("NULL").expression(index, false);
    case MaskKind::kRedact: {
      const auto value = b.is_citext() ? std::optional<std::string_view>("***") : placeholder(b.key());
      if (!value) return unfit;
      return b.text(literal(b.holds_text() ? cut(*value, b.type()) : *value)).expression(index, false);
    }
    case MaskKind::kHash:
      if (!add_hash(b, salt)) return unfit;
      return b.expression(index, true);
    case MaskKind::kEmail:
      if (!b.holds_text()) return unfit;
      add_email(b);
      return b.expression(index, true);
    case MaskKind::kExpression:
      break;
  }
  return unfit;
}

}  // namespace chaperone::rules
