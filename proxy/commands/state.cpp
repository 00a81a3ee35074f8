#include "proxy/commands/state.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "proxy/auth/scram.hpp"
#include "proxy/config.hpp"
#include "proxy/wire/secret.hpp"
#include "proxy/wire/sqlstate.hpp"
#include "rules/file.hpp"

namespace chaperone::commands {
namespace {

constexpr std::size_t kMaxFile = 16U << 20;

wire::Error failure(const std::string& path, std::string_view what) {
  return {.sqlstate = wire::sqlstate::kInternalError, .message = fmt::format("{}: {}", path, what)};
}

std::string reason() {
  return std::generic_category().message(errno);
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 || errno != ENOENT;
}

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// What root writes has to be readable for the service that the directory belongs to.
bool give_to_owner(int descriptor, const std::string& directory) {
  struct stat status {};
  return ::geteuid() != 0 ||
         (::stat(directory.c_str(), &status) == 0 && ::fchown(descriptor, status.st_uid, status.st_gid) == 0);
}

/// The keys of a JWK Set as they stand there, without `id`, each with a comma in front.
std::string other_keys(std::string_view text, std::string_view id) {
  std::string others;
  // One key a line, as set_signing_key() writes them.
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const auto begin = line.find('{'), end = line.rfind('}');
    if (!line.starts_with(' ') || begin == std::string_view::npos || end == std::string_view::npos) continue;
    const auto key = line.substr(begin, end - begin + 1);
    if (key.find(fmt::format(R"("kid":"{}")", id)) == std::string_view::npos) {
      others += fmt::format(",\n  {}", key);
    }
  }
  return others;
}

}  // namespace

State::Lock::Lock(const State& state)
    : descriptor_(::open(state.directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (descriptor_ >= 0) ::flock(descriptor_, LOCK_EX);
}

State::Lock::~Lock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::string State::path(std::string_view name) const {
  return (std::filesystem::path(directory_) / name).string();
}

wire::Result<void> State::write(std::string_view name, std::string_view text, mode_t mode) const {
  const std::string to = path(name);
  const std::string temporary = fmt::format("{}.{}.new", to, ::getpid());
  ::unlink(temporary.c_str());
  const int descriptor =
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (descriptor < 0) return failure(temporary, reason());
  const bool written = ::fchmod(descriptor, mode) == 0 && give_to_owner(descriptor, directory_) &&
                       write_all(descriptor, text) && ::fsync(descriptor) == 0;
  const int error = errno;
  ::close(descriptor);
  if (!written || ::rename(temporary.c_str(), to.c_str()) != 0) {
    if (!written) errno = error;
    auto failed = failure(to, reason());
    ::unlink(temporary.c_str());
    return failed;
  }
  if (const int folder = ::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
  return {};
}

wire::Result<std::optional<auth::SigningKey>> State::signing_key() const {
  const std::string file = path(kKeyFile);
  if (!exists(file)) return std::optional<auth::SigningKey>();
  rules::File read = rules::read_file(file, kMaxFile);
  if (!read.error.empty()) return failure(file, read.error);
  if (!rules::is_private(read)) {
    return failure(file,
                   fmt::format("it is open to others than its owner (mode {:04o}); expected 0600, and a "
                               "new key where somebody may have read it",
                               read.mode));
  }
  auto key = auth::SigningKey::from_pem(read.text);
  wire::wipe(read.text);
  if (!key) return failure(file, "it is no private key of Ed25519 or P-256 in PEM");
  return key;
}

// The public key first: a key that signs what nobody verifies yet would be of no use.
wire::Result<void> State::set_signing_key(const auth::SigningKey& key, bool alone) const {
  std::error_code error;
  if (std::filesystem::create_directories(directory_, error)) {
    std::filesystem::permissions(directory_, std::filesystem::perms::owner_all, error);
  }
  if (error) return failure(directory_, error.message());
  const Lock lock(*this);
  std::string others;
  if (!alone && exists(path(kTokenKeysFile))) {
    if (const auto good = keys(); !good) return good.error();
    others = other_keys(rules::read_file(path(kTokenKeysFile), kMaxFile).text, key.id());
  }
  const auto set = fmt::format("{{\"keys\":[\n  {}{}\n]}}\n", key.public_jwk(), others);
  if (auto done = write(kTokenKeysFile, set, 0644); !done) return done.error();
  return write(kKeyFile, key.to_pem(), 0600);
}

wire::Result<auth::KeySet> State::keys() const {
  const std::string file = path(kTokenKeysFile);
  const rules::File read = rules::read_file(file, kMaxFile);
  if (!read.error.empty()) return failure(file, read.error);
  return auth::KeySet::from_text(read.text, file);
}

wire::Result<std::string> State::instance() const {
  constexpr std::string_view kFile = "instance";
  constexpr std::size_t kLength = 8, kMostBytes = 64;
  const std::string name = path(kFile);
  const Lock lock(*this);
  if (!exists(name)) {
    std::string fresh = auth::random_id().substr(0, kLength);
    if (auto written = write(kFile, fresh + "\n", 0644); !written) return written.error();
    return {boost::system::in_place_value, std::move(fresh)};
  }
  rules::File file = rules::read_file(name, kMostBytes);
  if (!file.error.empty()) return failure(name, file.error);
  const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  const auto end = std::ranges::find_if_not(file.text, good);
  if (end == file.text.begin() || std::string_view(end, file.text.end()) != "\n" ||
      end - file.text.begin() > 32) {
    return failure(name, "it is no name; expected at most 32 of a-z, 0-9 and - on one line");
  }
  return {boost::system::in_place_value, std::string(file.text.begin(), end)};
}

wire::Result<auth::Revocations> State::revocations() const {
  const std::string file = path(kRevocationsFile);
  if (!exists(file)) return auth::Revocations();
  const rules::File read = rules::read_file(file, kMaxFile);
  if (!read.error.empty()) return failure(file, read.error);
  return auth::Revocations::from_text(read.text, file);
}

std::shared_ptr<const auth::Revocations> RevocationsWatch::look(std::string& problem) {
  struct stat status {};
  const auto nanoseconds = [](const timespec& time) {
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  };
  Mark mark{};
  const std::string file = state_.path(State::kRevocationsFile);
  const int failed = ::stat(file.c_str(), &status) == 0 ? 0 : errno;
  if (failed == 0)
    mark = {status.st_ino, status.st_size, nanoseconds(status.st_mtim), nanoseconds(status.st_ctim)};
  if (seen_ == mark) return nullptr;
  const bool first = !seen_;
  seen_ = mark;
  auto read = state_.revocations();
  if (failed != 0 && (failed != ENOENT || !first)) {
    read = failure(file, std::generic_category().message(failed));
  }
  if (read) {
    list_ = std::move(*read);
  } else {
    problem = read.error().message;
    list_.set_unreadable();
  }
  return std::make_shared<const auth::Revocations>(list_);
}

}  // namespace chaperone::commands
