#include "proxy/net/catalog_reader.hpp"

#include <utility>

#include "proxy/wire/sqlstate.hpp"
#include "rules/sha256.hpp"

namespace chaperone::net {
namespace {

using namespace std::chrono_literals;

constexpr auto kOpening = 3s;
constexpr auto kAnswering = 10s;  // of which the server knows too: statement_timeout

/// One row that is another one after every change of what rules/catalog/live.sql reads. Each change leaves a
/// row with a newer xmin or another number of rows: where the number stays, what went was older than what
/// came, so that the sum grows. Temporary tables, which are no agent's to name, don't count.
constexpr std::string_view kProbe = R"(
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL search_path = pg_catalog, pg_temp;
SELECT concat_ws(' ',
  (SELECT concat_ws(',', count(*), sum(xmin::text::int8)) FROM pg_namespace),
  (SELECT concat_ws(',', count(*), sum(xmin::text::int8)) FROM pg_class WHERE oid >= 16384 AND relpersistence <> 't'),
  (SELECT concat_ws(',', count(*), sum(a.xmin::text::int8)) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.oid >= 16384 AND a.attrelid >= 16384 AND c.relpersistence <> 't' AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
    AND a.attnum > 0),
  (SELECT concat_ws(',', count(*), sum(i.xmin::text::int8)) FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid
    WHERE c.oid >= 16384 AND c.relpersistence <> 't'),
  (SELECT concat_ws(',', count(*), sum(xmin::text::int8)) FROM pg_inherits),
  (SELECT concat_ws(',', count(*), sum(xmin::text::int8)) FROM pg_constraint),
  (SELECT concat_ws(',', count(*), sum(xmin::text::int8)) FROM pg_type WHERE oid >= 16384 AND typrelid = 0
    AND typinput <> 'array_in'::regproc),
  (SELECT concat_ws(',', count(*), sum(xmin::text::int8)) FROM pg_enum),
  (SELECT concat_ws(',', count(*), sum(xmin::text::int8)) FROM pg_proc WHERE oid >= 16384),
  (SELECT concat_ws(',', count(*), sum(xmin::text::int8)) FROM pg_operator WHERE oid >= 16384),
  (SELECT concat_ws(',', count(*), sum(xmin::text::int8)) FROM pg_extension),
  (SELECT concat_ws(',', count(*), sum(xmin::text::int8)) FROM pg_depend
    WHERE classid = 'pg_operator'::regclass AND deptype = 'e'),
  (SELECT concat_ws(',', count(*), sum(xmin::text::int8)) FROM pg_db_role_setting));
COMMIT)";

}  // namespace

ControlOutcome<std::shared_ptr<const rules::Catalog>> read_catalog(ControlConnection& connection,
                                                                   std::chrono::milliseconds timeout) {
  const auto results = connection.query(rules::live_catalog_query(), timeout);
  if (!results) return results.error();
  std::string lines;
  for (const session::ControlResult& result : *results) {
    for (const auto& row : result.rows) {
      if (row.size() == 1 && row[0] && row[0]->starts_with('{')) lines += *row[0] + '\n';
    }
  }
  rules::Problems problems;
  auto catalog = rules::load_catalog_snapshot(lines, "catalog", problems);
  if (!problems.empty()) {
    return session::ControlError{std::string(wire::sqlstate::kInternalError), problems.text(), {}, {}};
  }
  return catalog;
}

ControlOutcome<std::string> CatalogReader::probe() {
  const auto results = connection_->query(kProbe, kAnswering);
  if (!results) return results.error();
  std::string mark;
  for (const session::ControlResult& result : *results) {
    for (const auto& row : result.rows) mark += row.empty() || !row[0] ? "" : *row[0];
  }
  return {boost::system::in_place_value, std::move(mark)};
}

ControlOutcome<std::optional<HashedCatalog>> CatalogReader::read() {
  if (connection_) {
    const auto mark = probe();
    if (mark && *mark == mark_) return std::nullopt;
    connection_.reset();
  }
  auto login = login_();
  if (!login) return login.error();
  auto opened = ControlConnection::open(std::move(*login), kOpening);
  if (!opened) return opened.error();
  connection_.emplace(std::move(*opened));
  // The probe first: what changes between the two is found by the next one.
  const auto mark = probe();
  auto catalog = mark ? read_catalog(*connection_, kAnswering)
                      : ControlOutcome<std::shared_ptr<const rules::Catalog>>(mark.error());
  if (!catalog) {
    connection_.reset();
    return catalog.error();
  }
  mark_ = *mark;
  std::string hash = "sha256:" + rules::sha256(rules::write_catalog(**catalog));
  return HashedCatalog{std::move(*catalog), std::move(hash)};
}

}  // namespace chaperone::net
