#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "parser/parser.hpp"

/// What an agent says of its task itself: the setting chaperone.declared_task, for the records.
namespace chaperone::session {

inline constexpr std::string_view kDeclaredTask = "chaperone.declared_task";

/// What a statement makes of that setting when it is run.
struct Declaration {
  enum class Kind : std::uint8_t {
    kValue,
    kParameter,  ///< set_config() of a parameter, whose value Bind brings
    kReset,      ///< to what the session began with
    kUnknown,    ///< it names the setting in a way that does not tell
  };
  std::size_t statement = 0;  ///< which of its text
  Kind kind = Kind::kUnknown;
  bool local = false;           ///< until the transaction ends
  std::string value = {};       ///< of kValue
  std::uint32_t parameter = 0;  ///< of kParameter, from 1

  bool operator==(const Declaration&) const = default;
};

/// What the statements of a text declare, in their order. SET, RESET, RESET ALL, DISCARD ALL and
/// set_config() as an output of a SELECT without FROM are followed, in PREPARE and DECLARE too. Time is that
/// of a search in the text, where it does none of that.
std::vector<Declaration> declarations_of(std::string_view sql, const parser::Script& script,
                                         const parser::Limits& limits);

/// Whether what such a statement holds is run by others that name it: EXECUTE, FETCH.
bool is_run_later(parser::StatementKind kind);

/// The value among a client's start-up parameters, also as `options` has it; "" = none.
std::string declared_at_login(std::span<const std::pair<std::string, std::string>> parameters);

/// The value in force in a session, as transactions move it (guc.c). "" = none, and where it is not known.
class DeclaredTask {
 public:
  /// What ROLLBACK TO SAVEPOINT comes back to.
  struct State {
    std::string session;  // stays when the transaction commits
    std::string shown;    // in force
  };

  DeclaredTask() = default;
  explicit DeclaredTask(std::string at_login)
      : at_login_(std::move(at_login)), state_{at_login_, at_login_}, committed_(at_login_) {}

  /// A statement was run.
  void apply(const Declaration& declaration);
  void transaction_ended(bool committed);
  const State& state() const { return state_; }
  void restore(State state) { state_ = std::move(state); }
  const std::string& shown() const { return state_.shown; }
  /// Whether something was declared that the end of the transaction decides on.
  bool is_open() const { return open_; }

 private:
  std::string at_login_;
  State state_;
  std::string committed_;
  bool open_ = false;
};

}  // namespace chaperone::session
