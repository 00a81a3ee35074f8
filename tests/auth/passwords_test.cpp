#include "proxy/auth/passwords.hpp"

#include <gtest/gtest.h>

#include "tests/auth/exchange.hpp"

namespace chaperone::auth::testing {
namespace {

const std::string kPencil = rfc_verifier().to_text();

std::string error_of(std::string_view text) {
  const auto passwords = Passwords::from_text(text, "passwords");
  return passwords ? "no error" : passwords.error().message;
}

TEST(Passwords, finds_each_agent) {
  const std::string crayon = ScramVerifier::derive("crayon", 2).to_text();
  const auto passwords = Passwords::from_text("# agents\n\nbot:" + kPencil + "\n  spaced # name :" + crayon +
                                                  "\n#bot:" + crayon + "\n\xc3\xa4gent:" + crayon,
                                              "passwords");
  ASSERT_TRUE(passwords) << passwords.error().message;
  EXPECT_EQ(passwords->find("bot").first.to_text(), kPencil);
  EXPECT_TRUE(passwords->find("bot").second);
  EXPECT_EQ(passwords->find("  spaced # name ").first.to_text(), crayon);
  EXPECT_TRUE(passwords->find("\xc3\xa4gent").second) << "the last line, which has no end, was not read";
  for (const std::string_view unknown : {"", "Bot", "bot ", "spaced", "#bot", "bo"}) {
    EXPECT_FALSE(passwords->find(unknown).second) << '"' << unknown << '"';
  }
}

TEST(Passwords, empty_files_know_nobody) {
  for (const std::string_view text : {"", "\n", "\r\n\r\n", "# nothing", "\xef\xbb\xbf"}) {
    const auto passwords = Passwords::from_text(text, "passwords");
    ASSERT_TRUE(passwords) << passwords.error().message;
    EXPECT_FALSE(passwords->find("bot").second);
  }
  EXPECT_FALSE(Passwords().find("bot").second);
}

TEST(Passwords, line_ends_and_byte_order_mark_of_other_editors_are_taken) {
  const auto passwords = Passwords::from_text(
      "\xef\xbb\xbf"
      "bot:" +
          kPencil + "\r\n\r\n# x\r\ncat:" + kPencil + "\r\n",
      "passwords");
  ASSERT_TRUE(passwords) << passwords.error().message;
  EXPECT_TRUE(passwords->find("bot").second);
  EXPECT_TRUE(passwords->find("cat").second);
}

TEST(Passwords, errors_name_file_line_column_and_what_would_be_right) {
  EXPECT_EQ(
      error_of("\nbot\n"),
      "passwords:2:1: no colon; expected <agent>:SCRAM-SHA-256$.., as `pgchaperone password` prints it");
  EXPECT_EQ(
      error_of("   \n"),
      "passwords:1:1: no colon; expected <agent>:SCRAM-SHA-256$.., as `pgchaperone password` prints it");
  EXPECT_EQ(error_of("bot:" + kPencil + "\n:" + kPencil),
            "passwords:2:1: empty name; expected the name of an agent");
  EXPECT_EQ(error_of("bot:hunter2"),
            "passwords:1:5: not a SCRAM verifier; expected "
            "SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>");
  EXPECT_EQ(error_of("bot: " + kPencil).substr(0, 36), "passwords:1:5: not a SCRAM verifier;");
  EXPECT_EQ(error_of("# \r\nbot:SCRAM-SHA-256$0:"),
            "passwords:2:19: bad iterations; expected a number from 1 to 1000000 and a colon");
  EXPECT_EQ(error_of("bot:SCRAM-SHA-256$4096:x$"),
            "passwords:1:24: bad salt; expected base64 of at least one byte and a $");
  EXPECT_EQ(error_of("bot:SCRAM-SHA-256$4096:eHg=$x:"),
            "passwords:1:29: bad StoredKey; expected base64 of 32 bytes and a colon");
  EXPECT_EQ(error_of("bot:" + kPencil + " "),
            "passwords:1:94: bad ServerKey; expected base64 of 32 bytes and nothing more");
  EXPECT_EQ(error_of("bot:" + kPencil + "\r\r\n"),
            "passwords:1:94: bad ServerKey; expected base64 of 32 bytes and nothing more");
}

TEST(Passwords, columns_count_characters_not_bytes) {
  EXPECT_EQ(error_of("\xc3\xa4\xe2\x82\xac:x").substr(0, 15), "passwords:1:4: ");
}

TEST(Passwords, names_stand_once) {
  EXPECT_EQ(error_of("bot:" + kPencil + "\n# x\ncat:" + kPencil +
                     "\nbot:" + ScramVerifier::derive("x", 1).to_text()),
            "passwords:4:1: agent \"bot\" stands on line 1 already; expected one line an agent");
}

TEST(Passwords, names_without_meaning_are_refused) {
  EXPECT_EQ(error_of(std::string("a\0b:", 4) + kPencil),
            "passwords:1:1: name holds a colon, a NUL or a line break; expected none of them");
  EXPECT_EQ(error_of("a\rb:" + kPencil),
            "passwords:1:1: name holds a colon, a NUL or a line break; expected none of them");
}

TEST(Passwords, line_is_read_again) {
  for (const std::string_view name : {"bot", " ", "a b#", "\xc3\xa4", "$"}) {
    const auto passwords = Passwords::from_text(Passwords::line(name, rfc_verifier()) + "\n", "passwords");
    ASSERT_TRUE(passwords) << passwords.error().message;
    EXPECT_EQ(passwords->find(name).first.to_text(), kPencil);
  }
}

TEST(Passwords, line_refuses_names_that_would_be_read_as_something_else) {
  for (const std::string_view name :
       {std::string_view(""), std::string_view("#bot"), std::string_view("a:b"), std::string_view("a\nb"),
        std::string_view("a\r"), std::string_view("a\0b", 3)}) {
    EXPECT_FALSE(Passwords::check_name(name)) << '"' << name << '"';
    EXPECT_THROW(Passwords::line(name, rfc_verifier()), std::invalid_argument) << '"' << name << '"';
  }
}

TEST(Passwords, unknown_agents_keep_their_salt_over_a_reload) {
  const auto before = Passwords::from_text("bot:" + kPencil, "passwords");
  const auto after = Passwords::from_text("cat:" + kPencil, "passwords");
  ASSERT_TRUE(before && after);
  EXPECT_EQ(before->find("nobody").first.salt, after->find("nobody").first.salt)
      << "a changed salt tells that the agent does not exist";
  EXPECT_NE(before->find("nobody").first.salt, before->find("someone").first.salt);
  EXPECT_EQ(before->find("nobody").first.salt.size(), 16U);
}

TEST(Passwords, unknown_agents_have_the_usual_iterations) {
  const auto with = [](std::initializer_list<int> counts) {
    std::string text;
    for (const int count : counts) {
      text += Passwords::line("bot" + std::to_string(text.size()), ScramVerifier::derive("x", count)) + "\n";
    }
    return Passwords::from_text(text, "passwords").value().find("nobody").first.iterations;
  };
  EXPECT_EQ(with({}), 4096);
  EXPECT_EQ(with({9}), 9);
  EXPECT_EQ(with({9, 5, 9}), 9);
  EXPECT_EQ(with({9, 5}), 5);
}

}  // namespace
}  // namespace chaperone::auth::testing
