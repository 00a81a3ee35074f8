#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/audit/record.hpp"

/// Record lines as short sentences that a test can be read by.
///
///     statement    1: SELECT 1          1? SELEC 1 (verdict unknown)     1: SELECT $1 ["7"]
///                  1 denied by tables.t: SELECT ..      1 against tables.t: SELECT .. (observed)
///     outcome      1 ok SELECT 1, 1 rows     1 failed 42601     2 not_run     1 ok suspended, 2 rows
///     transaction  [1,2] committed           [2] rolled_back to a
///     session      opened     closed: why     refused: why
namespace chaperone::test {

/// The member of a JSON object without its braces, as it stands there; empty = there is none.
std::string_view member(std::string_view line, std::string_view name);
/// Of a string member, what it says (escapes stay).
std::string_view text_member(std::string_view line, std::string_view name);

std::string sentence(std::string_view line);
/// Of all lines of the batch from `from` on.
std::vector<std::string> sentences(const audit::Batch& batch, std::size_t from = 0);

/// What all the lines together tell, whatever their order and the statements' numbers: the SQL of each
/// statement with its outcome, sorted, then the transactions by the SQL of their statements.
std::vector<std::string> story(const audit::Batch& batch);

/// What no log may hold: a statement with two outcomes or an outcome without a statement, two endings of the
/// session, and once it is closed, a statement without an outcome. Empty = nothing of that.
std::string contradiction(const audit::Batch& batch);

}  // namespace chaperone::test
