#include <openssl/rand.h>        // forbidden: openssl is not for this file
#include <boost/asio.hpp>        // forbidden: asio is not for this file
#include <proxy/net/server.hpp>  // forbidden: session may not use net

#include "parser/parser.hpp"
#include "proxy/audit/record.hpp"
#include "proxy/auth/scram.hpp"
#include "proxy/wire/frame.hpp"
#include "rules/policy/policy.hpp"
#include SESSION_HEADER  // forbidden: not a header's name
