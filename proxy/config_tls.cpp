#include <fmt/format.h>

#include <array>

#include "proxy/config_reader.hpp"
#include "proxy/wire/secret.hpp"
#include "rules/text.hpp"

namespace chaperone::config {
namespace {

using rules::yaml::Map;
using rules::yaml::Value;

/// Reports what is wrong at the key that names the files.
std::shared_ptr<const net::TlsContext> checked(net::TlsContext::Result made, const Value& value) {
  if (made) return std::move(*made);
  value.problem_at_key(fmt::format("{}: {}", value.path(), made.error().message),
                       "a file that is as it should be");
  return nullptr;
}

}  // namespace

net::PemFile pem_file(const Value& value, const Reader& reader, std::string text) {
  return {rules::in_quotes(reader.path(value, "the path of a file").value_or("")), std::move(text)};
}

std::shared_ptr<const net::TlsContext> read_client_tls(const Value& value, const session::Address& address,
                                                       const Reader& reader) {
  constexpr std::string_view kForm = "a map: {certificate: server.crt, key: server.key}";
  Map tls = value.map(kForm);
  const auto certificate = tls.need("certificate", "the path of a file in PEM form");
  const auto key = tls.need("key", "the path of a file in PEM form");
  const auto client_ca = tls.find("client_ca");
  if (address.unix_socket) {
    value.problem_at_key(
        fmt::format("{} is of no use on a Unix socket, where no client speaks TLS", value.path()),
        "no `tls`");
    return nullptr;
  }
  if (!certificate || !key) return nullptr;
  const auto certificate_text = reader.file(*certificate, kMaxPemBytes);
  auto key_text = reader.secret_file(*key, kMaxPemBytes);
  if (!certificate_text || !key_text) return nullptr;
  net::PemFile authorities;
  if (client_ca) {
    const auto text = reader.file(*client_ca, kMaxPemBytes);
    if (!text) return nullptr;
    authorities = pem_file(*client_ca, reader, *text);
    // Without a text nobody would be asked for a certificate.
    if (text->empty()) {
      client_ca->problem(fmt::format("{} is empty", authorities.name), "certificates in PEM form");
      return nullptr;
    }
  }
  net::PemFile key_file = pem_file(*key, reader, std::move(*key_text));
  auto context =
      net::TlsContext::for_clients(pem_file(*certificate, reader, *certificate_text), key_file, authorities);
  wire::wipe(key_file.text);
  return checked(std::move(context), value);
}

std::shared_ptr<const net::TlsContext> read_server_tls(const std::optional<Value>& value, const Value& owner,
                                                       const session::Address& server, Reader& reader) {
  static constexpr std::array<std::string_view, 3> kModes = {"verify-full", "insecure_require",
                                                             "insecure_disable"};
  enum Mode : std::size_t { kVerifyFull, kInsecureRequire, kInsecureDisable };
  std::size_t mode = server.unix_socket ? kInsecureDisable : kVerifyFull;
  if (!value) {
    return mode == kVerifyFull ? checked(net::TlsContext::for_server(server.host, true), owner) : nullptr;
  }
  Map tls = value->map("a map: {mode: verify-full, ca: ca.pem}");
  const auto said = tls.find("mode");
  if (said) mode = said->choice(kModes).value_or(mode);
  const auto ca = tls.find("ca");
  if (server.unix_socket) {
    if (ca || mode != kInsecureDisable) {
      value->problem_at_key(fmt::format("{}: there is no TLS on a Unix socket", value->path()), "no `tls`");
    }
    return nullptr;
  }
  if (mode == kVerifyFull) {
    if (!ca) return checked(net::TlsContext::for_server(server.host, true), *value);
    const auto text = reader.file(*ca, kMaxPemBytes);
    if (!text) return nullptr;
    if (text->empty()) {
      ca->problem(fmt::format("the file of {} is empty", ca->path()), "certificates in PEM form");
      return nullptr;
    }
    return checked(net::TlsContext::for_server(server.host, true, pem_file(*ca, reader, *text)), *ca);
  }
  if (ca) {
    ca->problem_at_key(fmt::format("{} is of no use with {}", ca->path(), kModes[mode]), "mode: verify-full");
  }
  reader.warnings.push_back(
      mode == kInsecureRequire
          ? fmt::format("{}: insecure_require: the certificate is not looked at, so whoever stands between "
                        "pgchaperone and {} can pass for it",
                        said->path(), server.to_string())
          : fmt::format(
                "{}: insecure_disable: all statements and rows travel unencrypted between pgchaperone and {}",
                said->path(), server.to_string()));
  return mode == kInsecureRequire ? checked(net::TlsContext::for_server(server.host, false), *value)
                                  : nullptr;
}

}  // namespace chaperone::config
