#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "rules/builtin/builtin.hpp"
#include "rules/narrow/narrow_plan.hpp"

namespace chaperone::rules {

/// Types of an agent's expressions, as far as they can be told, and which of them are total: whatever values
/// reach them, evaluating them raises no error and says nothing. Unknown is partial.
class Values {
 public:
  explicit Values(const Plan& plan) : plan_(plan), types_(plan.facts.exprs.size()) {}

  /// Of an expression whose children were judged: whether its own operation is total. Notes its type, but for
  /// a column's, which set_type() has to give.
  bool is_total(parser::Id id);
  void set_type(parser::Id id, std::string_view type) { types_[id] = type; }
  /// As in pg_type; "unknown" for a parameter or a string without a type, empty where it can't be told.
  std::string_view type(parser::Id id) const { return types_[id]; }

  /// The name in pg_type of a column's type, through domains; "anyenum"; empty for others.
  std::string_view name_of(const TypeName& type);

  /// Comparing two values by an operator of that name.
  bool operator_is_total(std::string_view name, std::string_view left, std::string_view right) const;
  /// Whether a call is an aggregate, or a window function.
  bool aggregates(const parser::Expr& call) const;

 private:
  using Names = std::span<const std::string_view>;
  bool judge_operator(parser::Id id, const parser::Expr& expr);
  bool judge_pair(Names names, parser::Id left, parser::Id right) const;
  bool judge_function(parser::Id id, const parser::Expr& expr);
  bool judge_cast(parser::Id id, const parser::Expr& expr);
  bool judge_subquery(parser::Id id, const parser::Expr& expr);
  /// A type that all of them have or can be read as; empty: none, or a cast would be put in.
  std::string_view common_type(const std::vector<parser::Id>& ids) const;
  std::vector<parser::Id> children(const parser::Expr& expr) const;
  std::string_view constant(parser::Id id, parser::ConstantKind kind) const;
  bool is_own_operator(Names names, std::string_view left, std::string_view right) const;
  std::string_view result_of_operator(std::string_view name, std::string_view left,
                                      std::string_view right) const;
  std::string_view result_of_function(std::string_view name, std::span<const std::string_view> types) const;
  std::string_view keep(std::string name);
  /// The type that a cast names; `checked`: reading it can fail in ways of its own.
  std::string_view named_type(const parser::TypeUse& use, bool& checked);

  const Plan& plan_;
  std::vector<std::string_view> types_;
  std::deque<std::string> kept_;
};

}  // namespace chaperone::rules
