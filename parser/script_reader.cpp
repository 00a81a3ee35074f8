#include "parser/script_reader.hpp"

#include <algorithm>
#include <utility>

#include "parser/tokens.hpp"

namespace chaperone::parser {
namespace {

char lower(char byte) {
  return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte;
}

bool is_word(std::string_view token, std::string_view word) {
  return std::equal(token.begin(), token.end(), word.begin(), word.end(),
                    [](char a, char b) { return lower(a) == b; });
}

bool is_name_start(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' || (byte & 0x80) != 0;
}

Span span_of(std::size_t begin, std::size_t end) {
  return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end - begin)};
}

// CREATE [OR REPLACE] {FUNCTION|PROCEDURE}: only in these does psql look for BEGIN .. END.
class RoutineBody {
 public:
  bool open() const { return depth_ > 0; }

  void word(std::string_view token) {
    if (is_word(token, "create")) {
      match(0);
    } else if (is_word(token, "or")) {
      match(1);
    } else if (is_word(token, "replace")) {
      match(2);
    } else if (is_word(token, "function") || is_word(token, "procedure")) {
      routine_ = routine_ || (words_ == 1 && step_ == 1) || (words_ == 3 && step_ == 3);
    }
    ++words_;
    if (!routine_) return;
    if (is_word(token, "begin")) {
      ++depth_;
    } else if (is_word(token, "case")) {
      if (depth_ > 0) ++depth_;
    } else if (is_word(token, "end")) {
      if (depth_ > 0) --depth_;
    }
  }

 private:
  void match(unsigned step) {
    if (words_ == step && step_ == step) step_ = step + 1;
  }

  unsigned words_ = 0;
  unsigned step_ = 0;
  unsigned depth_ = 0;
  bool routine_ = false;
};

// COPY .. FROM STDIN, outside of brackets.
class CopyFromStdin {
 public:
  explicit operator bool() const { return found_; }

  void word(std::string_view token, std::size_t nesting) {
    if (first_) copy_ = is_word(token, "copy");
    first_ = false;
    if (!copy_ || nesting > 0) return;
    found_ = found_ || (from_ && is_word(token, "stdin"));
    from_ = is_word(token, "from");
  }
  void other() { first_ = from_ = false; }

 private:
  bool first_ = true;
  bool copy_ = false;
  bool from_ = false;
  bool found_ = false;
};

}  // namespace

/// One statement while it is being read.
struct ScriptReader::Scan {
  std::size_t first = std::string_view::npos;
  std::size_t end = 0;
  std::size_t nesting = 0;
  RoutineBody body;
  CopyFromStdin copy;
  bool variables = false;
  std::vector<std::uint32_t> backslashes;

  bool empty() const { return first == std::string_view::npos; }

  void take(std::string_view text, std::size_t base, const Token& token) {
    const std::size_t offset = base + token.span.offset;
    const std::string_view bytes = text.substr(offset, token.span.length);
    if (empty()) first = offset;
    const bool joins = offset == end;
    end = offset + bytes.size();
    if (token.kind == TokenKind::kWord) {
      body.word(bytes);
      copy.word(bytes, nesting);
    } else {
      copy.other();
    }
    if (bytes == "(") ++nesting;
    if (bytes == ")" && nesting > 0) --nesting;
    // A lone colon right in front of a name or a quote; an array's slice [a:b] looks the same, as it does to
    // psql.
    const bool named = token.kind == TokenKind::kWord || token.kind == TokenKind::kString ||
                       token.kind == TokenKind::kQuotedName;
    if (colon_ && joins && named && (bytes[0] == '\'' || bytes[0] == '"' || is_name_start(bytes[0]))) {
      variables = true;
    }
    colon_ = bytes == ":";
  }

 private:
  bool colon_ = false;
};

std::string ScriptPiece::sql(std::string_view text) const {
  std::string sql(text.substr(span.offset, span.length));
  for (const std::uint32_t backslash : backslashes) sql[backslash - span.offset] = ' ';
  return sql;
}

std::size_t ScriptReader::command_end(std::size_t offset) const {
  return std::min(text_.find_first_of("\r\n", offset), text_.size());
}

bool ScriptReader::take_data(ScriptPiece& piece) {
  data_follows_ = false;
  const std::size_t begin = std::min(text_.find('\n', offset_), text_.size() - 1) + 1;
  if (begin >= text_.size()) return false;
  std::size_t line = begin;
  while (line < text_.size()) {
    const std::size_t end = std::min(text_.find('\n', line), text_.size());
    std::string_view content = text_.substr(line, end - line);
    if (content.ends_with('\r')) content.remove_suffix(1);
    line = std::min(end + 1, text_.size());
    if (content == "\\.") break;
  }
  piece = {ScriptPiece::Kind::kData, span_of(begin, line), false, {}};
  offset_ = line;
  return true;
}

bool ScriptReader::next(ScriptPiece& piece) {
  if (data_follows_ && take_data(piece)) return true;
  Scan scan;
  while (true) {
    const std::size_t base = offset_;
    Tokenizer tokenizer(text_.substr(base));
    Token token;
    bool restart = false;
    while (!restart) {
      const bool more = tokenizer.next(token);
      const std::size_t offset = more ? base + token.span.offset : text_.size();
      const char byte = more ? text_[offset] : '\0';
      const bool backslash = more && token.kind == TokenKind::kOther && byte == '\\';
      const bool semicolon = byte == ';' && scan.nesting == 0 && !scan.body.open();
      if (backslash && offset + 1 < text_.size() && text_[offset + 1] == ';') {
        // A string of several statements: the semicolon is sent.
        if (scan.empty()) scan.first = offset;
        scan.backslashes.push_back(static_cast<std::uint32_t>(offset));
        offset_ = scan.end = offset + 2;
        restart = true;
      } else if (backslash && scan.empty()) {
        offset_ = command_end(offset);
        piece = {ScriptPiece::Kind::kCommand, span_of(offset, offset_), false, {}};
        return true;
      } else if (!more || backslash || semicolon) {
        offset_ = semicolon ? offset + 1 : offset;
        if (scan.empty()) {
          if (!more) return false;
          continue;
        }
        data_follows_ = static_cast<bool>(scan.copy) && more;
        piece = {ScriptPiece::Kind::kStatement, span_of(scan.first, scan.end), scan.variables,
                 std::move(scan.backslashes)};
        return true;
      } else {
        scan.take(text_, base, token);
      }
    }
  }
}

LineColumn LineCounter::at(std::size_t offset) {
  offset = std::min(offset, text_.size());
  if (offset < offset_) {
    offset_ = 0;
    place_ = {};
  }
  for (; offset_ < offset; ++offset_) {
    const char byte = text_[offset_];
    if (byte == '\n') {
      ++place_.line;
      place_.column = 1;
    } else if ((byte & 0xC0) != 0x80) {
      ++place_.column;
    }
  }
  return place_;
}

}  // namespace chaperone::parser
