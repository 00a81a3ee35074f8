#include "proxy/audit/chain.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace chaperone::audit {
namespace {

constexpr std::string_view kHead = R"({"v":1,"seq":)";
constexpr std::string_view kKind = R"("kind":")";
constexpr std::string_view kPrev = R"(,"prev":")";
constexpr std::string_view kHash = R"(,"hash":")";
constexpr std::string_view kEnd = R"("})";
/// ,"prev":"<hash>" and ,"hash":"<hash>"} are as long in each line.
constexpr std::size_t kPrevLength = kPrev.size() + kHashDigits + 1;
constexpr std::size_t kHashLength = kHash.size() + kHashDigits + kEnd.size();
constexpr std::size_t kNumberDigits = 20;

bool is_hash(std::string_view digits) {
  return std::all_of(digits.begin(), digits.end(), [](char digit) {
    return (digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f');
  });
}

}  // namespace

void Chain::seal(std::string_view body, Buffer& to) {
  const std::size_t begin = to.size();
  char* at = to.room(kHead.size() + kNumberDigits + 1 + body.size() + kPrevLength + kHashLength + 1);
  at = put(at, kHead);
  at = put_number(at, position_.seq + 1);
  *at++ = ',';
  at = put(at, body);
  at = put(at, kPrev);
  at = put(at, position_.hash_text());
  *at++ = '"';
  to.end_at(at);
  const Sha256::Digest digest = sha256_(to.view().substr(begin));
  at = put(at, kHash);
  put_hex(at, bytes_of(digest));
  position_.set_hash({at, kHashDigits});
  at = put(at + kHashDigits, kEnd);
  *at++ = '\n';
  to.end_at(at);
  ++position_.seq;
}

ChainPosition SealedLine::position() const {
  ChainPosition result;
  result.seq = seq;
  result.set_hash(hash);
  return result;
}

std::optional<std::uint64_t> read_seq(std::string_view text) {
  if (!text.starts_with(kHead)) return {};
  std::uint64_t seq = 0;
  const char* const begin = text.data() + kHead.size();
  const char* const end = text.data() + text.size();
  const auto [after, problem] = std::from_chars(begin, end, seq);
  if (problem != std::errc() || after == end || *begin == '0' || *after != ',') return {};
  return seq;
}

std::optional<SealedLine> read_sealed_line(std::string_view line) {
  const auto seq = read_seq(line);
  if (!seq || !line.ends_with(kEnd)) return {};
  SealedLine result;
  result.seq = *seq;
  const std::size_t body = line.find(',', kHead.size()) + 1;
  if (line.size() < body + kKind.size() + kPrevLength + kHashLength) return {};

  const std::size_t hash = line.size() - kHashLength;
  const std::size_t prev = hash - kPrevLength;
  if (line.substr(hash, kHash.size()) != kHash || line.substr(prev, kPrev.size()) != kPrev ||
      line[hash - 1] != '"') {
    return {};
  }
  result.hashed = line.substr(0, hash);
  result.hash = line.substr(hash + kHash.size(), kHashDigits);
  result.prev = line.substr(prev + kPrev.size(), kHashDigits);
  result.body = line.substr(body, prev - body);
  if (!is_hash(result.hash) || !is_hash(result.prev) || !result.body.starts_with(kKind)) return {};
  result.kind = result.body.substr(kKind.size());
  result.kind = result.kind.substr(0, result.kind.find('"'));
  return result;
}

bool hash_fits(const SealedLine& line, Sha256& sha256) {
  std::array<char, kHashDigits> digits;
  put_hex(digits.data(), bytes_of(sha256(line.hashed)));
  return line.hash == std::string_view(digits.data(), digits.size());
}

}  // namespace chaperone::audit
