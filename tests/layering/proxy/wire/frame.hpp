#include <openssl/evp.h>  // forbidden: openssl is not for this file

#include "frame_rules.hpp"       // forbidden: our own headers are included by their path in the tree
#include "parser/facts.hpp"      // forbidden: wire may not use parser
#include "tests/wire/bytes.hpp"  // forbidden: our own headers are included by their path in the tree
