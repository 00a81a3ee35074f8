#include "proxy/auth/crypto.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <stdexcept>

#include "proxy/wire/secret.hpp"

namespace chaperone::auth {
namespace {

const unsigned char* data_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

int size_of(std::string_view text) {
  if (text.size() > std::numeric_limits<int>::max()) throw std::length_error("too long for OpenSSL");
  return static_cast<int>(text.size());
}

void check(bool done, const char* what) {
  if (!done) throw std::runtime_error(std::string("OpenSSL failed: ") + what);
}

}  // namespace

Sha256 sha256(std::string_view data) {
  Sha256 digest;
  check(SHA256(data_of(data), data.size(), digest.data()) != nullptr, "SHA-256");
  return digest;
}

Sha256 hmac_sha256(std::string_view key, std::string_view data) {
  Sha256 digest;
  unsigned int size = 0;
  check(HMAC(EVP_sha256(), key.data(), size_of(key), data_of(data), data.size(), digest.data(), &size) !=
                nullptr &&
            size == digest.size(),
        "HMAC-SHA-256");
  return digest;
}

Sha256 exclusive_or(const Sha256& left, const Sha256& right) {
  Sha256 result;
  std::transform(left.begin(), left.end(), right.begin(), result.begin(),
                 [](unsigned char a, unsigned char b) { return static_cast<unsigned char>(a ^ b); });
  return result;
}

bool equal(const Sha256& left, const Sha256& right) {
  return CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

ScramKeys::~ScramKeys() {
  OPENSSL_cleanse(client_key.data(), client_key.size());
  OPENSSL_cleanse(server_key.data(), server_key.size());
}

ScramKeys derive_keys(std::string_view password, std::string_view salt, int iterations) {
  std::string prepared = saslprep(password);
  Sha256 salted;
  const bool done =
      PKCS5_PBKDF2_HMAC(prepared.data(), size_of(prepared), data_of(salt), size_of(salt), iterations,
                        EVP_sha256(), static_cast<int>(salted.size()), salted.data()) == 1;
  OPENSSL_cleanse(prepared.data(), prepared.size());
  check(done, "PBKDF2");
  ScramKeys keys{.client_key = hmac_sha256(bytes(salted), "Client Key"),
                 .server_key = hmac_sha256(bytes(salted), "Server Key")};
  OPENSSL_cleanse(salted.data(), salted.size());
  return keys;
}

std::string random_bytes(std::size_t size) {
  std::string result(size, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(result.data()), size_of(result)) != 1) {
    // Without randomness every secret to come would be worthless, so there is nothing to go on with.
    std::fputs("pgchaperone: OpenSSL has no random bytes\n", stderr);
    std::abort();
  }
  return result;
}

std::string fresh_nonce() {
  return base64_encode(random_bytes(18));
}

std::string random_id() {
  constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
  constexpr std::size_t kBytes = 10;
  std::string id;
  unsigned bits = 0, held = 0;
  for (const char c : random_bytes(kBytes)) {
    bits = (bits << 8) | static_cast<unsigned char>(c);
    for (held += 8; held >= 5; held -= 5) id.push_back(kAlphabet[(bits >> (held - 5)) & 31]);
  }
  return id;
}

std::string base64_encode(std::string_view data) {
  // EVP_EncodeBlock writes a NUL behind the text.
  std::string text((data.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), data_of(data), size_of(data));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  if (text.empty()) return std::string();
  std::string data(text.size() / 4 * 3, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(data.data()), data_of(text), size_of(text));
  if (size < 0) return std::nullopt;
  // EVP_DecodeBlock counts the padding as data.
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  if (static_cast<std::size_t>(size) < padding) return std::nullopt;
  data.resize(static_cast<std::size_t>(size) - padding);
  // It also trims white space and ignores surplus bits; only the one canonical text encodes to itself again.
  std::string again = base64_encode(data);
  const bool canonical = again == text;
  wire::wipe(again);
  if (!canonical) return std::nullopt;
  return data;
}

std::optional<Sha256> base64_decode_key(std::string_view text) {
  const std::optional<std::string> data = base64_decode(text);
  Sha256 key;
  if (!data || data->size() != key.size()) return std::nullopt;
  std::copy(data->begin(), data->end(), key.begin());
  return key;
}

}  // namespace chaperone::auth
