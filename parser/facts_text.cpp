#include "parser/facts_text.hpp"

#include <fmt/format.h>

#include <string_view>

namespace chaperone::parser {

namespace {

class FactsText {
 public:
  explicit FactsText(const Facts& facts) : facts_(facts) {}

  std::string all() {
    for (std::size_t i = 0; i < facts_.statements.size(); ++i) statement(i);
    return text_;
  }

  std::string expr(Id id) const {
    if (id == kNone) return "none";
    const Expr& e = facts_.exprs.at(id);
    std::string text = head(e);
    if (e.has(flag::kDistinct)) text += " distinct";
    if (e.has(flag::kVariadic)) text += " variadic";
    if (e.has(flag::kWithinGroup)) text += " within_group";
    if (e.has(flag::kOver)) text += " over";
    if (e.has(flag::kFilter)) text += " filter";
    if (e.has(flag::kSqlSyntax)) text += " syntax";
    if (e.has(flag::kHasArgument)) text += " argument";
    if (e.has(flag::kNegated)) text += " negated";
    if (e.has(flag::kSymmetric)) text += " symmetric";
    if (e.type != kNone) text += " " + type(e.type);
    if (e.subquery != kNone) text += fmt::format(" #{}", e.subquery);
    std::string inner = exprs(e.children);
    if (e.extra.count > 0) inner += "; " + exprs(e.extra);
    if (e.children.count > 0 || e.extra.count > 0) text += "(" + inner + ")";
    return text;
  }

  std::string type(Id id) const {
    const TypeUse& use = facts_.types.at(id);
    std::string text = use.set_of ? "setof " : "";
    text += dotted(use.names);
    if (use.percent_type) text += "%type";
    if (use.modifiers.count > 0) text += "(" + exprs(use.modifiers) + ")";
    for (int i = 0; i < use.array_dimensions; ++i) text += "[]";
    if (use.collation.count > 0) text += " collate " + dotted(use.collation);
    return text;
  }

 private:
  std::string dotted(Range names, char separator = '.') const {
    std::string text;
    for (const std::string_view name : facts_.at(names)) {
      if (!text.empty()) text += separator;
      text += name;
    }
    return text;
  }

  std::string exprs(Range range) const {
    std::string text;
    for (Id i = 0; i < range.count; ++i) {
      if (i > 0) text += ", ";
      text += expr(range.first + i);
    }
    return text;
  }

  static std::string_view form(Form form) {
    static constexpr std::string_view kForms[] = {
        "",         "any",          "all",    "in",    "not_in", "like",   "ilike", "similar", "between",
        "distinct", "not_distinct", "nullif", "using", "exists", "scalar", "array", "exclude"};
    return kForms[static_cast<std::size_t>(form)];
  }

  std::string head(const Expr& e) const {
    const std::string named = dotted(e.names);
    const std::string star = e.has(flag::kStar) ? "*" : "";
    switch (e.kind) {
      case ExprKind::kColumn:
        return named.empty() ? star : star.empty() ? named : named + ".*";
      case ExprKind::kConstant:
        switch (e.constant) {
          case ConstantKind::kNull:
            return "null";
          case ConstantKind::kString:
            return "'" + std::string(e.text) + "'";
          case ConstantKind::kBitString:
            return "bits:" + std::string(e.text);
          default:
            return std::string(e.text);
        }
      case ExprKind::kParameter:
        return fmt::format("${}", e.number);
      case ExprKind::kFunction:
        return "call:" + named + star;
      case ExprKind::kOperator:
        return e.form == Form::kPlain ? "op:" + named : fmt::format("{}:{}", form(e.form), named);
      case ExprKind::kAnd:
        return "and";
      case ExprKind::kOr:
        return "or";
      case ExprKind::kNot:
        return "not";
      case ExprKind::kCast:
        return "cast";
      case ExprKind::kCollate:
        return "collate:" + named;
      case ExprKind::kSubquery:
        return fmt::format("{}{}{}", form(e.form), named.empty() ? "" : ":", named);
      case ExprKind::kCase:
        return "case";
      case ExprKind::kCoalesce:
        return "coalesce";
      case ExprKind::kMinMax:
        return std::string(e.text);
      case ExprKind::kRow:
        return e.has(flag::kImplicitRow) ? "(row)" : "row";
      case ExprKind::kArray:
        return "array";
      case ExprKind::kField:
        return "field:" + std::string(e.text) + star;
      case ExprKind::kSubscript:
        return "subscript";
      case ExprKind::kNullTest:
        return "is_null";
      case ExprKind::kBooleanTest:
        return "is_" + std::string(e.text);
      case ExprKind::kGrouping:
        return "grouping";
      case ExprKind::kGroupingSet:
        return "set:" + std::string(e.text);
      case ExprKind::kSqlValue:
        return e.number == 0 ? std::string(e.text) : fmt::format("{}:{}", e.text, e.number);
      case ExprKind::kNamedArgument:
        return "named:" + std::string(e.text);
      case ExprKind::kDefault:
        return "default";
      case ExprKind::kCurrentOf:
        return "current_of:" + std::string(e.text);
      case ExprKind::kXml:
        return "xml:" + std::string(e.text);
      case ExprKind::kJson:
        return "json:" + std::string(e.text);
      case ExprKind::kMultiAssign:
        return fmt::format("part:{}", e.number);
      case ExprKind::kOperatorClass:
        return "opclass:" + named;
    }
    return "?";
  }

