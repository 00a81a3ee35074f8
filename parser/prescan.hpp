#pragma once

#include <string_view>

#include "parser/parser.hpp"

/// What has to hold before the grammar may see a text.
namespace chaperone::parser {

/// The longest text that libpg_query can hold: PostgreSQL's MaxAllocSize without the scanner's two closing
/// NULs.
constexpr std::uint32_t kMaxBytes = 0x3fffffff - 2;

/// Comments and signs that may stand in one run of operator characters (Tokenizer::worst_run). Nobody writes
/// more than a few; each one more makes the scanner read the run once more.
constexpr std::uint32_t kMaxRun = 16;

/// Refuses a text that is not UTF-8, holds a NUL, is over a limit or would be read by libpg_query in another
/// way than by PostgreSQL. Linear in the text, no memory of its own. Returns where the first and the last
/// token stand that is not a semicolon; empty if there is none.
Result<Span> prescan(std::string_view sql, const Limits& limits);

}  // namespace chaperone::parser
