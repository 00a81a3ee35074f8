#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/session/environment.hpp"

namespace chaperone {

/// Which addresses there are, and what a Unix socket without a port means.
struct AddressRule {
  std::uint16_t default_port;
  bool any_port = false;  ///< port 0 is good: the system chooses one to listen on
};
inline constexpr AddressRule kListenAddress{6432, true};
inline constexpr AddressRule kAdminAddress{6433, true};
inline constexpr AddressRule kServerAddress{5432};

/// Reads "host:port", "[v6]:port", "unix:/directory" or "unix:/directory:port". Where it is none of them it
/// gives nothing and sets `problem`, which never repeats the text: people paste connection strings with
/// passwords here.
std::optional<session::Address> parse_address(std::string_view text, const AddressRule& rule,
                                              std::string& problem);

/// How an address looks, for messages.
std::string address_form(const AddressRule& rule);

/// True for a Unix socket, localhost and what is surely a loopback address.
bool is_local(const session::Address& address);

}  // namespace chaperone
