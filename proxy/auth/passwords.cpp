#include "proxy/auth/passwords.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <variant>

#include "proxy/auth/crypto.hpp"
#include "proxy/auth/scram_verifier.hpp"

namespace chaperone::auth {
namespace {

wire::Error problem(std::string message) {
  return {.sqlstate = kConfigFileError, .message = std::move(message)};
}

/// Counted in characters, as editors do.
std::size_t column_behind(std::string_view text) {
  return 1 + static_cast<std::size_t>(
                 std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

/// One for the life of the process: with one for each reading of the file, an agent whose salt changes at a
/// reload would be one that does not exist.
const Sha256& mock_secret() {
  static const Sha256 secret = sha256(random_bytes(32));
  return secret;
}

/// The count that most of the verifiers have; of equally common ones the smallest.
int most_common_iterations(const std::map<std::string, ScramVerifier, std::less<>>& verifiers) {
  std::map<int, std::size_t> agents;
  for (const auto& [name, verifier] : verifiers) ++agents[verifier.iterations];
  const auto most = std::max_element(agents.begin(), agents.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == agents.end() ? kScramIterations : most->first;
}

}  // namespace

wire::Result<Passwords> Passwords::from_text(std::string_view text, std::string_view file) {
  Passwords passwords;
  std::map<std::string_view, std::size_t> seen;  // the line of each name
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());

  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;

    const auto wrong = [&](std::size_t offset, std::string_view what) {
      return problem(fmt::format("{}:{}:{}: {}", file, number, column_behind(line.substr(0, offset)), what));
    };
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      return wrong(0, "no colon; expected <agent>:SCRAM-SHA-256$.., as `pgchaperone password` prints it");
    }
    const std::string_view name = line.substr(0, colon);
    if (const wire::Result<void> checked = check_name(name); !checked)
      return wrong(0, checked.error().message);
    if (const auto [first, fresh] = seen.emplace(name, number); !fresh) {
      return wrong(0, fmt::format("agent \"{}\" stands on line {} already; expected one line an agent", name,
                                  first->second));
    }
    auto parsed = parse_verifier(line.substr(colon + 1));
    if (const auto* bad = std::get_if<VerifierProblem>(&parsed))
      return wrong(colon + 1 + bad->offset, bad->what);
    passwords.verifiers_.emplace(name, std::move(std::get<ScramVerifier>(parsed)));
  }
  passwords.mock_iterations_ = most_common_iterations(passwords.verifiers_);
  return passwords;
}

std::pair<ScramVerifier, bool> Passwords::find(std::string_view agent) const {
  // The mock is made in either case, so that the time taken does not tell.
  std::pair<ScramVerifier, bool> result{ScramVerifier::mock(agent, mock_secret()), false};
  result.first.iterations = mock_iterations_;
  if (const auto found = verifiers_.find(agent); found != verifiers_.end()) result = {found->second, true};
  return result;
}

wire::Result<void> Passwords::check_name(std::string_view agent) {
  if (agent.empty()) return problem("empty name; expected the name of an agent");
  if (agent.starts_with('#')) return problem("name begins with #; expected another character in front");
  if (agent.find_first_of(std::string_view(":\r\n\0", 4)) != std::string_view::npos) {
    return problem("name holds a colon, a NUL or a line break; expected none of them");
  }
  return {};
}

std::string Passwords::line(std::string_view agent, const ScramVerifier& verifier) {
  if (const wire::Result<void> checked = check_name(agent); !checked) {
    throw std::invalid_argument(checked.error().message);
  }
  return fmt::format("{}:{}", agent, verifier.to_text());
}

}  // namespace chaperone::auth
