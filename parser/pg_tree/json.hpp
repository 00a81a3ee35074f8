#pragma once

/// SQL/JSON of PostgreSQL 16 and later: part of pg_tree.cpp.
namespace chaperone::parser {

namespace {

#if PG_VERSION_NUM >= 160000

inline void Lowering::add_json_value(const JsonValueExpr* value) {
  if (value != nullptr) add(value->raw_expr);
}

inline void Lowering::add_json_pair(const void* node) {
  add(as<JsonKeyValue>(node).key);
  add_json_value(as<JsonKeyValue>(node).value);
}

/// JSON_OBJECTAGG and JSON_ARRAYAGG.
inline void Lowering::lower_json_aggregate(const JsonAggConstructor& node, Expr& expr, const Place& inner) {
  expr.offset = offset_of(node.location);
  expr.children = emit(inner);
  expr.type = emit_json_output(node.output, inner);
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

inline Id Lowering::emit_json_output(const JsonOutput* output, const Place& inner) {
  return output == nullptr ? kNone : emit_type(output->typeName, inner);
}

#if PG_VERSION_NUM >= 170000

inline void Lowering::add_json_behavior(const JsonBehavior* behavior) {
  if (behavior != nullptr) add(behavior->expr);
}

inline void Lowering::add_json_passing(const List* arguments) {
  for (const ListCell& cell : cells(arguments)) add_json_value(as<JsonArgument>(cell.ptr_value).val);
}

/// JSON_EXISTS, JSON_QUERY and JSON_VALUE.
inline void Lowering::lower_json_function(const JsonFuncExpr& node, Expr& expr, const Place& inner) {
  expr.offset = offset_of(node.location);
  switch (node.op) {
    case JSON_EXISTS_OP:
      expr.text = "json_exists";
      break;
    case JSON_QUERY_OP:
      expr.text = "json_query";
      break;
    case JSON_VALUE_OP:
      expr.text = "json_value";
      break;
    default:
      return fail_member("JsonExprOp", node.op, expr.offset);
  }
  add_json_value(node.context_item);
  add(node.pathspec);
  add_json_passing(node.passing);
  add_json_behavior(node.on_empty);
  add_json_behavior(node.on_error);
  expr.children = emit(inner);
  expr.type = emit_json_output(node.output, inner);
}

inline void Lowering::lower_json_table(const JsonTable& node, FromItem& item) {
  const Place place{Clause::kFrom, item.query};
  item.kind = FromKind::kTableFunction;
  item.lateral = node.lateral;
  read_alias(node.alias, item);
  // NESTED columns are columns like the others.
  std::vector<const JsonTableColumn*> columns;
  std::vector<const JsonTableColumn*> nested;
  std::vector<const List*> lists{node.columns};
  while (!lists.empty()) {
    const auto list = cells(lists.back());
    lists.pop_back();
    for (const ListCell& cell : list) {
      const auto& column = as<JsonTableColumn>(cell.ptr_value);
      if (column.coltype < JTC_FOR_ORDINALITY || column.coltype > JTC_NESTED) {
        return fail_member("JsonTableColumnType", column.coltype, offset_of(column.location));
      }
      (column.coltype == JTC_NESTED ? nested : columns).push_back(&column);
      if (column.coltype == JTC_NESTED) lists.push_back(column.columns);
    }
  }
  item.types = {static_cast<Id>(facts_.types.size()), static_cast<std::uint32_t>(columns.size())};
  for (const JsonTableColumn* column : columns) {
    TypeUse use;
    if (column->typeName != nullptr) use = read_type(*column->typeName, place);  // else FOR ORDINALITY
    facts_.types.push_back(use);
  }
  item.typed_names = {static_cast<Id>(facts_.names.size()), item.types.count};
  for (const JsonTableColumn* column : columns) add_name(strings_.copy(column->name));
  add_json_value(node.context_item);
  if (node.pathspec != nullptr) add(node.pathspec->string);
  add_json_passing(node.passing);
  add_json_behavior(node.on_error);
  for (const auto* some : {&columns, &nested}) {
    for (const JsonTableColumn* column : *some) {
      if (column->pathspec != nullptr) add(column->pathspec->string);
      add_json_behavior(column->on_empty);
      add_json_behavior(column->on_error);
    }
  }
  item.exprs = emit(place);
}

#endif

/// False: it is no SQL/JSON node.
inline bool Lowering::lower_json(const void* node, Expr& expr, Id slot) {
  const Place inner{expr.clause, expr.query, slot};
  expr.kind = ExprKind::kJson;
  switch (tag_of(node)) {
    case T_JsonObjectConstructor: {
      const auto& object = as<JsonObjectConstructor>(node);
      expr.text = "json_object";
      expr.offset = offset_of(object.location);
      for (const ListCell& cell : cells(object.exprs)) add_json_pair(cell.ptr_value);
      expr.children = emit(inner);
      expr.type = emit_json_output(object.output, inner);
      return true;
    }
    case T_JsonArrayConstructor: {
      const auto& array = as<JsonArrayConstructor>(node);
      expr.text = "json_array";
      expr.offset = offset_of(array.location);
      for (const ListCell& cell : cells(array.exprs)) add_json_value(&as<JsonValueExpr>(cell.ptr_value));
      expr.children = emit(inner);
      expr.type = emit_json_output(array.output, inner);
      return true;
    }
    case T_JsonArrayQueryConstructor: {
      const auto& array = as<JsonArrayQueryConstructor>(node);
      expr.text = "json_array";
      expr.offset = offset_of(array.location);
      expr.type = emit_json_output(array.output, inner);
      expr.subquery = emit_query(array.query, QueryRole::kExpression, expr.query, slot);
      return true;
    }
    case T_JsonObjectAgg:
      expr.text = "json_objectagg";
      add_json_pair(as<JsonObjectAgg>(node).arg);
      lower_json_aggregate(*as<JsonObjectAgg>(node).constructor, expr, inner);
      return true;
    case T_JsonArrayAgg:
      expr.text = "json_arrayagg";
      add_json_value(as<JsonArrayAgg>(node).arg);
      lower_json_aggregate(*as<JsonArrayAgg>(node).constructor, expr, inner);
      return true;
    case T_JsonIsPredicate:
      expr.text = "is json";
      expr.offset = offset_of(as<JsonIsPredicate>(node).location);
      add(as<JsonIsPredicate>(node).expr);
      expr.children = emit(inner);
      return true;
#if PG_VERSION_NUM >= 170000
    case T_JsonFuncExpr:
      lower_json_function(as<JsonFuncExpr>(node), expr, inner);
      return true;
    case T_JsonParseExpr:
      expr.text = "json";
      expr.offset = offset_of(as<JsonParseExpr>(node).location);
      add_json_value(as<JsonParseExpr>(node).expr);
      expr.children = emit(inner);
      expr.type = emit_json_output(as<JsonParseExpr>(node).output, inner);
      return true;
    case T_JsonScalarExpr:
      expr.text = "json_scalar";
      expr.offset = offset_of(as<JsonScalarExpr>(node).location);
      add(as<JsonScalarExpr>(node).expr);
      expr.children = emit(inner);
      expr.type = emit_json_output(as<JsonScalarExpr>(node).output, inner);
      return true;
    case T_JsonSerializeExpr:
      expr.text = "json_serialize";
      expr.offset = offset_of(as<JsonSerializeExpr>(node).location);
      add_json_value(as<JsonSerializeExpr>(node).expr);
      expr.children = emit(inner);
      expr.type = emit_json_output(as<JsonSerializeExpr>(node).output, inner);
      return true;
    case T_MergeSupportFunc:
      expr.kind = ExprKind::kSqlValue;
      expr.text = "merge_action";
      expr.offset = offset_of(as<MergeSupportFunc>(node).location);
      return true;
#endif
    default:
      return false;
  }
}

#endif

}  // namespace

}  // namespace chaperone::parser
