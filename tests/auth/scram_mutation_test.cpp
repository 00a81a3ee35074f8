#include <gtest/gtest.h>

#include <array>
#include <random>

#include "tests/auth/exchange.hpp"

namespace chaperone::auth::testing {
namespace {

class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
  }

  std::string mutate(std::string text) {
    for (std::size_t edits = 1 + below(3); edits > 0; --edits) edit(text);
    return text;
  }

 private:
  char character() {
    // What the grammar is made of comes more often than other bytes.
    constexpr std::string_view kLikely = ",,==+/09AZaznyprscvime \n";
    return below(3) == 0 ? static_cast<char>(below(256)) : kLikely[below(kLikely.size())];
  }

  void edit(std::string& text) {
    const std::size_t at = text.empty() ? 0 : below(text.size());
    switch (below(8)) {
      case 0:
        if (!text.empty()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        break;
      case 1:
        if (!text.empty()) text[at] = character();
        break;
      case 2:
        text.insert(at, 1, character());
        break;
      case 3:
        text.erase(at, 1 + below(4));
        break;
      case 4:
        text += character();
        break;
      case 5:
        text.resize(at);
        break;
      case 6:
        text.insert(at, text.substr(at, 1 + below(8)));
        break;
      default:
        if (!text.empty()) std::swap(text[at], text[below(text.size())]);
        break;
    }
  }

  std::mt19937 random_;
};

struct Outcome {
  bool server_accepts = false;
  bool client_accepts = false;
};

/// Plays an exchange between parties that share the password; `changed` (client-first 0, server-first 1,
/// client-final 2, server-final 3) is mutated on its way. `unchanged` says whether that left the message as
/// it was.
Outcome play(std::size_t changed, Mutator& mutator, ScramKeyCache& cache, bool& unchanged,
             std::string& trace) {
  // One digit of iterations, so that no mutation makes the client work for long.
  static const ScramVerifier verifier = rfc_verifier(2);
  unchanged = false;
  const auto carry = [&](std::size_t number, const std::string& message) {
    if (number != changed) return message;
    std::string other = mutator.mutate(message);
    unchanged = other == message;
    trace = message + "\nbecame\n" + other;
    return other;
  };
  ScramClient client(kPassword, cache);
  ScramServer server(verifier, false);
  const auto server_first = server.first(carry(0, client.first()));
  if (!server_first) return {};
  const auto client_final = client.final(carry(1, *server_first));
  if (!client_final) return {};
  const auto server_final = server.final(carry(2, *client_final));
  if (!server_final) return {};
  return {.server_accepts = true, .client_accepts = client.verify(carry(3, *server_final)).has_value()};
}

TEST(ScramMutations, none_is_accepted_unless_it_changed_nothing) {
  Mutator mutator(20240607);
  ScramKeyCache cache;
  std::array<int, 4> changed_count{};
  for (int i = 0; i < 4000; ++i) {
    const std::size_t changed = mutator.below(4);
    bool unchanged = false;
    std::string trace;
    const Outcome outcome = play(changed, mutator, cache, unchanged, trace);
    if (unchanged) {
      EXPECT_TRUE(outcome.server_accepts && outcome.client_accepts)
          << "refused though unchanged, round " << i;
      continue;
    }
    ++changed_count[changed];
    EXPECT_FALSE(outcome.client_accepts)
        << "the client believed message " << changed << ", round " << i << ":\n"
        << trace;
    // Only the last message is past the server.
    EXPECT_TRUE(changed == 3 || !outcome.server_accepts) << "round " << i << ":\n" << trace;
  }
  for (std::size_t number = 0; number < 4; ++number) {
    EXPECT_GE(changed_count[number], 500) << "message " << number << " was hardly tried";
  }
}

TEST(ScramMutations, messages_of_another_exchange_are_refused) {
  ScramKeyCache cache;
  const ScramVerifier verifier = rfc_verifier(2);
  ScramClient old_client(kPassword, cache);
  ScramServer old_server(verifier, false);
  const std::string old_first = old_client.first();
  const std::string old_server_first = old_server.first(old_first).value();
  const std::string old_final = old_client.final(old_server_first).value();
  const std::string old_server_final = old_server.final(old_final).value();

  ScramServer replayed(verifier, false);
  ASSERT_TRUE(replayed.first(old_first));
  EXPECT_FALSE(replayed.final(old_final)) << "a recorded login was played again";

  ScramClient fooled(kPassword, cache);
  fooled.first();
  EXPECT_FALSE(fooled.final(old_server_first)) << "a recorded challenge was played again";

  ScramClient client(kPassword, cache);
  ScramServer server(verifier, false);
  ASSERT_TRUE(client.final(server.first(client.first()).value()));
  EXPECT_FALSE(client.verify(old_server_final)) << "a recorded signature was played again";
}

TEST(ScramMutations, random_bytes_are_refused_by_both_sides) {
  Mutator mutator(7);
  ScramKeyCache cache;
  for (int i = 0; i < 2000; ++i) {
    std::string noise(mutator.below(64), '\0');
    for (char& c : noise) c = static_cast<char>(mutator.below(256));
    ScramServer fresh(rfc_verifier(1), false);
    EXPECT_FALSE(fresh.first(noise)) << "round " << i;
    ScramServer server(rfc_verifier(1), false);
    ASSERT_TRUE(server.first("n,,n=,r=abc"));
    EXPECT_FALSE(server.final(noise)) << "round " << i;
    ScramClient client(kPassword, cache);
    client.first();
    EXPECT_FALSE(client.final(noise)) << "round " << i;
  }
}

}  // namespace
}  // namespace chaperone::auth::testing
