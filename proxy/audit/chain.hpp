#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/audit/hash.hpp"
#include "proxy/audit/json.hpp"

/// The hash chain: how a line is sealed, and how a sealed line is read back.
namespace chaperone::audit {

/// The last line of a chain. Before the first one: seq 0 and 64 zeros.
struct ChainPosition {
  ChainPosition() { hash.fill('0'); }

  std::uint64_t seq = 0;
  std::array<char, kHashDigits> hash;

  std::string_view hash_text() const { return {hash.data(), hash.size()}; }
  void set_hash(std::string_view digits) { digits.copy(hash.data(), hash.size()); }
};

/// Seals lines: {"v":1,"seq":<seq>,<body>,"prev":"<hash before>","hash":"<hash>"}
class Chain {
 public:
  const ChainPosition& position() const { return position_; }
  /// Goes on behind another line, as after lines that were not written.
  void move_to(const ChainPosition& position) { position_ = position; }
  /// Appends the line and its newline.
  void seal(std::string_view body, Buffer& to);

 private:
  ChainPosition position_;
  Sha256 sha256_;
};

/// What the chain needs of a sealed line; views into it.
struct SealedLine {
  std::uint64_t seq = 0;
  std::string_view kind;
  std::string_view body;  ///< members from "kind" to before "prev"
  std::string_view prev;
  std::string_view hash;
  std::string_view hashed;  ///< the part that the hash is of

  ChainPosition position() const;
};

/// Nothing if it has not the shape that Chain::seal gives (its newline left off). The hash is not computed.
std::optional<SealedLine> read_sealed_line(std::string_view line);

/// The seq of the line that `text` begins with; nothing if it does not begin like one.
std::optional<std::uint64_t> read_seq(std::string_view text);

/// Whether the hash that a line bears is the one of its text.
bool hash_fits(const SealedLine& line, Sha256& sha256);

}  // namespace chaperone::audit
