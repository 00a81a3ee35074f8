#include "rules/rewrite/literal.hpp"

#include <algorithm>
#include <functional>

#include "parser/tokens.hpp"

namespace chaperone::rules {

namespace {

using parser::EditScript;
using parser::Span;
using parser::Token;
using parser::Tokenizer;
using parser::TokenKind;

// A plain literal's token with its segments. They are all of the first one's kind; what lies between them
// (blanks, comments to the end of a line) stays as it is.
std::string escape_form(std::string_view token) {
  std::string result = "E";
  bool inside = false;
  for (std::size_t i = 0; i < token.size(); ++i) {
    const char byte = token[i];
    if (byte == '\'') {
      inside = !inside;  // of a doubled quote both turn it, and nothing lies between them
    } else if (!inside && byte == '-') {
      while (i < token.size() && token[i] != '\n' && token[i] != '\r') result += token[i++];
      --i;
      continue;
    } else if (inside && byte == '\\') {
      result += '\\';
    }
    result += byte;
  }
  return result;
}

// Calls found(span, text) for every literal that has to be written in another way.
void find_unsafe(std::string_view sql, const std::function<void(Span, std::string)>& found) {
  if (sql.find('\\') == std::string_view::npos) return;
  Tokenizer tokenizer(sql);
  Token token;
  Token previous;
  while (tokenizer.next(token)) {
    const std::string_view text = sql.substr(token.span.offset, token.span.length);
    if (token.kind == TokenKind::kString && text.find('\\') != std::string_view::npos) {
      Span span = token.span;
      std::string form = escape_form(text);
      // N'..' is NCHAR '..' written shorter, and there is no N E'..'.
      const bool national = previous.kind == TokenKind::kWord && previous.span.length == 1 &&
                            previous.span.offset + 1 == span.offset &&
                            (sql[previous.span.offset] | 0x20) == 'n';
      if (national) {
        span = {previous.span.offset, span.length + 1};
        form.insert(0, "nchar ");
      }
      found(span, std::move(form));
    }
    previous = token;
  }
}

// Keywords that are not unreserved, in any version from 15 on (kwlist.h): they can't be names everywhere.
constexpr std::string_view kKeywords =
    " all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean "
    "both case cast char character check coalesce collate collation column concurrently constraint create "
    "cross current_catalog current_date current_role current_schema current_time current_timestamp "
    "current_user dec decimal default deferrable desc distinct do else end except exists extract false "
    "fetch float for foreign freeze from full grant greatest group grouping having ilike in initially "
    "inner inout int integer intersect interval into is isnull join json json_array json_arrayagg "
    "json_exists json_object json_objectagg json_query json_scalar json_serialize json_table json_value "
    "lateral leading least left like limit localtime localtimestamp merge_action national natural nchar "
    "none normalize not notnull null nullif numeric offset on only or order out outer overlaps overlay "
    "placing position precision primary real references returning right row select session_user setof "
    "similar smallint some string substring symmetric system_user table tablesample then time timestamp "
    "to trailing treat trim true union unique user using values varchar variadic verbose when where "
    "window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi "
    "xmlroot xmlserialize xmltable ";

}  // namespace

std::string identifier(std::string_view name) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  if (!name.empty() && !(name.front() >= '0' && name.front() <= '9') &&
      std::all_of(name.begin(), name.end(), plain) &&
      kKeywords.find(" " + std::string(name) + " ") == std::string_view::npos) {
    return std::string(name);
  }
  std::string result = "\"";
  for (const char byte : name) {
    if (byte == '"') result += byte;
    result += byte;
  }
  return result + '"';
}

std::string literal(std::string_view value) {
  const bool backslash = value.find('\\') != std::string_view::npos;
  std::string result = backslash ? "E'" : "'";
  result.reserve(value.size() + 8);
  for (const char byte : value) {
    if (byte == '\'' || byte == '\\') result += byte;
    result += byte;
  }
  result += '\'';
  return result;
}

std::string with_safe_literals(std::string_view part) {
  EditScript edits;
  make_literals_safe(part, edits);
  return edits.apply(part, nullptr);
}

void make_literals_safe(std::string_view sql, EditScript& edits) {
  find_unsafe(sql, [&edits](Span span, std::string form) {
    if (!edits.covers(span)) edits.replace(span, {{std::move(form), false}});
  });
}

}  // namespace chaperone::rules
