#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// UTF-8 as PostgreSQL sees it: no NUL, no overlong form, no surrogate, nothing above U+10FFFF.
namespace chaperone::parser {

/// How many bytes from the front are valid, as pg_utf8_verifystr counts them.
std::size_t valid_utf8_prefix(std::string_view text);

/// PostgreSQL's message for a text that begins with an invalid character (report_invalid_encoding).
std::string invalid_utf8_message(std::string_view text);

/// Characters of a valid text.
std::uint32_t characters(std::string_view text);

}  // namespace chaperone::parser
