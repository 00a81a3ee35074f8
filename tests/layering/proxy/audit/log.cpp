#include <openssl/evp.h>
#include <spdlog/spdlog.h>  // forbidden: spdlog is not for this file

#include "proxy/auth/scram.hpp"  // forbidden: audit may not use auth
#include "proxy/wire/error.hpp"
