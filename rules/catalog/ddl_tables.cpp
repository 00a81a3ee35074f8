#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "rules/catalog/ddl.hpp"
#include "rules/catalog/query_types.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {
namespace {

using parser::ConstraintKind;
using parser::DefinedColumn;

constexpr std::size_t kMaxColumns = 1600;  // MaxHeapAttributeNumber

/// The integer that a serial pseudo-type stands for; empty: it is none (transformColumnDefinition).
std::string_view serial_type(const parser::TypeReference& type) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kSerials = {{
      {"smallserial", "int2"},
      {"serial2", "int2"},
      {"serial", "int4"},
      {"serial4", "int4"},
      {"bigserial", "int8"},
      {"serial8", "int8"},
  }};
  if (!type.schema.empty() || type.array) return {};
  for (const auto& [serial, integer] : kSerials) {
    if (type.name == serial) return integer;
  }
  return {};
}

std::string key_label(ConstraintKind kind) {
  switch (kind) {
    case ConstraintKind::kPrimaryKey:
      return "pkey";
    case ConstraintKind::kUnique:
      return "key";
    case ConstraintKind::kForeignKey:
      return "fkey";
    default:
      return "check";
  }
}

/// As ChooseIndexNameAddition: the columns, joined.
std::string joined(const std::vector<std::string>& columns) {
  std::string out;
  for (const std::string& column : columns) {
    if (out.size() >= 63) break;
    if (!out.empty()) out += '_';
    out += column.empty() ? "expr" : column;
  }
  return out;
}

bool is_index(ConstraintKind kind) {
  return kind == ConstraintKind::kPrimaryKey || kind == ConstraintKind::kUnique;
}

std::vector<DdlColumn> sequence_columns() {
  std::vector<DdlColumn> out(3);
  constexpr std::pair<std::string_view, std::string_view> kColumns[] = {
      {"last_value", "int8"}, {"log_cnt", "int8"}, {"is_called", "bool"}};
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i].column.name = kColumns[i].first;
    out[i].column.type = pg_type(kColumns[i].second);
    out[i].column.not_null = true;
  }
  return out;
}

}  // namespace

DdlTable* Ddl::new_table(const parser::ObjectName& name, RelationKind kind, bool temporary, bool lenient) {
  const std::string schema = temporary ? "pg_temp" : creation_schema(name);
  if (schema.empty()) return nullptr;
  DdlTable*& slot = table_names_[{schema, name.name}];
  if (slot != nullptr || index_names_.contains({schema, name.name})) {
    if (slot == nullptr) table_names_.erase({schema, name.name});
    if (!lenient) {
      problem(name.offset, fmt::format("relation {} is there already", table_name(name)),
              "each once, or IF NOT EXISTS");
    }
    return nullptr;
  }
  tables_.push_back(std::make_unique<DdlTable>());
  slot = tables_.back().get();
  slot->schema = schema;
  slot->name = name.name;
  slot->kind = kind;
  slot->temporary = temporary || schema == "pg_temp";
  return slot;
}

void Ddl::add_sequence(const std::string& schema, const std::string& name, DdlTable& owner,
                       const std::string& column) {
  tables_.push_back(std::make_unique<DdlTable>());
  DdlTable& table = *tables_.back();
  table.schema = schema;
  table.name = name;
  table.kind = RelationKind::kSequence;
  table.temporary = owner.temporary;
  table.columns = sequence_columns();
  table.owner = &owner;
  table.owner_column = column;
  table_names_[{schema, name}] = &table;
}

void Ddl::own_identity(DdlTable& table, DdlColumn& column, const DefinedColumn& definition) {
  column.column.not_null = true;
  column.column.has_default = true;
  column.column.identity = true;
  column.column.identity_always = definition.identity_always;
  const parser::ObjectName& sequence = definition.identity_sequence;
  std::string name = sequence.name;
  if (name.empty()) name = choose_name(table.schema, table.name, column.column.name, "seq");
  const std::string schema = sequence.schema.empty() ? table.schema : sequence.schema;
  if (find_table(schema, name) == nullptr) add_sequence(schema, name, table, column.column.name);
}

