#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/audit/json.hpp"

/// The records of product.md as values, and the lines they become. A line is unsealed until the log gives it
/// its sequence number and its place in the hash chain.
namespace chaperone::audit {

enum class Verdict : std::uint8_t { kAllow, kDeny, kUnknown };
enum class Result : std::uint8_t { kOk, kFailed, kCancelled, kNotRun, kUnknown };
enum class TransactionEnd : std::uint8_t { kCommitted, kRolledBack, kUnknown };
enum class SessionEvent : std::uint8_t { kOpened, kRefused, kClosed };

/// Wall clock in microseconds since 1970-01-01 UTC.
using Microseconds = std::int64_t;

/// What is the same in every record of a session, already as JSON members; made once a session.
class SessionMembers {
 public:
  struct Fields {
    std::string_view session;  ///< 16 characters of base32, random
    std::string_view agent;
    std::string_view actor = {};     ///< empty = null
    std::string_view task = {};      ///< empty = null
    std::string_view proof = {};     ///< how the agent proved itself: "scram", "token"; empty = null
    std::string_view token_id = {};  ///< `jti` of its token, for the session's own lines; empty = null
    std::string_view client = {};    ///< "127.0.0.1:51234" or "unix"
    std::string_view database = {};
    std::string_view role = {};    ///< upstream role; empty = null
    std::int32_t backend_pid = 0;  ///< 0 = null
    bool enforced = false;
  };
  SessionMembers() = default;
  explicit SessionMembers(const Fields& fields);

  const std::string& id() const { return id_; }
  /// What the agent says of its task from now on; empty = null. Its first 256 bytes are shown.
  void declare(std::string_view task);

 private:
  friend class Batch;
  bool lossy() const { return lossy_ || declared_lossy_; }
  std::string id_;
  std::string session_;  // ,"session":"..",
  std::string who_;      // "agent":..,"actor":null,..,"backend_pid":..  for statement and session lines
  std::string tail_;     // ,"capability":null,"rule":null,"narrowed":[],"enforced":false,"policy":null
  std::string token_;    // ,"token_id":".."  for session lines
  bool lossy_ = false;   // one of the texts was not UTF-8
  bool declared_lossy_ = false;
  std::size_t declared_ = 0, declared_size_ = 0;  // the declared task's place in who_
};

/// A value bound to a parameter, as the record keeps it.
struct Value {
  enum class Kind : std::uint8_t { kNull, kText, kBinary, kTruncated } kind = Kind::kNull;
  std::string_view bytes = {};  ///< kTruncated: what was kept of a longer one
};

/// What a decision adds to a statement's line, as JSON members; made once for each decision. `capability`,
/// `rule`: empty = null. `policy`: "sha256:..". `enforced` false: of an observed agent, for whom it does not
/// hold.
std::string decision_members(std::string_view capability, std::string_view rule,
                             std::span<const std::string_view> narrowed, std::string_view policy,
                             bool enforced = true);

/// A statement about to run (intent), or one that was refused.
struct Statement {
  std::uint64_t statement;                    ///< number within the session, from 1
  std::optional<std::string_view> sql = {};   ///< as received; nothing = not known
  std::optional<std::string_view> sent = {};  ///< nothing = as received
  std::span<const Value> values = {};
  bool values_truncated = false;  ///< there were more values than are kept
  Verdict verdict = Verdict::kAllow;
  std::string_view reason = {};  ///< why the verdict is unknown; empty = no member
  /// Where it was decided: decision_members(); empty = it was not.
  std::string_view decision = {};
  std::uint64_t sql_bytes = 0;  ///< length of the whole text where `sql` is its beginning only; 0 = whole
};

struct Outcome {
  std::uint64_t statement;
  Result result;
  std::string_view tag = {};  ///< command tag; empty = null
  std::optional<std::uint64_t> rows = {};
  std::uint64_t bytes = 0;         ///< of rows or COPY data that passed for it
  std::int64_t microseconds = 0;   ///< from forwarding it to its last reply
  std::string_view sqlstate = {};  ///< kUnknown: what the session ended with; empty = null
  std::string_view withheld = {};  ///< what of the server's error the client did not get; empty = no member
  bool suspended = false;          ///< the portal was given up before its last row
};

struct Transaction {
  std::span<const std::uint64_t> statements;
  TransactionEnd end;
  /// Where only the statements since this savepoint were rolled back; empty = no member.
  std::string_view savepoint = {};
};

/// How values of parameters go into records.
enum class Values : std::uint8_t {
  kKeep,  ///< as they are
  kHash,  ///< HMAC-SHA-256: equal values can be found, none can be read back without the key
  kDrop,  ///< "values":null
};

class Hmac;

/// Lines that one thread wrote since it last handed them to the log. Not thread-safe. Its buffers keep their
/// size.
///
/// Text is written as valid JSON whatever it holds: control characters are escaped, invalid UTF-8 becomes
/// U+FFFD and the line gets "lossy":true.
class Batch {
 public:
  /// `hash_key` is for Values::kHash: batches of one key give equal hashes for equal values. Empty = a random
  /// one of this process, so that values can be matched up within one run alone.
  explicit Batch(Values values = Values::kKeep, std::string_view hash_key = {});
  ~Batch();
  Batch(Batch&&) noexcept;
  Batch& operator=(Batch&&) noexcept;

  void statement(Microseconds time, const SessionMembers& session, const Statement& record);
  void outcome(Microseconds time, const SessionMembers& session, const Outcome& record);
  void transaction(Microseconds time, const SessionMembers& session, const Transaction& record);
  /// `why`: a sentence for the operator; empty = null.
  void session(Microseconds time, const SessionMembers& session, SessionEvent event, std::string_view why);

  /// A line that belongs to no session; see Log::append_event.
  void event(Microseconds time, std::string_view kind, std::string_view members);

  bool empty() const { return ends_.empty(); }
  std::size_t bytes() const { return lines_.size(); }
  std::size_t lines() const { return ends_.size(); }
  /// The members of a line from "kind" on, without braces; valid until the batch changes.
  std::string_view line(std::size_t index) const {
    const std::size_t begin = index == 0 ? 0 : ends_[index - 1];
    return lines_.view().substr(begin, ends_[index] - begin);
  }
  /// Intents among the lines: they have to be with the kernel (or on disk) before their statements go
  /// upstream.
  bool has_intents() const { return has_intents_; }
  void clear();

 private:
  char* begin_line(char* at, std::string_view kind, Microseconds time);
  char* put_time(char* at, Microseconds time);
  bool append_values(const Statement& record);
  bool append_value(const Value& value);
  void end_line(bool valid);

  Buffer lines_;                   // without braces, one behind the other
  std::vector<std::size_t> ends_;  // of each line in lines_
  bool has_intents_ = false;
  Values values_;
  std::unique_ptr<Hmac> hmac_;        // for Values::kHash
  Microseconds second_ = kNoSecond;   // the second that second_text_ shows
  std::array<char, 20> second_text_;  // "2026-11-22T18:00:00."
  static constexpr Microseconds kNoSecond = INT64_MIN;
};

}  // namespace chaperone::audit
