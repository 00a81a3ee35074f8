#include "rules/literal.hpp"

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

}  // namespace

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
