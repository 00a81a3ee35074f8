#include <algorithm>
#include <map>

#include "rules/builtin/builtin.hpp"
#include "rules/narrow/narrow_flow.hpp"
#include "rules/narrow/narrow_plan.hpp"

namespace chaperone::rules {

namespace {

using parser::Expr;
using parser::ExprKind;
using parser::Form;
using parser::Id;
using parser::JoinKind;
using parser::kNone;

using Kind = ColumnBinding::Kind;

/// What stands between a predicate and hidden rows: a guard where the filter can be said beside it, else the
/// predicate moves into the wrapper, else the wrapper becomes a fence.
class Predicates {
 public:
  Predicates(Plan& plan, const Flow& flow)
      : plan_(plan), flow_(flow), fenced_(flow.fenced()), guards_(flow.guards()) {}

  void run() {
    for (Guard& guard : guards_) {
      const bool alone = guard.items.size() == 1 && can_move(guard.conjunct, guard.items.front());
      std::vector<Id> named;
      for (const Id item : guard.items) {
        if (fenced_[item]) continue;
        if (can_guard(item)) {
          named.push_back(item);
        } else if (alone) {
          moved_[item].push_back(guard.conjunct);
        } else {
          fenced_[item] = true;
        }
      }
      guard.items = std::move(named);
    }
    for (Guard& guard : guards_) {
      std::erase_if(guard.items, [this](Id item) { return fenced_[item]; });
      if (!guard.items.empty()) plan_.result.guards.push_back(std::move(guard));
    }
    for (Id item = 0; item < plan_.items.size(); ++item) {
      if (fenced_[item]) {
        put_fence(item);
      } else if (const auto moved = moved_.find(item); moved != moved_.end()) {
        plan_.result.wrappers[plan_.items[item].wrapper].moved_conjuncts = moved->second;
      }
    }
  }

 private:
  // Whether an outer join could put NULLs in place of the item's row.
  bool is_nullable(Id item) const {
    for (Id below = item, join = plan_.item(item).parent; join != kNone;
         below = join, join = plan_.item(join).parent) {
      const parser::FromItem& from = plan_.item(join);
      if (from.join == JoinKind::kFull || (from.join == JoinKind::kLeft && from.right == below) ||
          (from.join == JoinKind::kRight && from.left == below)) {
        return true;
      }
    }
    return false;
  }

  bool is_behind_alias(Id item) const {
    for (Id join = plan_.item(item).parent; join != kNone; join = plan_.item(join).parent) {
      if (!plan_.item(join).alias.empty()) return true;
    }
    return false;
  }

  // Whether the item's filter can be said in its query's WHERE.
  bool can_guard(Id item) const {
    if (plan_.items[item].target) return true;
    const Expression& filter = plan_.items[item].rows->expression;
    const bool shown = std::all_of(filter.columns.begin(), filter.columns.end(), [&](std::uint16_t column) {
      return plan_.items[item].shows(column) && plan_.items[item].mask(column) == nullptr;
    });
    return shown && !filter.has_subquery && !is_nullable(item) && !is_behind_alias(item);
  }

  // Whether a conjunct can stand inside the item's wrapper: it names plain columns of the item alone.
  bool can_move(Id conjunct, Id item) const {
    if (plan_.items[item].target || is_nullable(item) || plan_.item(item).column_aliases.count != 0 ||
        has_subquery(item)) {
      return false;
    }
    return mentions_only(conjunct, item);
  }

  bool has_subquery(Id item) const {
    const ReadRule& read = *plan_.items[item].read;
    return (read.rows && read.rows->expression.has_subquery) ||
           std::any_of(read.masks.begin(), read.masks.end(),
                       [](const auto& mask) { return mask.second.expression.has_subquery; });
  }

  // What is looked up has to stay where it stands.
  bool may_look_up(const Expr& expr) const {
    if (expr.kind == ExprKind::kFunction) {
      const BuiltinName* name = builtin().find_name(plan_.facts.at(expr.names).back());
      return name != nullptr && name->value == BuiltinClass::kIntrospection;
    }
    if (expr.kind != ExprKind::kCast) return false;
    const auto names = plan_.facts.at(plan_.facts.types[expr.type].names);
    return !names.empty() && names.back().starts_with("reg");
  }

