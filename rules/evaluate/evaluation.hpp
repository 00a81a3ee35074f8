#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/evaluate/evaluate.hpp"
#include "rules/resolve/denials.hpp"
#include "rules/resolve/sources.hpp"

/// Between the files of evaluate(); nobody else includes it.
namespace chaperone::rules {

/// Whether a name of one part reaches a schema: pg_catalog or one of the search_path.
bool is_searched(const Catalog& catalog, std::string_view schema);
/// Whether something of the table is hidden, masked or filtered for reading.
bool is_narrowed(const Relation& relation, const TableRule& rule);

/// What is done to one setting.
struct SettingChange {
  std::string_view name;  // in lower case
  std::string_view verb;  // show, set, reset
  std::uint32_t offset = parser::kNone;
  std::vector<std::string_view> values = {};
  bool constant = true;
  bool one_text = false;  // a list is one text, as set_config takes it
};
/// By the shipped table and what the capability says of the setting; nullptr: by the set `session` alone. A
/// fixed setting stays what it is.
std::optional<Denial> refuse_setting(const SettingChange& change, const Agent& agent, const Catalog& catalog,
                                     const Capability* capability);

/// The checks of one script under one capability, or under the set `session` alone.
class Evaluation {
 public:
  /// `capability` is empty for the set `session`; then `others` are the agent's, whose settings it obeys.
  Evaluation(const Agent& agent, const Catalog& catalog, const parser::Facts& facts, const Sources& sources,
             const Capability& capability, bool session_alone)
      : agent_(agent),
        catalog_(catalog),
        facts_(facts),
        sources_(sources),
        capability_(capability),
        session_alone_(session_alone) {}

  /// Nothing: it covers the script whole, and resolution() holds its bindings.
  std::optional<Denial> check();
  Resolution& resolution() { return resolution_; }
  std::vector<Lookup>& lookups() { return lookups_; }

 private:
  using Id = parser::Id;

  // evaluate_statement.cpp
  void check_statement(Id id);
  void check_session_statement(const parser::StatementFacts& statement);
  void check_explain(Id id);
  void check_copy(Id id);
  void check_definition(Id id);
  void check_alter(const parser::StatementFacts& statement);
  void check_truncate(const parser::StatementFacts& statement);
  void check_lock_table(const parser::StatementFacts& statement);
  bool makes_table(Id statement) const;
  void check_bare(Id id);
  void check_explained(Id statement);
  bool needs_class(StatementClass value, std::string_view command);
  const TableRule* named_table(const parser::RelationUse& use, const Relation* relation);
  void never(std::string_view command, std::string_view why = {});
  void deny(Denial denial);
  void deny(std::string rule, std::string message, std::uint32_t offset = parser::kNone,
            std::string hint = {});
  bool denied() const { return denial_.has_value(); }

  // evaluate_settings.cpp
  void check_settings(const parser::StatementFacts& statement);
  void check_setting_call(const parser::Expr& call, std::string_view name);
  void check_setting(const SettingChange& change);

  // evaluate_write.cpp
  void check_query(Id id);
  void check_insert(const parser::Query& query);
  void check_conflict(const parser::Query& query, const RelationBinding& target);
  void check_update(const parser::Query& query);
  void check_delete(const parser::Query& query);
  void check_merge(const parser::Query& query);
  void check_set(parser::Range targets, const RelationBinding& target);
  void check_inserted(parser::Range targets, const RelationBinding& target);
  void check_pinned(const parser::Query& query, const RelationBinding& target, const WriteBounds& bounds,
                    Action action);
  bool pins(const parser::Expr& expr, Id target, std::string_view column, std::uint64_t& values) const;
  bool is_fixed(Id expr) const;
  void check_locks(const parser::Query& query);
  void check_lock(Id item);
  void check_target_column(const parser::Expr& expr, const ColumnBinding& binding);
  void check_target(Id item);

  // evaluate_expression.cpp
  void check_expression(Id id);
  void check_function(Id id);
  void check_functional(Id id, std::string_view name);
  bool allows_function(const parser::Expr& call, std::string_view schema, std::string_view name,
                       bool& bounded);
  void deny_function(const parser::Expr& call, std::string_view reason);
  void check_operator(std::span<const std::string_view> names, std::uint32_t offset);
  void check_cast(const parser::Expr& cast);
  void check_type(Id id);
  bool is_plain_type(const Type& type) const;
  void check_item(Id id);
  bool in_sets(std::string_view set) const;

  // evaluate_numbers.cpp
  void check_named_numbers();

  // evaluate_lookups.cpp
  void check_lookup(const parser::Expr& call, Id id, std::string_view name);
  void check_number_cast(const parser::Expr& cast, std::string_view type);
  void check_number_types();
  void check_name(std::string_view type, const parser::Expr& constant, std::string_view text);
  void check_named_table(const parser::Expr& call, Id id, std::uint32_t table, bool with_column);
  struct Target {
    Lookup::Place place = Lookup::Place::kToken;
    Id expr = parser::kNone;
    std::uint32_t argument = 0;
    std::string_view catalog;
    std::string_view column;
    std::string_view label;
    std::string_view part = {};  // of rules/builtin/rows.tsv
    bool by_name = false;        // a relation's name leads to it
    bool withholds = false;      // as Lookup's
  };
  void look_up(const Target& target);
  void look_up_argument(const parser::Expr& call, Id id, std::uint32_t argument, std::string_view catalog,
                        std::string_view column, bool always, bool named);
  const Relation* shown_relation(std::string_view text) const;
  bool shows_all_columns() const;
  bool has_hidden_relatives(bool children) const;
  bool are_of_one_row(const parser::Expr& call, std::uint32_t count) const;

  // evaluate_origin.cpp
  bool is_of_catalog(Id id, std::size_t steps) const;
  bool is_of_catalog(Id id, std::size_t steps, std::size_t& visits) const;
  bool gives_of_catalog(Id query, std::size_t column, std::size_t steps, std::size_t& visits) const;

  // evaluate_withheld.cpp
  bool is_relation_name(Id id) const;
  bool withholds(const parser::Expr& call, Id id, std::string_view name);
  void check_node(const parser::Expr& call, Id id);
  bool names_settings_alone(const parser::Expr& call, Id id) const;
  bool is_shown_setting(Id id) const;

  const Agent& agent_;
  const Catalog& catalog_;
  const parser::Facts& facts_;
  const Sources& sources_;
  const Capability& capability_;
  const bool session_alone_;
  Resolution resolution_;
  std::optional<Denial> denial_;
  std::vector<Lookup> lookups_;
};

}  // namespace chaperone::rules