DdlColumn Ddl::new_column(DdlTable& table, const DefinedColumn& definition) {
  DdlColumn out;
  out.column.name = definition.name;
  out.column.not_null = definition.not_null;
  out.column.has_default = definition.has_default || definition.generated;
  out.column.generated = definition.generated;
  if (!definition.type) {
    problem(definition.offset, fmt::format("column {} has no type", in_quotes(definition.name)), "a type");
    return out;
  }
  const std::string_view integer = serial_type(*definition.type);
  if (!integer.empty()) {
    out.column.type = pg_type(integer);
    out.column.not_null = true;
    out.column.has_default = true;
    add_sequence(table.schema, choose_name(table.schema, table.name, definition.name, "seq"), table,
                 definition.name);
  } else {
    out.column.type = resolve(*definition.type);
  }
  if (definition.identity) own_identity(table, out, definition);
  return out;
}

/// A column's definition that only changes what is inherited: PARTITION OF, OF type.
void Ddl::change_column(DdlTable& table, DdlColumn& column, const DefinedColumn& definition) {
  column.local = true;
  column.column.not_null |= definition.not_null;
  column.column.has_default |= definition.has_default || definition.generated;
  column.column.generated |= definition.generated;
  if (definition.identity) own_identity(table, column, definition);
}

void Ddl::add_column(DdlTable& table, const DefinedColumn& definition) {
  if (DdlColumn* there = table.find(definition.name)) {
    // MergeAttributes: a column of the same name is the parent's. Its own DEFAULT stands instead.
    if (there->inherited > 0 || !definition.type) return change_column(table, *there, definition);
    problem(
        definition.offset,
        fmt::format("column {} of {} is there already", in_quotes(definition.name), in_quotes(table.name)),
        "each column once");
    return;
  }
  if (table.columns.size() == kMaxColumns) {
    problem(definition.offset, fmt::format("{} has more than 1600 columns", in_quotes(table.name)),
            "at most 1600, as PostgreSQL");
    return;
  }
  if (!definition.type) {
    problem(definition.offset,
            fmt::format("column {} of {} does not exist", in_quotes(definition.name), in_quotes(table.name)),
            "a column of the parent, or a type");
    return;
  }
  DdlColumn column = new_column(table, definition);
  table.columns.push_back(std::move(column));
}

void Ddl::copy_like(DdlTable& table, const parser::LikeClause& like) {
  const DdlTable* source = need_table(like.table);
  if (source == nullptr) return;
  for (const DdlColumn& from : source->columns) {
    if (table.find(from.column.name) != nullptr) {
      problem(
          like.table.offset,
          fmt::format("column {} of {} is there already", in_quotes(from.column.name), in_quotes(table.name)),
          "each column once");
      continue;
    }
    const Column& original = from.column;
    DdlColumn copy;
    copy.column.name = original.name;
    copy.column.type = original.type;
    copy.column.not_null = original.not_null;
    copy.column.generated = like.generated && original.generated;
    const bool has_identity = original.identity;
    const bool plain_default = original.has_default && !original.generated && !has_identity;
    copy.column.has_default = copy.column.generated || (like.defaults && plain_default);
    if (like.identity && has_identity) {
      DefinedColumn definition;
      definition.identity_always = original.identity_always;
      own_identity(table, copy, definition);
    }
    table.columns.push_back(std::move(copy));
  }
  if (!like.indexes) return;
  for (const DdlKey& key : source->keys) {
    if (!is_index(key.kind)) continue;
    DdlKey copy = key;
    copy.name.clear();
    add_key(table, std::move(copy), false);
  }
}

/// MergeAttributes: the parent's columns come first, merged by name.
void Ddl::inherit(DdlTable& table, DdlTable& parent) {
  for (const DdlColumn& from : parent.columns) {
    DdlColumn* column = table.find(from.column.name);
    if (column == nullptr) {
      DdlColumn copy = from;
      copy.local = false;
      copy.inherited = 0;
      // Before 17 a partition has no identity of its own.
      if (copy.column.identity && !(table.partition && server_major_ >= 17)) {
        copy.column.identity = copy.column.identity_always = copy.column.has_default = false;
      }
      table.columns.push_back(std::move(copy));
      column = &table.columns.back();
    } else {
      column->column.not_null |= from.column.not_null;
    }
    ++column->inherited;
  }
  table.parents.push_back(&parent);
  parent.children.push_back(&table);
}

