#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "parser/parser.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/parser/scanner.hpp"

// Any bytes are answered; what is answered lies inside the text, in order, and is cut where PostgreSQL's
// scanner cuts.

namespace {

using namespace chaperone;
using namespace chaperone::parser;

bool separates_statements(char byte) {
  return std::string_view(" \t\n\r\f\v;").find(byte) != std::string_view::npos;
}

void check_statements(const std::string& sql, const Script& script) {
  std::size_t end = 0;
  for (const Statement& statement : script.statements) {
    const Span span = statement.span;
    require(span.length > 0, "a statement without text");
    require(span.offset >= end, "statements overlap or are out of order");
    end = std::size_t{span.offset} + span.length;
    require(end <= sql.size(), "a statement ends behind the text");
    require(!separates_statements(sql[span.offset]) && !separates_statements(sql[end - 1]),
            "a statement begins or ends with a blank or semicolon");
    require(statement.name.size() < 64, "a name that PostgreSQL would have truncated");
    // What the span cuts out is one statement of the same kind.
    const auto alone = parse(sql.substr(span.offset, span.length));
    require(alone.has_value() && alone->statements.size() == 1, "a statement does not parse alone");
    require(alone->statements.front().kind == statement.kind, "a statement alone is of another kind");
  }
  require(script.bytes() <= 64 * 1024 + sql.size() * 512, "a script is out of proportion");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string sql(as_text(data, size));
  const Result<Script> script = parse(sql);
  if (script) {
    check_statements(sql, *script);
  } else {
    require(!script.error().message.empty(), "an error without a message");
    require(script.error().position <= sql.size() + 1, "an error behind the text");
  }
  const std::string differs = testing::difference(sql);
  require(differs.empty(), differs.c_str());
  return 0;
}
