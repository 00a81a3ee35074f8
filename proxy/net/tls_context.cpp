#include "proxy/net/tls_context.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <utility>

#include "proxy/wire/sqlstate.hpp"

namespace chaperone::net {
namespace {

template <auto Function>
struct Free {
  template <class T>
  void operator()(T* object) const {
    Function(object);
  }
};
using Certificate = std::shared_ptr<X509>;
using Source = std::unique_ptr<BIO, Free<BIO_free>>;

/// Length and name, as ALPN has it on the wire.
constexpr std::string_view kAlpn = "\x0apostgresql";

wire::Error wrong(const PemFile& file, std::string_view what) {
  return {.sqlstate = wire::sqlstate::kInvalidParameterValue,
          .message = fmt::format("{}: {}", file.name, what)};
}

std::string openssl_reason() {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  return reason != nullptr ? reason : "OpenSSL gives no reason";
}

Source open(const PemFile& file) {
  ERR_clear_error();
  Source source(BIO_new_mem_buf(file.text.data(), static_cast<int>(file.text.size())));
  if (!source) throw std::bad_alloc();
  return source;
}

bool at_end() {
  const auto error = ERR_peek_last_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

/// Hands each certificate of the file to `use`. An error says what of it can't be read.
template <class Use>
wire::Result<void> each_certificate(const PemFile& file, Use&& use) {
  const Source source = open(file);
  bool any = false;
  while (Certificate certificate{PEM_read_bio_X509(source.get(), nullptr, nullptr, nullptr), X509_free}) {
    any = true;
    if (!use(std::move(certificate))) return wrong(file, openssl_reason());
  }
  if (!at_end()) return wrong(file, fmt::format("a certificate can't be read: {}", openssl_reason()));
  ERR_clear_error();
  if (!any) return wrong(file, "it holds no certificate in PEM form");
  return {};
}

/// Nobody is there to type one in.
int no_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

wire::Error not_its_key(const PemFile& certificate, const PemFile& key) {
  return wrong(key, fmt::format("the private key is not that of the certificate in {}", certificate.name));
}

/// Trust in the authorities of a file.
wire::Result<void> trust(SSL_CTX* context, const PemFile& ca) {
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  return each_certificate(ca, [&](const Certificate& each) {  //
    return X509_STORE_add_cert(store, each.get()) == 1;
  });
}

int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* length, const unsigned char* offered,
                    unsigned int size, void*) {
  unsigned char* found = nullptr;
  const int result =
      SSL_select_next_proto(&found, length, reinterpret_cast<const unsigned char*>(kAlpn.data()),
                            static_cast<unsigned int>(kAlpn.size()), offered, size);
  *chosen = found;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

TlsContext::TlsContext(std::string host)
    : context_(SSL_CTX_new(host.empty() ? TLS_server_method() : TLS_client_method())),
      host_(std::move(host)) {
  if (context_ == nullptr) throw std::runtime_error("OpenSSL gives no TLS context: " + openssl_reason());
  SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context_,
                          "ECDHE+AESGCM:ECDHE+CHACHA20");  // of TLS 1.2; those of 1.3 are all of the kind
  SSL_CTX_set_options(context_, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context_, 0);
  SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS);  // an idle connection keeps 14 KB rather than 23
}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

TlsContext::Result TlsContext::for_clients(const PemFile& certificate, const PemFile& key,
                                           const PemFile& client_ca) {
  std::shared_ptr<TlsContext> made(new TlsContext({}));
  SSL_CTX* const context = made->context_;
  bool first = true;
  const auto chain = each_certificate(certificate, [&](Certificate each) {
    if (!std::exchange(first, false)) return SSL_CTX_add1_chain_cert(context, each.get()) == 1;
    return SSL_CTX_use_certificate(context, each.get()) == 1;
  });
  if (!chain) return chain.error();
  const auto private_key = read_private_key(key);
  if (!private_key) return private_key.error();
  if (SSL_CTX_use_PrivateKey(context, private_key->get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    ERR_clear_error();
    return not_its_key(certificate, key);
  }
  SSL_CTX_set_options(context, SSL_OP_CLEANSE_PLAINTEXT);  // tokens come this way
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  if (!client_ca.text.empty()) {
    if (const auto trusted = trust(context, client_ca); !trusted) return trusted.error();
    const auto named = each_certificate(
        client_ca, [&](const Certificate& each) { return SSL_CTX_add_client_CA(context, each.get()) == 1; });
    if (!named) return named.error();
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return std::shared_ptr<const TlsContext>(std::move(made));
}

TlsContext::Result TlsContext::for_server(std::string host, bool verify, const PemFile& ca) {
  std::shared_ptr<TlsContext> made(new TlsContext(std::move(host)));
  SSL_CTX* const context = made->context_;
  SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(kAlpn.data()),
                          static_cast<unsigned int>(kAlpn.size()));
  if (!verify) return std::shared_ptr<const TlsContext>(std::move(made));
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (ca.text.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else if (const auto trusted = trust(context, ca); !trusted) {
    return trusted.error();
  }
  return std::shared_ptr<const TlsContext>(std::move(made));
}

TlsContext::TlsContext(const TlsContext& base, ClientCertificate shown)
    : context_(base.context_),
      host_(base.host_),
      shown_(std::make_shared<const ClientCertificate>(std::move(shown))) {
  SSL_CTX_up_ref(context_);
}

std::shared_ptr<const TlsContext> TlsContext::presenting(const TlsContext& base, ClientCertificate shown) {
  return std::shared_ptr<const TlsContext>(new TlsContext(base, std::move(shown)));
}

TlsContext::Result TlsContext::presenting(const TlsContext& base, const PemFile& certificate,
                                          const PemFile& key) {
  auto certificates = read_certificates(certificate);
  if (!certificates) return certificates.error();
  const auto private_key = read_private_key(key);
  if (!private_key) return private_key.error();
  ClientCertificate shown{.certificate = certificates->front(), .key = *private_key};
  shown.chain.assign(certificates->begin() + 1, certificates->end());
  if (X509_check_private_key(shown.certificate.get(), shown.key.get()) != 1) {
    ERR_clear_error();
    return not_its_key(certificate, key);
  }
  return presenting(base, std::move(shown));
}

wire::Result<std::vector<std::shared_ptr<X509>>> read_certificates(const PemFile& file) {
  std::vector<std::shared_ptr<X509>> certificates;
  const auto read = each_certificate(file, [&](Certificate each) {
    certificates.push_back(std::move(each));
    return true;
  });
  if (!read) return read.error();
  return certificates;
}

wire::Result<std::shared_ptr<EVP_PKEY>> read_private_key(const PemFile& file) {
  const Source source = open(file);
  bool asked = false;
  std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PrivateKey(source.get(), nullptr, no_passphrase, &asked),
                                EVP_PKEY_free);
  if (key) return key;
  ERR_clear_error();
  if (asked) return wrong(file, "the private key is protected by a passphrase; expected one without");
  return wrong(file, "it holds no private key in PEM form that can be read");
}

std::string end_point_of(const X509* certificate) {
  int digest = NID_undef;
  if (X509_get_signature_info(const_cast<X509*>(certificate), &digest, nullptr, nullptr, nullptr) != 1 ||
      digest == NID_undef) {
    ERR_clear_error();
    return {};
  }
  if (digest == NID_md5 || digest == NID_sha1) digest = NID_sha256;
  const EVP_MD* const algorithm = EVP_get_digestbynid(digest);
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int size = 0;
  if (algorithm == nullptr || X509_digest(certificate, algorithm, hash.data(), &size) != 1) {
    ERR_clear_error();
    return {};
  }
  return {reinterpret_cast<const char*>(hash.data()), size};
}

}  // namespace chaperone::net
