#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// SQL text to plain values, by PostgreSQL's own grammar (libpg_query). Knows nothing of the product.
namespace chaperone::parser {

/// Bytes of the text that was parsed.
struct Span {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  bool operator==(const Span&) const = default;
};

/// What a statement is, as far as anyone above has to tell statements apart.
enum class StatementKind : std::uint8_t {
  kOther,  ///< a statement the grammar knows and that needs no kind of its own here
  kSelect,
  kInsert,
  kUpdate,
  kDelete,
  kMerge,
  kCopyFrom,       ///< COPY .. FROM a file or program of the server
  kCopyFromStdin,  ///< COPY .. FROM STDIN: the client's next messages are data
  kCopyTo,
  kBegin,  ///< BEGIN, START TRANSACTION
  kCommit,
  kRollback,
  kSavepoint,            ///< `name`
  kReleaseSavepoint,     ///< `name`
  kRollbackToSavepoint,  ///< `name`
  kPrepareTransaction,
  kCommitPrepared,
  kRollbackPrepared,
  kPrepare,        ///< PREPARE `name` AS ..
  kExecute,        ///< EXECUTE `name`; CREATE TABLE AS EXECUTE is kCreateTableAs
  kDeallocate,     ///< DEALLOCATE `name`; empty = ALL
  kDeclareCursor,  ///< DECLARE `name` CURSOR
  kFetch,          ///< FETCH or MOVE `name`
  kCloseCursor,    ///< CLOSE `name`; empty = ALL
  kDiscardAll,
  kDiscardOther,
  kListen,
  kNotify,
  kUnlisten,
  kExplain,        ///< EXPLAIN, whatever it wraps
  kCreateTableAs,  ///< CREATE TABLE AS, SELECT INTO, CREATE MATERIALIZED VIEW
  kSet,            ///< SET, also SET .. TO DEFAULT, SET TRANSACTION, SET SESSION CHARACTERISTICS
  kReset,          ///< RESET
  kShow,           ///< SHOW
  kSetConstraints,
  kTruncate,
  kLock,  ///< LOCK TABLE
  kCall,
  kDo,
  kVacuum,  ///< VACUUM, ANALYZE
  kDdl,     ///< CREATE, ALTER, DROP, RENAME, COMMENT of a table, view, index or sequence; REFRESH
};

struct Statement {
  StatementKind kind = StatementKind::kOther;
  /// The statement's text: from its first token (comments in front of it belong to no statement) to before
  /// its semicolon.
  Span span;
  /// Name of the savepoint, prepared statement or cursor, as the grammar folds and truncates it.
  std::string name;
  /// DECLARE .. WITH HOLD: the cursor outlives its transaction.
  bool holdable = false;
  /// COMMIT or ROLLBACK .. AND CHAIN.
  bool chain = false;
  /// It may commit inside: CALL, DO, VACUUM, ANALYZE, CLUSTER, REINDEX, .. CONCURRENTLY, CREATE/DROP DATABASE
  /// or TABLESPACE, ALTER DATABASE .. SET TABLESPACE, CREATE/ALTER/DROP SUBSCRIPTION. When it fails, nobody
  /// outside can tell what of it stays.
  bool commits_inside = false;
  /// It holds a secret in its text: a role's PASSWORD, options of a user mapping, server or subscription.
  bool carries_secret = false;
  bool operator==(const Statement&) const = default;
};

/// One string of SQL as PostgreSQL's raw parser splits it. Owns its strings; needs the text only for spans.
struct Script {
  std::vector<Statement> statements;

  /// Rough size on the heap in bytes, for caches that are bounded by bytes.
  std::size_t bytes() const;
  bool operator==(const Script&) const = default;
};

/// Bounds that hold before the grammar sees the text.
struct Limits {
  std::uint32_t bytes = 1U << 20;
  std::uint32_t tokens = 200'000;
  std::uint32_t nesting = 200;
};

enum class ErrorKind : std::uint8_t { kSyntax, kLimit, kEncoding, kUnsupported };

struct Error {
  ErrorKind kind = ErrorKind::kSyntax;
  /// PostgreSQL's own, as `syntax error at or near "FORM"`, or which limit, and the way out.
  std::string message;
  std::uint32_t position = 0;  ///< in characters from 1, as ErrorResponse's P; 0 = none
};

template <class T>
using Result = boost::system::result<T, Error>;

[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& where);

/// Parses one string of SQL under `standard_conforming_strings = on`. Text that is not UTF-8, holds a NUL, is
/// over a limit or is one that libpg_query reads in another way than PostgreSQL is refused before the grammar
/// runs. Time and memory grow linearly with the text. Threads: any, but libpg_query keeps state a thread (a
/// pthread key each, 1,024 a process): call it from a fixed set.
Result<Script> parse(std::string_view sql, const Limits& limits = {});

/// Parses golden statements of every kind that is read and compares what is found, so that a libpg_query
/// whose struct layouts differ from the headers this was built with is noticed before it can mislead. Returns
/// what differs, or "".
std::string self_test();

}  // namespace chaperone::parser
