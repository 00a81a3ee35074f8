#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "parser/edit.hpp"
#include "parser/parser.hpp"
#include "rules/policy/policy.hpp"

/// Who asks, told to the database with each statement.
namespace chaperone::rules {

/// All bytes but letters, digits and -._~ as %XX.
std::string percent_encoded(std::string_view value);

/// The comment in sqlcommenter's format, as /*actor='alice%40example.com',agent='triage-bot'*/ with a blank
/// behind it. Keys are in the alphabet's order; what is empty is left out. Values are percent-encoded, so
/// that nothing in them can end the comment. `rule`: of a refusal, what stands in the server's log beside it.
std::string context_comment(const Principal& principal, std::string_view rule = {});

/// "agent/task client's name", cut to the 63 bytes that PostgreSQL keeps. Never the actor: every role of the
/// cluster can read it. A client that gives back what it was shown gets the same again.
std::string application_name(const Principal& principal, std::string_view client);
/// A slot of that name has application_name() of what follows as its value.
inline constexpr std::string_view kApplicationNameSlot = "application_name=";

enum class CommentPlace : std::uint8_t { kFront, kEnd, kOff };

/// Puts the comment into every statement of the script: in front of its first token, before all other edits
/// there, or behind its last one. `edits` are of the text that `script` was read from.
void add_context(const parser::Script& script, const std::string& comment, CommentPlace place,
                 parser::EditScript& edits);

}  // namespace chaperone::rules
