#pragma once

/// From the C tree to Facts: part of pg_tree.cpp.
namespace chaperone::parser {

namespace {

/// Copies into chunks that never move.
class StringStore {
 public:
  StringStore(std::vector<std::unique_ptr<char[]>>& chunks, std::size_t chunk)
      : chunks_(chunks), chunk_(std::max<std::size_t>(chunk, 64)) {}

  std::string_view copy(std::string_view text) {
    if (text.empty()) return {};
    if (text.size() > left_) grow(text.size());
    char* const place = next_;
    std::memcpy(place, text.data(), text.size());
    next_ += text.size();
    left_ -= text.size();
    return {place, text.size()};
  }
  std::string_view copy(const char* text) {
    return text == nullptr ? std::string_view() : copy(std::string_view(text));
  }

 private:
  void grow(std::size_t needed) {
    left_ = std::max(chunk_, needed);
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(left_));
    next_ = chunks_.back().get();
  }

  std::vector<std::unique_ptr<char[]>>& chunks_;
  std::size_t chunk_;
  char* next_ = nullptr;
  std::size_t left_ = 0;
};

/// Where an expression stands.
struct Place {
  Clause clause = Clause::kUtility;
  Id query = kNone;
  Id parent = kNone;
};

/// Walks statement after statement with a stack of its own. A node is visited once; its children get slots
/// next to each other in the vectors of Facts when it is visited and are filled when their turn comes, so a
/// parent has the lower index.
class Lowering {
 public:
  Lowering(Facts& facts, std::size_t text_size) : facts_(facts), strings_(facts.strings, text_size) {
    // Enough for ordinary texts; beyond, they grow by themselves.
    const std::size_t few = std::min<std::size_t>(text_size / 16, 1'000);
    facts_.exprs.reserve(few + 6);
    facts_.names.reserve(few + 6);
    facts_.targets.reserve(few / 2 + 2);
    stack_.reserve(few + 14);
    gathered_.reserve(few / 2 + 6);
  }

  /// False: error() says what is not known.
  bool read(const ::Node* statement, Id index);
  const std::string& error() const { return error_; }
  /// Of error(), in bytes; kNone if the node has no location.
  std::uint32_t error_offset() const { return error_offset_; }

 private:
  enum class TaskKind : std::uint8_t { kExpr, kQuery, kFrom };
  struct Task {
    const void* node;
    Id slot;
    TaskKind kind;
  };

  void run();
  void fail_tag(const void* node, std::uint32_t offset = kNone);
  void fail_member(std::string_view enumeration, int member, std::uint32_t offset = kNone);

  // Children are gathered, then get their slots all at once.
  void add(const void* node) {
    if (node != nullptr) gathered_.push_back(node);
  }
  void add_list(const List* list) {
    for (const ListCell& cell : cells(list)) add(cell.ptr_value);
  }
  /// A slot that the caller fills.
  void add_hole() { gathered_.push_back(nullptr); }
  void add_sort(const List* list);
  void add_window(const WindowDef* window);
  void add_row_values(const List* result_targets);
  Range emit(const Place& place);
  Id emit_one(const void* node, const Place& place);
  Range emit_list(const List* list, const Place& place) {
    add_list(list);
    return emit(place);
  }

  Id add_name(std::string_view name);
  Range copy_names(const List* list);
  Range copy_name(const char* name);
  Range relation_names(const RangeVar& relation);
  TypeUse read_type(const TypeName& type, const Place& place);
  Id emit_type(const TypeName* type, const Place& place);

  // expressions.hpp
  void lower_expr(const void* node, Id slot);
  void lower_operator(const A_Expr& node, Expr& expr, const Place& inner);
  void lower_constant(const A_Const& node, Expr& expr);
  void lower_function(const FuncCall& node, Expr& expr, const Place& inner);
  void lower_sublink(const SubLink& node, Expr& expr, Id slot);
  void lower_case(const CaseExpr& node, Expr& expr, const Place& inner);
  Id descend(Expr& expr, Id slot);

  // syntax.hpp
  void lower_sql_value(const SQLValueFunction& node, Expr& expr);
  void lower_xml(const XmlExpr& node, Expr& expr, const Place& inner);
  void lower_grouping_set(const GroupingSet& node, Expr& expr, const Place& inner);
  void lower_indirection(const A_Indirection& node, Id slot);
  void lower_key_column(const char* name, const ::Node* expression, const List* collation,
                        const List* operator_class, Id slot);

#if PG_VERSION_NUM >= 160000
  // json.hpp
  bool lower_json(const void* node, Expr& expr, Id slot);
  void lower_json_aggregate(const JsonAggConstructor& node, Expr& expr, const Place& inner);
  Id emit_json_output(const JsonOutput* output, const Place& inner);
  void add_json_value(const JsonValueExpr* value);
  void add_json_pair(const void* node);
#endif
#if PG_VERSION_NUM >= 170000
  void lower_json_function(const JsonFuncExpr& node, Expr& expr, const Place& inner);
  void lower_json_table(const JsonTable& node, FromItem& item);
  void add_json_behavior(const JsonBehavior* behavior);
  void add_json_passing(const List* arguments);
#endif

  // queries.hpp
  Id emit_query(const void* node, QueryRole role, Id parent, Id parent_expr = kNone, Id parent_item = kNone);
  void lower_query(const void* node, Id slot);
  void lower_select(const SelectStmt& node, Query& query, Id slot);
  void lower_values(const List* rows, Query& query, Id slot);
  void lower_locking(const List* clauses, Query& query);
  void lower_insert(const InsertStmt& node, Query& query, Id slot);
  void lower_conflict(const OnConflictClause& node, Query& query, Id slot);
  void lower_update(const UpdateStmt& node, Query& query, Id slot);
  void lower_delete(const DeleteStmt& node, Query& query, Id slot);
  void lower_merge(const MergeStmt& node, Query& query, Id slot);
  MergeAction read_merge_action(const MergeWhenClause& node, Id slot);
  void lower_with(const WithClause* with, Query& query, Id slot);
  Range emit_targets(const List* list, const Place& place);
  Range emit_from(const List* list, Id query);
  Id emit_target_relation(const RangeVar* relation, Id query);

  // from.hpp
  void lower_from(const void* node, Id slot);
  void read_relation(const RangeVar& node, FromItem& item);
  void read_alias(const Alias* alias, FromItem& item);
  void lower_range_function(const RangeFunction& node, FromItem& item);
  void lower_table_function(const RangeTableFunc& node, FromItem& item);
  void lower_join(const JoinExpr& node, FromItem& item, Id slot);
  void lower_sample(const RangeTableSample& node, FromItem& item);
  void read_typed_columns(const List* columns, FromItem& item);

  // utility.hpp
  void lower_statement(const ::Node* node, StatementFacts& facts);
  void lower_definition(const ::Node* node, StatementFacts& facts);
  void use_relation(const RangeVar* relation, RelationAction action, const List* columns = nullptr);
  void use_relations(const List* relations, RelationAction action);
  std::string_view option_text(const ::Node* value);
  void read_options(const List* options);
  void add_setting(SettingAction action, std::string_view name, bool local);
  void read_transaction_modes(const List* modes, std::string_view prefix, bool local);
  void read_set(const VariableSetStmt& node);
  void read_show(const VariableShowStmt& node);
  void read_copy(const CopyStmt& node, StatementFacts& facts);
  void read_create_table_as(const CreateTableAsStmt& node, StatementFacts& facts);
  void read_wrapped(const ::Node* node, StatementFacts& facts);

  // relations.hpp
  void emit_definitions(StatementFacts& facts);
  void define(const TypeName* type, const CollateClause* collation = nullptr);
  void read_column_definition(const ColumnDef& node);
  void read_constraints(const List* list);
  void read_constraint(const Constraint& node);
  void read_partition_key(const PartitionSpec* spec);
  void read_partition_bound(const PartitionBoundSpec* bound);
  void read_create_table(const CreateStmt& node, StatementFacts& facts);
  void read_alter_command(const AlterTableCmd& node, StatementFacts& facts);
  void read_rename(const RenameStmt& node, StatementFacts& facts);
  std::string_view role_name(const RoleSpec& role);
  void read_index(const IndexStmt& node, StatementFacts& facts);
  void read_drop(const DropStmt& node, StatementFacts& facts);
  void read_comment(const CommentStmt& node, StatementFacts& facts);
  void read_vacuum(const VacuumStmt& node);

  Facts& facts_;
  StringStore strings_;
  std::vector<Task> stack_;
  std::vector<const void*> gathered_;
  std::vector<std::pair<const TypeName*, const CollateClause*>> defined_types_;
  Id statement_ = 0;
  std::string error_;
  std::uint32_t error_offset_ = kNone;
};

inline void Lowering::fail_tag(const void* node, std::uint32_t offset) {
  if (!error_.empty()) return;
  error_ = fmt::format("PostgreSQL's node {}", tag_of(node));
  error_offset_ = offset;
}

inline void Lowering::fail_member(std::string_view enumeration, int member, std::uint32_t offset) {
  if (!error_.empty()) return;
  error_ = fmt::format("PostgreSQL's {} {}", enumeration, member);
  error_offset_ = offset;
}

inline void Lowering::run() {
  while (!stack_.empty() && error_.empty()) {
    const Task task = stack_.back();
    stack_.pop_back();
    switch (task.kind) {
      case TaskKind::kExpr:
        lower_expr(task.node, task.slot);
        break;
      case TaskKind::kQuery:
        lower_query(task.node, task.slot);
        break;
      case TaskKind::kFrom:
        lower_from(task.node, task.slot);
        break;
    }
  }
}

inline Range Lowering::emit(const Place& place) {
  const Range range{static_cast<Id>(facts_.exprs.size()), static_cast<std::uint32_t>(gathered_.size())};
  if (range.count == 0) return {};
  Expr empty;
  empty.clause = place.clause;
  empty.query = place.query;
  empty.parent = place.parent;
  facts_.exprs.resize(facts_.exprs.size() + gathered_.size(), empty);
  // The first is on top of the stack: its subtree comes first.
  for (std::size_t i = gathered_.size(); i-- > 0;) {
    if (gathered_[i] != nullptr) {
      stack_.push_back({gathered_[i], range.first + static_cast<Id>(i), TaskKind::kExpr});
    }
  }
  gathered_.clear();
  return range;
}

inline Id Lowering::emit_one(const void* node, const Place& place) {
  if (node == nullptr) return kNone;
  add(node);
  return emit(place).first;
}

inline Id Lowering::add_name(std::string_view name) {
  facts_.names.push_back(name);
  return static_cast<Id>(facts_.names.size() - 1);
}

/// Of a list of String; a star at its end is left out.
inline Range Lowering::copy_names(const List* list) {
  Range range{static_cast<Id>(facts_.names.size()), 0};
  for (const ListCell& cell : cells(list)) {
    const auto* node = static_cast<const ::Node*>(cell.ptr_value);
    if (node->type == T_A_Star) continue;
    if (node->type != T_String) fail_tag(node);
    if (!error_.empty()) return {};
    add_name(strings_.copy(as<String>(node).sval));
    ++range.count;
  }
  return range.count == 0 ? Range{} : range;
}

inline Range Lowering::copy_name(const char* name) {
  if (name == nullptr) return {};
  return {add_name(strings_.copy(name)), 1};
}

inline Range Lowering::relation_names(const RangeVar& relation) {
  Range range{static_cast<Id>(facts_.names.size()), 0};
  for (const char* part : {relation.catalogname, relation.schemaname, relation.relname}) {
    if (part == nullptr) continue;
    add_name(strings_.copy(part));
    ++range.count;
  }
  return range;
}

inline TypeUse Lowering::read_type(const TypeName& type, const Place& place) {
  TypeUse use;
  use.names = copy_names(type.names);
  use.array_dimensions =
      static_cast<std::uint8_t>(std::min<std::size_t>(cells(type.arrayBounds).size(), UINT8_MAX));
  use.set_of = type.setof;
  use.percent_type = type.pct_type;
  use.offset = offset_of(type.location);
  use.modifiers = emit_list(type.typmods, place);
  return use;
}

inline Id Lowering::emit_type(const TypeName* type, const Place& place) {
  if (type == nullptr) return kNone;
  facts_.types.push_back(read_type(*type, place));
  return static_cast<Id>(facts_.types.size() - 1);
}

}  // namespace

}  // namespace chaperone::parser
