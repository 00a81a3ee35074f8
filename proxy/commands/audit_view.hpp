#pragma once

#include <boost/json/fwd.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace chaperone::commands {

struct AuditViewOptions {
  std::size_t width = 0;  ///< columns of the terminal; 0 = nothing is cut
  bool color = false;
  bool all = false;                             ///< a line for each record, instead of one for each statement
  std::string session = {};                     ///< only of sessions that begin with this
  std::optional<std::uint64_t> statement = {};  ///< only of statements of this number; implies `all`
};

/// Text of a record on one line of a terminal: white space becomes one space, whatever could drive the
/// terminal or reorder its text is written as an escape, and what stands beyond `width` columns is cut (0 =
/// nothing is).
std::string printable(std::string_view text, std::size_t width = 0);

/// Turns records into lines for a person.
///
/// A statement and its outcome make one line, shown when the outcome comes: time, agent, session and
/// statement, result, rows, duration, SQL. A transaction has a line of its own only where it says more than
/// its statement did. What an observed agent ran and may not is marked with "(deny)" and the rule. Remembers
/// statements until their outcome, some ten thousand of them.
class AuditView {
 public:
  struct Shown {
    std::string date;  ///< "2026-11-22"
    std::string line;  ///< without a newline; empty = there is nothing to show
  };

  explicit AuditView(AuditViewOptions options);

  Shown record(std::string_view line);
  /// Whether options.session and options.statement let a record through.
  bool wanted(std::string_view line) const;
  /// The next of the statements that had no outcome, when no more records come; an empty line after the last.
  Shown next_without_outcome();

 private:
  using Key = std::pair<std::string, std::uint64_t>;  // session and statement
  struct Statement {
    std::string time, agent, sql;
    bool unread = false;
    bool against = false;  // an observed agent may not run it
  };
  struct Columns {
    std::string_view time, agent, session;
    std::optional<std::uint64_t> statement;
    std::string mark;
    std::string rows, duration, text;
  };

  bool wanted(const boost::json::object& record) const;
  Shown statement(const boost::json::object& record);
  Shown outcome(const boost::json::object& record);
  Shown transaction(const boost::json::object& record) const;
  Shown other(const boost::json::object& record) const;
  void remember(Key key, Statement statement);
  Shown show(const Columns& columns) const;

  AuditViewOptions options_;
  std::map<Key, Statement> open_;
  std::deque<Key> order_;  // of open_, oldest first; some are gone from it already
};

}  // namespace chaperone::commands
