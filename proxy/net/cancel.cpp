#include "proxy/net/cancel.hpp"

#include <openssl/crypto.h>

namespace chaperone::net {
namespace {

bool same(const std::string& a, const std::string& b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

void CancelKeys::add(const session::CancelKey& ours, CancelTarget target) {
  const std::lock_guard lock(mutex_);
  entries_.emplace(ours.backend_pid, Entry{ours.secret_key, std::move(target)});
}

void CancelKeys::remove(const session::CancelKey& ours) {
  const std::lock_guard lock(mutex_);
  const auto [first, last] = entries_.equal_range(ours.backend_pid);
  for (auto entry = first; entry != last; ++entry) {
    if (same(entry->second.secret_key, ours.secret_key)) {
      entries_.erase(entry);
      return;
    }
  }
}

std::optional<CancelTarget> CancelKeys::find(const wire::CancelRequest& request) const {
  const std::lock_guard lock(mutex_);
  const auto [first, last] = entries_.equal_range(request.backend_pid);
  for (auto entry = first; entry != last; ++entry) {
    if (same(entry->second.secret_key, request.secret_key)) return entry->second.target;
  }
  return std::nullopt;
}

}  // namespace chaperone::net
