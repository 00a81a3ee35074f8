#include "proxy/auth/openssl_memory.hpp"

#include <malloc.h>
#include <openssl/crypto.h>
#include <string.h>  // NOLINT(modernize-deprecated-headers): explicit_bzero

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace chaperone::auth {
namespace {

void* allocate(std::size_t size, const char*, int) {
  return std::malloc(size);
}

void release(void* at, const char*, int) {
  if (at == nullptr) return;
  ::explicit_bzero(at, ::malloc_usable_size(at));
  std::free(at);
}

// realloc() would leave what it moved where it was.
void* resize(void* at, std::size_t size, const char* file, int line) {
  if (at == nullptr) return allocate(size, file, line);
  if (size == 0) {
    release(at, file, line);
    return nullptr;
  }
  void* const moved = allocate(size, file, line);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, at, std::min(size, ::malloc_usable_size(at)));
  release(at, file, line);
  return moved;
}

}  // namespace

bool wipe_what_openssl_frees() {
  return ::CRYPTO_set_mem_functions(allocate, resize, release) == 1;
}

}  // namespace chaperone::auth
