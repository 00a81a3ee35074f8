#include "parser/self_test.hpp"

#include <fmt/format.h>

#include "parser/parser.hpp"

namespace chaperone::parser {

namespace {

// At least one statement for every struct that pg_tree.cpp reads, with a field behind each one that a shifted
// layout would move.
struct Golden {
  std::string_view sql;
  StatementKind kind;
  std::string_view name = {};
  bool holdable = false;
  bool chain = false;
  bool commits_inside = false;
  bool carries_secret = false;
};

using enum StatementKind;

constexpr Golden kGoldens[] = {
    {"SELECT a FROM b", kSelect},
    {"INSERT INTO t VALUES (1)", kInsert},
    {"UPDATE t SET a = 1", kUpdate},
    {"DELETE FROM t", kDelete},
    {"MERGE INTO t USING s ON a = b WHEN MATCHED THEN DELETE", kMerge},
    {"CREATE TABLE t (a int)", kDdl},
    {"COPY t (a, b) FROM STDIN WITH (FORMAT csv)", kCopyFromStdin},
    {"COPY t FROM '/tmp/f'", kCopyFrom},
    {"COPY t FROM PROGRAM 'true'", kCopyFrom},
    {"COPY (SELECT 1) TO STDOUT", kCopyTo},
    {"BEGIN ISOLATION LEVEL SERIALIZABLE", kBegin},
    {"START TRANSACTION READ ONLY", kBegin},
    {"COMMIT AND CHAIN", kCommit, "", false, true},
    {"COMMIT AND NO CHAIN", kCommit},
    {"ROLLBACK AND CHAIN", kRollback, "", false, true},
    {"SAVEPOINT Golden", kSavepoint, "golden"},
    {"RELEASE \"Golden\"", kReleaseSavepoint, "Golden"},
    {"ROLLBACK TO SAVEPOINT g", kRollbackToSavepoint, "g"},
    {"PREPARE TRANSACTION 'gid'", kPrepareTransaction},
    {"COMMIT PREPARED 'gid'", kCommitPrepared},
    {"ROLLBACK PREPARED 'gid'", kRollbackPrepared},
    {"PREPARE p (int) AS SELECT $1", kPrepare, "p"},
    {"EXECUTE p (1)", kExecute, "p"},
    {"DEALLOCATE p", kDeallocate, "p"},
    {"DEALLOCATE ALL", kDeallocate},
    {"DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT 1", kDeclareCursor, "c", true},
    {"DECLARE c BINARY CURSOR FOR SELECT 1", kDeclareCursor, "c"},
    {"FETCH BACKWARD 7 FROM c", kFetch, "c"},
    {"MOVE c", kFetch, "c"},
    {"CLOSE c", kCloseCursor, "c"},
    {"CLOSE ALL", kCloseCursor},
    {"DISCARD ALL", kDiscardAll},
    {"DISCARD TEMP", kDiscardOther},
    {"LISTEN l", kListen},
    {"NOTIFY l, 'x'", kNotify},
    {"UNLISTEN *", kUnlisten},
    {"CALL p(1)", kCall, "", false, false, true},
    {"DO 'x'", kDo, "", false, false, true},
    {"VACUUM (FULL) t", kVacuum, "", false, false, true},
    {"CLUSTER", kOther, "", false, false, true},
    {"REINDEX TABLE t", kOther, "", false, false, true},
    {"CREATE INDEX CONCURRENTLY i ON t (a)", kDdl, "", false, false, true},
    {"CREATE INDEX IF NOT EXISTS i ON t (a)", kDdl},
    {"DROP INDEX CONCURRENTLY i", kDdl, "", false, false, true},
    {"DROP INDEX IF EXISTS i CASCADE", kDdl},
    {"ALTER TABLE t DETACH PARTITION p CONCURRENTLY", kDdl, "", false, false, true},
    {"ALTER TABLE t DETACH PARTITION p", kDdl},
    {"CREATE DATABASE d", kOther, "", false, false, true},
    {"DROP DATABASE d", kOther, "", false, false, true},
    {"ALTER DATABASE d SET TABLESPACE s", kOther, "", false, false, true},
    {"ALTER DATABASE d WITH CONNECTION LIMIT 1", kOther},
    {"CREATE TABLESPACE s LOCATION '/d'", kOther, "", false, false, true},
    {"DROP TABLESPACE s", kOther, "", false, false, true},
    {"CREATE SUBSCRIPTION s CONNECTION 'c' PUBLICATION p", kOther, "", false, false, true, true},
    {"ALTER SUBSCRIPTION s CONNECTION 'c'", kOther, "", false, false, true, true},
    {"ALTER SUBSCRIPTION s SET PUBLICATION p", kOther, "", false, false, true},
    {"DROP SUBSCRIPTION s", kOther, "", false, false, true},
    {"CREATE ROLE r LOGIN PASSWORD 'x'", kOther, "", false, false, false, true},
    {"CREATE ROLE r PASSWORD NULL", kOther},
    {"ALTER ROLE r PASSWORD 'x'", kOther, "", false, false, false, true},
    {"ALTER ROLE r CONNECTION LIMIT 1", kOther},
    {"CREATE USER MAPPING FOR u SERVER s OPTIONS (password 'x')", kOther, "", false, false, false, true},
    {"ALTER USER MAPPING FOR u SERVER s OPTIONS (SET password 'x')", kOther, "", false, false, false, true},
    {"CREATE SERVER s TYPE 't' VERSION '1' FOREIGN DATA WRAPPER w OPTIONS (a 'x')", kOther, "", false, false,
     false, true},
    {"CREATE SERVER s FOREIGN DATA WRAPPER w", kOther},
    {"ALTER SERVER s VERSION '1' OPTIONS (SET a 'x')", kOther, "", false, false, false, true},
    {"ALTER SERVER s VERSION '1'", kOther},
};

std::string describe(const Statement& statement) {
  return fmt::format("kind {} name \"{}\"{}{}{}{}", static_cast<int>(statement.kind), statement.name,
                     statement.holdable ? " holdable" : "", statement.chain ? " chain" : "",
                     statement.commits_inside ? " commits_inside" : "",
                     statement.carries_secret ? " carries_secret" : "");
}

std::string compare(const Golden& golden) {
  // Two of them, so that the location and length that the grammar keeps are read as well.
  const std::string sql = fmt::format("{};\n{} ;", golden.sql, golden.sql);
  const Result<Script> script = parse(sql);
  if (!script) return fmt::format("{}: {}", golden.sql, script.error().message);
  if (script->statements.size() != 2)
    return fmt::format("{}: read as {} statements", sql, script->statements.size());
  const std::string expected = describe({golden.kind,
                                         {},
                                         std::string(golden.name),
                                         golden.holdable,
                                         golden.chain,
                                         golden.commits_inside,
                                         golden.carries_secret});
  std::size_t offset = 0;
  for (const Statement& statement : script->statements) {
    const std::string found = describe(statement);
    if (found != expected) return fmt::format("{}: read as {}, expected {}", golden.sql, found, expected);
    if (statement.span.offset != offset || statement.span.length != golden.sql.size()) {
      return fmt::format("{}: read at {}+{}, expected {}+{}", sql, statement.span.offset,
                         statement.span.length, offset, golden.sql.size());
    }
    offset += golden.sql.size() + 2;
  }
  return {};
}

}  // namespace

std::string self_test() {
  for (const Golden& golden : kGoldens) {
    if (std::string difference = compare(golden); !difference.empty()) return difference;
  }
  const Result<Script> refused = parse("SELECT 'é' FORM t");
  if (refused) return "SELECT 'é' FORM t: not refused";
  if (refused.error().kind != ErrorKind::kSyntax || refused.error().position != 17 ||
      refused.error().message != "syntax error at or near \"t\"") {
    return fmt::format("SELECT 'é' FORM t: refused as {} at {}", refused.error().message,
                       refused.error().position);
  }
  return self_test_of_facts();
}

}  // namespace chaperone::parser