  void line(std::size_t depth, const std::string& text) {
    text_ += std::string(depth * 2, ' ') + text + "\n";
  }

  static std::string_view wrapped(StatementKind kind) {
    switch (kind) {
      case StatementKind::kExecute:
        return "execute";
      case StatementKind::kDeclareCursor:
        return "declare";
      case StatementKind::kCreateTableAs:
        return "create_table_as";
      case StatementKind::kDdl:
        return "ddl";
      default:
        return "?";
    }
  }

  void statement(std::size_t index) {
    static constexpr std::string_view kActions[] = {"copy_to", "copy_from", "truncate",  "lock",    "create",
                                                    "alter",   "drop",      "index",     "comment", "vacuum",
                                                    "refresh", "other",     "reference", "inherit"};
    static constexpr std::string_view kSettings[] = {"set",       "set_default", "set_from_current", "reset",
                                                     "reset_all", "show",        "show_all"};
    const StatementFacts& s = facts_.statements[index];
    line(0,
         fmt::format("{}{}{}{}{}{}{}{}", s.command, s.read ? "" : " unread", s.temporary ? " temporary" : "",
                     s.materialized ? " materialized" : "", s.if_exists ? " if_exists" : "",
                     s.replace ? " replace" : "", s.cascade ? " cascade" : "", s.program ? " program" : ""));
    if (s.wrapped != StatementKind::kOther) {
      line(1, fmt::format("wraps {} {}", wrapped(s.wrapped), s.wrapped_name));
    }
    if (!s.copy_file.empty()) line(1, fmt::format("file {}", s.copy_file));
    for (Id i = 0; i < s.relations.count; ++i) {
      const RelationUse& use = facts_.relation_uses.at(s.relations.first + i);
      line(1, fmt::format("{} {}{}{}{}{}", kActions[static_cast<std::size_t>(use.action)],
                          use.temporary ? "temporary " : "", use.only ? "only " : "", dotted(use.names),
                          use.columns.count > 0 ? "(" + dotted(use.columns, ',') + ")" : "", at(use.offset)));
    }
    for (Id i = 0; i < s.settings.count; ++i) {
      const SettingUse& use = facts_.setting_uses.at(s.settings.first + i);
      line(1, fmt::format("{}{} {}{}{}", kSettings[static_cast<std::size_t>(use.action)],
                          use.local ? " local" : "", use.name, use.values.count > 0 ? " = " : "",
                          exprs(use.values)));
    }
    for (Id i = 0; i < s.options.count; ++i) {
      const Option& option = facts_.options.at(s.options.first + i);
      line(1, fmt::format("option {}={}", option.name, option.value));
    }
    for (Id i = 0; i < s.types.count; ++i) line(1, fmt::format("type {}", type(s.types.first + i)));
    for (Id i = 0; i < s.exprs.count; ++i) line(1, fmt::format("expr {}", expr(s.exprs.first + i)));
    for (Id i = 0; i < facts_.queries.size(); ++i) {
      if (facts_.queries[i].statement == index) query(i);
    }
  }

  static std::string at(std::uint32_t offset) {
    return offset == kNone ? std::string() : fmt::format(" @{}", offset);
  }

  void targets(std::string_view what, Range range) {
    for (Id i = 0; i < range.count; ++i) {
      const Target& target = facts_.targets.at(range.first + i);
      line(2, fmt::format("{} {}{}{}{}{}", what, target.name, target.subfield ? " subfield" : "",
                          target.subscripts.count > 0 ? " [" + exprs(target.subscripts) + "]" : "",
                          target.name.empty() || target.expr == kNone ? "" : " = ",
                          target.expr == kNone ? "" : expr(target.expr)));
    }
  }

  void list(std::string_view what, Range range) {
    if (range.count > 0) line(2, fmt::format("{} {}", what, exprs(range)));
  }
  void one(std::string_view what, Id id) {
    if (id != kNone) line(2, fmt::format("{} {}", what, expr(id)));
  }

