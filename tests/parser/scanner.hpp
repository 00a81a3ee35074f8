#pragma once

#include <pg_query.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "parser/prescan.hpp"
#include "parser/tokens.hpp"

/// PostgreSQL's own scanner, as libpg_query offers it, to hold the Tokenizer against.
namespace chaperone::parser::testing {

/// Just enough of protobuf's wire format for libpg_query's ScanResult: varints and nested messages.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : bytes_(bytes) {}

  bool done() const { return bytes_.empty(); }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; !bytes_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes_.front());
      bytes_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) break;
    }
    return value;
  }

  std::string_view message() {
    const auto length = static_cast<std::size_t>(varint());
    const std::string_view message = bytes_.substr(0, length);
    bytes_.remove_prefix(message.size());
    return message;
  }

 private:
  std::string_view bytes_;
};

/// By the token numbers of libpg_query's proto file (Token), which are gram.y's.
inline TokenKind kind_of(std::uint64_t number, std::string_view text) {
  switch (number) {
    case 259:
      return TokenKind::kQuotedName;
    case 258:
      return text.front() == '"' ? TokenKind::kQuotedName : TokenKind::kWord;
    case 260:
    case 266:
      return TokenKind::kNumber;
    case 261:
      if (text.front() == '$') return TokenKind::kDollarString;
      return text.front() == '\'' ? TokenKind::kString : TokenKind::kEscapeString;
    case 262:
      return TokenKind::kUnicodeString;
    case 263:
    case 264:
      return TokenKind::kBitString;
    case 265:
    case 271:
    case 272:
    case 273:
    case 274:
      return TokenKind::kOperator;
    case 267:
      return TokenKind::kParameter;
    case 268:
    case 269:
    case 270:
      return TokenKind::kPunctuation;
    default:
      break;
  }
  if (number > 276) return TokenKind::kWord;  // keywords
  const char byte = text.front();
  if (std::string_view("~!@#^&|`?+-*/%<>=").find(byte) != std::string_view::npos) return TokenKind::kOperator;
  return std::string_view(",()[].;:").find(byte) != std::string_view::npos ? TokenKind::kPunctuation
                                                                           : TokenKind::kOther;
}

/// Without comments. Nothing if the scanner raises an error.
inline std::optional<std::vector<Token>> scan(const std::string& sql) {
  const PgQueryScanResult result = pg_query_scan(sql.c_str());
  std::optional<std::vector<Token>> tokens;
  if (result.error == nullptr) {
    tokens.emplace();
    WireReader reader({result.pbuf.data, result.pbuf.len});
    while (!reader.done()) {
      if ((reader.varint() & 7U) == 0) {
        reader.varint();  // version
        continue;
      }
      WireReader token(reader.message());
      std::uint64_t fields[8] = {};
      while (!token.done()) {
        const std::uint64_t field = token.varint() >> 3U;
        fields[field & 7U] = token.varint();
      }
      const std::uint64_t start = fields[1];
      const std::uint64_t end = fields[2];
      const std::uint64_t number = fields[4];
      if (number == 275 || number == 276) continue;  // comments
      tokens->push_back({kind_of(number, std::string_view(sql).substr(start, end - start)),
                         {static_cast<std::uint32_t>(start), static_cast<std::uint32_t>(end - start)}});
    }
  }
  pg_query_free_scan_result(result);
  return tokens;
}

inline std::vector<Token> tokenize(std::string_view sql) {
  std::vector<Token> tokens;
  Tokenizer tokenizer(sql);
  for (Token token; tokenizer.next(token);) tokens.push_back(token);
  return tokens;
}

/// One token a line, to be compared and read. Where a U& token ends the scanner does not tell.
inline std::string describe(std::string_view sql, const std::vector<Token>& tokens) {
  static constexpr const char* kNames[] = {"word",           "quoted name", "string",      "escape string",
                                           "unicode string", "bits",        "dollar",      "number",
                                           "parameter",      "operator",    "punctuation", "other"};
  std::string text;
  for (const Token& token : tokens) {
    const bool unicode = token.kind == TokenKind::kUnicodeString ||
                         (token.kind == TokenKind::kQuotedName && sql[token.span.offset] != '"');
    text += std::string(kNames[static_cast<std::size_t>(token.kind)]) + " at " +
            std::to_string(token.span.offset);
    if (!unicode) text += " " + std::string(sql.substr(token.span.offset, token.span.length));
    text += "\n";
  }
  return text;
}

/// What the Tokenizer and the scanner disagree about, or "", for a text that the pre-scan lets through. A
/// vertical tab is a blank from PostgreSQL 16 on and for the Tokenizer, and a character that no statement may
/// hold before.
inline std::string difference(const std::string& sql) {
  if (sql.find('\v') != std::string::npos || !prescan(sql, {})) return {};
  const auto expected = scan(sql);
  if (!expected) return {};
  const std::string ours = describe(sql, tokenize(sql));
  const std::string theirs = describe(sql, *expected);
  if (ours == theirs) return {};
  return "text:\n" + sql + "\ntokenizer:\n" + ours + "scanner:\n" + theirs;
}

}  // namespace chaperone::parser::testing
