#include <openssl/evp.h>

#include <string>

#include "proxy/audit/record.hpp"  // forbidden: auth may not use audit
#include "proxy/wire/error.hpp"
