#pragma once

#include <optional>
#include <string_view>

#include "parser/parser.hpp"

/// What has to hold before the grammar may see a text.
namespace chaperone::parser {

/// The longest text that libpg_query can hold: PostgreSQL's MaxAllocSize without the scanner's two closing
/// NULs.
constexpr std::uint32_t kMaxBytes = 0x3fffffff - 2;

/// Why the text is refused: not UTF-8, a NUL inside, over a limit. Linear in the text, no memory of its own.
std::optional<Error> prescan(std::string_view sql, const Limits& limits);

}  // namespace chaperone::parser
