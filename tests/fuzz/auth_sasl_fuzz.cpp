#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "proxy/auth/passwords.hpp"
#include "proxy/auth/scram_verifier.hpp"
#include "tests/auth/exchange.hpp"

/// The first byte chooses between what reads SCRAM text; the rest is the text. The messages of an exchange
/// stand a line each: for the server client-first and client-final, for the client server-first and
/// server-final. Nonces, salt and password are fixed, so that the corpus can hold exchanges that are
/// accepted; whatever is accepted has to be the one right message.
namespace {

using namespace chaperone::auth;
using namespace chaperone::auth::testing;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

std::vector<std::string_view> lines(std::string_view text) {
  std::vector<std::string_view> result;
  for (std::size_t end = 0; end != std::string_view::npos;
       text.remove_prefix(end == text.npos ? 0 : end + 1)) {
    end = text.find('\n');
    result.push_back(text.substr(0, end));
  }
  return result;
}

const ScramVerifier& verifier() {
  static const ScramVerifier fixed = rfc_verifier(1);
  return fixed;
}

const ScramKeys& keys() {
  static const ScramKeys fixed = derive_keys(kPassword, verifier().salt, 1);
  return fixed;
}

void fuzz_server(std::string_view text, bool doomed) {
  ScramServer server = make_server(verifier(), doomed);
  std::string heard;
  std::string said;
  bool accepted = false;
  for (const std::string_view message : lines(text)) {
    const auto answer = said.empty() ? server.first(message) : server.final(message);
    if (!answer) {
      require(!server.final(message), "an exchange went on after an error");
      return;
    }
    if (said.empty()) {
      heard = message;
      said = *answer;
      continue;
    }
    require(!accepted, "a message behind the end was accepted");
    accepted = true;
    require(!doomed, "a doomed exchange was accepted");
    const std::size_t proof_at = message.find(",p=");
    require(proof_at != message.npos, "a message without a proof was accepted");
    const std::string signed_text =
        heard.substr(3) + "," + said + "," + std::string(message.substr(0, proof_at));
    const Sha256 signature = hmac_sha256(bytes(verifier().stored_key), signed_text);
    const std::string proof = base64_encode(bytes(exclusive_or(keys().client_key, signature)));
    require(message.substr(proof_at + 3) == proof, "a wrong proof was accepted");
    require(*answer == "v=" + base64_encode(bytes(hmac_sha256(bytes(verifier().server_key), signed_text))),
            "the server's signature is wrong");
  }
}

void fuzz_client(std::string_view text) {
  static ScramKeyCache cache;
  const std::vector<std::string_view> messages = lines(text);
  const std::string_view server_first = messages.front();
  // Many rounds are legal, but would only slow the search down.
  if (const std::size_t at = server_first.find(",i="); at != server_first.npos) {
    const std::string_view count = server_first.substr(at + 3);
    if (parse_iterations(count.substr(0, count.find(','))).value_or(0) > 100) return;
  }
  ScramClient client = make_client(kPassword, cache);
  const std::string client_first = client.first();
  const auto client_final = client.final(server_first);
  if (client_final) {
    require(server_first.starts_with(std::string("r=").append(kClientNonce)), "a foreign nonce was accepted");
    require(client_final->starts_with("c=biws,"), "the header is not what was sent");
  }
  for (std::size_t i = 1; i < messages.size(); ++i) {
    if (!client.verify(messages[i])) continue;
    require(client_final.has_value(), "a signature was believed after an error");
    const std::size_t salt_at = server_first.find(",s=") + 3;
    const std::size_t count_at = server_first.find(",i=");
    const auto salt = base64_decode(server_first.substr(salt_at, count_at - salt_at));
    const auto iterations = parse_iterations(server_first.substr(count_at + 3));
    require(salt && iterations, "a malformed challenge was accepted");
    const std::string signed_text = client_first.substr(3) + "," + std::string(server_first) + "," +
                                    client_final->substr(0, client_final->find(",p="));
    const Sha256 server_key = derive_keys(kPassword, *salt, *iterations).server_key;
    require(messages[i] == "v=" + base64_encode(bytes(hmac_sha256(bytes(server_key), signed_text))),
            "a wrong signature was believed");
  }
}

void fuzz_verifier(std::string_view text) {
  if (const auto read = ScramVerifier::from_text(text))
    require(read->to_text() == text, "a verifier has two texts");
  if (const auto data = base64_decode(text)) require(base64_encode(*data) == text, "base64 has two texts");
}

void fuzz_passwords(std::string_view text) {
  const auto read = Passwords::from_text(text, "file");
  if (!read) {
    require(read.error().message.starts_with("file:"), "an error does not say where it is");
    return;
  }
  for (const std::string_view line : lines(text)) {
    const std::string_view name = line.substr(0, line.find(':'));
    const auto [found, known] = read->find(name);
    require(!found.salt.empty(), "a challenge would have no salt");
    if (known)
      require(ScramVerifier::from_text(found.to_text()).has_value(), "a verifier can't be read again");
  }
}

void fuzz_saslprep(std::string_view text) {
  const std::string prepared = saslprep(text);
  require(prepared.empty() == text.empty(), "a password was lost");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 's':
      fuzz_server(text, false);
      break;
    case 'd':
      fuzz_server(text, true);
      break;
    case 'c':
      fuzz_client(text);
      break;
    case 'v':
      fuzz_verifier(text);
      break;
    case 'f':
      fuzz_passwords(text);
      break;
    case 'p':
      fuzz_saslprep(text);
      break;
    default:
      break;
  }
  return 0;
}
