#include <gtest/gtest.h>

#include "proxy/auth/scram.hpp"

namespace chaperone::auth {
namespace {

struct Case {
  std::string_view what;
  std::string_view password;
  std::string_view prepared;
};

// What PostgreSQL 15's pg_saslprep gives; where it fails, the password as it is.
TEST(Saslprep, prepares_as_postgresql) {
  const Case cases[] = {
      {"ASCII", "IX", "IX"},
      {"nothing", "", ""},
      {"ASCII with control characters", "a\x01\x7f\tb", "a\x01\x7f\tb"},
      {"RFC 4013: soft hyphen is mapped to nothing", "I\xc2\xadX", "IX"},
      {"RFC 4013: case is kept", "USER\xc2\xad", "USER"},
      {"RFC 4013: NFKC of U+00AA", "\xc2\xaa", "a"},
      {"RFC 4013: NFKC of U+2168", "\xe2\x85\xa8", "IX"},
      {"no-break space becomes a space",
       "a\xc2\xa0"
       "b",
       "a b"},
      {"ideographic space becomes a space",
       "a\xe3\x80\x80"
       "b",
       "a b"},
      {"decomposed becomes composed", "u\xcc\x88", "\xc3\xbc"},
      {"composed stays", "\xc3\xbc", "\xc3\xbc"},
      {"full width", "\xef\xbd\x90\xef\xbd\x97", "pw"},
      {"a ligature of 18 characters grows", "\xef\xb7\xba",
       "\xd8\xb5\xd9\x84\xd9\x89 \xd8\xa7\xd9\x84\xd9\x84\xd9\x87 \xd8\xb9\xd9\x84\xd9\x8a\xd9\x87 "
       "\xd9\x88\xd8\xb3\xd9\x84\xd9\x85"},
      {"right to left alone", "\xd8\xa7\xd8\xa8", "\xd8\xa7\xd8\xa8"},
      {"right to left, checked before it is normalized", "\xef\xac\xae", "\xd7\x90\xd6\xb7"},
      {"raw: nothing is left", "\xc2\xad", "\xc2\xad"},
      {"raw: control character in non-ASCII", "\xc3\xa4\x07\xc2\xad", "\xc3\xa4\x07\xc2\xad"},
      {"raw: RFC 4013: right to left that does not end so",
       "\xd8\xa7"
       "1",
       "\xd8\xa7"
       "1"},
      {"raw: both directions",
       "\xd8\xa7"
       "a\xd8\xa8\xc2\xad",
       "\xd8\xa7"
       "a\xd8\xa8\xc2\xad"},
      {"raw: private use", "\xee\x80\x80\xc2\xad", "\xee\x80\x80\xc2\xad"},
      {"raw: unassigned in Unicode 3.2", "\xc8\xa1\xc2\xad", "\xc8\xa1\xc2\xad"},
      {"raw: emoji, unassigned in Unicode 3.2", "\xf0\x9f\x90\x98\xc2\xad", "\xf0\x9f\x90\x98\xc2\xad"},
      {"raw: prohibited before it is normalized", "a\xcd\x81\xc2\xad", "a\xcd\x81\xc2\xad"},
      {"raw: latin-1", "p\xe4ss", "p\xe4ss"},
      {"raw: cut off", "p\xc3", "p\xc3"},
      {"raw: overlong", "\xc0\xaf\xc2\xad", "\xc0\xaf\xc2\xad"},
      {"raw: surrogate", "\xed\xa0\x80\xc2\xad", "\xed\xa0\x80\xc2\xad"},
      {"raw: beyond Unicode", "\xf4\x90\x80\x80\xc2\xad", "\xf4\x90\x80\x80\xc2\xad"},
      {"raw: NUL", std::string_view("\xc2\xad\0x", 4), std::string_view("\xc2\xad\0x", 4)},
  };
  for (const Case& each : cases) EXPECT_EQ(saslprep(each.password), each.prepared) << each.what;
}

TEST(Saslprep, long_passwords_are_whole) {
  std::string password;
  std::string prepared;
  for (int i = 0; i < 10'000; ++i) {
    password += "\xe2\x85\xa8";
    prepared += "IX";
  }
  EXPECT_EQ(saslprep(password), prepared);
}

}  // namespace
}  // namespace chaperone::auth
