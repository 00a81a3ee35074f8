#pragma once

#include <string>

#include "parser/edit.hpp"
#include "parser/parser.hpp"
#include "rules/policy.hpp"

/// Who asks, told to the database with each statement.
namespace chaperone::rules {

/// The comment in sqlcommenter's format, as /*actor='alice%40example.com',agent='triage-bot'*/ with a blank
/// behind it. Keys are in the alphabet's order; what is empty is left out. In values all bytes but letters,
/// digits and -._~ are percent-encoded, so that nothing in them can end the comment.
std::string context_comment(const Principal& principal);

/// Puts the comment in front of the first token of every statement of the script, before all other edits
/// there. `edits` are of the text that `script` was read from.
void add_context(const parser::Script& script, const std::string& comment, parser::EditScript& edits);

}  // namespace chaperone::rules
