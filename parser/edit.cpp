#include "parser/edit.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "parser/utf8.hpp"

namespace chaperone::parser {

namespace {

bool is_name_byte(char byte) {
  const auto value = static_cast<unsigned char>(byte);
  return (value >= 'a' && value <= 'z') || (value >= 'A' && value <= 'Z') || (value >= '0' && value <= '9') ||
         value == '_' || value == '$' || value >= 0x80;
}

bool is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

bool is_one_of(char byte, std::string_view set) {
  return set.find(byte) != std::string_view::npos;
}

// Whether a token that ends in `last` could go on, or become another one, when `next` follows it.
bool could_join(char last, char next) {
  constexpr std::string_view kOperators = "~!@#^&|`?+-*/%<>=";
  const bool quote = next == '\'' || next == '"';
  if (is_name_byte(last)) {
    return is_name_byte(next) || quote || (next == '.' && is_digit(last)) ||
           (next == '&' && (last == 'u' || last == 'U'));  // U&'..'
  }
  if (quote) return last == next || last == '&';
  if (is_one_of(last, kOperators)) return is_one_of(next, kOperators);
  if (last == '.') return next == '.' || is_digit(next);
  return last == ':' && (next == ':' || next == '=');
}

}  // namespace

void EditScript::check_overlap(const Span& span, std::multimap<Place, Edit>::const_iterator behind) const {
  const auto end = [](const Span& s) { return std::uint64_t{s.offset} + s.length; };
  if ((behind != edits_.begin() && end(std::prev(behind)->second.span) > span.offset) ||
      (behind != edits_.end() && end(span) > behind->second.span.offset)) {
    throw std::logic_error("edits overlap");
  }
}

void EditScript::replace(Span span, std::vector<Piece> pieces) {
  const Place place{span.offset, span.length != 0};
  const auto behind = edits_.upper_bound(place);
  check_overlap(span, behind);
  edits_.emplace_hint(behind, place, Edit{span, std::move(pieces)});
}

void EditScript::insert_first(std::uint32_t offset, std::vector<Piece> pieces) {
  const Place place{offset, false};
  const auto behind = edits_.lower_bound(place);
  check_overlap({offset, 0}, behind);
  edits_.emplace_hint(behind, place, Edit{{offset, 0}, std::move(pieces)});
}

bool EditScript::covers(Span span) const {
  const auto behind = edits_.upper_bound({span.offset, true});
  if (behind == edits_.begin()) return false;
  const Span& last = std::prev(behind)->second.span;
  return std::uint64_t{last.offset} + last.length >= std::uint64_t{span.offset} + span.length;
}

template <class Sink>
void EditScript::walk(std::string_view text, const Value& value, Sink&& sink) const {
  char last = ' ';
  const auto put = [&](std::string_view chunk, std::size_t client, bool spliced) {
    if (chunk.empty()) return;
    if (could_join(last, chunk.front())) sink(std::string_view(" "), client, true);
    sink(chunk, client, spliced);
    last = chunk.back();
  };
  std::size_t done = 0;
  for (const auto& [place, edit] : edits_) {
    put(text.substr(done, edit.span.offset - done), done, false);
    for (const Piece& piece : edit.pieces) {
      if (piece.slot) {
        put(value(piece.text), edit.span.offset, true);
      } else {
        put(piece.text, edit.span.offset, true);
      }
    }
    done = std::size_t{edit.span.offset} + edit.span.length;
  }
  put(text.substr(done), done, false);
}

std::size_t EditScript::bytes() const {
  constexpr std::size_t kNode = sizeof(std::pair<const Place, Edit>) + 4 * sizeof(void*);
  std::size_t total = edits_.size() * kNode;
  for (const auto& [place, edit] : edits_) {
    total += edit.pieces.capacity() * sizeof(Piece);
    for (const Piece& piece : edit.pieces) total += piece.text.capacity() + 1;
  }
  return total;
}

std::string EditScript::apply(std::string_view text, const Value& value) const {
  std::string result;
  result.reserve(text.size() + bytes());
  walk(text, value, [&result](std::string_view chunk, std::size_t, bool) { result += chunk; });
  return result;
}

std::string EditScript::apply(std::string_view text, Span part, const Value& value) const {
  EditScript inside;
  const std::uint64_t end = std::uint64_t{part.offset} + part.length;
  for (const auto& [place, edit] : edits_) {
    if (place.first < part.offset || place.first > end) continue;
    const Span moved{edit.span.offset - part.offset, edit.span.length};
    inside.edits_.emplace(Place{moved.offset, place.second}, Edit{moved, edit.pieces});
  }
  return inside.apply(text.substr(part.offset, part.length), value);
}

PositionMap::PositionMap(const EditScript& edits, std::string_view text, const EditScript::Value& value) {
  std::uint32_t sent = 0;
  std::uint32_t client = 0;
  std::size_t counted = 0;  // bytes of the text that `client` has counted
  edits.walk(text, value, [&](std::string_view chunk, std::size_t offset, bool spliced) {
    client += characters(text.substr(counted, offset - counted));
    counted = offset;
    if (stretches_.empty() || !spliced || !stretches_.back().spliced || stretches_.back().client != client) {
      stretches_.push_back({sent, client, spliced});
    }
    sent += characters(chunk);
  });
}

std::uint32_t PositionMap::client_position(std::uint32_t sent_position) const {
  if (sent_position == 0) return 0;  // no position
  const auto behind = std::partition_point(stretches_.begin(), stretches_.end(), [&](const Stretch& stretch) {
    return stretch.sent < sent_position;
  });
  if (behind == stretches_.begin()) return sent_position;
  const Stretch& stretch = *std::prev(behind);
  return stretch.client + (stretch.spliced ? 1 : sent_position - stretch.sent);
}

}  // namespace chaperone::parser
