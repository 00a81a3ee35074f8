#include "proxy/net/tls.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstring>
#include <new>
#include <stdexcept>

namespace chaperone::net {

/// OpenSSL's way to the bytes of the call that is under way.
struct TlsWire {
  static int read(BIO* bio, char* to, std::size_t size, std::size_t* done) {
    auto& input = *static_cast<Tls*>(BIO_get_data(bio))->input_;
    BIO_clear_retry_flags(bio);
    if (input.empty()) {
      BIO_set_retry_read(bio);
      return 0;
    }
    *done = input.copy(to, size);
    input.remove_prefix(*done);
    return 1;
  }
  static int write(BIO* bio, const char* from, std::size_t size, std::size_t* done) {
    static_cast<Tls*>(BIO_get_data(bio))->output_->append(from, size);
    *done = size;
    return 1;
  }
  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static BIO_METHOD* make() {
    BIO_METHOD* const method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "a round's bytes");
    if (method == nullptr) throw std::bad_alloc();
    BIO_meth_set_read_ex(method, read);
    BIO_meth_set_write_ex(method, write);
    BIO_meth_set_ctrl(method, control);
    return method;
  }

  /// For the time of one call.
  TlsWire(Tls& tls, std::string_view& input, std::string& output) : tls_(tls) {
    tls.input_ = &input;
    tls.output_ = &output;
    ERR_clear_error();  // what another connection of this thread left there would look like a failure of this
                        // one
  }
  ~TlsWire() {
    tls_.input_ = nullptr;
    tls_.output_ = nullptr;
  }
  TlsWire(const TlsWire&) = delete;
  TlsWire& operator=(const TlsWire&) = delete;

 private:
  Tls& tls_;
};

namespace {

// Bytes of answers to questions for new keys: some 1,000. OpenSSL answers each, and whoever asks need not
// take them.
constexpr std::size_t kMaxAnswers = 32U << 10;

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

/// Whom the certificate has to be of; and what a server needs to know to choose one.
bool expect_host(SSL* ssl, const std::string& host) {
  if (is_address(host)) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

const X509* server_certificate(const SSL* ssl) {
  return SSL_is_server(ssl) == 1 ? SSL_get_certificate(ssl) : SSL_get0_peer_certificate(ssl);
}

}  // namespace

Tls::Tls(const TlsContext& context, bool direct)
    : ssl_(SSL_new(context.get())), direct_(direct), shown_(context.shown()) {
  static const BIO_METHOD* const method = TlsWire::make();
  BIO* const bio = ssl_ != nullptr ? BIO_new(method) : nullptr;
  if (bio == nullptr) {
    SSL_free(ssl_);
    throw std::bad_alloc();
  }
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
  if (context.accepts()) {
    SSL_set_accept_state(ssl_);
    return;
  }
  SSL_set_connect_state(ssl_);
  if (shown_) SSL_set_cert_cb(ssl_, show_certificate, this);
  if (!expect_host(ssl_, context.host())) {
    state_ = State::kFailed;
    failure_ = fmt::format("OpenSSL takes no host {}", context.host());
  }
}

// Called where the server asks for a certificate, and only there.
int Tls::show_certificate(SSL* ssl, void* tls) {
  auto& my = *static_cast<Tls*>(tls);
  my.asked_who_we_are_ = true;
  bool done = SSL_use_certificate(ssl, my.shown_->certificate.get()) == 1;
  for (const auto& above : my.shown_->chain) done = done && SSL_add1_chain_cert(ssl, above.get()) == 1;
  return done && SSL_use_PrivateKey(ssl, my.shown_->key.get()) == 1 ? 1 : 0;
}

Tls::~Tls() {
  SSL_free(ssl_);
}

void Tls::handshake(std::string_view& input, std::string& output) {
  if (state_ != State::kHandshake) return;
  const TlsWire wire(*this, input, output);
  const int done = SSL_do_handshake(ssl_);
  if (done == 1) {
    established();
  } else if (const int error = SSL_get_error(ssl_, done); error != SSL_ERROR_WANT_READ) {
    fail(error);
  }
}

void Tls::established() {
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_, &protocol, &size);
  const bool verified =
      (SSL_get_verify_mode(ssl_) & SSL_VERIFY_PEER) == 0 || SSL_get_verify_result(ssl_) == X509_V_OK;
  state_ = (direct_ && size == 0) || !verified ? State::kFailed : State::kOpen;
  if (direct_ && size == 0) failure_ = "it began without asking and does not name its protocol (ALPN)";
  if (!verified) failure_ = "the certificate is not verified";
  if (shown_ && !asked_who_we_are_) {
    state_ = State::kFailed;
    failure_ = "it asks for no certificate (ssl_ca_file, and `cert` in pg_hba.conf)";
  }
  if (shown_) SSL_certs_clear(ssl_);  // the key has served
  shown_.reset();
}

std::size_t Tls::read(std::string_view input, char* to, std::size_t room, std::string& output) {
  const TlsWire wire(*this, input, output);
  const std::size_t before = output.size();
  std::size_t total = 0;
  while (state_ == State::kOpen) {
    std::size_t size = 0;
    if (SSL_read_ex(ssl_, to + total, room - total, &size) == 1) {
      total += size;
      continue;
    }
    const int error = SSL_get_error(ssl_, 0);
    if (error == SSL_ERROR_WANT_READ) break;
    if (error == SSL_ERROR_ZERO_RETURN) {
      state_ = State::kClosed;
    } else {
      fail(error);
    }
  }
  answered_ += output.size() - before;
  if (state_ == State::kOpen && answered_ > kMaxAnswers) {
    state_ = State::kFailed;
    failure_ = "it asks for new keys without end";
  }
  return total;
}

void Tls::write(std::string_view bytes, std::string& output) {
  if (state_ != State::kOpen || finished_ || bytes.empty()) return;
  std::string_view nothing;
  const TlsWire wire(*this, nothing, output);
  std::size_t written = 0;
  if (SSL_write_ex(ssl_, bytes.data(), bytes.size(), &written) != 1) fail(SSL_get_error(ssl_, 0));
}

void Tls::finish(std::string& output) {
  if ((state_ != State::kOpen && state_ != State::kClosed) || finished_) return;
  std::string_view nothing;
  const TlsWire wire(*this, nothing, output);
  SSL_shutdown(ssl_);
  finished_ = true;
}

std::string Tls::end_point() const {
  const X509* const certificate = server_certificate(ssl_);
  return certificate != nullptr ? end_point_of(certificate) : std::string();
}

std::string Tls::fingerprint() const {
  const X509* const certificate = server_certificate(ssl_);
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int size = 0;
  if (certificate == nullptr || X509_digest(certificate, EVP_sha256(), hash.data(), &size) != 1) return {};
  return {reinterpret_cast<const char*>(hash.data()), size};
}

// The reason for people: what is wrong with a certificate says more than that it could not be verified.
void Tls::fail(int error) {
  state_ = State::kFailed;
  const long verified = SSL_get_verify_result(ssl_);
  if (verified != X509_V_OK && (SSL_get_verify_mode(ssl_) & SSL_VERIFY_PEER) != 0) {
    failure_ = fmt::format("the certificate: {}", X509_verify_cert_error_string(verified));
    return;
  }
  const char* const reason = ERR_reason_error_string(ERR_peek_error());
  failure_ = reason != nullptr ? reason : fmt::format("OpenSSL error {}", error);
}

}  // namespace chaperone::net
