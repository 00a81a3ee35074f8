#include "proxy/audit/chain.hpp"

#include <gtest/gtest.h>

namespace chaperone::audit {
namespace {

std::string seal(Chain& chain, std::string_view body) {
  Buffer line;
  chain.seal(body, line);
  return std::string(line.view());
}

TEST(Chain, SealsLineAfterLine) {
  Chain chain;
  // The hashes are what `printf '%s' '{"v":1,...,"prev":"0..0"' | sha256sum` gives.
  EXPECT_EQ(seal(chain, R"("kind":"admin","x":1)"),
            R"({"v":1,"seq":1,"kind":"admin","x":1,)"
            R"("prev":"0000000000000000000000000000000000000000000000000000000000000000",)"
            R"("hash":"08530097f9728ce2f9331902e0e0257e47a4eb543eef868586f37cc63d73955e"})"
            "\n");
  EXPECT_EQ(seal(chain, R"("kind":"admin","x":2)"),
            R"({"v":1,"seq":2,"kind":"admin","x":2,)"
            R"("prev":"08530097f9728ce2f9331902e0e0257e47a4eb543eef868586f37cc63d73955e",)"
            R"("hash":"1cde278c52ddce3713aeee2fcdbe4c5975bf16bad26843fee5a096cad5847e4b"})"
            "\n");
  EXPECT_EQ(chain.position().seq, 2U);
}

TEST(Chain, ReadsBackWhatItSealed) {
  Chain chain;
  ChainPosition far;
  far.seq = 123'456'789'012;
  chain.move_to(far);
  std::string text = seal(chain, R"("kind":"gap","event":"x,\"prev\":\"")");
  text.pop_back();
  const auto line = read_sealed_line(text);
  ASSERT_TRUE(line) << text;
  EXPECT_EQ(line->seq, 123'456'789'013U);
  EXPECT_EQ(line->kind, "gap");
  EXPECT_EQ(line->body, R"("kind":"gap","event":"x,\"prev\":\"")");
  EXPECT_EQ(line->prev, far.hash_text());
  EXPECT_EQ(line->hash, chain.position().hash_text());
  EXPECT_EQ(line->position().seq, chain.position().seq);
  Sha256 sha256;
  EXPECT_TRUE(hash_fits(*line, sha256));
}

TEST(Chain, NoProperPartOfALineIsALine) {
  Chain chain;
  std::string text = seal(chain, R"("kind":"admin","event":"reload")");
  text.pop_back();
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(read_sealed_line(std::string(text, 0, size))) << "the first " << size << " bytes";
    EXPECT_FALSE(read_sealed_line(std::string(text, size + 1))) << "from byte " << size + 1 << " on";
  }
  EXPECT_FALSE(read_sealed_line(text + " "));
}

TEST(Chain, EachFlippedBitShows) {
  Chain chain;
  std::string text = seal(chain, R"("kind":"admin","event":"reload")");
  text.pop_back();
  Sha256 sha256;
  for (std::size_t index = 0; index < text.size(); ++index) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = text;
      changed[index] = static_cast<char>(changed[index] ^ (1 << bit));
      const auto line = read_sealed_line(changed);
      EXPECT_FALSE(line && hash_fits(*line, sha256)) << "bit " << bit << " of byte " << index;
    }
  }
}

TEST(Chain, ShapesThatAreNotOurs) {
  const std::string hash(64, 'a');
  const auto line = [&hash](std::string_view head, std::string_view tail = "") {
    return std::string(head) + R"(,"kind":"x","prev":")" + hash + R"(","hash":")" + hash + R"("})" +
           std::string(tail);
  };
  EXPECT_TRUE(read_sealed_line(line(R"({"v":1,"seq":1)")));
  EXPECT_FALSE(read_sealed_line(line(R"({"v":2,"seq":1)")));
  EXPECT_FALSE(read_sealed_line(line(R"({"v":1,"seq":0)")));
  EXPECT_FALSE(read_sealed_line(line(R"({"v":1,"seq":01)")));
  EXPECT_FALSE(read_sealed_line(line(R"({"v":1,"seq":-1)")));
  EXPECT_FALSE(read_sealed_line(line(R"({"v":1,"seq":)")));
  EXPECT_FALSE(read_sealed_line(line(R"({"v":1,"seq":18446744073709551616)")));
  EXPECT_FALSE(read_sealed_line(line(R"({"v":1,"seq":1)", "\r")));
  EXPECT_FALSE(read_sealed_line(R"({"v":1,"seq":1,"kind":"x","prev":")" + std::string(64, 'A') +
                                R"(","hash":")" + hash + R"("})"));
  EXPECT_FALSE(read_sealed_line(R"({"v":1,"seq":1,"prev":")" + hash + R"(","hash":")" + hash + R"("})"));
}

TEST(Chain, SeqOfABeginning) {
  EXPECT_EQ(read_seq(R"({"v":1,"seq":42,"kin)"), 42U);
  EXPECT_FALSE(read_seq(R"({"v":1,"seq":42)")) << "more digits may follow";
  EXPECT_FALSE(read_seq(R"({"v":1)"));
  EXPECT_FALSE(read_seq(""));
}

}  // namespace
}  // namespace chaperone::audit
