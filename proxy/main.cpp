#include "proxy/auth/openssl_memory.hpp"
#include "proxy/commands/commands.hpp"

int main(int argc, char** argv) {
  // Before anything uses OpenSSL. Where something has, keys are as well kept as OpenSSL keeps them.
  (void)chaperone::auth::wipe_what_openssl_frees();
  return chaperone::commands::run(argc, argv);
}
