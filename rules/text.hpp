#pragma once

#include <span>
#include <string>
#include <string_view>

namespace chaperone::rules {

/// The candidate that `word` most likely is a misspelling of, or "". One edit is allowed for every three
/// characters of the word (at least one); swapped neighbours count as one edit, letter case as none.
std::string_view closest(std::string_view word, std::span<const std::string_view> candidates);

/// "a, b or c"; "nothing" of no words.
std::string one_of(std::span<const std::string_view> words);
/// `expected`, with "(did you mean ..?)" behind it where `word` looks like one of the known ones.
std::string with_suggestion(std::string expected, std::string_view word,
                            std::span<const std::string_view> known);

/// Foreign text for a message: in double quotes, on one line, control characters replaced, cut to a length
/// that a terminal shows.
std::string in_quotes(std::string_view text);

/// A to Z in lower case, all else as it is: as guc.c and scansup.c fold names, whatever the locale.
char lower(char c);
std::string lower(std::string_view text);

/// C0 or DEL.
bool has_control_character(std::string_view text);

}  // namespace chaperone::rules
