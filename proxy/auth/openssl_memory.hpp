#pragma once

namespace chaperone::auth {

/// From now on OpenSSL zeroes all that it gives back, as its reader of PEM and its BIOs do not by themselves:
/// no key is left in memory that somebody else gets next. Before anything else of OpenSSL in the process, on
/// one thread; false: it has allocated before, and nothing is changed (CRYPTO_set_mem_functions(3)).
bool wipe_what_openssl_frees();

}  // namespace chaperone::auth
