#include "parser/prescan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "parser/tokens.hpp"
#include "parser/utf8.hpp"

namespace chaperone::parser {

namespace {

Error over_bytes(std::size_t bytes, std::uint32_t limit) {
  return {ErrorKind::kLimit,
          fmt::format(
              "SQL text of {} bytes is over the limit of {} (statement_bytes): split it, send data with COPY "
              "or as parameters, or raise the limit",
              bytes, limit),
          0};
}

Error over_tokens(std::size_t tokens, std::uint32_t limit, std::uint32_t position) {
  return {ErrorKind::kLimit,
          fmt::format(
              "SQL text of {} tokens is over the limit of {} (statement_tokens): split it, send lists as an "
              "array parameter and data with COPY, or raise the limit",
              tokens, limit),
          position};
}

Error over_nesting(std::uint32_t levels, std::uint32_t limit, std::uint32_t position) {
  return {
      ErrorKind::kLimit,
      fmt::format("SQL text nested {} levels deep is over the limit of {} (statement_nesting): flatten its "
                  "brackets, or raise the limit",
                  levels, limit),
      position};
}

Error over_run(std::uint32_t count, std::uint32_t position) {
  return {ErrorKind::kLimit,
          fmt::format(
              "SQL text with {} comments or signs in one run of operator characters is over the limit of {}: "
              "put spaces between them",
              count, kMaxRun),
          position};
}

}  // namespace

Result<Span> prescan(std::string_view sql, const Limits& limits) {
  const std::uint32_t byte_limit = std::min(limits.bytes, kMaxBytes);
  if (sql.size() > byte_limit) return over_bytes(sql.size(), byte_limit);
  if (const std::size_t valid = valid_utf8_prefix(sql); valid != sql.size()) {
    return Error{ErrorKind::kEncoding, invalid_utf8_message(sql.substr(valid)), 0};
  }

  Span content;
  std::uint32_t tokens = 0;
  std::uint32_t nesting = 0;
  std::uint32_t deepest = 0;
  std::uint32_t tokens_crossed = 0;
  std::uint32_t nesting_crossed = 0;
  Tokenizer tokenizer(sql);
  for (Token token; tokenizer.next(token);) {
    if (tokens++ == limits.tokens) tokens_crossed = token.span.offset;
    const char byte = token.kind == TokenKind::kPunctuation ? sql[token.span.offset] : '\0';
    if (byte == ';') continue;
    if (content.length == 0) content.offset = token.span.offset;
    content.length = token.span.offset + token.span.length - content.offset;
    if (byte == '(' || byte == '[') {
      if (nesting++ == limits.nesting && deepest == limits.nesting) nesting_crossed = token.span.offset;
      deepest = std::max(deepest, nesting);
    } else if ((byte == ')' || byte == ']') && nesting > 0) {
      --nesting;
    }
  }
  const auto position = [sql](std::uint32_t offset) { return characters(sql.substr(0, offset)) + 1; };
  if (tokens > limits.tokens) return over_tokens(tokens, limits.tokens, position(tokens_crossed));
  if (deepest > limits.nesting) return over_nesting(deepest, limits.nesting, position(nesting_crossed));
  if (tokenizer.worst_run() > kMaxRun) {
    return over_run(tokenizer.worst_run(), position(tokenizer.worst_run_offset()));
  }
  if (const auto comment = tokenizer.comment_in_string()) {
    return Error{
        ErrorKind::kSyntax,
        "a comment between the segments of one string constant is not supported: write it in front or behind",
        position(*comment)};
  }
  return content;
}

}  // namespace chaperone::parser
