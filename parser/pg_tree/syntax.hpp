#pragma once

/// Expressions that have a syntax of their own: part of pg_tree.cpp.
namespace chaperone::parser {

namespace {

inline void Lowering::lower_sql_value(const SQLValueFunction& node, Expr& expr) {
  expr.kind = ExprKind::kSqlValue;
  expr.offset = offset_of(node.location);
  if (node.typmod > 0) expr.number = static_cast<std::uint32_t>(node.typmod);
  switch (node.op) {
    case SVFOP_CURRENT_DATE:
      expr.text = "current_date";
      break;
    case SVFOP_CURRENT_TIME:
    case SVFOP_CURRENT_TIME_N:
      expr.text = "current_time";
      break;
    case SVFOP_CURRENT_TIMESTAMP:
    case SVFOP_CURRENT_TIMESTAMP_N:
      expr.text = "current_timestamp";
      break;
    case SVFOP_LOCALTIME:
    case SVFOP_LOCALTIME_N:
      expr.text = "localtime";
      break;
    case SVFOP_LOCALTIMESTAMP:
    case SVFOP_LOCALTIMESTAMP_N:
      expr.text = "localtimestamp";
      break;
    case SVFOP_CURRENT_ROLE:
      expr.text = "current_role";
      break;
    case SVFOP_CURRENT_USER:
      expr.text = "current_user";
      break;
    case SVFOP_USER:
      expr.text = "user";
      break;
    case SVFOP_SESSION_USER:
      expr.text = "session_user";
      break;
    case SVFOP_CURRENT_CATALOG:
      expr.text = "current_catalog";
      break;
    case SVFOP_CURRENT_SCHEMA:
      expr.text = "current_schema";
      break;
    default:
      fail_member("SQLValueFunctionOp", node.op, expr.offset);
  }
}

inline void Lowering::lower_xml(const XmlExpr& node, Expr& expr, const Place& inner) {
  expr.kind = ExprKind::kXml;
  expr.offset = offset_of(node.location);
  switch (node.op) {
    case IS_XMLCONCAT:
      expr.text = "xmlconcat";
      break;
    case IS_XMLELEMENT:
      expr.text = "xmlelement";
      break;
    case IS_XMLFOREST:
      expr.text = "xmlforest";
      break;
    case IS_XMLPARSE:
      expr.text = "xmlparse";
      break;
    case IS_XMLPI:
      expr.text = "xmlpi";
      break;
    case IS_XMLROOT:
      expr.text = "xmlroot";
      break;
    case IS_DOCUMENT:
      expr.text = "is document";
      break;
    default:
      return fail_member("XmlExprOp", node.op, expr.offset);
  }
  add_row_values(node.named_args);
  add_list(node.args);
  expr.children = emit(inner);
}

inline void Lowering::lower_grouping_set(const GroupingSet& node, Expr& expr, const Place& inner) {
  expr.kind = ExprKind::kGroupingSet;
  expr.offset = offset_of(node.location);
  switch (node.kind) {
    case GROUPING_SET_EMPTY:
      break;
    case GROUPING_SET_ROLLUP:
      expr.text = "rollup";
      break;
    case GROUPING_SET_CUBE:
      expr.text = "cube";
      break;
    case GROUPING_SET_SETS:
      expr.text = "grouping sets";
      break;
    default:
      return fail_member("GroupingSetKind", node.kind, expr.offset);
  }
  expr.children = emit_list(node.content, inner);
}

/// x.f[1][2].g is one node in PostgreSQL; here each field, and each run of subscripts, is an expression over
/// what stands in front of it.
inline void Lowering::lower_indirection(const A_Indirection& node, Id slot) {
  const auto steps = cells(node.indirection);
  Expr expr = facts_.exprs[slot];
  std::size_t end = steps.size();
  while (end > 0) {
    const auto* last = static_cast<const ::Node*>(steps[end - 1].ptr_value);
    if (last->type == T_String || last->type == T_A_Star) {
      expr.kind = ExprKind::kField;
      if (last->type == T_A_Star) {
        expr.flags |= flag::kStar;
      } else {
        expr.text = strings_.copy(as<String>(last).sval);
      }
      slot = descend(expr, slot);
      --end;
      continue;
    }
    if (last->type != T_A_Indices) return fail_tag(last);
    std::size_t first = end - 1;
    while (first > 0 && tag_of(steps[first - 1].ptr_value) == T_A_Indices) --first;
    expr.kind = ExprKind::kSubscript;
    add_hole();
    for (std::size_t i = first; i < end; ++i) {
      const auto& indices = as<A_Indices>(steps[i].ptr_value);
      add(indices.lidx);
      add(indices.uidx);
    }
    expr.children = emit({expr.clause, expr.query, slot});
    facts_.exprs[slot] = expr;
    slot = expr.children.first;
    expr = facts_.exprs[slot];
    end = first;
  }
  stack_.push_back({node.arg, slot, TaskKind::kExpr});
}

/// A column of an index, ON CONFLICT or PARTITION BY.
inline void Lowering::lower_key_column(const char* name, const ::Node* expression, const List* collation,
                                       const List* operator_class, Id slot) {
  Expr expr = facts_.exprs[slot];
  if (operator_class != nullptr) {
    expr.kind = ExprKind::kOperatorClass;
    expr.names = copy_names(operator_class);
    slot = descend(expr, slot);
  }
  if (collation != nullptr) {
    expr.kind = ExprKind::kCollate;
    expr.names = copy_names(collation);
    slot = descend(expr, slot);
  }
  if (expression != nullptr) {
    stack_.push_back({expression, slot, TaskKind::kExpr});
    return;
  }
  expr.kind = ExprKind::kColumn;
  expr.names = copy_name(name);
  facts_.exprs[slot] = expr;
}

}  // namespace

}  // namespace chaperone::parser