  bool mentions_only(Id conjunct, Id item) const {
    std::vector<Id> open = {conjunct};
    while (!open.empty()) {
      const Id id = open.back();
      open.pop_back();
      const Expr& expr = plan_.expr(id);
      if (expr.kind == ExprKind::kSubquery || may_look_up(expr)) return false;
      if (expr.kind == ExprKind::kColumn) {
        const ColumnBinding& bound = plan_.binding(id);
        if (bound.kind != Kind::kRelation || bound.item != item || expr.names.count > 2 ||
            plan_.items[item].mask(bound.column) != nullptr) {
          return false;
        }
      }
      for (std::uint32_t i = 0; i < expr.children.count; ++i) open.push_back(expr.children.first + i);
      for (std::uint32_t i = 0; i < expr.extra.count; ++i) open.push_back(expr.extra.first + i);
    }
    return true;
  }

  void put_fence(Id item) {
    if (plan_.denied()) return;
    const Id query = plan_.item(item).query;
    if (plan_.items[item].target) {
      return plan_.deny("use this expression in a write to {}, of which it sees some rows", item, kNone,
                        "read.rows", "Put it into the WHERE of the statement itself.");
    }
    for (Id at = query; at != kNone; at = plan_.query(at).parent) {
      if (plan_.query(at).lock != parser::LockStrength::kUnlocked) {
        return plan_.deny("lock rows beside an expression that could fail on rows it does not see", item,
                          kNone, "read.rows",
                          "Leave FOR UPDATE out, or move arithmetic and casts into the WHERE.");
      }
    }
    Wrapper& wrapper = plan_.result.wrappers[plan_.items[item].wrapper];
    wrapper.fence = true;
    if (has_subquery(item) || plan_.item(item).column_aliases.count != 0) return;
    for (const Id conjunct : plan_.conjuncts(plan_.query(query).where)) {
      if (is_sargable(conjunct, item)) wrapper.copied_conjuncts.push_back(conjunct);
    }
  }

  // column = value, with a total strict operator and without any other column.
  bool is_sargable(Id conjunct, Id item) const {
    const Expr& expr = plan_.expr(conjunct);
    if (expr.kind != ExprKind::kOperator || flow_.is_partial(conjunct) || !mentions_only(conjunct, item)) {
      return false;
    }
    static constexpr std::string_view kStrict[] = {"=", "<", ">", "<=", ">="};
    const std::string_view name = plan_.facts.at(expr.names).back();
    const bool strict = std::find(std::begin(kStrict), std::end(kStrict), name) != std::end(kStrict);
    if (!(expr.form == Form::kPlain && strict && expr.children.count == 2) && expr.form != Form::kIn)
      return false;
    bool total = true;
    for (std::uint32_t i = 0; i < expr.children.count; ++i) {
      const Expr* operand = &plan_.expr(expr.children.first + i);
      if (operand->kind == ExprKind::kCast && operand->children.count == 1) {
        operand = &plan_.expr(operand->children.first);
        if (operand->kind == ExprKind::kColumn) return false;
      }
      total &= operand->kind == ExprKind::kColumn || operand->kind == ExprKind::kConstant ||
               operand->kind == ExprKind::kParameter;
    }
    return total;
  }

  Plan& plan_;
  const Flow& flow_;
  std::vector<bool> fenced_;
  std::vector<Guard> guards_;
  std::map<Id, std::vector<Id>> moved_;
};

}  // namespace

void plan_predicates(Plan& plan) {
  const bool filtered = !plan.result.filters.empty() ||
                        std::any_of(plan.items.begin(), plan.items.end(), [](const ItemView& item) {
                          return item.rows != nullptr && !item.target;
                        });
  if (!filtered) return;
  Flow flow(plan);
  if (flow.run()) Predicates(plan, flow).run();
}

}  // namespace chaperone::rules
