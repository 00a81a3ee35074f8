#include <cstddef>
#include <cstdint>
#include <string>

#include "parser/facts.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/parser/facts_check.hpp"

// Any text is read as parse() reads it or refused as parse() refuses it; the facts hold together.

namespace {

using namespace chaperone;
using namespace chaperone::parser;

/// The grammar makes no word that is longer than the text and its own longest.
bool is_plausible(std::string_view text, std::string_view sql) {
  return text.size() <= sql.size() + 64;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string sql(as_text(data, size));
  const Result<Script> script = parse(sql);
  const Result<Facts> facts = read_facts(sql);
  if (!script) {
    require(!facts.has_value(), "facts of a text that does not parse");
    require(facts.error().message == script.error().message, "another error than parse()'s");
    return 0;
  }
  if (!facts) {
    require(facts.error().kind == ErrorKind::kUnsupported, "refused for another reason than a thing unknown");
    require(facts.error().position > 0 && facts.error().position <= sql.size() + 1, "a refusal elsewhere");
    return 0;
  }
  const std::string problem = testing::inconsistency(*facts, *script, sql);
  require(problem.empty(), problem.c_str());
  for (const std::string_view name : facts->names) require(is_plausible(name, sql), "a name out of nowhere");
  for (const Expr& expr : facts->exprs) require(is_plausible(expr.text, sql), "a text out of nowhere");
  return 0;
}
