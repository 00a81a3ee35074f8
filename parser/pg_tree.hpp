#pragma once

#include <string>
#include <vector>

#include "parser/definitions.hpp"
#include "parser/facts.hpp"

/// The one door to libpg_query. What comes out has nothing of PostgreSQL's C any more.
namespace chaperone::parser {

/// Parses a text that the pre-scan let through. Spans are raw, as the grammar keeps them: from behind the
/// previous semicolon to before the next one or to the end, white space and comments included.
Result<Script> read_tree(const std::string& sql);

/// The same with all that the statements say. The script's spans are raw as well.
Result<Facts> read_tree_facts(const std::string& sql);

/// The same for read_definitions().
Result<std::vector<Definition>> read_tree_definitions(const std::string& sql);

}  // namespace chaperone::parser
