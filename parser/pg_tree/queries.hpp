#pragma once

/// SELECT, INSERT, UPDATE, DELETE, MERGE: part of pg_tree.cpp.
namespace chaperone::parser {

namespace {

inline Id Lowering::emit_query(const void* node, QueryRole role, Id parent, Id parent_expr, Id parent_item) {
  if (node == nullptr) return kNone;
  const auto slot = static_cast<Id>(facts_.queries.size());
  Query& query = facts_.queries.emplace_back();
  query.role = role;
  query.statement = statement_;
  query.parent = parent;
  query.parent_expr = parent_expr;
  query.parent_item = parent_item;
  stack_.push_back({node, slot, TaskKind::kQuery});
  return slot;
}

inline void Lowering::lower_query(const void* node, Id slot) {
  Query query = facts_.queries[slot];
  switch (tag_of(node)) {
    case T_SelectStmt:
      lower_select(as<SelectStmt>(node), query, slot);
      break;
    case T_InsertStmt:
      lower_insert(as<InsertStmt>(node), query, slot);
      break;
    case T_UpdateStmt:
      lower_update(as<UpdateStmt>(node), query, slot);
      break;
    case T_DeleteStmt:
      lower_delete(as<DeleteStmt>(node), query, slot);
      break;
    case T_MergeStmt:
      lower_merge(as<MergeStmt>(node), query, slot);
      break;
    default:
      return fail_tag(node);
  }
  facts_.queries[slot] = query;
}

inline void Lowering::lower_select(const SelectStmt& node, Query& query, Id slot) {
  lower_with(node.withClause, query, slot);
  switch (node.op) {
    case SETOP_NONE:
      query.kind = node.valuesLists == nullptr ? QueryKind::kSelect : QueryKind::kValues;
      break;
    case SETOP_UNION:
      query.operation = SetOperation::kUnion;
      break;
    case SETOP_INTERSECT:
      query.operation = SetOperation::kIntersect;
      break;
    case SETOP_EXCEPT:
      query.operation = SetOperation::kExcept;
      break;
    default:
      return fail_member("SetOperation", node.op);
  }
  if (query.operation != SetOperation::kNotOne) {
    query.kind = QueryKind::kSetOperation;
    query.all = node.all;
    query.left = emit_query(node.larg, QueryRole::kArm, slot);
    query.right = emit_query(node.rarg, QueryRole::kArm, slot);
  }
  if (const auto distinct = cells(node.distinctClause); !distinct.empty()) {
    query.distinct = true;  // DISTINCT alone is a list of one null pointer
    query.distinct_on = emit_list(node.distinctClause, {Clause::kDistinctOn, slot});
  }
  if (node.intoClause != nullptr) {
    query.into = true;
    use_relation(node.intoClause->rel, RelationAction::kCreate, node.intoClause->colNames);
  }
  query.outputs = emit_targets(node.targetList, {Clause::kOutput, slot});
  query.from = emit_from(node.fromClause, slot);
  query.where = emit_one(node.whereClause, {Clause::kWhere, slot});
  query.group_by = emit_list(node.groupClause, {Clause::kGroupBy, slot});
  query.having = emit_one(node.havingClause, {Clause::kHaving, slot});
  for (const ListCell& cell : cells(node.windowClause)) add_window(&as<WindowDef>(cell.ptr_value));
  query.windows = emit({Clause::kWindow, slot});
  lower_values(node.valuesLists, query, slot);
  add_sort(node.sortClause);
  query.order_by = emit({Clause::kOrderBy, slot});
  query.offset = emit_one(node.limitOffset, {Clause::kLimit, slot});
  query.limit = emit_one(node.limitCount, {Clause::kLimit, slot});
  // libpg_query numbers LimitOption in its own way: none, LIMIT, WITH TIES.
  constexpr int kLimitWithTies = 2;
  query.with_ties = static_cast<int>(node.limitOption) == kLimitWithTies;
  lower_locking(node.lockingClause, query);
}

inline void Lowering::lower_values(const List* rows, Query& query, Id slot) {
  const auto lists = cells(rows);
  if (lists.empty()) return;
  for (std::size_t i = 0; i < lists.size(); ++i) add_hole();
  query.values = emit({Clause::kValues, slot});
  // Backwards, so that the first row is on top of the stack.
  for (std::size_t i = lists.size(); i-- > 0;) {
    const Id row = query.values.first + static_cast<Id>(i);
    const Range children =
        emit_list(static_cast<const List*>(lists[i].ptr_value), {Clause::kValues, slot, row});
    Expr& expr = facts_.exprs[row];
    expr.kind = ExprKind::kRow;
    expr.flags = flag::kImplicitRow;
    expr.children = children;
  }
}

inline void Lowering::lower_locking(const List* clauses, Query& query) {
  query.lock_names.first = static_cast<Id>(facts_.names.size());
  for (const ListCell& cell : cells(clauses)) {
    const auto& clause = as<LockingClause>(cell.ptr_value);
    if (clause.strength <= LCS_NONE || clause.strength > LCS_FORUPDATE) {
      return fail_member("LockClauseStrength", clause.strength);
    }
    query.lock = std::max(query.lock, static_cast<LockStrength>(clause.strength));
    if (clause.lockedRels == nullptr) query.lock_all = true;
    for (const ListCell& relation : cells(clause.lockedRels)) {
      add_name(strings_.copy(as<RangeVar>(relation.ptr_value).relname));
      ++query.lock_names.count;
    }
  }
}
static_assert(LCS_NONE == 0 && LCS_FORKEYSHARE == static_cast<int>(LockStrength::kKeyShare) &&
              LCS_FORUPDATE == static_cast<int>(LockStrength::kUpdate));

inline void Lowering::lower_insert(const InsertStmt& node, Query& query, Id slot) {
  query.kind = QueryKind::kInsert;
  lower_with(node.withClause, query, slot);
  query.target = emit_target_relation(node.relation, slot);
  query.columns = emit_targets(node.cols, {Clause::kSet, slot});
  query.overriding = node.override != OVERRIDING_NOT_SET;
  query.default_values = node.selectStmt == nullptr;
  if (node.onConflictClause != nullptr) lower_conflict(*node.onConflictClause, query, slot);
  query.returning = emit_targets(node.returningList, {Clause::kReturning, slot});
  query.source = emit_query(node.selectStmt, QueryRole::kSource, slot);
}

inline void Lowering::lower_conflict(const OnConflictClause& node, Query& query, Id slot) {
  switch (node.action) {
    case ONCONFLICT_NOTHING:
      query.conflict = ConflictAction::kNothing;
      break;
    case ONCONFLICT_UPDATE:
      query.conflict = ConflictAction::kUpdate;
      break;
    default:
      return fail_member("OnConflictAction", node.action, offset_of(node.location));
  }
  const Place place{Clause::kConflict, slot};
  if (node.infer != nullptr) {
    query.conflict_constraint = strings_.copy(node.infer->conname);
    query.conflict_columns = emit_list(node.infer->indexElems, place);
    add(node.infer->whereClause);
  }
  add(node.whereClause);
  query.conflict_where = emit(place);
  query.conflict_set = emit_targets(node.targetList, place);
}

inline void Lowering::lower_update(const UpdateStmt& node, Query& query, Id slot) {
  query.kind = QueryKind::kUpdate;
  lower_with(node.withClause, query, slot);
  query.target = emit_target_relation(node.relation, slot);
  query.columns = emit_targets(node.targetList, {Clause::kSet, slot});
  query.from = emit_from(node.fromClause, slot);
  query.where = emit_one(node.whereClause, {Clause::kWhere, slot});
  query.returning = emit_targets(node.returningList, {Clause::kReturning, slot});
}

inline void Lowering::lower_delete(const DeleteStmt& node, Query& query, Id slot) {
  query.kind = QueryKind::kDelete;
  lower_with(node.withClause, query, slot);
  query.target = emit_target_relation(node.relation, slot);
  query.from = emit_from(node.usingClause, slot);
  query.where = emit_one(node.whereClause, {Clause::kWhere, slot});
  query.returning = emit_targets(node.returningList, {Clause::kReturning, slot});
}

inline void Lowering::lower_merge(const MergeStmt& node, Query& query, Id slot) {
  query.kind = QueryKind::kMerge;
  lower_with(node.withClause, query, slot);
  query.target = emit_target_relation(node.relation, slot);
  query.from = {static_cast<Id>(facts_.from_items.size()), 1};
  facts_.from_items.emplace_back().query = slot;
  stack_.push_back({node.sourceRelation, query.from.first, TaskKind::kFrom});
  query.where = emit_one(node.joinCondition, {Clause::kMerge, slot});
  const auto actions = cells(node.mergeWhenClauses);
  query.merge_actions.first = static_cast<Id>(facts_.merge_actions.size());
  query.merge_actions.count = static_cast<std::uint32_t>(actions.size());
  for (const ListCell& cell : actions) {
    const MergeAction action = read_merge_action(as<MergeWhenClause>(cell.ptr_value), slot);
    facts_.merge_actions.push_back(action);
  }
#if PG_VERSION_NUM >= 170000
  query.returning = emit_targets(node.returningList, {Clause::kReturning, slot});
#endif
}

inline MergeAction Lowering::read_merge_action(const MergeWhenClause& node, Id slot) {
  const Place place{Clause::kMerge, slot};
  MergeAction action;
#if PG_VERSION_NUM >= 170000
  action.matched = node.matchKind == MERGE_WHEN_MATCHED;
  action.by_source = node.matchKind == MERGE_WHEN_NOT_MATCHED_BY_SOURCE;
#else
  action.matched = node.matched;
#endif
  switch (node.commandType) {
    case CMD_INSERT:
      action.command = MergeCommand::kInsert;
      break;
    case CMD_UPDATE:
      action.command = MergeCommand::kUpdate;
      break;
    case CMD_DELETE:
      action.command = MergeCommand::kDelete;
      break;
    case CMD_NOTHING:
      action.command = MergeCommand::kNothing;
      break;
    default:
      fail_member("CmdType", node.commandType);
  }
  action.overriding = node.override != OVERRIDING_NOT_SET;
  action.condition = emit_one(node.condition, place);
  action.columns = emit_targets(node.targetList, place);
  action.values = emit_list(node.values, place);
  return action;
}

inline void Lowering::lower_with(const WithClause* with, Query& query, Id slot) {
  if (with == nullptr) return;
  const auto list = cells(with->ctes);
  query.recursive = with->recursive;
  query.ctes = {static_cast<Id>(facts_.ctes.size()), static_cast<std::uint32_t>(list.size())};
  for (const ListCell& cell : list) {
    const auto& node = as<CommonTableExpr>(cell.ptr_value);
    Cte& cte = facts_.ctes.emplace_back();
    cte.name = strings_.copy(node.ctename);
    cte.column_aliases = copy_names(node.aliascolnames);
    cte.offset = offset_of(node.location);
    cte.added_columns.first = static_cast<Id>(facts_.names.size());
    const auto add_column = [&](const char* name) {
      if (name == nullptr) return;
      add_name(strings_.copy(name));
      ++cte.added_columns.count;
    };
    if (node.search_clause != nullptr) add_column(node.search_clause->search_seq_column);
    if (node.cycle_clause != nullptr) {
      add_column(node.cycle_clause->cycle_mark_column);
      add_column(node.cycle_clause->cycle_path_column);
      add(node.cycle_clause->cycle_mark_value);
      add(node.cycle_clause->cycle_mark_default);
      cte.cycle_marks = emit({Clause::kOutput, slot});
    }
    cte.search_or_cycle = node.search_clause != nullptr || node.cycle_clause != nullptr;
    cte.query = emit_query(node.ctequery, QueryRole::kCte, slot);
  }
}

/// Of a list of ResTarget.
inline Range Lowering::emit_targets(const List* list, const Place& place) {
  const auto nodes = cells(list);
  if (nodes.empty()) return {};
  const Range range{static_cast<Id>(facts_.targets.size()), static_cast<std::uint32_t>(nodes.size())};
  const auto first_expr = static_cast<Id>(facts_.exprs.size());
  Id next_expr = first_expr;
  for (const ListCell& cell : nodes) {
    const auto& node = as<ResTarget>(cell.ptr_value);
    Target& target = facts_.targets.emplace_back();
    target.name = strings_.copy(node.name);
    target.subfield = node.indirection != nullptr;
    target.offset = offset_of(node.location);
    if (node.val == nullptr) continue;
    target.expr = next_expr++;
    if (node.val->type == T_MultiAssignRef) {
      add_hole();
    } else {
      add(node.val);
    }
  }
  emit(place);
  const ::Node* source = nullptr;
  Range source_slot;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto& node = as<ResTarget>(nodes[i].ptr_value);
    if (node.indirection != nullptr) {
      for (const ListCell& step : cells(node.indirection)) {
        if (tag_of(step.ptr_value) != T_A_Indices) continue;
        add(as<A_Indices>(step.ptr_value).lidx);
        add(as<A_Indices>(step.ptr_value).uidx);
      }
      facts_.targets[range.first + i].subscripts = emit(place);
    }
    if (node.val == nullptr || node.val->type != T_MultiAssignRef) continue;
    const auto& part = as<MultiAssignRef>(node.val);
    const Id slot = facts_.targets[range.first + i].expr;
    if (part.source != source) {
      source = part.source;
      add(source);
      source_slot = emit({place.clause, place.query, slot});
    }
    Expr& expr = facts_.exprs[slot];
    expr.kind = ExprKind::kMultiAssign;
    expr.number = static_cast<std::uint32_t>(part.colno);
    expr.children = source_slot;
  }
  return range;
}

inline Range Lowering::emit_from(const List* list, Id query) {
  const auto nodes = cells(list);
  if (nodes.empty()) return {};
  const Range range{static_cast<Id>(facts_.from_items.size()), static_cast<std::uint32_t>(nodes.size())};
  FromItem empty;
  empty.query = query;
  facts_.from_items.resize(facts_.from_items.size() + nodes.size(), empty);
  for (std::size_t i = nodes.size(); i-- > 0;) {
    stack_.push_back({nodes[i].ptr_value, range.first + static_cast<Id>(i), TaskKind::kFrom});
  }
  return range;
}

inline Id Lowering::emit_target_relation(const RangeVar* relation, Id query) {
  FromItem item;
  item.query = query;
  read_relation(*relation, item);
  facts_.from_items.push_back(item);
  return static_cast<Id>(facts_.from_items.size() - 1);
}

}  // namespace

}  // namespace chaperone::parser
