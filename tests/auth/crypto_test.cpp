#include "proxy/auth/crypto.hpp"

#include <gtest/gtest.h>

namespace chaperone::auth {
namespace {

std::string hex(const Sha256& key) {
  std::string text;
  for (const unsigned char byte : key) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

TEST(Crypto, hashes_as_the_standards_vectors) {
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  // RFC 4231, test case 2.
  EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Crypto, equal_sees_every_bit) {
  const Sha256 key = sha256("abc");
  EXPECT_TRUE(equal(key, key));
  for (std::size_t bit = 0; bit < 256; ++bit) {
    Sha256 other = key;
    other[bit / 8] = static_cast<unsigned char>(other[bit / 8] ^ (1U << (bit % 8)));
    EXPECT_FALSE(equal(key, other)) << "bit " << bit;
  }
}

TEST(Base64, round_trips_every_length) {
  std::string data;
  for (int size = 0; size < 200; ++size) {
    EXPECT_EQ(base64_decode(base64_encode(data)), data) << "at length " << size;
    data += static_cast<char>(size * 37);
  }
  EXPECT_EQ(base64_encode("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64_encode("fooba"), "Zm9vYmE=");
  EXPECT_EQ(base64_encode("foob"), "Zm9vYg==");
}

TEST(Base64, only_the_canonical_text_decodes) {
  const std::string_view refused[] = {
      "Z",        "Zg",        "Zg=",         "Zg===",     "Zm9vYmFy=",  "Zm9v====",   "====",  "=",
      "Z===",     " Zm9vYmFy", "Zm9vYmFy ",   "Zm9v YmFy", "Zm9v\nYmFy", "Zm9vYmFy\n", "\tZm9", "Zg== ",
      " Zg==",    "Zh==",      "Zm9vYmF=",    "Zm9vYm==",  "Z=g=",       "Z==g",       "=Zg=",  "Zg==Zg==",
      "Zm9-YmFy", "Zm9_YmFy",  "Zm9vYm\xc3y", "Zm9v,mFy",  "Zm9vYm-"};
  for (const std::string_view text : refused) {
    EXPECT_FALSE(base64_decode(text)) << '"' << text << "\" was decoded";
  }
  EXPECT_FALSE(base64_decode(std::string_view("Zm9\0", 4))) << "a NUL was decoded";
}

TEST(Base64, every_other_last_character_of_a_padded_text_is_refused) {
  const std::string text = base64_encode(bytes(sha256("abc")));
  ASSERT_TRUE(base64_decode_key(text));
  for (int c = 0; c < 256; ++c) {
    std::string other = text;
    other[other.size() - 2] = static_cast<char>(c);
    const auto decoded = base64_decode_key(other);
    const bool means_the_same = decoded && equal(*decoded, sha256("abc"));
    EXPECT_EQ(means_the_same, other == text) << other;
  }
}

TEST(Base64, a_key_has_32_bytes) {
  EXPECT_TRUE(base64_decode_key(base64_encode(std::string(32, 'x'))));
  EXPECT_FALSE(base64_decode_key(base64_encode(std::string(31, 'x'))));
  EXPECT_FALSE(base64_decode_key(base64_encode(std::string(33, 'x'))));
  EXPECT_FALSE(base64_decode_key(""));
}

TEST(RandomBytes, has_the_size_and_does_not_repeat) {
  EXPECT_EQ(random_bytes(0).size(), 0U);
  EXPECT_EQ(random_bytes(33).size(), 33U);
  EXPECT_NE(random_bytes(32), random_bytes(32));
}

}  // namespace
}  // namespace chaperone::auth
