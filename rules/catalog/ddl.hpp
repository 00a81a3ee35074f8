#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "parser/definitions.hpp"
#include "parser/facts.hpp"
#include "rules/catalog/catalog.hpp"
#include "rules/catalog/catalog_builder.hpp"

/// What definitions do to a schema, statement after statement, as PostgreSQL's commands do it
/// (commands/tablecmds.c, typecmds.c): the way from DDL to a Catalog.
namespace chaperone::rules {

/// Of a file of the operator's own: as much as the grammar can hold.
inline constexpr parser::Limits kFileLimits{.bytes = 1U << 30, .tokens = 100'000'000, .nesting = 5'000};

struct DdlTable;

/// A column, and where it comes from under inheritance (attislocal, attinhcount).
struct DdlColumn {
  Column column;
  bool local = true;
  int inherited = 0;
};

/// A key, a CHECK or a unique index; it can be dropped by its name.
struct DdlKey {
  parser::ConstraintKind kind = parser::ConstraintKind::kOther;
  std::string name;
  std::vector<std::string> columns;
  bool partial = false;           ///< a unique index that does not hold for all rows, or over an expression
  DdlTable* referenced = nullptr; /**< of a foreign key; nullptr: a table that the file does not define */
  parser::ObjectName outside;     ///< then its name
};

struct DdlTable {
  std::string schema;
  std::string name;
  RelationKind kind = RelationKind::kTable;
  bool temporary = false;
  bool partition = false;
  bool row_security = false;
  bool security_invoker = false;
  std::vector<DdlColumn> columns;
  std::vector<DdlKey> keys;
  std::vector<DdlTable*> parents;
  std::vector<DdlTable*> children;
  DdlTable* owner = nullptr;  ///< of a sequence: OWNED BY
  std::string owner_column;

  DdlColumn* find(std::string_view column);
};

/// What a name in the text means for the reader of the file.
struct DdlMessages {
  /// Of the statement that is applied: byte offset, what is wrong, what was expected.
  std::function<void(std::uint32_t, std::string, std::string)> problem;
  std::function<void(std::uint32_t, std::string)> note;
};

class Ddl {
 public:
  explicit Ddl(DdlMessages messages);

  /// Applies one definition. `sql` is the statement's text, for the queries of views.
  void apply(const parser::Definition& definition, std::string_view sql);
  void set_server_major(int major) { server_major_ = major; }
  /// What stands at the end.
  std::shared_ptr<const Catalog> build();

 private:
  using Name = std::pair<std::string, std::string>;  ///< schema, name

  /// What makes casting to a domain fail.
  struct DomainState {
    bool not_null = false;
    int unnamed = 0;
    std::set<std::string> checks;

    void add(const parser::DefinedConstraint& constraint);
    bool checked() const { return not_null || unnamed > 0 || !checks.empty(); }
  };

  // ddl_tables.cpp: CREATE of all that has columns
  void on(const parser::CreateTable& definition);
  void on(const parser::CreateSequence& definition);
  void on(const parser::AlterSequence& definition);
  void own_sequence(DdlTable& sequence, const parser::SequenceOwner& owner);
  void on(const parser::CreateIndex& definition);
  DdlTable* new_table(const parser::ObjectName& name, RelationKind kind, bool temporary, bool lenient);
  void add_sequence(const std::string& schema, const std::string& name, DdlTable& owner,
                    const std::string& column);
  DdlColumn new_column(DdlTable& table, const parser::DefinedColumn& definition);
  void add_column(DdlTable& table, const parser::DefinedColumn& definition);
  void change_column(DdlTable& table, DdlColumn& column, const parser::DefinedColumn& definition);
  void copy_like(DdlTable& table, const parser::LikeClause& like);
  void inherit(DdlTable& table, DdlTable& parent);
  void share_key(const DdlKey& key, DdlTable& top);
  void share_keys(const DdlTable& parent, DdlTable& partition);
  void add_key(DdlTable& table, const parser::DefinedConstraint& definition, bool recurse);
  void add_key(DdlTable& table, DdlKey key, bool recurse);
  void own_identity(DdlTable& table, DdlColumn& column, const parser::DefinedColumn& definition);
  bool check_columns(DdlTable& table, const std::vector<std::string>& columns, std::uint32_t offset);

  // ddl_views.cpp
  void on(const parser::CreateView& definition);
  void on(const parser::CreateTableAs& definition);
  void set_query_columns(DdlTable& table, const std::vector<std::string>& names);
  std::optional<std::vector<Column>> columns_of_relation(std::string_view schema, std::string_view name,
                                                         const DdlTable* except);

  // ddl_alter.cpp
  void on(const parser::AlterRelation& definition);
  void on(const parser::Rename& definition);
  void on(const parser::SetSchema& definition);
  void on(const parser::Drop& definition);
  void alter(DdlTable& table, const parser::AlterCommand& command, bool recurse);
  void alter_column(DdlTable& table, const parser::AlterCommand& command, bool recurse);
  void drop_column(DdlTable& table, const std::string& name, bool recurse);
  void rename_column(const parser::Rename& definition);
  void rename_constraint(const parser::Rename& definition);
  void attach(DdlTable& parent, DdlTable& child, bool partition);
  void detach(DdlTable& parent, DdlTable& child);
  void move_table(DdlTable& table, std::string schema, std::string name);
  void drop_table(DdlTable& table);
  /// Those of one column, or of all if it is empty.
  std::vector<DdlTable*> owned_sequences(const DdlTable& table, std::string_view column = {});
  void drop_schema(const std::string& name);
  void drop_index(const parser::ObjectName& name, bool lenient);
  bool rename_index(const parser::ObjectName& name, const std::string& to);
  void rename_schema(const parser::ObjectName& name, const std::string& to);
  /// The table and all below it, each once.
  static std::vector<DdlTable*> family(DdlTable& table);

  // ddl_extensions.cpp
  void on(const parser::CreateExtension& definition);
  /// False: what it brings is not known.
  bool install(const std::string& extension, const std::string& schema);
  void move_extension(const std::string& name, const std::string& to);
  void drop_extension(const std::string& name);

  // ddl_types.cpp: types, routines, operators
  void on(const parser::CreateType& definition);
  void on(const parser::CreateDomain& definition);
  void on(const parser::CreateRoutine& definition);
  void on(const parser::CreateOperator& definition);
  void on(const parser::AlterEnum& definition);
  void on(const parser::AlterDomain& definition);
  void on(const parser::AlterRoutine& definition);
  TypeName resolve(const parser::TypeReference& reference);
  /// Of a cast in a view's query.
  TypeName resolve(const parser::Facts& facts, const parser::TypeUse& use);
  bool has_routine(std::string_view name) const;
  void add_range(const parser::CreateType& definition, const std::string& schema);
  void add_type(Type type, const parser::ObjectName& name);
  Type* find_type(const parser::ObjectName& name);
  Type* need_type(const parser::ObjectName& name, bool lenient);
  void move_type(const parser::ObjectName& name, bool lenient, const std::string* schema,
                 const std::string* to);
  void move_type(const Name& old, const Name& now);
  void rename_types_of_schema(const std::string& from, const std::string& to);
  /// What had a type of the old name has one of the new.
  void follow_type(const std::string& schema, const std::string& name, const std::string& new_schema,
                   const std::string& new_name);
  void drop_type(const parser::ObjectName& name, bool lenient);
  /// Those that a reference in ALTER or DROP means.
  std::vector<Function*> routines_of(const parser::ObjectReference& reference, bool lenient);
  void move_routine(const parser::ObjectReference& reference, bool lenient, const std::string* schema,
                    const std::string* to);
  void drop_routine(const parser::ObjectReference& reference, bool lenient);
  void move_operator(const parser::ObjectName& name, const std::string& to);
  void drop_operator(const parser::ObjectName& name);

  // ddl.cpp
  void on(const parser::CreateSchema& definition);
  void on(const parser::SetSearchPath& definition);
  void on(const parser::OpaqueDefinition& definition);
  /// Where an object of that name is created; empty: a problem was told.
  std::string creation_schema(const parser::ObjectName& name);
  /// Whether a name is PostgreSQL's (IsReservedName), which is a problem then.
  bool is_reserved(const std::string& schema, std::uint32_t offset) const;
  void need_schema(const std::string& schema, std::uint32_t offset);
  DdlTable* find_table(const parser::ObjectName& name);
  DdlTable* find_table(const std::string& schema, const std::string& name);
  DdlTable* need_table(const parser::ObjectName& name, bool lenient = false);
  /// As ChooseRelationName: name1_name2_label in 63 bytes, numbered if it is taken.
  std::string choose_name(const std::string& schema, const std::string& name1, const std::string& name2,
                          const std::string& label);
  std::string table_name(const parser::ObjectName& name) const;
  void problem(std::uint32_t offset, std::string what, std::string expected) const;
  void note(std::uint32_t offset, std::string what) const;

  DdlMessages messages_;
  std::string_view sql_;  ///< of the statement that is applied
  std::uint32_t statement_ = 0;
  std::vector<std::unique_ptr<DdlTable>> tables_;  ///< what was dropped stays, without a name
  std::map<Name, DdlTable*> table_names_;
  std::set<Name> index_names_;
  std::map<Name, Type> types_;
  std::map<Name, DomainState> domains_;
  std::map<Name, std::vector<Function>> functions_;
  std::map<Name, std::vector<Operator>> operators_;
  std::set<std::string> schemas_;
  std::map<std::string, std::string> extensions_;  ///< name to schema
  bool strange_extension_ = false;                 ///< one that is not known: any type may be its
  std::vector<std::string> search_path_;           ///< of the file, as it goes
  std::vector<std::string> catalog_path_;          ///< of sessions to come
  int server_major_ = 0;
};

}  // namespace chaperone::rules
