#pragma once

/// Items of FROM: part of pg_tree.cpp.
namespace chaperone::parser {

namespace {

inline void Lowering::lower_from(const void* node, Id slot) {
  FromItem item = facts_.from_items[slot];
  switch (tag_of(node)) {
    case T_RangeVar:
      read_relation(as<RangeVar>(node), item);
      break;
    case T_RangeTableSample:
      lower_sample(as<RangeTableSample>(node), item);
      break;
    case T_RangeSubselect:
      item.kind = FromKind::kSubquery;
      item.lateral = as<RangeSubselect>(node).lateral;
      read_alias(as<RangeSubselect>(node).alias, item);
      item.subquery =
          emit_query(as<RangeSubselect>(node).subquery, QueryRole::kFromItem, item.query, kNone, slot);
      break;
    case T_RangeFunction:
      lower_range_function(as<RangeFunction>(node), item);
      break;
    case T_RangeTableFunc:
      lower_table_function(as<RangeTableFunc>(node), item);
      break;
    case T_JoinExpr:
      lower_join(as<JoinExpr>(node), item, slot);
      break;
#if PG_VERSION_NUM >= 170000
    case T_JsonTable:
      lower_json_table(as<JsonTable>(node), item);
      break;
#endif
    default:
      return fail_tag(node);
  }
  facts_.from_items[slot] = item;
}

inline void Lowering::read_relation(const RangeVar& node, FromItem& item) {
  item.kind = FromKind::kRelation;
  item.names = relation_names(node);
  item.only = !node.inh;
  item.offset = offset_of(node.location);
  read_alias(node.alias, item);
}

inline void Lowering::read_alias(const Alias* alias, FromItem& item) {
  if (alias == nullptr) return;
  item.alias = strings_.copy(alias->aliasname);
  item.column_aliases = copy_names(alias->colnames);
}

inline void Lowering::lower_sample(const RangeTableSample& node, FromItem& item) {
  if (node.relation->type != T_RangeVar) return fail_tag(node.relation, offset_of(node.location));
  read_relation(as<RangeVar>(node.relation), item);
  item.sampled = true;
  item.sample_method = copy_names(node.method);
  add_list(node.args);
  add(node.repeatable);
  item.exprs = emit({Clause::kFrom, item.query});
}

/// Columns of AS (a int, ..): appends to types, and their names to names.
inline void Lowering::read_typed_columns(const List* columns, FromItem& item) {
  for (const ListCell& cell : cells(columns)) {
    const auto& column = as<ColumnDef>(cell.ptr_value);
    TypeUse use = read_type(*column.typeName, {Clause::kFrom, item.query});
    if (column.collClause != nullptr) use.collation = copy_names(column.collClause->collname);
    facts_.types.push_back(use);
    ++item.types.count;
  }
}

inline void Lowering::lower_range_function(const RangeFunction& node, FromItem& item) {
  item.kind = FromKind::kFunction;
  item.lateral = node.lateral;
  item.ordinality = node.ordinality;
  read_alias(node.alias, item);
  item.types.first = static_cast<Id>(facts_.types.size());
  const auto functions = cells(node.functions);
  for (const ListCell& cell : functions) {
    const auto pair = cells(static_cast<const List*>(cell.ptr_value));
    read_typed_columns(static_cast<const List*>(pair[1].ptr_value), item);
  }
  read_typed_columns(node.coldeflist, item);
  item.typed_columns = item.types.count != 0;
  if (item.typed_columns) {
    item.typed_names = {static_cast<Id>(facts_.names.size()), item.types.count};
    const auto add_column_names = [&](const List* columns) {
      for (const ListCell& cell : cells(columns)) {
        add_name(strings_.copy(as<ColumnDef>(cell.ptr_value).colname));
      }
    };
    for (const ListCell& cell : functions) {
      add_column_names(
          static_cast<const List*>(cells(static_cast<const List*>(cell.ptr_value))[1].ptr_value));
    }
    add_column_names(node.coldeflist);
    if (node.coldeflist != nullptr && item.column_aliases.count == 0) item.column_aliases = item.typed_names;
  }
  for (const ListCell& cell : functions) {
    add(cells(static_cast<const List*>(cell.ptr_value))[0].ptr_value);
  }
  item.exprs = emit({Clause::kFrom, item.query});
}

/// XMLTABLE.
inline void Lowering::lower_table_function(const RangeTableFunc& node, FromItem& item) {
  const Place place{Clause::kFrom, item.query};
  item.kind = FromKind::kTableFunction;
  item.lateral = node.lateral;
  read_alias(node.alias, item);
  const auto columns = cells(node.columns);
  item.types.first = static_cast<Id>(facts_.types.size());
  for (const ListCell& cell : columns) {
    const auto& column = as<RangeTableFuncCol>(cell.ptr_value);
    TypeUse use;
    if (column.typeName != nullptr) use = read_type(*column.typeName, place);  // else FOR ORDINALITY
    facts_.types.push_back(use);
  }
  item.types.count = static_cast<std::uint32_t>(columns.size());
  item.typed_names = {static_cast<Id>(facts_.names.size()), item.types.count};
  for (const ListCell& cell : columns) {
    add_name(strings_.copy(as<RangeTableFuncCol>(cell.ptr_value).colname));
  }
  add(node.docexpr);
  add(node.rowexpr);
  add_row_values(node.namespaces);
  for (const ListCell& cell : columns) {
    add(as<RangeTableFuncCol>(cell.ptr_value).colexpr);
    add(as<RangeTableFuncCol>(cell.ptr_value).coldefexpr);
  }
  item.exprs = emit(place);
}

inline void Lowering::lower_join(const JoinExpr& node, FromItem& item, Id slot) {
  item.kind = FromKind::kJoin;
  switch (node.jointype) {
    case JOIN_INNER:
      item.join = JoinKind::kInner;
      break;
    case JOIN_LEFT:
      item.join = JoinKind::kLeft;
      break;
    case JOIN_RIGHT:
      item.join = JoinKind::kRight;
      break;
    case JOIN_FULL:
      item.join = JoinKind::kFull;
      break;
    default:
      return fail_member("JoinType", node.jointype);
  }
  item.natural = node.isNatural;
  read_alias(node.alias, item);
  item.has_using = node.usingClause != nullptr;
  item.using_columns = copy_names(node.usingClause);
  if (node.join_using_alias != nullptr) item.using_alias = strings_.copy(node.join_using_alias->aliasname);
  item.on = emit_one(node.quals, {Clause::kOn, item.query});
  item.left = static_cast<Id>(facts_.from_items.size());
  item.right = item.left + 1;
  FromItem arm;
  arm.query = item.query;
  arm.parent = slot;
  facts_.from_items.push_back(arm);
  facts_.from_items.push_back(arm);
  stack_.push_back({node.rarg, item.right, TaskKind::kFrom});
  stack_.push_back({node.larg, item.left, TaskKind::kFrom});
}

}  // namespace

}  // namespace chaperone::parser
