#include "proxy/auth/base64url.hpp"

#include <algorithm>

#include "proxy/auth/crypto.hpp"
#include "proxy/wire/secret.hpp"

namespace chaperone::auth {

std::string base64url_encode(std::string_view data) {
  std::string text = base64_encode(data);
  while (text.ends_with('=')) text.pop_back();
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

std::optional<std::string> base64url_decode(std::string_view text) {
  if (text.find_first_of("+/=") != std::string_view::npos || text.size() % 4 == 1) return std::nullopt;
  std::string padded;
  padded.reserve(text.size() + 3);
  padded = text;
  std::replace(padded.begin(), padded.end(), '-', '+');
  std::replace(padded.begin(), padded.end(), '_', '/');
  padded.append((4 - padded.size() % 4) % 4, '=');
  auto data = base64_decode(padded);
  wire::wipe(padded);  // it may be a token's
  return data;
}

}  // namespace chaperone::auth
