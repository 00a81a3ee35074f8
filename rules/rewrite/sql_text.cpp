#include "rules/rewrite/sql_text.hpp"

#include <algorithm>
#include <array>

namespace chaperone::rules {

using parser::Token;
using parser::TokenKind;

SqlText::SqlText(std::string_view sql) : sql_(sql) {
  parser::Tokenizer tokenizer(sql);
  Token token;
  std::vector<std::size_t> open;
  while (tokenizer.next(token)) {
    const std::size_t index = tokens_.size();
    tokens_.push_back(token);
    partner_.push_back(index);
    if (is(index, '(') || is(index, '[')) {
      open.push_back(index);
    } else if ((is(index, ')') || is(index, ']')) && !open.empty()) {
      partner_[index] = open.back();
      partner_[open.back()] = index;
      open.pop_back();
    }
  }
}

std::size_t SqlText::from(std::uint32_t offset) const {
  const auto found = std::partition_point(
      tokens_.begin(), tokens_.end(), [offset](const Token& token) { return token.span.offset < offset; });
  return static_cast<std::size_t>(found - tokens_.begin());
}

std::size_t SqlText::at(std::uint32_t offset) const {
  const std::size_t token = from(offset);
  return token < size() && begin(token) == offset ? token : size();
}

std::string_view SqlText::text(TokenRange range) const {
  if (range.empty()) return {};
  const parser::Span bytes = span(range);
  return sql_.substr(bytes.offset, bytes.length);
}

bool SqlText::is_word(std::size_t token, std::string_view keyword) const {
  if (token >= size() || tokens_[token].kind != TokenKind::kWord ||
      tokens_[token].span.length != keyword.size()) {
    return false;
  }
  const std::string_view word = sql_.substr(begin(token), keyword.size());
  return std::equal(word.begin(), word.end(), keyword.begin(), [](char a, char b) {
    return (a >= 'a' && a <= 'z' ? static_cast<char>(a - ('a' - 'A')) : a) == b;
  });
}

bool SqlText::is(std::size_t token, char punctuation) const {
  return token < size() && tokens_[token].span.length == 1 &&
         (tokens_[token].kind == TokenKind::kPunctuation || tokens_[token].kind == TokenKind::kOperator) &&
         sql_[begin(token)] == punctuation;
}

std::size_t SqlText::skip_name(std::size_t token) const {
  const bool unicode =
      token < size() && tokens_[token].kind == TokenKind::kQuotedName && sql_[begin(token)] != '"';
  return token + (unicode && is_word(token + 1, "UESCAPE") ? 3 : 1);
}

std::size_t SqlText::skip_names(std::size_t token, std::vector<std::size_t>* parts) const {
  while (true) {
    if (parts != nullptr) parts->push_back(token);
    token = skip_name(token);
    if (!is(token, '.')) return token;
    ++token;
  }
}

std::size_t SqlText::word_before(std::size_t token, std::string_view keyword) const {
  while (token-- > 0) {
    if (is_word(token, keyword) && !is_label(token)) return token;
  }
  return size();
}

// Behind a dot any keyword is a name, and behind AS any is a label, but for the brackets and queries of CTEs,
// casts and PREPARE.
bool SqlText::is_label(std::size_t token) const {
  if (token == 0) return false;
  if (is(token - 1, '.')) return true;
  return is_word(token - 1, "AS") && !is_word(token, "SELECT") && !is_word(token, "VALUES") &&
         !is_word(token, "TABLE") && !is_word(token, "WITH");
}

bool SqlText::begins_clause(std::size_t token) const {
  constexpr std::array<std::string_view, 16> kKeywords = {
      "FROM",  "WHERE",  "HAVING", "WINDOW", "UNION", "INTERSECT", "EXCEPT", "ORDER",
      "LIMIT", "OFFSET", "FETCH",  "FOR",    "INTO",  "RETURNING", "ON",     "GROUP"};
  if (is_label(token)) return false;
  for (const std::string_view keyword : kKeywords) {
    if (!is_word(token, keyword)) continue;
    // IS [NOT] DISTINCT FROM; both words may also be names.
    if (keyword == "FROM") {
      return !is_word(token - 1, "DISTINCT") || is_label(token - 1) ||
             !(is_word(token - 2, "IS") || is_word(token - 2, "NOT"));
    }
    return keyword != "GROUP" || !is_word(token - 1, "WITHIN");
  }
  // CREATE TABLE .. AS .. WITH NO DATA, but not TIME WITH TIME ZONE.
  return is_word(token, "WITH") && (is_word(token + 1, "NO") || is_word(token + 1, "DATA"));
}

std::size_t SqlText::clause_end(std::size_t token) const {
  while (token < size() && !is(token, ')') && !is(token, ']') && !is(token, ';') && !begins_clause(token)) {
    token = next(token);
  }
  return token;
}

std::size_t SqlText::find_word(TokenRange range, std::string_view keyword) const {
  for (std::size_t token = range.first; token < range.end; token = next(token)) {
    if (is_word(token, keyword) && !is_label(token)) return token;
  }
  return range.end;
}

// Cuts a range at the ANDs of its depth; one part where there is an OR.
std::vector<TokenRange> SqlText::cut_at_ands(TokenRange range) const {
  std::vector<TokenRange> parts;
  std::size_t start = range.first;
  std::size_t betweens = 0;
  std::size_t cases = 0;
  for (std::size_t token = range.first; token < range.end; token = next(token)) {
    if (is_label(token)) continue;
    if (is_word(token, "CASE")) ++cases;
    if (is_word(token, "END") && cases > 0) --cases;
    if (cases > 0) continue;
    if (is_word(token, "OR")) return {range};
    if (is_word(token, "BETWEEN")) ++betweens;
    if (!is_word(token, "AND")) continue;
    if (betweens > 0) {
      --betweens;
      continue;
    }
    parts.push_back({start, token});
    start = token + 1;
  }
  parts.push_back({start, range.end});
  return parts;
}

std::vector<TokenRange> SqlText::conjuncts(TokenRange condition) const {
  std::vector<TokenRange> found;
  std::vector<TokenRange> open = {condition};
  while (!open.empty()) {
    const TokenRange range = open.back();
    open.pop_back();
    if (range.empty()) continue;
    // Brackets around several are opened, those around one belong to it.
    TokenRange inner = range;
    while (is(inner.first, '(') && partner(inner.first) + 1 == inner.end) {
      inner = {inner.first + 1, inner.end - 1};
    }
    const std::vector<TokenRange> parts = cut_at_ands(inner);
    if (parts.size() == 1) {
      found.push_back(range);
    } else {
      open.insert(open.end(), parts.rbegin(), parts.rend());
    }
  }
  return found;
}

}  // namespace chaperone::rules
