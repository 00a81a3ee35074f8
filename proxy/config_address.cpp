#include "proxy/config_address.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>

namespace chaperone {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::size_t kLongestHost = 253;

std::optional<std::uint16_t> parse_port(std::string_view text, const AddressRule& rule) {
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc{} || rest != end || (port == 0 && !rule.any_port)) return {};
  return port;
}

bool is_v6(std::string_view host) {
  in6_addr address{};
  return ::inet_pton(AF_INET6, std::string(host).c_str(), &address) == 1;
}

bool is_host_name(std::string_view host) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  };
  return !host.empty() && host.size() <= kLongestHost && std::all_of(host.begin(), host.end(), good);
}

std::optional<session::Address> parse_unix(std::string_view path, const AddressRule& rule,
                                           std::string& problem) {
  session::Address address;
  address.unix_socket = true;
  address.port = rule.default_port;
  if (const std::size_t colon = path.rfind(':'); colon != std::string_view::npos) {
    // A socket's name needs a real port: there is nothing that the system could choose.
    const auto port = parse_port(path.substr(colon + 1), {rule.default_port});
    if (!port) {
      problem = "the port is no number from 1 to 65535";
      return {};
    }
    address.port = *port;
    path = path.substr(0, colon);
  }
  if (!path.starts_with('/')) {
    problem = "the directory of a Unix socket is not absolute";
    return {};
  }
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  address.host = path;
  if (address.socket_path().size() >= sizeof(sockaddr_un::sun_path)) {
    problem =
        fmt::format("the path of the Unix socket is longer than {} bytes", sizeof(sockaddr_un::sun_path) - 1);
    return {};
  }
  return address;
}

}  // namespace

std::optional<session::Address> parse_address(std::string_view text, const AddressRule& rule,
                                              std::string& problem) {
  if (text.starts_with(kUnix)) return parse_unix(text.substr(kUnix.size()), rule, problem);
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    problem = "there is no port";
    return {};
  }
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
    if (!is_v6(host)) problem = "what is in brackets is no IPv6 address";
  } else if (is_v6(text) || is_v6(host)) {
    problem = "an IPv6 address stands without brackets";
  } else if (!is_host_name(host)) {
    problem = "the host is no name or address";
  }
  if (!problem.empty()) return {};
  const auto port = parse_port(text.substr(colon + 1), rule);
  if (!port) {
    problem = fmt::format("the port is no number from {} to 65535", rule.any_port ? 0 : 1);
    return {};
  }
  return session::Address{std::string(host), *port, false};
}

std::string address_form(const AddressRule& rule) {
  return fmt::format("host:port, as 127.0.0.1:{0} or [::1]:{0}, or unix:/directory", rule.default_port);
}

bool is_local(const session::Address& address) {
  if (address.unix_socket || address.host == "localhost" || address.host == "::1") return true;
  in_addr v4{};
  return ::inet_pton(AF_INET, address.host.c_str(), &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}

}  // namespace chaperone
