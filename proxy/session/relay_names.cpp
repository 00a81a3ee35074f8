#include "proxy/session/relay.hpp"

// SQL's PREPARE, DECLARE and their like share their names with the protocol.

namespace chaperone::session {

using parser::StatementKind;

namespace {

/// Whether what is under way may change what the name stands for.
bool changes_name(const LedgerEntry& entry, std::string_view name) {
  if (entry.changes_statement && entry.name == name) return true;
  if (!entry.changes_sql_names) return false;
  const auto& statements = entry.text->script.statements;
  return statements.size() != 1 || statements.front().name.empty() || statements.front().name == name;
}

}  // namespace

// What they make of a name shows in the reply; until then nothing is known of it.
void Relay::forget_sql_names(LedgerEntry& entry, const parser::Statement& statement) {
  switch (statement.kind) {
    case StatementKind::kPrepare:
    case StatementKind::kDeallocate:
    case StatementKind::kDiscardAll:
      if (statement.name.empty()) {
        statements_.clear_statements();
      } else {
        statements_.exchange_statement(statement.name, nullptr);
      }
      break;
    case StatementKind::kDeclareCursor:
    case StatementKind::kCloseCursor:
      break;
    default:
      return;
  }
  entry.changes_sql_names = true;
  if (statement.kind == StatementKind::kPrepare || statement.kind == StatementKind::kDeallocate) return;
  if (statement.name.empty()) {
    statements_.clear_portals();
  } else {
    statements_.close_portal(statement.name);
  }
}

SharedText Relay::part_of(const SqlText& text, const parser::Statement& statement) const {
  return guard_ ? guard_->statement_of(text, statement) : statement_of(text, statement);
}

// Where more is under way that may change the same name, what it will stand for is left unknown: the table
// never holds another text under a name than the server does when it comes to what is sent next.
void Relay::sql_changed_names(const parser::Statement& statement, const SqlText& text) {
  const auto under_way = [&] {
    constexpr std::size_t kLookedAt = 256;
    return ledger_.size() > kLookedAt ||
           ledger_.any([&](const LedgerEntry& entry) { return changes_name(entry, statement.name); }, 1);
  };
  switch (statement.kind) {
    case StatementKind::kPrepare:
      if (!under_way()) statements_.exchange_statement(statement.name, part_of(text, statement));
      break;
    case StatementKind::kDeallocate:
      if (statement.name.empty()) {
        statements_.clear_statements();
      } else {
        statements_.exchange_statement(statement.name, nullptr);
      }
      break;
    case StatementKind::kDeclareCursor: {
      // One that stands there from before it is gone by now, at a ROLLBACK TO, say.
      const Portal* there = statements_.find_portal(statement.name);
      if ((there != nullptr && there->order > ledger_.front_order()) || under_way()) break;
      auto* portal =
          statements_.bind_portal(statement.name, ledger_.front_order(), part_of(text, statement), 0);
      if (portal != nullptr) portal->holdable = statement.holdable;
      break;
    }
    case StatementKind::kCloseCursor:
      if (statement.name.empty()) {
        statements_.clear_portals();
      } else {
        statements_.close_portal(statement.name);
      }
      break;
    case StatementKind::kDiscardAll:
      statements_.clear_statements();
      statements_.clear_portals();
      break;
    default:
      break;
  }
}

void Relay::unread_sql_changed_names(std::string_view tag) {
  if (tag == "PREPARE" || tag.starts_with("DEALLOCATE") || tag == "DISCARD ALL")
    statements_.clear_statements();
  if (tag == "DECLARE CURSOR" || tag.starts_with("CLOSE CURSOR") || tag == "DISCARD ALL")
    statements_.clear_portals();
}

}  // namespace chaperone::session
