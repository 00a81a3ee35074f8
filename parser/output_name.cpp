#include "parser/output_name.hpp"

namespace chaperone::parser {

std::string_view output_name(const Facts& facts, Id expr) {
  std::string_view weak;       // of strength 1: it counts if nothing better stands inside
  std::string_view otherwise;  // without any
  const auto settled = [&] { return weak.empty() ? otherwise : weak; };
  for (Id id = expr; id != kNone;) {
    const Expr& e = facts.exprs[id];
    const auto names = facts.at(e.names);
    switch (e.kind) {
      case ExprKind::kColumn:
      case ExprKind::kFunction:
        return names.empty() ? settled() : names.back();
      case ExprKind::kField:
        return e.text;
      case ExprKind::kSubscript:
      case ExprKind::kCollate:
        id = e.children.first;
        continue;
      case ExprKind::kCast:
        if (weak.empty()) weak = facts.at(facts.types[e.type].names).back();
        id = e.children.first;
        continue;
      case ExprKind::kCase: {
        if (weak.empty()) weak = "case";
        // Children: argument, WHEN and THEN in pairs, ELSE.
        const std::uint32_t rest = e.children.count - (e.has(flag::kHasArgument) ? 1 : 0);
        if (rest % 2 == 0) return settled();
        id = e.children.first + e.children.count - 1;
        continue;
      }
      case ExprKind::kConstant:
        // TRUE and FALSE are casts to bool in the grammar.
        return weak.empty() && e.constant == ConstantKind::kBoolean ? "bool" : settled();
      case ExprKind::kOperator:
        return e.form == Form::kNullIf ? "nullif" : settled();
      case ExprKind::kSubquery: {
        if (e.form == Form::kExists) return "exists";
        if (e.form == Form::kArray) return "array";
        if (e.form != Form::kScalar) return settled();
        const Query* query = &facts.queries[e.subquery];
        while (query->kind == QueryKind::kSetOperation) query = &facts.queries[query->left];
        if (query->kind == QueryKind::kValues) return "column1";
        if (query->kind != QueryKind::kSelect || query->outputs.count != 1) return settled();
        const Target& target = facts.targets[query->outputs.first];
        if (!target.name.empty()) return target.name;
        if (facts.exprs[target.expr].has(flag::kStar)) return {};
        // What the inner query calls it, "?column?" included, is a name of its own.
        weak = {};
        otherwise = "?column?";
        id = target.expr;
        continue;
      }
      case ExprKind::kCoalesce:
        return "coalesce";
      case ExprKind::kMinMax:
      case ExprKind::kSqlValue:
        return e.text;
      case ExprKind::kRow:
        return "row";
      case ExprKind::kArray:
        return "array";
      case ExprKind::kGrouping:
        return "grouping";
      case ExprKind::kXml:
        return e.text == "is document" ? settled() : e.text;
      case ExprKind::kJson:
        return e.text;
      default:
        return settled();
    }
  }
  return settled();
}

}  // namespace chaperone::parser
