#include <openssl/crypto.h>
#include <stringprep.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "proxy/auth/scram.hpp"

namespace chaperone::auth {

std::string saslprep(std::string_view password) {
  const bool ascii = std::all_of(password.begin(), password.end(), [](char c) { return (c & 0x80) == 0; });
  // pg_saslprep leaves ASCII alone, control characters too. PostgreSQL's passwords end at a NUL, as do
  // libidn's.
  if (ascii || password.find('\0') != std::string_view::npos) return std::string(password);

  std::string input(password);
  char* output = nullptr;
  const int rc = stringprep_profile(input.c_str(), &output, "SASLprep", STRINGPREP_NO_UNASSIGNED);
  // An output of nothing is prohibited too, see pg_saslprep.
  if (rc != STRINGPREP_OK || *output == '\0') {
    if (rc == STRINGPREP_OK) std::free(output);
    return input;
  }
  std::string prepared(output);
  OPENSSL_cleanse(output, std::strlen(output));
  std::free(output);
  OPENSSL_cleanse(input.data(), input.size());
  return prepared;
}

}  // namespace chaperone::auth
