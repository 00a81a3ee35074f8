#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rules/narrow/narrow.hpp"

/// What the parts of narrow() share: the script with its bindings, and what is known of each FROM item.
namespace chaperone::rules {

/// What the capability leaves of the relation of an item.
struct ItemView {
  const Relation* relation = nullptr;  ///< nullptr: nothing that could be narrowed
  const ReadRule* read = nullptr;
  bool target = false;              ///< of INSERT, UPDATE, DELETE, MERGE
  bool listed = false;              ///< its columns are a list, so that no column of tomorrow may show up
  std::vector<bool> shown;          ///< by column, where they are a list
  bool hidden = false;              ///< some columns are not shown
  bool masked = false;              ///< some columns are masked
  const RowFilter* rows = nullptr;  ///< the filter that the text has to carry
  bool whole = false;               ///< a star or whole row shows all of it
  bool wrapped = false;
  parser::Id wrapper = parser::kNone;  ///< in Narrowing::wrappers

  bool narrowed() const { return listed || hidden || masked || rows != nullptr; }
  const Mask* mask(std::uint16_t column) const;
  /// Whether `read` shows the column.
  bool shows(std::uint16_t column) const;
};

class Plan {
 public:
  Plan(const parser::Facts& script, const Catalog& all, const Capability& allowed, const Resolution& bound);

  const parser::Facts& facts;
  const Catalog& catalog;
  const Capability& capability;
  const Resolution& resolution;
  Narrowing result;
  std::vector<ItemView> items;                          ///< one for each of facts.from_items
  std::vector<std::vector<parser::Id>> items_of_query;  ///< targets left out, joins too
  std::vector<std::vector<parser::Id>> uses_of_item;    ///< exprs that are bound to it
  std::vector<std::vector<parser::Id>> exprs_of_query;  ///< ascending: a parent stands before its children

  const parser::Expr& expr(parser::Id id) const { return facts.exprs[id]; }
  const parser::FromItem& item(parser::Id id) const { return facts.from_items[id]; }
  const parser::Query& query(parser::Id id) const { return facts.queries[id]; }
  const ColumnBinding& binding(parser::Id expr_id) const { return resolution.columns[expr_id]; }

  /// The name by which a query refers to the item.
  std::string_view name_of(parser::Id item_id) const;
  /// The columns that a star over the item gives, in the relation's order.
  std::vector<std::uint16_t> visible_columns(parser::Id item_id) const;
  /// Items below (and at) an item that are no joins.
  std::vector<parser::Id> leaves(parser::Id item_id) const;
  /// Top-level AND conjuncts of a condition.
  std::vector<parser::Id> conjuncts(parser::Id condition) const;

  /// Notes the first refusal. `message` goes on behind "may not "; {} in it is the item's table.
  void deny(std::string_view message, parser::Id item_id, std::uint32_t offset, std::string_view rule = {},
            std::string_view hint = {});
  bool denied() const { return result.denial.has_value(); }
};

/// The parts, in the order in which narrow() runs them.
void plan_wrappers(Plan& plan);    ///< which items are replaced, by what
void plan_writes(Plan& plan);      ///< targets of INSERT, UPDATE, DELETE, MERGE
void plan_predicates(Plan& plan);  ///< guards and fences
void plan_groups(Plan& plan);      ///< GROUP BY of a primary key
void plan_limits(Plan& plan);      ///< rows that a statement gives, COPY
}  // namespace chaperone::rules
