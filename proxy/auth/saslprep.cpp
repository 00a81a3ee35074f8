#include <openssl/crypto.h>
#include <stringprep.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "proxy/auth/scram.hpp"

namespace chaperone::auth {
namespace {

/// RFC 4013 without the normalization: mapping, prohibited and unassigned characters, the rule of
/// bidirectional text.
const Stringprep_profile* mapping_and_checks() {
  static const std::vector<Stringprep_profile> profile = [] {
    std::vector<Stringprep_profile> steps;
    const Stringprep_profile* step = stringprep_saslprep;
    for (; step->operation != 0; ++step) {
      if (step->operation != STRINGPREP_NFKC) steps.push_back(*step);
    }
    steps.push_back(*step);
    return steps;
  }();
  return profile.data();
}

}  // namespace

// The order is that of pg_saslprep, which checks the characters before it normalizes them, where RFC 3454 has
// it the other way round: both ends of a login have to agree.
std::string saslprep(std::string_view password) {
  const bool ascii = std::all_of(password.begin(), password.end(), [](char c) { return (c & 0x80) == 0; });
  // ASCII stays as it is, control characters too. A text with a NUL is none to pg_saslprep or libidn.
  if (ascii || password.find('\0') != std::string_view::npos) return std::string(password);

  std::string result(password);
  std::string mapped = result + '\0';  // no mapping makes a text longer
  const int rc = stringprep(mapped.data(), mapped.size(), STRINGPREP_NO_UNASSIGNED, mapping_and_checks());
  // As there, nothing left is an error like any other.
  if (rc == STRINGPREP_OK && mapped.front() != '\0') {
    if (char* normalized = stringprep_utf8_nfkc_normalize(mapped.c_str(), -1)) {
      OPENSSL_cleanse(result.data(), result.size());
      result = normalized;
      OPENSSL_cleanse(normalized, result.size());
      std::free(normalized);
    }
  }
  OPENSSL_cleanse(mapped.data(), mapped.size());
  return result;
}

}  // namespace chaperone::auth
