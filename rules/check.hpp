#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "rules/catalog/catalog.hpp"
#include "rules/evaluate/evaluate.hpp"
#include "rules/policy/policy.hpp"

/// The engine without a server: what becomes of a string of SQL, in words. What `check`, `explain` and `test`
/// are made of.
namespace chaperone::rules {

/// What became of one string of SQL.
struct Checked {
  bool allow = false;
  std::string capability;  ///< what covered it, or came closest; empty: none was needed, or there is none
  std::string rule;        ///< that refused it; empty: allowed, or not refused by a rule (syntax, limits)
  std::string sqlstate;    ///< empty: allowed
  std::string message;     ///< as the client would read it
  std::string detail;
  std::string hint;
  std::string schema;
  std::string table;
  std::string column;
  std::uint32_t offset = parser::kNone;  ///< byte that the error points at
  std::optional<std::string>
      rewritten;  ///< the text that would be sent, where it is another; without the context comment
  std::vector<std::string_view> narrowed;  ///< rows, mask, columns, limit, set
  /// Rules of the policy that this string put to use, as rules_of() names them.
  std::vector<std::string> exercised;
};

/// The principal of an agent whose claims are given by hand. A parameter that comes from a claim and has no
/// value gets its own name in angle brackets, so that the text can be shown.
Principal make_principal(const Agent& agent, const std::map<std::string, std::string, std::less<>>& values,
                         std::string actor = "", std::string task = "");

/// All that the agent's capabilities say and that a statement can put to use, as
/// "triage-tickets: tables.tickets.read.rows".
std::set<std::string> rules_of(const Agent& agent);

/// Decides a string of SQL for an agent and rewrites it. Threads: any, as parser::read_facts().
Checked check(std::string_view sql, const Agent& agent, const Catalog& catalog, const Principal& principal,
              const parser::Limits& limits = {});

/// A capability of the agent and why it does not cover a string.
struct Reason {
  std::string capability;
  std::string rule;
  std::string message;
};
/// For a string that is refused: each capability of the agent with its own reason, in the agent's order.
std::vector<Reason> reasons(std::string_view sql, const Agent& agent, const Catalog& catalog,
                            const parser::Limits& limits = {});

/// What a client reads as the error's M: "pgchaperone: .." but for a syntax error, which is PostgreSQL's own.
std::string message_of(const Denial& denial);
/// And as its D.
std::string detail_of(const Denial& denial, std::string_view capability);

}  // namespace chaperone::rules
