#include "rules/rewrite/rewrite_parts.hpp"

namespace chaperone::rules {

using parser::Id;

namespace {

bool ends_limit(const SqlText& text, std::size_t token) {
  return text.is_word(token, "OFFSET") || text.is_word(token, "FOR") || text.is_word(token, "LIMIT") ||
         text.is_word(token, "FETCH");
}

}  // namespace

// The query that a statement runs, without brackets around all of it.
TokenRange Rewriter::statement_query(Id statement) const {
  const parser::Span span = facts_.script.statements[statement].span;
  TokenRange range{text_.from(span.offset), text_.from(span.offset + span.length)};
  const std::string_view command = facts_.statements[statement].command;
  if (command == "DECLARE CURSOR") {
    range.first = text_.find_word(range, "FOR") + 1;
  } else if (command == "PREPARE") {
    range.first = text_.find_word(range, "AS") + 1;
  } else if (command == "COPY") {
    ++range.first;
  }
  if (range.first >= range.end) throw CannotRewrite{"a query"};
  if (command == "COPY") {
    if (!text_.is(range.first, '(')) throw CannotRewrite{"COPY"};
    range.end = text_.next(range.first);
  }
  while (text_.is(range.first, '(') && text_.partner(range.first) + 1 == range.end) {
    range = {range.first + 1, range.end - 1};
  }
  return range;
}

void Rewriter::limit(const RowLimit& limit) {
  const parser::Query& query = facts_.queries[limit.query];
  const TokenRange range = statement_query(query.statement);
  const std::string rows = std::to_string(limit.rows);
  if (query.with_ties) {
    // least() does not bound ties.
    put(text_.begin(range.first), std::move(Composer().sql("SELECT * FROM (")));
    put(text_.end(range.end - 1), std::move(Composer().sql(") pgchaperone LIMIT ").sql(rows)));
    return;
  }
  // The last ones of this depth belong to it: an arm's stands in brackets.
  std::size_t found = range.end;
  for (std::size_t token = range.first; token < range.end; token = text_.next(token)) {
    const bool keyword = text_.is_word(token, "LIMIT") || text_.is_word(token, "FETCH");
    if (keyword && token > 0 && !text_.is(token - 1, '.') && !text_.is_word(token - 1, "AS")) found = token;
  }
  if (found == range.end) {
    if (query.limit != parser::kNone) throw CannotRewrite{"LIMIT"};
    put(text_.end(range.end - 1), std::move(Composer().sql(" LIMIT ").sql(rows)));
    return;
  }
  TokenRange count{found + 1, found + 1};
  if (text_.is_word(found, "LIMIT")) {
    while (count.end < range.end && !ends_limit(text_, count.end)) count.end = text_.next(count.end);
    if (count.end == count.first + 1 && text_.is_word(count.first, "ALL")) {
      return replace(count, std::move(Composer().sql(rows)));
    }
  } else {  // FETCH FIRST | NEXT [count] ROW | ROWS ONLY
    ++count.first;
    count.end = count.first;
    while (count.end < range.end && !text_.is_word(count.end, "ROW") && !text_.is_word(count.end, "ROWS")) {
      count.end = text_.next(count.end);
    }
    if (count.empty()) return;  // one row
  }
  if (count.empty()) throw CannotRewrite{"LIMIT"};
  const bool fetch = text_.is_word(found, "FETCH");
  put(text_.begin(count.first), std::move(Composer().sql(fetch ? "(least((" : "least((")));
  put(text_.end(count.end - 1),
      std::move(Composer().sql("), ").sql(rows).sql(fetch ? "::bigint))" : "::bigint)")));
}

}  // namespace chaperone::rules
