#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace chaperone::auth {

/// base64url without padding (RFC 4648 section 5, RFC 7515 section 2).
std::string base64url_encode(std::string_view data);
/// The one text of each data alone: no padding, no white space, unused bits zero. Nothing else decodes.
std::optional<std::string> base64url_decode(std::string_view text);

}  // namespace chaperone::auth
