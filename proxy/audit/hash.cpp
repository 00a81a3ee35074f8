#include "proxy/audit/hash.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <stdexcept>

namespace chaperone::audit {

struct Sha256::Context {
  // Fetched once: EVP_sha256() would be looked up anew for each message.
  EVP_MD* algorithm = EVP_MD_fetch(nullptr, "SHA2-256", nullptr);
  EVP_MD_CTX* state = EVP_MD_CTX_new();

  Context() {
    if (algorithm == nullptr || state == nullptr || EVP_DigestInit_ex2(state, algorithm, nullptr) != 1) {
      release();
      throw std::runtime_error("OpenSSL offers no SHA-256");
    }
  }
  ~Context() { release(); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  void release() {
    EVP_MD_CTX_free(state);
    EVP_MD_free(algorithm);
  }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256::Digest Sha256::operator()(std::string_view first, std::string_view second) {
  Digest digest;
  if (EVP_DigestInit_ex2(context_->state, nullptr, nullptr) != 1 ||
      EVP_DigestUpdate(context_->state, first.data(), first.size()) != 1 ||
      (!second.empty() && EVP_DigestUpdate(context_->state, second.data(), second.size()) != 1) ||
      EVP_DigestFinal_ex(context_->state, reinterpret_cast<unsigned char*>(digest.data()), nullptr) != 1) {
    throw std::runtime_error("OpenSSL could not compute SHA-256");
  }
  return digest;
}

Hmac::Hmac(std::string_view key) {
  Sha256::Digest hashed;
  if (key.size() > inner_.size()) {
    hashed = sha256_(key);
    key = bytes_of(hashed);
  }
  inner_.fill(0);
  std::copy(key.begin(), key.end(), inner_.begin());
  outer_ = inner_;
  for (char& byte : inner_) byte = static_cast<char>(byte ^ 0x36);
  for (char& byte : outer_) byte = static_cast<char>(byte ^ 0x5c);
}

Sha256::Digest Hmac::operator()(std::string_view message) {
  const Sha256::Digest inner = sha256_({inner_.data(), inner_.size()}, message);
  return sha256_({outer_.data(), outer_.size()}, bytes_of(inner));
}

const std::string& process_key() {
  static const std::string key = [] {
    std::string bytes(32, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size())) != 1) {
      throw std::runtime_error("OpenSSL has no random bytes");
    }
    return bytes;
  }();
  return key;
}

}  // namespace chaperone::audit
