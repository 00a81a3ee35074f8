#include "tests/pg/tls_end.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <stdexcept>
#include <utility>

namespace chaperone::pg {
namespace {

[[noreturn]] void fail(SSL* ssl, const char* what) {
  const char* const reason = ERR_reason_error_string(ERR_peek_error());
  std::string text = std::string(what) + ": " + (reason != nullptr ? reason : "no reason");
  if (const long verified = SSL_get_verify_result(ssl); verified != X509_V_OK) {
    text += std::string(" (") + X509_verify_cert_error_string(verified) + ")";
  }
  ERR_clear_error();
  throw std::runtime_error(text);
}

template <class Use>
void each_certificate(const std::string& pem, Use&& use) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> in(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  while (X509* const each = PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)) {
    use(each);
    X509_free(each);
  }
  ERR_clear_error();
}

void show(SSL_CTX* context, const Credentials& own) {
  bool first = true;
  each_certificate(own.certificate, [&](X509* each) {
    if (std::exchange(first, false)) {
      SSL_CTX_use_certificate(context, each);
    } else {
      SSL_CTX_add1_chain_cert(context, each);
    }
  });
  const std::unique_ptr<BIO, decltype(&BIO_free)> in(
      BIO_new_mem_buf(own.key.data(), static_cast<int>(own.key.size())), BIO_free);
  EVP_PKEY* const key = PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr);
  if (SSL_CTX_use_PrivateKey(context, key) != 1) throw std::runtime_error("a test's key does not fit");
  EVP_PKEY_free(key);
}

}  // namespace

TlsEnd::TlsEnd(const TlsOptions& options, bool accepts) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> owner(SSL_CTX_new(TLS_method()), SSL_CTX_free);
  SSL_CTX* const context = owner.get();
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_min_proto_version(context, options.version);
  SSL_CTX_set_max_proto_version(context, options.version);
  SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0");
  if (!options.own.certificate.empty()) show(context, options.own);
  if (!options.ca.empty()) {
    each_certificate(options.ca,
                     [&](X509* each) { X509_STORE_add_cert(SSL_CTX_get_cert_store(context), each); });
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  ssl_ = {SSL_new(context), SSL_free};
  SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  if (accepts) {
    SSL_set_accept_state(ssl_.get());
    return;
  }
  SSL_set_connect_state(ssl_.get());
  if (!options.host.empty()) {
    SSL_set1_host(ssl_.get(), options.host.c_str());
    SSL_set_tlsext_host_name(ssl_.get(), options.host.c_str());
  }
  if (!options.alpn.empty()) {
    const std::string offer = std::string(1, static_cast<char>(options.alpn.size())) + options.alpn;
    SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(offer.data()),
                        static_cast<unsigned int>(offer.size()));
  }
}

std::string TlsEnd::handshake(std::string_view input) {
  ERR_clear_error();
  if (!input.empty()) BIO_write(SSL_get_rbio(ssl_.get()), input.data(), static_cast<int>(input.size()));
  const int done = SSL_do_handshake(ssl_.get());
  open_ = done == 1;
  if (!open_ && SSL_get_error(ssl_.get(), done) != SSL_ERROR_WANT_READ) fail(ssl_.get(), "handshake");
  return take_output();
}

std::string TlsEnd::take_output() {
  char* data = nullptr;
  BIO* const out = SSL_get_wbio(ssl_.get());
  const long size = BIO_get_mem_data(out, &data);
  std::string bytes(data, static_cast<std::size_t>(size));
  BIO_reset(out);
  return bytes;
}

std::string TlsEnd::encrypt(std::string_view bytes) {
  ERR_clear_error();
  std::size_t done = 0;
  if (!bytes.empty() && SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &done) != 1)
    fail(ssl_.get(), "write");
  return take_output();
}

std::string TlsEnd::decrypt(std::string_view input, bool& ended) {
  ERR_clear_error();
  if (!input.empty()) BIO_write(SSL_get_rbio(ssl_.get()), input.data(), static_cast<int>(input.size()));
  std::string plain;
  std::array<char, 16384> buffer{};
  std::size_t size = 0;
  while (SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &size) == 1) plain.append(buffer.data(), size);
  const int error = SSL_get_error(ssl_.get(), 0);
  ended = error == SSL_ERROR_ZERO_RETURN;
  if (!ended && error != SSL_ERROR_WANT_READ) fail(ssl_.get(), "read");
  return plain;
}

std::string TlsEnd::goodbye() {
  SSL_shutdown(ssl_.get());
  return take_output();
}

std::string TlsEnd::end_point() const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int size = 0;
  const X509* const certificate = SSL_is_server(ssl_.get()) == 1 ? SSL_get_certificate(ssl_.get())
                                                                 : SSL_get0_peer_certificate(ssl_.get());
  X509_digest(certificate, EVP_sha256(), hash.data(), &size);
  return {reinterpret_cast<const char*>(hash.data()), size};
}

std::string TlsEnd::alpn() const {
  const unsigned char* name = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string TlsEnd::version() const {
  return SSL_get_version(ssl_.get());
}

std::string TlsEnd::peer_name() const {
  const X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr) return {};
  std::array<char, 256> name{};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name.data(), name.size());
  return name.data();
}

bool TlsEnd::accepts() const {
  return SSL_is_server(ssl_.get()) == 1;
}

bool TlsEnd::resumable() const {
  return SSL_SESSION_is_resumable(SSL_get0_session(ssl_.get())) == 1;
}

std::string TlsEnd::ask_for_new_keys() {
  if (SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED) != 1) fail(ssl_.get(), "new keys");
  SSL_do_handshake(ssl_.get());
  return take_output();
}

std::string TlsEnd::ask_for_renegotiation() {
  if (SSL_renegotiate(ssl_.get()) != 1) fail(ssl_.get(), "renegotiation");
  SSL_do_handshake(ssl_.get());
  return take_output();
}

}  // namespace chaperone::pg
