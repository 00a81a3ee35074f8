#pragma once

/// Expressions: part of pg_tree.cpp.
namespace chaperone::parser {

namespace {

inline void Lowering::add_sort(const List* list) {
  for (const ListCell& cell : cells(list)) {
    const auto& sort = as<SortBy>(cell.ptr_value);
    if (sort.useOp != nullptr) {
      add(&sort);
    } else {
      add(sort.node);
    }
  }
}

inline void Lowering::add_window(const WindowDef* window) {
  add_list(window->partitionClause);
  add_sort(window->orderClause);
  add(window->startOffset);
  add(window->endOffset);
}

/// The values of a list of ResTarget, their names left out.
inline void Lowering::add_row_values(const List* result_targets) {
  for (const ListCell& cell : cells(result_targets)) add(as<ResTarget>(cell.ptr_value).val);
}

/// Stores `expr`, which has one child, and goes on to the child's slot.
inline Id Lowering::descend(Expr& expr, Id slot) {
  add_hole();
  expr.children = emit({expr.clause, expr.query, slot});
  const Id child = expr.children.first;
  facts_.exprs[slot] = expr;
  expr = facts_.exprs[child];
  return child;
}

inline void Lowering::lower_operator(const A_Expr& node, Expr& expr, const Place& inner) {
  expr.kind = ExprKind::kOperator;
  expr.offset = offset_of(node.location);
  expr.names = copy_names(node.name);
  switch (node.kind) {
    case AEXPR_OP:
      break;
    case AEXPR_OP_ANY:
      expr.form = Form::kAny;
      break;
    case AEXPR_OP_ALL:
      expr.form = Form::kAll;
      break;
    case AEXPR_DISTINCT:
      expr.form = Form::kDistinct;
      break;
    case AEXPR_NOT_DISTINCT:
      expr.form = Form::kNotDistinct;
      break;
    case AEXPR_NULLIF:
      expr.form = Form::kNullIf;
      break;
    case AEXPR_IN:
      expr.form = facts_.names[expr.names.first] == "<>" ? Form::kNotIn : Form::kIn;
      break;
    case AEXPR_LIKE:
      expr.form = Form::kLike;
      break;
    case AEXPR_ILIKE:
      expr.form = Form::kILike;
      break;
    case AEXPR_SIMILAR:
      expr.form = Form::kSimilar;
      break;
    case AEXPR_NOT_BETWEEN:
      expr.flags |= flag::kNegated;
      [[fallthrough]];
    case AEXPR_BETWEEN:
      expr.form = Form::kBetween;
      break;
    case AEXPR_NOT_BETWEEN_SYM:
      expr.flags |= flag::kNegated;
      [[fallthrough]];
    case AEXPR_BETWEEN_SYM:
      expr.form = Form::kBetween;
      expr.flags |= flag::kSymmetric;
      break;
    default:
      return fail_member("A_Expr_Kind", node.kind, expr.offset);
  }
  const bool pattern = expr.form == Form::kLike || expr.form == Form::kILike || expr.form == Form::kSimilar;
  if (expr.form == Form::kNotIn || (pattern && facts_.names[expr.names.first].starts_with('!'))) {
    expr.flags |= flag::kNegated;
  }
  add(node.lexpr);
  if (node.rexpr != nullptr && node.rexpr->type == T_List) {
    add_list(reinterpret_cast<const List*>(node.rexpr));
  } else {
    add(node.rexpr);
  }
  expr.children = emit(inner);
}

inline void Lowering::lower_constant(const A_Const& node, Expr& expr) {
  expr.kind = ExprKind::kConstant;
  expr.offset = offset_of(node.location);
  if (node.isnull) {
    expr.constant = ConstantKind::kNull;
    return;
  }
  switch (node.val.node.type) {
    case T_Integer: {
      expr.constant = ConstantKind::kInteger;
      char digits[16];
      const auto end = std::to_chars(digits, digits + sizeof digits, node.val.ival.ival).ptr;
      expr.text = strings_.copy(std::string_view(digits, static_cast<std::size_t>(end - digits)));
      break;
    }
    case T_Float:
      expr.constant = ConstantKind::kFloat;
      expr.text = strings_.copy(node.val.fval.fval);
      break;
    case T_Boolean:
      expr.constant = ConstantKind::kBoolean;
      expr.text = node.val.boolval.boolval ? "true" : "false";
      break;
    case T_String:
      expr.constant = ConstantKind::kString;
      expr.text = strings_.copy(node.val.sval.sval);
      break;
    case T_BitString:
      expr.constant = ConstantKind::kBitString;
      expr.text = strings_.copy(node.val.bsval.bsval);
      break;
    default:
      fail_tag(&node.val.node, expr.offset);
  }
}

inline void Lowering::lower_function(const FuncCall& node, Expr& expr, const Place& inner) {
  expr.kind = ExprKind::kFunction;
  expr.offset = offset_of(node.location);
  expr.names = copy_names(node.funcname);
  if (node.agg_star) expr.flags |= flag::kStar;
  if (node.agg_distinct) expr.flags |= flag::kDistinct;
  if (node.func_variadic) expr.flags |= flag::kVariadic;
  if (node.agg_within_group) expr.flags |= flag::kWithinGroup;
  if (node.funcformat == COERCE_SQL_SYNTAX) expr.flags |= flag::kSqlSyntax;
  expr.children = emit_list(node.args, inner);
  if (node.agg_filter != nullptr) {
    expr.flags |= flag::kFilter;
    add(node.agg_filter);
  }
  add_sort(node.agg_order);
  if (node.over != nullptr) {
    expr.flags |= flag::kOver;
    add_window(node.over);
  }
  expr.extra = emit(inner);
}

inline void Lowering::lower_sublink(const SubLink& node, Expr& expr, Id slot) {
  expr.kind = ExprKind::kSubquery;
  expr.offset = offset_of(node.location);
  switch (node.subLinkType) {
    case EXISTS_SUBLINK:
      expr.form = Form::kExists;
      break;
    case ALL_SUBLINK:
      expr.form = Form::kAll;
      break;
    case ANY_SUBLINK:
      expr.form = node.operName == nullptr ? Form::kIn : Form::kAny;
      break;
    case EXPR_SUBLINK:
      expr.form = Form::kScalar;
      break;
    case ARRAY_SUBLINK:
      expr.form = Form::kArray;
      break;
    default:
      return fail_member("SubLinkType", node.subLinkType, expr.offset);
  }
  expr.names = expr.form == Form::kIn ? Range{add_name("="), 1} : copy_names(node.operName);
  add(node.testexpr);
  expr.children = emit({expr.clause, expr.query, slot});
  expr.subquery = emit_query(node.subselect, QueryRole::kExpression, expr.query, slot);
}

inline void Lowering::lower_case(const CaseExpr& node, Expr& expr, const Place& inner) {
  expr.kind = ExprKind::kCase;
  expr.offset = offset_of(node.location);
  if (node.arg != nullptr) expr.flags |= flag::kHasArgument;
  add(node.arg);
  for (const ListCell& cell : cells(node.args)) {
    const auto& when = as<CaseWhen>(cell.ptr_value);
    add(when.expr);
    add(when.result);
  }
  add(node.defresult);
  expr.children = emit(inner);
}

inline void Lowering::lower_expr(const void* node, Id slot) {
  Expr expr = facts_.exprs[slot];
  const Place inner{expr.clause, expr.query, slot};
  switch (tag_of(node)) {
    case T_ColumnRef: {
      const auto& column = as<ColumnRef>(node);
      expr.kind = ExprKind::kColumn;
      expr.offset = offset_of(column.location);
      expr.names = copy_names(column.fields);
      if (expr.names.count < cells(column.fields).size()) expr.flags |= flag::kStar;
      break;
    }
    case T_A_Const:
      lower_constant(as<A_Const>(node), expr);
      break;
    case T_ParamRef:
      expr.kind = ExprKind::kParameter;
      expr.number = static_cast<std::uint32_t>(as<ParamRef>(node).number);
      expr.offset = offset_of(as<ParamRef>(node).location);
      break;
    case T_A_Expr:
      lower_operator(as<A_Expr>(node), expr, inner);
      break;
    case T_FuncCall:
      lower_function(as<FuncCall>(node), expr, inner);
      break;
    case T_BoolExpr: {
      const auto& boolean = as<BoolExpr>(node);
      expr.kind = boolean.boolop == AND_EXPR  ? ExprKind::kAnd
                  : boolean.boolop == OR_EXPR ? ExprKind::kOr
                                              : ExprKind::kNot;
      if (boolean.boolop > NOT_EXPR) return fail_member("BoolExprType", boolean.boolop);
      expr.offset = offset_of(boolean.location);
      expr.children = emit_list(boolean.args, inner);
      break;
    }
    case T_TypeCast: {
      const auto& cast = as<TypeCast>(node);
      // TRUE and FALSE come as a cast that nobody wrote.
      if (cast.location < 0 && cast.arg->type == T_A_Const &&
          as<A_Const>(cast.arg).val.node.type == T_Boolean && !as<A_Const>(cast.arg).isnull) {
        lower_constant(as<A_Const>(cast.arg), expr);
        break;
      }
      expr.kind = ExprKind::kCast;
      expr.offset = offset_of(cast.location);
      expr.type = emit_type(cast.typeName, inner);
      add(cast.arg);
      expr.children = emit(inner);
      break;
    }
    case T_CollateClause: {
      const auto& collate = as<CollateClause>(node);
      expr.kind = ExprKind::kCollate;
      expr.offset = offset_of(collate.location);
      expr.names = copy_names(collate.collname);
      add(collate.arg);
      expr.children = emit(inner);
      break;
    }
    case T_SubLink:
      lower_sublink(as<SubLink>(node), expr, slot);
      break;
    case T_CaseExpr:
      lower_case(as<CaseExpr>(node), expr, inner);
      break;
    case T_CoalesceExpr:
      expr.kind = ExprKind::kCoalesce;
      expr.offset = offset_of(as<CoalesceExpr>(node).location);
      expr.children = emit_list(as<CoalesceExpr>(node).args, inner);
      break;
    case T_MinMaxExpr:
      expr.kind = ExprKind::kMinMax;
      expr.text = as<MinMaxExpr>(node).op == IS_GREATEST ? "greatest" : "least";
      expr.offset = offset_of(as<MinMaxExpr>(node).location);
      expr.children = emit_list(as<MinMaxExpr>(node).args, inner);
      break;
    case T_RowExpr:
      expr.kind = ExprKind::kRow;
      if (as<RowExpr>(node).row_format == COERCE_IMPLICIT_CAST) expr.flags |= flag::kImplicitRow;
      expr.offset = offset_of(as<RowExpr>(node).location);
      expr.children = emit_list(as<RowExpr>(node).args, inner);
      break;
    case T_A_ArrayExpr:
      expr.kind = ExprKind::kArray;
      expr.offset = offset_of(as<A_ArrayExpr>(node).location);
      expr.children = emit_list(as<A_ArrayExpr>(node).elements, inner);
      break;
    case T_A_Indirection:
      return lower_indirection(as<A_Indirection>(node), slot);
    case T_NullTest:
      expr.kind = ExprKind::kNullTest;
      if (as<NullTest>(node).nulltesttype == IS_NOT_NULL) expr.flags |= flag::kNegated;
      expr.offset = offset_of(as<NullTest>(node).location);
      add(as<NullTest>(node).arg);
      expr.children = emit(inner);
      break;
    case T_BooleanTest: {
      const auto& test = as<BooleanTest>(node);
      expr.kind = ExprKind::kBooleanTest;
      static constexpr std::string_view kTests[] = {"true", "true", "false", "false", "unknown", "unknown"};
      if (static_cast<std::size_t>(test.booltesttype) >= std::size(kTests)) {
        return fail_member("BoolTestType", test.booltesttype);
      }
      expr.text = kTests[test.booltesttype];
      if (test.booltesttype % 2 != 0) expr.flags |= flag::kNegated;
      expr.offset = offset_of(test.location);
      add(test.arg);
      expr.children = emit(inner);
      break;
    }
    case T_GroupingFunc:
      expr.kind = ExprKind::kGrouping;
      expr.offset = offset_of(as<GroupingFunc>(node).location);
      expr.children = emit_list(as<GroupingFunc>(node).args, inner);
      break;
    case T_GroupingSet:
      lower_grouping_set(as<GroupingSet>(node), expr, inner);
      break;
    case T_SQLValueFunction:
      lower_sql_value(as<SQLValueFunction>(node), expr);
      break;
    case T_NamedArgExpr:
      expr.kind = ExprKind::kNamedArgument;
      expr.text = strings_.copy(as<NamedArgExpr>(node).name);
      expr.offset = offset_of(as<NamedArgExpr>(node).location);
      add(as<NamedArgExpr>(node).arg);
      expr.children = emit(inner);
      break;
    case T_SetToDefault:
      expr.kind = ExprKind::kDefault;
      expr.offset = offset_of(as<SetToDefault>(node).location);
      break;
    case T_CurrentOfExpr:
      expr.kind = ExprKind::kCurrentOf;
      expr.text = strings_.copy(as<CurrentOfExpr>(node).cursor_name);
      break;
    case T_XmlExpr:
      lower_xml(as<XmlExpr>(node), expr, inner);
      break;
    case T_XmlSerialize:
      expr.kind = ExprKind::kXml;
      expr.text = "xmlserialize";
      expr.offset = offset_of(as<XmlSerialize>(node).location);
      expr.type = emit_type(as<XmlSerialize>(node).typeName, inner);
      add(as<XmlSerialize>(node).expr);
      expr.children = emit(inner);
      break;
    case T_SortBy:  // USING only: add_sort
      expr.kind = ExprKind::kOperator;
      expr.form = Form::kSortUsing;
      expr.names = copy_names(as<SortBy>(node).useOp);
      expr.offset = offset_of(as<SortBy>(node).location);
      add(as<SortBy>(node).node);
      expr.children = emit(inner);
      break;
    case T_List: {  // EXCLUDE: read_constraint
      const auto pair = cells(static_cast<const List*>(node));
      expr.kind = ExprKind::kOperator;
      expr.form = Form::kExclude;
      expr.names = copy_names(static_cast<const List*>(pair[1].ptr_value));
      add(pair[0].ptr_value);
      expr.children = emit(inner);
      break;
    }
    case T_IndexElem: {
      const auto& column = as<IndexElem>(node);
      return lower_key_column(column.name, column.expr, column.collation, column.opclass, slot);
    }
    case T_PartitionElem: {
      const auto& column = as<PartitionElem>(node);
      return lower_key_column(column.name, column.expr, column.collation, column.opclass, slot);
    }
    default:
#if PG_VERSION_NUM >= 160000
      if (lower_json(node, expr, slot)) break;
#endif
      return fail_tag(node);
  }
  facts_.exprs[slot] = expr;
}

}  // namespace

}  // namespace chaperone::parser
