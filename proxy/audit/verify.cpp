#include "proxy/audit/verify.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <optional>

#include "proxy/audit/chain.hpp"
#include "proxy/audit/line_reader.hpp"

namespace chaperone::audit {
namespace {

constexpr std::uint64_t kProgressStep = 16 << 20;

/// Fixed members of a first line, up to its seq.
constexpr std::size_t kBeginning = 64;

struct Input {
  std::uint64_t first_seq = 0;  ///< 0 = its first line is none of ours
  std::string path;
  std::uint64_t size = 0;
};

wire::Result<Input> look_at(const std::string& path) {
  auto reader = LineReader::open(path);
  if (!reader) return reader.error();
  Input input{.path = path, .size = reader->size()};
  std::string_view line;
  const auto got = reader->next(line);
  if (!got) return got.error();
  if (!*got) line = reader->unfinished();
  input.first_seq = read_seq(line.substr(0, kBeginning)).value_or(0);
  return input;
}

/// The chain so far, and the first thing wrong with it.
class Verifier {
 public:
  explicit Verifier(Verification& result) : result_(result) {}

  /// False at a line that does not fit.
  bool line(std::string_view text, const std::string& file, std::uint64_t number) {
    const auto line = read_sealed_line(text);
    if (!line) return wrong(file, number, shape_problem(text));
    if (!hash_fits(*line, sha256_))
      return wrong(file, number, "hash: the line is not the one that was sealed");
    if (torn_ && line->kind != "gap" && !text.starts_with(torn_->text)) {
      return wrong(torn_->file, torn_->number, kTorn);
    }
    if (result_.lines != 0 && line->seq != last_.seq + 1) {
      return wrong(file, number,
                   "seq: " + std::to_string(line->seq) + " follows " + std::to_string(last_.seq));
    }
    if ((result_.lines != 0 || line->seq == 1) && line->prev != last_.hash_text()) {
      return wrong(file, number, "prev: it was sealed behind another line than the one before it");
    }
    torn_.reset();
    last_ = line->position();
    if (result_.lines == 0) result_.first_seq = line->seq;
    result_.last_seq = line->seq;
    ++result_.lines;
    if (line->kind == "gap") ++result_.gaps;
    return true;
  }

  /// A last line without its end. The log itself goes on in a new file then, with that line, whole, or a gap
  /// record.
  void torn(const std::string& file, std::uint64_t number, std::string_view text) {
    if (torn_) {
      wrong(torn_->file, torn_->number, kTorn);
    } else {
      torn_ = Torn{file, number, std::string(text)};
    }
  }

  void end() {
    if (torn_) wrong(torn_->file, torn_->number, kTorn);
    if (result_.intact && result_.lines == 0) wrong("", 0, "there are no records");
    if (result_.lines != 0) result_.last_hash = last_.hash_text();
  }

 private:
  struct Torn {
    std::string file;
    std::uint64_t number;
    std::string text;
  };
  static constexpr std::string_view kTorn = "torn: the line has no end (cut off, or just being written)";

  static std::string_view shape_problem(std::string_view text) {
    boost::system::error_code problem;
    const auto value = boost::json::parse(text, problem);
    return problem ? "not JSON" : "not a sealed record of version 1";
  }

  bool wrong(const std::string& file, std::uint64_t number, std::string_view problem) {
    result_.intact = false;
    result_.file = file;
    result_.line = number;
    result_.problem = problem;
    torn_.reset();
    return false;
  }

  Verification& result_;
  Sha256 sha256_;
  ChainPosition last_;
  std::optional<Torn> torn_;
};

}  // namespace

wire::Result<Verification> verify(std::span<const std::string> files,
                                  const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  std::vector<Input> inputs;
  std::uint64_t all = 0;
  for (const std::string& file : files) {
    auto input = look_at(file);
    if (!input) return input.error();
    if (input->size == 0) continue;
    all += input->size;
    inputs.push_back(std::move(*input));
  }
  // One that begins with no record of ours comes first, as a gap in front of the others would hide the cause.
  std::stable_sort(inputs.begin(), inputs.end(),
                   [](const Input& a, const Input& b) { return a.first_seq < b.first_seq; });

  Verification result;
  Verifier verifier(result);
  std::uint64_t before = 0;
  std::uint64_t told = 0;
  for (const Input& input : inputs) {
    auto reader = LineReader::open(input.path);
    if (!reader) return reader.error();
    std::string_view line;
    std::uint64_t number = 0;
    for (;;) {
      const auto got = reader->next(line);
      if (!got) return got.error();
      if (!*got) break;
      if (!verifier.line(line, input.path, ++number)) break;
      const std::uint64_t done = before + reader->offset();
      if (progress && done - told >= kProgressStep) progress(told = done, all);
    }
    if (result.intact && !reader->unfinished().empty())
      verifier.torn(input.path, number + 1, reader->unfinished());
    if (!result.intact) break;
    before += input.size;
  }
  verifier.end();
  return result;
}

}  // namespace chaperone::audit
