#include "parser/parser.hpp"

#include <stdexcept>
#include <utility>

#include "parser/facts.hpp"
#include "parser/pg_tree.hpp"
#include "parser/prescan.hpp"
#include "parser/tokens.hpp"

namespace chaperone::parser {

namespace {

// From the raw spans to the first and last token of each, in one pass for all: statements are in order.
void trim_spans(std::string_view sql, Script& script) {
  Tokenizer tokenizer(sql);
  Token token;
  bool more = tokenizer.next(token);
  for (Statement& statement : script.statements) {
    const std::uint32_t raw_end = statement.span.offset + statement.span.length;
    while (more && token.span.offset < statement.span.offset) more = tokenizer.next(token);
    // Empty statements in front of this one belong to none.
    while (more && sql[token.span.offset] == ';') more = tokenizer.next(token);
    Span span{token.span.offset, 0};
    while (more && token.span.offset < raw_end) {
      span.length = token.span.offset + token.span.length - span.offset;
      more = tokenizer.next(token);
    }
    statement.span = span;
  }
}

}  // namespace

std::size_t Script::bytes() const {
  std::size_t total = statements.capacity() * sizeof(Statement);
  for (const Statement& statement : statements) {
    if (statement.name.capacity() > std::string().capacity()) total += statement.name.capacity() + 1;
  }
  return total;
}

void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw std::logic_error("unchecked error: " + error.message);
}

namespace {

void set_spans(std::string_view sql, Span content, Script& script) {
  if (script.statements.size() == 1) {
    script.statements.front().span = content;
  } else {
    trim_spans(sql, script);
  }
}

// libpg_query hands comments to the grammar's filter (base_yylex), whose look-ahead then misses the word
// behind one: NULLS /**/ LAST is a syntax error there and none in PostgreSQL. So a text that it refuses is
// read once more with blanks where its comments are; offsets stay. Most texts have no such place and are read
// once.
template <class Read>
auto read_past_comments(std::string_view sql, const Read& read) {
  std::string text(sql);
  auto result = read(text);
  if (result || result.error().kind != ErrorKind::kSyntax || !blank_comments(text)) return result;
  auto again = read(text);
  return again ? std::move(again) : std::move(result);
}

}  // namespace

Result<Script> parse(std::string_view sql, const Limits& limits) {
  const Result<Span> content = prescan(sql, limits);
  if (!content) return content.error();
  Result<Script> script = read_past_comments(sql, read_tree);
  if (script) set_spans(sql, *content, *script);
  return script;
}

Result<Facts> read_facts(std::string_view sql, const Limits& limits) {
  const Result<Span> content = prescan(sql, limits);
  if (!content) return content.error();
  Result<Facts> facts = read_past_comments(sql, read_tree_facts);
  if (facts) set_spans(sql, *content, facts->script);
  return facts;
}

Result<std::vector<Definition>> read_definitions(std::string_view sql, const Limits& limits) {
  const Result<Span> content = prescan(sql, limits);
  if (!content) return content.error();
  return read_past_comments(sql, read_tree_definitions);
}

}  // namespace chaperone::parser
