#include "proxy/audit/verify.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <random>

#include "proxy/audit/chain.hpp"
#include "tests/audit/scratch.hpp"

namespace chaperone::audit {
namespace {

using namespace test;

constexpr std::size_t kLines = 40;

/// A chain of statements, line by line, without newlines.
std::vector<std::string> chain_of(std::size_t count, std::string_view sql = "SELECT 1") {
  Chain chain;
  Batch batch;
  std::vector<std::string> lines;
  for (std::size_t index = 0; index < count; ++index) {
    batch.clear();
    add_statement(batch, index + 1, sql);
    Buffer line;
    chain.seal(batch.line(0), line);
    lines.emplace_back(line.view().substr(0, line.size() - 1));
  }
  return lines;
}

std::string join(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

Verification verify_text(const Scratch& scratch, const std::string& text) {
  write_file(scratch.log(), text);
  const std::string files[] = {scratch.log()};
  const auto result = verify(files);
  EXPECT_TRUE(result) << result.error().message;
  return result ? *result : Verification{};
}

TEST(Verify, AWholeLog) {
  const Scratch scratch;
  const auto lines = chain_of(kLines);
  const Verification result = verify_text(scratch, join(lines));
  EXPECT_TRUE(is_intact(result));
  EXPECT_EQ(result.lines, kLines);
  EXPECT_EQ(result.first_seq, 1U);
  EXPECT_EQ(result.last_seq, kLines);
  EXPECT_EQ(result.last_hash, read_sealed_line(lines.back())->hash);
}

TEST(Verify, EachFlippedByteIsFoundInItsLine) {
  const Scratch scratch;
  const auto lines = chain_of(12);
  const std::string text = join(lines);
  std::mt19937 random(1);
  for (std::size_t position = 0; position < text.size(); position += 1 + random() % 13) {
    std::string changed = text;
    changed[position] = static_cast<char>(changed[position] ^ (1 << (random() % 8)));
    const Verification result = verify_text(scratch, changed);
    ASSERT_FALSE(result.intact) << "byte " << position;
    const auto line = static_cast<std::uint64_t>(
        std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(position), '\n'));
    ASSERT_EQ(result.line, line + 1) << "byte " << position << ": " << result.problem;
    ASSERT_EQ(result.file, scratch.log());
    ASSERT_EQ(result.lines, line) << "what is before it holds";
  }
}

TEST(Verify, ALineThatIsMissing) {
  const Scratch scratch;
  const auto lines = chain_of(kLines);
  for (std::size_t index = 1; index + 1 < kLines; ++index) {
    auto fewer = lines;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(index));
    const Verification result = verify_text(scratch, join(fewer));
    ASSERT_FALSE(result.intact) << index;
    ASSERT_EQ(result.line, index + 1);
    ASSERT_TRUE(
        contains(result.problem, "seq: " + std::to_string(index + 2) + " follows " + std::to_string(index)));
  }
  auto later = lines;
  later.erase(later.begin());
  const Verification result = verify_text(scratch, join(later));
  EXPECT_TRUE(is_intact(result)) << "older files may have been moved away";
  EXPECT_EQ(result.first_seq, 2U) << "and it shows";
}

TEST(Verify, ALineThatWasAddedOrDoubled) {
  const Scratch scratch;
  const auto lines = chain_of(kLines);
  Chain other;
  for (std::size_t index = 0; index < kLines; ++index) {
    auto more = lines;
    more.insert(more.begin() + static_cast<std::ptrdiff_t>(index), lines[index]);
    Verification result = verify_text(scratch, join(more));
    ASSERT_FALSE(result.intact) << "doubled " << index;
    ASSERT_EQ(result.line, index + 2);
    ASSERT_TRUE(contains(result.problem, "seq"));

    // A forged line with the right seq and a hash of its own.
    ChainPosition before;
    before.seq = index;
    other.move_to(before);
    Buffer forged;
    other.seal(R"("kind":"admin","event":"forged")", forged);
    more = lines;
    more[index] = forged.view().substr(0, forged.size() - 1);
    result = verify_text(scratch, join(more));
    ASSERT_FALSE(result.intact) << "forged " << index;
    // The first line has nothing before it: there the next line shows it.
    ASSERT_EQ(result.line, index == 0 ? 2 : index + 1);
    ASSERT_TRUE(contains(result.problem, "prev"));
  }
}

TEST(Verify, LinesThatChangedPlaces) {
  const Scratch scratch;
  const auto lines = chain_of(kLines);
  for (std::size_t index = 0; index + 1 < kLines; ++index) {
    auto moved = lines;
    std::swap(moved[index], moved[index + 1]);
    const Verification result = verify_text(scratch, join(moved));
    ASSERT_FALSE(result.intact) << index;
    ASSERT_LE(result.line, index + 2);
  }
}

TEST(Verify, TextThatIsCutOff) {
  const Scratch scratch;
  const std::string text = join(chain_of(2));
  for (std::size_t size = text.size() - 1; size > 0; --size) {
    const Verification result = verify_text(scratch, text.substr(0, size));
    const bool at_line_end = text[size - 1] == '\n';
    ASSERT_EQ(result.intact, at_line_end) << size << ": " << result.problem;
    if (!at_line_end) {
      ASSERT_TRUE(contains(result.problem, "torn")) << size;
    }
  }
}

TEST(Verify, SeveralFilesInAnyOrder) {
  const Scratch scratch;
  const auto lines = chain_of(kLines);
  std::vector<std::string> files;
  for (std::size_t begin = 0; begin < kLines; begin += 10) {
    files.push_back(scratch.path("part" + std::to_string(begin)));
    write_file(files.back(), join({lines.begin() + static_cast<std::ptrdiff_t>(begin),
                                   lines.begin() + static_cast<std::ptrdiff_t>(begin + 10)}));
  }
  files.push_back(scratch.path("empty"));
  write_file(files.back(), "");
  std::sort(files.begin(), files.end());
  do {
    const auto result = verify(files);
    ASSERT_TRUE(result);
    ASSERT_TRUE(is_intact(*result));
    ASSERT_EQ(result->lines, kLines);
  } while (std::next_permutation(files.begin(), files.end()));

  const auto parts = [&](std::initializer_list<const char*> names) {
    std::vector<std::string> chosen;
    for (const char* name : names) chosen.push_back(scratch.path(name));
    const auto result = verify(chosen);
    EXPECT_TRUE(result);
    return *result;
  };
  Verification result = parts({"part0", "part10", "part30"});
  EXPECT_FALSE(result.intact) << "one is missing";
  EXPECT_EQ(result.file, scratch.path("part30"));
  EXPECT_TRUE(contains(result.problem, "seq: 31 follows 20"));

  result = parts({"part0", "part10", "part10", "part20"});
  EXPECT_FALSE(result.intact) << "one is there twice";
  EXPECT_TRUE(contains(result.problem, "seq: 11 follows 20"));

  // A file of another log in the place of one.
  const auto other = chain_of(kLines, "SELECT 2");
  write_file(scratch.path("part10"), join({other.begin() + 10, other.begin() + 20}));
  result = parts({"part0", "part10", "part20", "part30"});
  EXPECT_FALSE(result.intact);
  EXPECT_EQ(result.file, scratch.path("part10"));
  EXPECT_EQ(result.line, 1U);
  EXPECT_TRUE(contains(result.problem, "prev"));

  // Cut at a line's end in the middle of the log, and within a line.
  const std::string whole = join({lines.begin() + 10, lines.begin() + 20});
  for (std::size_t cut = 1; cut < whole.size(); cut += 17) {
    write_file(scratch.path("part10"), whole.substr(0, whole.size() - cut));
    ASSERT_FALSE(parts({"part0", "part10", "part20", "part30"}).intact) << cut;
  }
}

TEST(Verify, ATornEndIsNoBreakWhereTheLogWentOnInANewFile) {
  const Scratch scratch;
  Chain chain;
  Buffer first;
  chain.seal(R"("kind":"admin","event":"x")", first);
  Buffer gap;
  const ChainPosition here = chain.position();
  chain.seal(R"("kind":"gap","event":"failed")", gap);
  Buffer admin;
  chain.move_to(here);
  chain.seal(R"("kind":"admin","event":"y")", admin);
  write_file(scratch.path("a"), std::string(first.view()) + R"({"v":1,"seq":2,"kind":"other)");
  write_file(scratch.path("b"), gap.view());
  write_file(scratch.path("c"), admin.view());

  const std::string with_gap[] = {scratch.path("b"), scratch.path("a")};
  EXPECT_TRUE(is_intact(verify(with_gap).value()));
  EXPECT_EQ(verify(with_gap)->gaps, 1U);
  write_file(scratch.path("d"), std::string(first.view()) + std::string(admin.view().substr(0, 100)));
  const std::string whole_again[] = {scratch.path("c"), scratch.path("d")};
  EXPECT_TRUE(is_intact(verify(whole_again).value()));
  const std::string without[] = {scratch.path("a"), scratch.path("c")};
  const Verification result = verify(without).value();
  EXPECT_FALSE(result.intact);
  EXPECT_EQ(result.file, scratch.path("a"));
  EXPECT_EQ(result.line, 2U);
  EXPECT_TRUE(contains(result.problem, "torn"));
}

TEST(Verify, WhatIsNoLog) {
  const Scratch scratch;
  EXPECT_TRUE(contains(verify_text(scratch, "hello\n").problem, "not JSON"));
  EXPECT_TRUE(contains(verify_text(scratch, "{\"v\":2}\n").problem, "not a sealed record"));
  EXPECT_TRUE(contains(verify_text(scratch, "\n").problem, "not JSON"));
  EXPECT_TRUE(contains(verify_text(scratch, std::string(1 << 20, '\0')).problem, "torn"));
  EXPECT_TRUE(contains(verify_text(scratch, "").problem, "no records"));
  EXPECT_FALSE(verify_text(scratch, "").intact);
  EXPECT_FALSE(verify({}).value().intact);
  const std::string files[] = {scratch.path("missing")};
  const auto missing = verify(files);
  ASSERT_FALSE(missing);
  EXPECT_TRUE(contains(missing.error().message, "No such file or directory"));
  const std::string directory[] = {scratch.directory()};
  EXPECT_FALSE(verify(directory));
}

TEST(Verify, AFileOfAnotherKindAmongTheOthersIsNamed) {
  const Scratch scratch;
  const auto lines = chain_of(20);
  write_file(scratch.path("a"), join({lines.begin(), lines.begin() + 10}));
  write_file(scratch.path("b"), "x" + join({lines.begin() + 10, lines.end()}));
  const std::string files[] = {scratch.path("a"), scratch.path("b")};
  const Verification result = verify(files).value();
  EXPECT_EQ(result.file, scratch.path("b"));
  EXPECT_EQ(result.line, 1U);
}

TEST(Verify, LongLinesAndProgress) {
  const Scratch scratch;
  const std::string text = join(chain_of(20, std::string(1 << 20, '\x02')));  // 6 MiB each
  write_file(scratch.log(), text);
  const std::string files[] = {scratch.log()};
  std::vector<std::uint64_t> told;
  const auto result = verify(files, [&](std::uint64_t done, std::uint64_t all) {
    told.push_back(done);
    EXPECT_EQ(all, text.size());
  });
  EXPECT_TRUE(is_intact(*result));
  EXPECT_EQ(told.size(), text.size() / (18 << 20));
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
}

}  // namespace
}  // namespace chaperone::audit
