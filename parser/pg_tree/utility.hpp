#pragma once

/// Statements that are no queries: part of pg_tree.cpp.
namespace chaperone::parser {

namespace {

inline bool Lowering::read(const ::Node* statement, Id index) {
  statement_ = index;
  StatementFacts facts;
  facts.relations.first = static_cast<Id>(facts_.relation_uses.size());
  facts.settings.first = static_cast<Id>(facts_.setting_uses.size());
  facts.options.first = static_cast<Id>(facts_.options.size());
  facts.command = command_of(statement, strings_);
  if (facts.command.empty()) {
    fail_tag(statement);
    return false;
  }
  lower_statement(statement, facts);
  run();
  facts.relations.count = static_cast<std::uint32_t>(facts_.relation_uses.size()) - facts.relations.first;
  facts.settings.count = static_cast<std::uint32_t>(facts_.setting_uses.size()) - facts.settings.first;
  facts.options.count = static_cast<std::uint32_t>(facts_.options.size()) - facts.options.first;
  facts_.statements[index] = facts;
  return error_.empty();
}

inline void Lowering::use_relation(const RangeVar* relation, RelationAction action, const List* columns) {
  if (relation == nullptr) return;
  RelationUse use;
  use.action = action;
  use.temporary = relation->relpersistence == 't';
  use.only = !relation->inh;
  use.offset = offset_of(relation->location);
  use.names = relation_names(*relation);
  use.columns = copy_names(columns);
  facts_.relation_uses.push_back(use);
}

inline void Lowering::use_relations(const List* relations, RelationAction action) {
  for (const ListCell& cell : cells(relations)) use_relation(&as<RangeVar>(cell.ptr_value), action);
}

/// A value as text: what DefElem.arg holds in the statements that are read.
inline std::string_view Lowering::option_text(const ::Node* value) {
  if (value == nullptr) return {};
  switch (value->type) {
    case T_String:
      return strings_.copy(as<String>(value).sval);
    case T_Float:
      return strings_.copy(as<Float>(value).fval);
    case T_Boolean:
      return as<Boolean>(value).boolval ? "true" : "false";
    case T_Integer:
      return strings_.copy(fmt::format("{}", as<Integer>(value).ival));
    case T_A_Star:
      return "*";
    case T_TypeName:
      return option_text(reinterpret_cast<const ::Node*>(as<TypeName>(value).names));
    case T_List: {
      std::string text;
      for (const ListCell& cell : cells(reinterpret_cast<const List*>(value))) {
        const auto* item = static_cast<const ::Node*>(cell.ptr_value);
        if (item->type == T_List) {
          fail_tag(item);
          return {};
        }
        if (!text.empty()) text += ',';
        text += option_text(item);
      }
      return strings_.copy(text);
    }
    default:
      fail_tag(value);
      return {};
  }
}

inline void Lowering::read_options(const List* options) {
  for (const ListCell& cell : cells(options)) {
    const auto& node = as<DefElem>(cell.ptr_value);
    Option option;
    option.name = node.defnamespace == nullptr
                      ? strings_.copy(node.defname)
                      : strings_.copy(fmt::format("{}.{}", node.defnamespace, node.defname));
    option.value = option_text(node.arg);
    facts_.options.push_back(option);
  }
}

inline void Lowering::add_setting(SettingAction action, std::string_view name, bool local) {
  std::string lower(name);
  for (char& byte : lower) {
    if (byte >= 'A' && byte <= 'Z') byte = static_cast<char>(byte - 'A' + 'a');
  }
  SettingUse use;
  use.action = action;
  use.local = local;
  use.name = strings_.copy(lower);
  use.values = emit({});
  facts_.setting_uses.push_back(use);
}

/// The modes of BEGIN, SET TRANSACTION and SET SESSION CHARACTERISTICS.
inline void Lowering::read_transaction_modes(const List* modes, std::string_view prefix, bool local) {
  for (const ListCell& cell : cells(modes)) {
    const auto& mode = as<DefElem>(cell.ptr_value);
    add(mode.arg);
    add_setting(SettingAction::kSet, fmt::format("{}{}", prefix, mode.defname), local);
  }
}

inline void Lowering::read_set(const VariableSetStmt& node) {
  const std::string_view name = node.name == nullptr ? "" : node.name;
  switch (node.kind) {
    case VAR_SET_VALUE:
      add_list(node.args);
      return add_setting(SettingAction::kSet, name, node.is_local);
    case VAR_SET_DEFAULT:
      return add_setting(SettingAction::kSetDefault, name, node.is_local);
    case VAR_SET_CURRENT:
      return add_setting(SettingAction::kSetFromCurrent, name, node.is_local);
    case VAR_RESET:
      return add_setting(SettingAction::kReset, name, false);
    case VAR_RESET_ALL:
      return add_setting(SettingAction::kResetAll, "", false);
    case VAR_SET_MULTI:
      // As ExecSetVariableStmt names them.
      if (name == "TRANSACTION") return read_transaction_modes(node.args, "", true);
      if (name == "SESSION CHARACTERISTICS") return read_transaction_modes(node.args, "default_", false);
      if (name == "TRANSACTION SNAPSHOT") {
        add_list(node.args);
        return add_setting(SettingAction::kSet, "transaction_snapshot", true);
      }
      break;
  }
  fail_member("VariableSetKind", node.kind);
}

inline void Lowering::read_show(const VariableShowStmt& node) {
  add_setting(SettingAction::kShow, node.name, false);
  SettingUse& use = facts_.setting_uses.back();
  if (use.name != "all") return;
  use.action = SettingAction::kShowAll;
  use.name = {};
}

inline void Lowering::read_copy(const CopyStmt& node, StatementFacts& facts) {
  use_relation(node.relation, node.is_from ? RelationAction::kCopyFrom : RelationAction::kCopyTo,
               node.attlist);
  facts.query = emit_query(node.query, QueryRole::kStatement, kNone);
  facts.program = node.is_program;
  facts.copy_file = strings_.copy(node.filename);
  read_options(node.options);
  add(node.whereClause);
  facts.exprs = emit({Clause::kWhere});
}

inline void Lowering::read_create_table_as(const CreateTableAsStmt& node, StatementFacts& facts) {
  facts.if_exists = node.if_not_exists;
  facts.temporary = node.into->rel->relpersistence == 't';
  facts.materialized = node.objtype == OBJECT_MATVIEW;
  use_relation(node.into->rel, RelationAction::kCreate, node.into->colNames);
  read_options(node.into->options);
  read_wrapped(node.query, facts);
}

/// What EXPLAIN and CREATE TABLE AS wrap.
inline void Lowering::read_wrapped(const ::Node* node, StatementFacts& facts) {
  Statement wrapped;
  read_statement(node, wrapped);
  const bool outermost = facts.wrapped == StatementKind::kOther;
  switch (wrapped.kind) {
    case StatementKind::kExecute:
    case StatementKind::kDeclareCursor:
      facts.wrapped_name = strings_.copy(wrapped.name);
      [[fallthrough]];
    case StatementKind::kCreateTableAs:
    case StatementKind::kDdl:
      if (outermost) facts.wrapped = wrapped.kind;
      [[fallthrough]];
    case StatementKind::kSelect:
    case StatementKind::kInsert:
    case StatementKind::kUpdate:
    case StatementKind::kDelete:
    case StatementKind::kMerge:
      return lower_statement(node, facts);
    default:
      fail_tag(node);
  }
}

inline void Lowering::lower_statement(const ::Node* node, StatementFacts& facts) {
  facts.read = true;
  switch (node->type) {
    case T_SelectStmt:
    case T_InsertStmt:
    case T_UpdateStmt:
    case T_DeleteStmt:
    case T_MergeStmt:
      facts.query = emit_query(node, QueryRole::kStatement, kNone);
      break;
    case T_ExplainStmt:
      read_options(as<ExplainStmt>(node).options);
      read_wrapped(as<ExplainStmt>(node).query, facts);
      break;
    case T_PrepareStmt: {
      const auto& prepare = as<PrepareStmt>(node);
      for (const ListCell& cell : cells(prepare.argtypes)) define(&as<TypeName>(cell.ptr_value));
      emit_definitions(facts);
      facts.query = emit_query(prepare.query, QueryRole::kStatement, kNone);
      break;
    }
    case T_ExecuteStmt:
      facts.exprs = emit_list(as<ExecuteStmt>(node).params, {});
      break;
    case T_DeclareCursorStmt:
      facts.query = emit_query(as<DeclareCursorStmt>(node).query, QueryRole::kStatement, kNone);
      break;
    case T_CallStmt:
      add(as<CallStmt>(node).funccall);
      facts.exprs = emit({});
      break;
    case T_CopyStmt:
      read_copy(as<CopyStmt>(node), facts);
      break;
    case T_CreateTableAsStmt:
      read_create_table_as(as<CreateTableAsStmt>(node), facts);
      break;
    case T_VariableSetStmt:
      read_set(as<VariableSetStmt>(node));
      break;
    case T_VariableShowStmt:
      read_show(as<VariableShowStmt>(node));
      break;
    case T_TransactionStmt:
      read_transaction_modes(as<TransactionStmt>(node).options, "", true);
      break;
    case T_TruncateStmt:
      facts.cascade = as<TruncateStmt>(node).behavior == DROP_CASCADE;
      if (as<TruncateStmt>(node).restart_seqs) facts_.options.push_back({"RESTART IDENTITY", {}});
      use_relations(as<TruncateStmt>(node).relations, RelationAction::kTruncate);
      break;
    case T_LockStmt:
      use_relations(as<LockStmt>(node).relations, RelationAction::kLock);
      break;
    case T_ListenStmt:
      facts_.options.push_back({"channel", strings_.copy(as<ListenStmt>(node).conditionname)});
      break;
    case T_NotifyStmt:
      facts_.options.push_back({"channel", strings_.copy(as<NotifyStmt>(node).conditionname)});
      break;
    case T_UnlistenStmt:
      facts_.options.push_back({"channel", strings_.copy(as<UnlistenStmt>(node).conditionname)});
      break;
    case T_FetchStmt:
    case T_ClosePortalStmt:
    case T_DeallocateStmt:
    case T_DiscardStmt:
      break;
    case T_ConstraintsSetStmt:
      for (const ListCell& cell : cells(as<ConstraintsSetStmt>(node).constraints))
        facts_.options.push_back({"constraint", strings_.copy(as<RangeVar>(cell.ptr_value).relname)});
      break;
    default:
      lower_definition(node, facts);
  }
}

}  // namespace

}  // namespace chaperone::parser