/// Gives a key to all of the family that have none like it.
void Ddl::share_key(const DdlKey& key, DdlTable& top) {
  for (DdlTable* table : family(top)) {
    const bool there = std::any_of(table->keys.begin(), table->keys.end(), [&](const DdlKey& own) {
      return own.kind == key.kind && own.columns == key.columns && own.referenced == key.referenced;
    });
    if (there) continue;
    DdlKey copy = key;
    if (is_index(key.kind)) copy.name.clear();
    add_key(*table, std::move(copy), false);
  }
}

void Ddl::share_keys(const DdlTable& parent, DdlTable& partition) {
  for (const DdlKey& key : parent.keys) {
    if (is_index(key.kind) || key.kind == ConstraintKind::kForeignKey) share_key(key, partition);
  }
}

void Ddl::on(const parser::CreateTable& definition) {
  const RelationKind kind = definition.foreign       ? RelationKind::kForeignTable
                            : definition.partitioned ? RelationKind::kPartitionedTable
                                                     : RelationKind::kTable;
  // What it is made of has to be there before it is.
  std::vector<DdlTable*> parents;
  for (const parser::ObjectName& name : definition.parents) {
    if (DdlTable* parent = need_table(name)) parents.push_back(parent);
  }
  DdlTable* created = new_table(definition.name, kind, definition.temporary, definition.if_not_exists);
  if (created == nullptr) return;
  DdlTable& table = *created;
  table.partition = definition.partition;
  for (DdlTable* parent : parents) inherit(table, *parent);
  if (definition.of_type) {
    const parser::TypeReference& type = *definition.of_type;
    if (const DdlTable* row = need_table({type.schema, type.name, type.offset})) {
      table.columns = row->columns;
      // Merged with, as inherited ones are.
      for (DdlColumn& column : table.columns) column.inherited = 1;
    }
  }
  for (const parser::TableElement& element : definition.elements) {
    if (const auto* column = std::get_if<DefinedColumn>(&element)) add_column(table, *column);
    if (const auto* like = std::get_if<parser::LikeClause>(&element)) copy_like(table, *like);
  }
  if (definition.of_type) {
    for (DdlColumn& column : table.columns) column.inherited = 0;
  }
  for (const parser::TableElement& element : definition.elements) {
    if (const auto* constraint = std::get_if<parser::DefinedConstraint>(&element)) {
      add_key(table, *constraint, false);
    }
  }
  // As transformIndexConstraints: a UNIQUE over the primary key's columns makes no index of its own.
  const auto primary = std::find_if(table.keys.begin(), table.keys.end(), [](const DdlKey& key) {
    return key.kind == ConstraintKind::kPrimaryKey;
  });
  if (primary != table.keys.end()) {
    const std::vector<std::string> columns = primary->columns;
    std::erase_if(table.keys, [&](const DdlKey& key) {
      return key.kind == ConstraintKind::kUnique && key.columns == columns;
    });
  }
  if (table.partition && !parents.empty()) share_keys(*parents[0], table);
}

bool Ddl::check_columns(DdlTable& table, const std::vector<std::string>& columns, std::uint32_t offset) {
  for (const std::string& column : columns) {
    if (table.find(column) != nullptr) continue;
    std::vector<std::string_view> names;
    for (const DdlColumn& known : table.columns) names.push_back(known.column.name);
    const std::string_view meant = closest(column, names);
    problem(offset,
            fmt::format("column {} of {} does not exist{}", in_quotes(column), in_quotes(table.name),
                        meant.empty() ? "" : fmt::format(" (did you mean {}?)", in_quotes(meant))),
            "one of its columns");
    return false;
  }
  return true;
}

