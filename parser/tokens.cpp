#include "parser/tokens.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace chaperone::parser {

namespace {

// What a byte can be in a token; the names are scan.l's.
enum : unsigned {
  kSpace = 1U << 0,
  kIdentStart = 1U << 1,
  kIdentCont = 1U << 2,
  kOpChar = 1U << 3,
  kOpQualifying = 1U << 4,  // lets an operator end in + or -
  kDecimal = 1U << 5,
  kHexadecimal = 1U << 6,
  kOctal = 1U << 7,
  kBinary = 1U << 8,
};

constexpr std::array<std::uint16_t, 256> make_classes() {
  std::array<std::uint16_t, 256> classes{};
  const auto add = [&classes](std::string_view bytes, unsigned bits) {
    for (const char byte : bytes) {
      auto& entry = classes[static_cast<unsigned char>(byte)];
      entry = static_cast<std::uint16_t>(entry | bits);
    }
  };
  // \v is white space from PostgreSQL 16 on; before, the grammar refuses it.
  add(" \t\n\r\f\v", kSpace);
  add("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_", kIdentStart | kIdentCont);
  for (std::size_t byte = 0x80; byte < 256; ++byte) classes[byte] = kIdentStart | kIdentCont;
  add("$", kIdentCont);
  add("0123456789", kIdentCont | kDecimal | kHexadecimal);
  add("abcdefABCDEF", kHexadecimal);
  add("01234567", kOctal);
  add("01", kBinary);
  add("~!@#^&|`?+-*/%<>=", kOpChar);
  add("~!@#^&|`?%", kOpQualifying);
  return classes;
}

constexpr std::array<std::uint16_t, 256> kClasses = make_classes();

bool is(char byte, unsigned classes) {
  return (kClasses[static_cast<unsigned char>(byte)] & classes) != 0;
}

bool is_newline(char byte) {
  return byte == '\n' || byte == '\r';
}

// The first place from offset on that is of none of the classes.
std::size_t skip(std::string_view text, std::size_t offset, unsigned classes) {
  while (offset < text.size() && is(text[offset], classes)) ++offset;
  return offset;
}

std::size_t skip_line(std::string_view text, std::size_t offset) {
  while (offset < text.size() && !is_newline(text[offset])) ++offset;
  return offset;
}

}  // namespace

bool Tokenizer::starts_comment(std::size_t offset) const {
  const char first = at(offset);
  return (first == '-' && at(offset + 1) == '-') || (first == '/' && at(offset + 1) == '*');
}

void Tokenizer::count_in_run() {
  if (offset_ >= run_end_) {
    run_end_ = skip(text_, offset_, kOpChar);
    run_ = 0;
  }
  if (++run_ > worst_run_) {
    worst_run_ = run_;
    worst_run_offset_ = static_cast<std::uint32_t>(offset_);
  }
}

void Tokenizer::skip_blank() {
  while (true) {
    offset_ = skip(text_, offset_, kSpace);
    if (!starts_comment(offset_)) return;
    if (text_[offset_] == '-') {
      offset_ = skip_line(text_, offset_);
    } else {
      skip_block_comment();
    }
  }
}

void Tokenizer::skip_block_comment() {
  std::size_t depth = 0;
  while (offset_ < text_.size()) {
    const char byte = text_[offset_];
    if (byte == '/' && at(offset_ + 1) == '*') {
      count_in_run();
      ++depth;
      offset_ += 2;
    } else if (byte == '*' && at(offset_ + 1) == '/') {
      offset_ += 2;
      if (--depth == 0) return;
    } else {
      ++offset_;
    }
  }
  open_comment_ = true;
}

void Tokenizer::lex_quoted(char quote) {
  ++offset_;
  while (offset_ < text_.size()) {
    if (text_[offset_++] != quote) continue;
    if (at(offset_) != quote) return;
    ++offset_;
  }
}

// {quotecontinue}: white space and -- comments with at least one newline, then a quote.
bool Tokenizer::joins_next_segment() {
  bool newline = false;
  std::optional<std::uint32_t> comment;
  for (std::size_t i = offset_; i < text_.size();) {
    const char byte = text_[i];
    if (is(byte, kSpace)) {
      newline |= is_newline(byte);
      ++i;
    } else if (byte == '-' && at(i + 1) == '-') {
      comment = static_cast<std::uint32_t>(i);
      i = skip_line(text_, i);
    } else if (byte == '\'' && newline) {
      offset_ = i + 1;
      if (comment) comment_in_string_ = comment;
      return true;
    } else {
      return false;
    }
  }
  return false;
}

// From the opening quote on. A segment that is joined is of the first one's kind.
void Tokenizer::lex_string(bool doubled, bool escapes) {
  ++offset_;
  while (offset_ < text_.size()) {
    const char byte = text_[offset_++];
    if (byte == '\\' && escapes) {
      if (offset_ < text_.size()) ++offset_;
    } else if (byte == '\'') {
      if (doubled && at(offset_) == '\'') {
        ++offset_;
      } else if (!joins_next_segment()) {
        return;
      }
    }
  }
}

bool Tokenizer::lex_dollar_string() {
  std::size_t i = offset_ + 1;
  while (is(at(i), kIdentCont) && at(i) != '$' && !(i == offset_ + 1 && is(at(i), kDecimal))) ++i;
  if (at(i) != '$') return false;
  const std::string_view delimiter = text_.substr(offset_, i + 1 - offset_);
  const std::size_t end = text_.find(delimiter, i + 1);
  offset_ = end == std::string_view::npos ? text_.size() : end + delimiter.size();
  return true;
}