  void query(Id id) {
    static constexpr std::string_view kKinds[] = {"select", "values", "set",  "insert",
                                                  "update", "delete", "merge"};
    static constexpr std::string_view kRoles[] = {"", " cte", " from", " expression", " arm", " source"};
    static constexpr std::string_view kOperations[] = {"", " union", " intersect", " except"};
    static constexpr std::string_view kLocks[] = {"", "key_share", "share", "no_key_update", "update"};
    static constexpr std::string_view kConflicts[] = {"", "nothing", "update"};
    const Query& q = facts_.queries.at(id);
    line(1, fmt::format("#{} {}{}{}{}{}{}{}{}{}{}", id, kKinds[static_cast<std::size_t>(q.kind)],
                        kOperations[static_cast<std::size_t>(q.operation)], q.all ? " all" : "",
                        kRoles[static_cast<std::size_t>(q.role)],
                        q.parent == kNone ? "" : fmt::format(" of #{}", q.parent),
                        q.recursive ? " recursive" : "", q.distinct ? " distinct" : "", q.into ? " into" : "",
                        q.overriding ? " overriding" : "", q.default_values ? " default_values" : ""));
    for (Id i = 0; i < q.ctes.count; ++i) {
      const Cte& cte = facts_.ctes.at(q.ctes.first + i);
      line(2, fmt::format("cte {}{}{} #{}{}{}", cte.name, columns(cte.column_aliases),
                          cte.search_or_cycle ? " +" + columns(cte.added_columns) : "", cte.query,
                          cte.cycle_marks.count > 0 ? " marks " : "", exprs(cte.cycle_marks)));
    }
    if (q.target != kNone) from("target", q.target, 2);
    targets("output", q.outputs);
    targets("column", q.columns);
    for (Id i = 0; i < q.from.count; ++i) from("from", q.from.first + i, 2);
    list("row", q.values);
    one(q.kind == QueryKind::kMerge ? "on" : "where", q.where);
    list("distinct_on", q.distinct_on);
    list("group_by", q.group_by);
    one("having", q.having);
    list("windows", q.windows);
    list("order_by", q.order_by);
    one(q.with_ties ? "limit_with_ties" : "limit", q.limit);
    one("offset", q.offset);
    if (q.lock != LockStrength::kUnlocked) {
      line(2, fmt::format("lock {}{}{}", kLocks[static_cast<std::size_t>(q.lock)], q.lock_all ? " all" : "",
                          columns(q.lock_names)));
    }
    if (q.source != kNone) line(2, fmt::format("source #{}", q.source));
    if (q.left != kNone) line(2, fmt::format("arms #{} #{}", q.left, q.right));
    if (q.conflict != ConflictAction::kRaise) {
      line(2, fmt::format("conflict {} {}", kConflicts[static_cast<std::size_t>(q.conflict)],
                          q.conflict_constraint));
    }
    list("inferred", q.conflict_columns);
    targets("conflict_set", q.conflict_set);
    list("conflict_where", q.conflict_where);
    for (Id i = 0; i < q.merge_actions.count; ++i) action(facts_.merge_actions.at(q.merge_actions.first + i));
    targets("returning", q.returning);
  }

  std::string columns(Range names) const {
    return names.count == 0 ? std::string() : "(" + dotted(names, ',') + ")";
  }

  void action(const MergeAction& action) {
    static constexpr std::string_view kCommands[] = {"insert", "update", "delete", "nothing"};
    line(2, fmt::format("when {}{} {}{}", action.matched ? "matched" : "not_matched",
                        action.by_source ? "_by_source" : "",
                        kCommands[static_cast<std::size_t>(action.command)],
                        action.overriding ? " overriding" : ""));
    one("  if", action.condition);
    targets("  column", action.columns);
    list("  values", action.values);
  }

  void from(std::string_view what, Id id, std::size_t depth) {
    static constexpr std::string_view kKinds[] = {"", "subquery", "function", "join", "table_function"};
    static constexpr std::string_view kJoins[] = {" inner", " left", " right", " full"};
    const FromItem& item = facts_.from_items.at(id);
    std::string text(what);
    if (item.lateral) text += " lateral";
    if (item.only) text += " only";
    text += item.kind == FromKind::kRelation
                ? " " + dotted(item.names)
                : fmt::format(" {}", kKinds[static_cast<std::size_t>(item.kind)]);
    if (item.kind == FromKind::kJoin) text += kJoins[static_cast<std::size_t>(item.join)];
    if (item.natural) text += " natural";
    if (item.has_using) text += " using" + columns(item.using_columns);
    if (!item.using_alias.empty()) text += fmt::format(" using_alias {}", item.using_alias);
    if (item.subquery != kNone) text += fmt::format(" #{}", item.subquery);
    if (item.sampled) text += " sample " + dotted(item.sample_method);
    if (item.exprs.count > 0) text += " " + exprs(item.exprs);
    if (item.ordinality) text += " ordinality";
    if (item.typed_columns) text += " typed";
    for (Id i = 0; i < item.types.count; ++i) {
      text += fmt::format("{}{} {}", i == 0 ? " {" : ", ", facts_.names.at(item.typed_names.first + i),
                          type(item.types.first + i));
    }
    if (item.types.count > 0) text += "}";
    if (!item.alias.empty() || item.column_aliases.count > 0) {
      text += fmt::format(" as {}{}", item.alias, columns(item.column_aliases));
    }
    if (item.on != kNone) text += " on " + expr(item.on);
    line(depth, text + at(item.offset));
    if (item.left != kNone) from("left", item.left, depth + 1);
    if (item.right != kNone) from("right", item.right, depth + 1);
  }

  const Facts& facts_;
  std::string text_;
};

}  // namespace

std::string to_text(const Facts& facts) {
  return FactsText(facts).all();
}

}  // namespace chaperone::parser