void Ddl::add_key(DdlTable& table, const parser::DefinedConstraint& definition, bool recurse) {
  if (definition.kind == ConstraintKind::kNotNull || definition.kind == ConstraintKind::kOther) return;
  DdlKey key{definition.kind, definition.name, definition.columns, false, nullptr, {}};
  if (!definition.index.empty()) {
    // ADD CONSTRAINT .. USING INDEX: the index turns into the constraint, and takes its name.
    const auto index = std::find_if(table.keys.begin(), table.keys.end(), [&](const DdlKey& candidate) {
      return candidate.name == definition.index;
    });
    if (index == table.keys.end()) {
      problem(definition.offset, fmt::format("unique index {} does not exist", in_quotes(definition.index)),
              "one of the table's that stands in front of this");
      return;
    }
    key.columns = index->columns;
    if (key.name.empty()) key.name = index->name;
    index_names_.erase({table.schema, index->name});
    table.keys.erase(index);
  }
  if (!check_columns(table, key.columns, definition.offset)) return;
  if (key.kind == ConstraintKind::kForeignKey) {
    key.referenced = find_table(definition.referenced);
    if (key.referenced == nullptr) {
      key.outside = definition.referenced;
      if (key.outside.schema.empty() && !search_path_.empty()) key.outside.schema = search_path_.front();
      note(definition.referenced.offset,
           fmt::format("{} is not defined in this file; the foreign key counts all the same",
                       table_name(definition.referenced)));
    }
  }
  const bool has_primary = std::any_of(table.keys.begin(), table.keys.end(), [](const DdlKey& known) {
    return known.kind == ConstraintKind::kPrimaryKey;
  });
  if (key.kind == ConstraintKind::kPrimaryKey && has_primary) {
    problem(definition.offset, fmt::format("{} has a primary key already", in_quotes(table.name)),
            "one primary key");
    return;
  }
  add_key(table, std::move(key), recurse);
}

void Ddl::add_key(DdlTable& table, DdlKey key, bool recurse) {
  if (key.name.empty()) {
    const bool primary = key.kind == ConstraintKind::kPrimaryKey;
    key.name = choose_name(table.schema, table.name, primary ? "" : joined(key.columns), key_label(key.kind));
  }
  if (is_index(key.kind)) index_names_.insert({table.schema, key.name});
  if (key.kind == ConstraintKind::kPrimaryKey) {
    for (const std::string& column : key.columns) {
      for (DdlTable* member : family(table)) {
        if (DdlColumn* found = member->find(column)) found->column.not_null = true;
      }
    }
  }
  // A partitioned table's keys are its partitions' too.
  if (recurse && table.kind == RelationKind::kPartitionedTable) {
    for (DdlTable* child : table.children) share_key(key, *child);
  }
  table.keys.push_back(std::move(key));
}

void Ddl::on(const parser::CreateSequence& definition) {
  DdlTable* table =
      new_table(definition.name, RelationKind::kSequence, definition.temporary, definition.if_not_exists);
  if (table == nullptr) return;
  table->columns = sequence_columns();
  if (definition.owner) own_sequence(*table, *definition.owner);
}

void Ddl::on(const parser::AlterSequence& definition) {
  if (DdlTable* sequence = need_table(definition.name, definition.if_exists)) {
    own_sequence(*sequence, definition.owner);
  }
}

void Ddl::own_sequence(DdlTable& sequence, const parser::SequenceOwner& owner) {
  sequence.owner = owner.column.empty() ? nullptr : need_table(owner.table);
  sequence.owner_column = owner.column;
  if (sequence.owner != nullptr) check_columns(*sequence.owner, {owner.column}, owner.table.offset);
}

void Ddl::on(const parser::CreateIndex& definition) {
  DdlTable* table = need_table(definition.table);
  if (table == nullptr) return;
  if (!definition.name.empty() && (index_names_.contains({table->schema, definition.name}) ||
                                   find_table(table->schema, definition.name) != nullptr)) {
    if (!definition.if_not_exists) {
      problem(statement_, fmt::format("relation {} is there already", in_quotes(definition.name)),
              "each once, or IF NOT EXISTS");
    }
    return;
  }
  std::vector<std::string> columns;
  for (const std::string& column : definition.columns) {
    if (!column.empty()) columns.push_back(column);
  }
  if (!check_columns(*table, columns, definition.table.offset)) return;
  DdlKey key;
  key.kind = ConstraintKind::kUnique;
  key.name = definition.name;
  if (key.name.empty()) {
    key.name = choose_name(table->schema, table->name, joined(definition.columns), "idx");
  }
  if (!definition.unique) {
    index_names_.insert({table->schema, key.name});
    return;
  }
  key.partial = definition.partial || columns.size() != definition.columns.size();
  key.columns = std::move(columns);
  add_key(*table, std::move(key), !definition.only);
}

}  // namespace chaperone::rules