// {decinteger} and its like: digits, single underscores between them.
void Tokenizer::lex_digits(unsigned base_mask) {
  while (is(at(offset_), base_mask) || (at(offset_) == '_' && is(at(offset_ + 1), base_mask))) ++offset_;
}

void Tokenizer::lex_number() {
  if (at(offset_) == '0') {
    const char letter = static_cast<char>(at(offset_ + 1) | 0x20);
    const unsigned base_mask = letter == 'x'   ? unsigned{kHexadecimal}
                               : letter == 'o' ? unsigned{kOctal}
                               : letter == 'b' ? unsigned{kBinary}
                                               : 0U;
    const std::size_t digit = offset_ + (at(offset_ + 2) == '_' ? 3 : 2);
    if (base_mask != 0 && is(at(digit), base_mask)) {
      offset_ += 2;
      lex_digits(base_mask);
      return;
    }
  }
  if (at(offset_) != '.') lex_digits(kDecimal);
  if (at(offset_) == '.' && at(offset_ + 1) != '.') {  // 1..10 is 1 .. 10
    ++offset_;
    if (is(at(offset_), kDecimal)) lex_digits(kDecimal);
  }
  if ((at(offset_) | 0x20) == 'e') {
    const std::size_t sign = at(offset_ + 1) == '+' || at(offset_ + 1) == '-' ? 1 : 0;
    if (is(at(offset_ + 1 + sign), kDecimal)) {
      offset_ += 1 + sign;
      lex_digits(kDecimal);
    }
  }
}

// {operator}: ends before a comment, and in + or - only if it holds a character that SQL's own operators do
// not.
void Tokenizer::lex_operator() {
  const std::size_t start = offset_;
  if (start < signs_end_) {
    count_in_run();
    ++offset_;
    return;
  }
  bool qualifying = false;
  std::size_t last_other = start;  // behind the last character that is neither + nor -
  while (is(at(offset_), kOpChar) && !starts_comment(offset_)) {
    qualifying |= is(text_[offset_], kOpQualifying);
    ++offset_;
    if (text_[offset_ - 1] != '+' && text_[offset_ - 1] != '-') last_other = offset_;
  }
  if (qualifying || last_other == offset_) return;
  signs_end_ = offset_;
  offset_ = std::max(start + 1, last_other);
}

TokenKind Tokenizer::lex_token() {
  const char byte = text_[offset_];
  const char second = at(offset_ + 1);
  if (is(byte, kIdentStart)) {
    if (second == '\'') {
      switch (byte | 0x20) {
        case 'e':
          ++offset_;
          lex_string(true, true);
          return TokenKind::kEscapeString;
        case 'b':
        case 'x':
          ++offset_;
          lex_string(false, false);
          return TokenKind::kBitString;
        default:
          break;
      }
    } else if (second == '&' && (byte | 0x20) == 'u') {
      if (at(offset_ + 2) == '\'') {
        offset_ += 2;
        lex_string(true, false);
        return TokenKind::kUnicodeString;
      }
      if (at(offset_ + 2) == '"') {
        offset_ += 2;
        lex_quoted('"');
        return TokenKind::kQuotedName;
      }
    }
    offset_ = skip(text_, offset_, kIdentCont);
    return TokenKind::kWord;
  }
  if (is(byte, kDecimal) || (byte == '.' && is(second, kDecimal))) {
    lex_number();
    return TokenKind::kNumber;
  }
  if (is(byte, kOpChar)) {
    lex_operator();
    return TokenKind::kOperator;
  }
  switch (byte) {
    case '\'':
      lex_string(true, false);
      return TokenKind::kString;
    case '"':
      lex_quoted('"');
      return TokenKind::kQuotedName;
    case '$':
      if (is(second, kDecimal)) {
        offset_ = skip(text_, offset_ + 1, kDecimal);
        return TokenKind::kParameter;
      }
      if (lex_dollar_string()) return TokenKind::kDollarString;
      ++offset_;
      return TokenKind::kOther;
    case '.':
      offset_ += second == '.' ? 2 : 1;
      return TokenKind::kPunctuation;
    case ':':
      offset_ += second == ':' || second == '=' ? 2 : 1;
      return TokenKind::kPunctuation;
    case ',':
    case ';':
    case '(':
    case ')':
    case '[':
    case ']':
      ++offset_;
      return TokenKind::kPunctuation;
    default:
      ++offset_;
      return TokenKind::kOther;
  }
}

bool Tokenizer::next(Token& token) {
  skip_blank();
  if (offset_ >= text_.size()) return false;
  const std::size_t start = offset_;
  token.kind = lex_token();
  token.span = {static_cast<std::uint32_t>(start), static_cast<std::uint32_t>(offset_ - start)};
  return true;
}

bool blank_comments(std::string& text) {
  std::string blanked = text;
  Tokenizer tokenizer(text);
  Token token;
  bool changed = false;
  bool after_string = false;
  std::size_t end = 0;  // of the token before
  for (bool more = true; more;) {
    more = tokenizer.next(token);
    const std::size_t begin = more ? token.span.offset : text.size();
    const bool string = more && text[begin + token.span.length - 1] == '\'';
    if (!(after_string && string)) {
      for (std::size_t i = end; i < begin; ++i) {
        if (is(text[i], kSpace)) continue;
        blanked[i] = ' ';
        changed = true;
      }
    }
    after_string = string;
    end = begin + (more ? token.span.length : 0);
  }
  if (!changed || tokenizer.open_comment()) return false;
  text = std::move(blanked);
  return true;
}

}  // namespace chaperone::parser
