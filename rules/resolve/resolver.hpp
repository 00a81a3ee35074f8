#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "rules/resolve/denials.hpp"
#include "rules/resolve/sources.hpp"

/// Between the files of resolve(); nobody else includes it.
namespace chaperone::rules {

/// Binds the columns of one script under one capability.
class Resolver {
 public:
  Resolver(const parser::Facts& facts, const Catalog& catalog, const Capability& capability,
           const Sources& sources)
      : facts_(facts), catalog_(catalog), capability_(capability), sources_(sources) {}

  Resolution resolve();

 private:
  using Id = parser::Id;

  /// A column that a FROM item has.
  struct Entry {
    std::string_view name;
    std::uint16_t column = 0;  // in the relation, or the place in the item's list
  };
  struct Columns {
    enum class State : std::uint8_t { kNew, kBusy, kReady };
    State state = State::kNew;
    bool open = false;       // it may have more than we know: what a function or composite value has
    bool uncertain = false;  // or fewer
    std::vector<Entry> entries;
    std::vector<std::string_view> merged;  // of a join with USING or NATURAL
  };

  /// Which columns of a target or relation may be named.
  enum class View : std::uint8_t {
    kRead,
    kReturning,  // those of `returning`, if it is there
    kInference,  // ON CONFLICT (..): also those that may be inserted
  };

  /// The FROM items that a name can mean at one level of queries.
  struct Scope {
    enum class Kind : std::uint8_t { kNothing, kAll, kOn, kLateral };
    Kind kind = Kind::kNothing;
    Id query = parser::kNone;
    Id owner = parser::kNone;  // from_items: the join of kOn, the item of kLateral
    parser::Clause clause = parser::Clause::kOutput;
    bool inference = false;
  };

  struct Found {
    int matches = 0;
    Id representative = parser::kNone;  // the item, or the join that merges the column
    ColumnBinding binding;
    bool uncertain = false;
  };

  // resolve.cpp
  void bind_items();
  void bind_relation(Id id, const Source& source);
  void bind_column(Id id);
  void bind_star(Id id, const parser::Expr& expr);
  void bind_qualified(Id id, const parser::Expr& expr);
  void bind_unqualified(Id id, const parser::Expr& expr);
  bool bind_output(Id id, const parser::Expr& expr);
  void check_field(Id id);
  Id row_of(ColumnBinding binding);
  void check_using(Id join);
  void deny(Denial denial);
  void deny_unqualified(const Scope& scope, std::string_view name, std::uint32_t offset);
  bool denied() const { return out_.denial.has_value(); }

  // resolve_scope.cpp
  Scope scope_of(Id expr) const;
  Scope outer(const Scope& scope) const;
  bool ends(const Scope& scope) const { return scope.query == parser::kNone; }
  template <class F>
  void each_item(const Scope& scope, F&& visit);
  template <class F>
  void each_in_tree(Id root, F&& visit);
  void match(const Scope& scope, Id item, std::string_view name, Found& found);
  void find_in_scope(const Scope& scope, std::string_view name, Found& found);
  void found_in(Id item, ColumnBinding::Kind kind, std::uint16_t column, std::string_view name, Found& found);
  void mark_outer(Scope scope, std::string_view name);
  Id find_open(Scope scope, std::string_view name);
  Id find_item(const Scope& scope, std::string_view schema, std::string_view name, int& matches);
  std::string_view reference_name(const parser::FromItem& item) const;
  View view_of(const Scope& scope, Id item) const;
  const ColumnSet* returning_of(Id id) const;
  bool visible(Id item, View view, std::string_view column) const;
  bool has_system_columns(Id item, View view) const;
  bool step(std::uint64_t steps = 1);

  // resolve_outputs.cpp
  const Columns& columns_of(Id item);
  void read_columns(Id item, Columns& columns);
  void read_relation_columns(Id item, Columns& columns);
  void read_query_columns(Id query, Columns& columns);
  void read_function_columns(Id item, Columns& columns);
  void read_join_columns(Id item, Columns& columns);
  void rename(parser::Range aliases, Columns& columns) const;
  void expand(Id item, std::vector<std::string_view>& names, bool& open, int depth);
  void mark_hidden_in(Id item);
  const std::vector<std::string>& outputs_of(Id query);
  void make_outputs(Id query);
  void add_star(Id query, const parser::Expr& expr, parser::Clause clause, std::vector<std::string>& names);
  /// As FigureColname; empty: "?column?".
  std::string_view figure_name(Id expr);
  bool is_open(Id query) const { return open_queries_[query] != 0; }

  const parser::Facts& facts_;
  const Catalog& catalog_;
  const Capability& capability_;
  const Sources& sources_;
  Resolution out_;
  std::vector<Columns> columns_;
  std::vector<Columns::State> output_states_;
  std::vector<char> open_queries_;
  std::vector<Id> stack_;
  std::uint64_t steps_ = 0;
  int depth_ = 0;
};

template <class F>
void Resolver::each_in_tree(Id root, F&& visit) {
  const parser::FromItem& first = facts_.from_items[root];
  if (first.kind != parser::FromKind::kJoin || !first.alias.empty()) {
    visit(root);
    return;
  }
  const std::size_t bottom = stack_.size();
  stack_.push_back(root);
  while (stack_.size() > bottom) {
    const Id id = stack_.back();
    stack_.pop_back();
    const parser::FromItem& item = facts_.from_items[id];
    if (item.kind == parser::FromKind::kJoin && item.alias.empty()) {
      if (!step()) {
        stack_.resize(bottom);
        return;
      }
      stack_.push_back(item.right);
      stack_.push_back(item.left);
      if (!item.using_alias.empty()) visit(id);
      continue;
    }
    visit(id);
  }
}

template <class F>
void Resolver::each_item(const Scope& scope, F&& visit) {
  switch (scope.kind) {
    case Scope::Kind::kNothing:
      return;
    case Scope::Kind::kOn:
      each_in_tree(facts_.from_items[scope.owner].left, visit);
      each_in_tree(facts_.from_items[scope.owner].right, visit);
      return;
    case Scope::Kind::kLateral: {
      Id child = scope.owner;
      for (Id join = facts_.from_items[child].parent; join != parser::kNone;
           join = facts_.from_items[child].parent) {
        if (facts_.from_items[join].right == child) each_in_tree(facts_.from_items[join].left, visit);
        child = join;
        if (!step()) return;
      }
      const parser::Range from = facts_.queries[scope.query].from;
      for (Id item = from.first; item < from.first + from.count && item != child; ++item) {
        each_in_tree(item, visit);
      }
      return;
    }
    case Scope::Kind::kAll: {
      const parser::Query& query = facts_.queries[scope.query];
      const bool target = query.target != parser::kNone && (query.kind != parser::QueryKind::kInsert ||
                                                            scope.clause == parser::Clause::kReturning ||
                                                            scope.clause == parser::Clause::kConflict);
      if (target) visit(query.target);
      for (Id item = query.from.first; item < query.from.first + query.from.count; ++item) {
        each_in_tree(item, visit);
      }
      return;
    }
  }
}

}  // namespace chaperone::rules
