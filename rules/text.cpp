#include "rules/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace chaperone::rules {
namespace {

constexpr std::size_t kLongest = 64;
constexpr std::size_t kLongestQuoted = 200;

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

/// Optimal string alignment distance, ASCII letters compared without case. Both at most kLongest bytes.
std::size_t distance(std::string_view a, std::string_view b) {
  using Row = std::array<std::size_t, kLongest + 1>;
  Row before_last{};
  Row last{};
  Row row{};
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const char x = lower(a[i - 1]);
      const char y = lower(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (x == y ? 0U : 1U)});
      if (i > 1 && j > 1 && x == lower(b[j - 2]) && lower(a[i - 2]) == y) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    before_last = std::exchange(last, row);
  }
  return last[b.size()];
}

}  // namespace

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& byte : out) byte = lower(byte);
  return out;
}

std::string_view closest(std::string_view word, std::span<const std::string_view> candidates) {
  if (word.size() < 2 || word.size() > kLongest) return {};
  std::size_t best = std::max<std::size_t>(1, word.size() / 3) + 1;
  std::string_view found;
  for (const std::string_view candidate : candidates) {
    if (candidate.size() > kLongest) continue;
    const std::size_t edits = distance(word, candidate);
    if (edits < best) {
      best = edits;
      found = candidate;
    }
  }
  return found;
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  std::size_t taken = 0;
  for (; taken < text.size() && taken < kLongestQuoted; ++taken) {
    out += is_control(text[taken]) ? '?' : text[taken];
  }
  if (taken < text.size()) {
    // Not in the middle of a UTF-8 sequence.
    while (taken > 0 && (static_cast<unsigned char>(text[taken]) & 0xc0) == 0x80) {
      out.pop_back();
      --taken;
    }
    out += "..";
  }
  out += '"';
  return out;
}

std::string one_of(std::span<const std::string_view> words) {
  if (words.empty()) return "nothing";
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
    out += words[i];
  }
  return out;
}

std::string with_suggestion(std::string expected, std::string_view word,
                            std::span<const std::string_view> known) {
  const std::string_view meant = closest(word, known);
  if (!meant.empty()) expected += fmt::format(" (did you mean {}?)", in_quotes(meant));
  return expected;
}

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(), is_control);
}

}  // namespace chaperone::rules
