#include <fmt/format.h>

#include <algorithm>

#include "rules/catalog/ddl.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {

using parser::AlterAction;
using parser::ConstraintKind;
using parser::ObjectClass;

std::vector<DdlTable*> Ddl::family(DdlTable& table) {
  std::vector<DdlTable*> out = {&table};
  std::set<DdlTable*> seen = {&table};
  for (std::size_t i = 0; i < out.size(); ++i) {
    for (DdlTable* child : out[i]->children) {
      if (seen.insert(child).second) out.push_back(child);
    }
  }
  return out;
}

void Ddl::on(const parser::AlterRelation& definition) {
  DdlTable* table = need_table(definition.name, definition.if_exists);
  if (table == nullptr) return;
  for (const parser::AlterCommand& command : definition.commands) alter(*table, command, !definition.only);
}

void Ddl::alter(DdlTable& table, const parser::AlterCommand& command, bool recurse) {
  switch (command.action) {
    case AlterAction::kAddColumn: {
      if (command.lenient && table.find(command.name) != nullptr) return;
      const bool there = table.find(command.name) != nullptr;
      add_column(table, command.column);
      const DdlColumn* added = table.find(command.name);
      if (there || added == nullptr) return;
      Column copy = added->column;
      if (copy.identity && server_major_ < 17)
        copy.identity = copy.identity_always = copy.has_default = false;
      for (DdlTable* member : family(table)) {
        if (member == &table) continue;
        DdlColumn* own = member->find(command.name);
        if (own == nullptr) {
          member->columns.push_back({copy, false, 0});
          own = &member->columns.back();
        }
        ++own->inherited;
      }
      for (const parser::DefinedConstraint& constraint : command.constraints) {
        add_key(table, constraint, true);
      }
      return;
    }
    case AlterAction::kDropColumn:
      if (command.lenient && table.find(command.name) == nullptr) return;
      if (check_columns(table, {command.name}, statement_)) drop_column(table, command.name, recurse);
      return;
    case AlterAction::kAddConstraint:
      for (const parser::DefinedConstraint& constraint : command.constraints) {
        add_key(table, constraint, recurse);
      }
      return;
    case AlterAction::kDropConstraint: {
      // Partitions hold it under names of their own; what is shared goes with the parent's.
      const auto key = std::find_if(table.keys.begin(), table.keys.end(),
                                    [&](const DdlKey& own) { return own.name == command.name; });
      if (key == table.keys.end()) return;  // a CHECK of a column, a NOT NULL of later versions
      const DdlKey gone = *key;
      const bool shared = recurse && table.kind == RelationKind::kPartitionedTable;
      for (DdlTable* member : family(table)) {
        if (member != &table && !shared) continue;
        std::erase_if(member->keys, [&](const DdlKey& own) {
          const bool same = own.kind == gone.kind && own.columns == gone.columns &&
                            own.referenced == gone.referenced && own.kind != ConstraintKind::kCheck;
          if (own.name != gone.name && (member == &table || !same)) return false;
          index_names_.erase({member->schema, own.name});
          return true;
        });
      }
      return;
    }
    case AlterAction::kAttachPartition:
    case AlterAction::kInherit:
    case AlterAction::kDetachPartition:
    case AlterAction::kNoInherit: {
      DdlTable* other = need_table(command.other);
      if (other == nullptr) return;
      if (command.action == AlterAction::kAttachPartition) attach(table, *other, true);
      if (command.action == AlterAction::kDetachPartition) detach(table, *other);
      if (command.action == AlterAction::kInherit) attach(*other, table, false);
      if (command.action == AlterAction::kNoInherit) detach(*other, table);
      return;
    }
    case AlterAction::kEnableRowSecurity:
    case AlterAction::kDisableRowSecurity:
      table.row_security = command.action == AlterAction::kEnableRowSecurity;
      return;
    case AlterAction::kSetSecurityInvoker:
      table.security_invoker = command.on;
      return;
    default:
      return alter_column(table, command, recurse);
  }
}

void Ddl::alter_column(DdlTable& table, const parser::AlterCommand& command, bool recurse) {
  if (!check_columns(table, {command.name}, statement_)) return;
  TypeName type;
  if (command.action == AlterAction::kSetType) type = resolve(*command.column.type);
  for (DdlTable* member : family(table)) {
    if (member != &table && !recurse) break;
    DdlColumn* found = member->find(command.name);
    if (found == nullptr) continue;
    Column& column = found->column;
    switch (command.action) {
      case AlterAction::kSetType:
        column.type = type;
        break;
      case AlterAction::kSetNotNull:
      case AlterAction::kDropNotNull:
        column.not_null = command.action == AlterAction::kSetNotNull;
        break;
      case AlterAction::kSetDefault:
      case AlterAction::kDropDefault:
        column.has_default = command.action == AlterAction::kSetDefault;
        break;
      case AlterAction::kDropExpression:
        column.generated = column.has_default = false;
        break;
      case AlterAction::kAddIdentity:
        if (member == &table) {
          own_identity(table, *found, command.column);
        } else if (member->partition && server_major_ >= 17) {
          column.identity = column.has_default = column.not_null = true;
          column.identity_always = command.column.identity_always;
        }
        break;
      case AlterAction::kSetIdentity:
        if (column.identity) column.identity_always = command.column.identity_always;
        break;
      case AlterAction::kDropIdentity:
        if (column.identity) column.identity = column.identity_always = column.has_default = false;
        break;
      default:
        break;
    }
  }
}

void Ddl::drop_column(DdlTable& table, const std::string& name, bool recurse) {
  for (DdlTable* member : family(table)) {
    DdlColumn* column = member->find(name);
    if (column == nullptr) continue;
    if (member != &table) {
      // ATExecDropColumn: a child that has it from elsewhere too keeps it, and so do all under ONLY.
      --column->inherited;
      if (!recurse) column->local = true;
      if (column->local || column->inherited > 0) continue;
    }
    std::erase_if(member->keys, [&](const DdlKey& key) {
      if (std::find(key.columns.begin(), key.columns.end(), name) == key.columns.end()) return false;
      index_names_.erase({member->schema, key.name});
      return true;
    });
    std::erase_if(member->columns, [&](const DdlColumn& own) { return own.column.name == name; });
    for (DdlTable* sequence : owned_sequences(*member, name)) drop_table(*sequence);
  }
}

std::vector<DdlTable*> Ddl::owned_sequences(const DdlTable& table, std::string_view column) {
  std::vector<DdlTable*> out;
  for (const auto& candidate : tables_) {
    if (candidate->owner == &table && (column.empty() || candidate->owner_column == column)) {
      out.push_back(candidate.get());
    }
  }
  return out;
}

void Ddl::attach(DdlTable& parent, DdlTable& child, bool partition) {
  if (std::find(child.parents.begin(), child.parents.end(), &parent) != child.parents.end()) return;
  const auto below = family(child);
  if (std::find(below.begin(), below.end(), &parent) != below.end()) {
    problem(statement_, fmt::format("{} would be its own child", in_quotes(parent.name)), "another table");
    return;
  }
  for (const DdlColumn& column : parent.columns) {
    DdlColumn* own = child.find(column.column.name);
    if (own == nullptr) {
      problem(statement_,
              fmt::format("{} has no column {}", in_quotes(child.name), in_quotes(column.column.name)),
              "every column of the parent");
      return;
    }
    ++own->inherited;
    if (partition) own->local = false;
    if (!partition || server_major_ < 17 || !column.column.identity) continue;
    for (DdlTable* member : family(child)) {
      DdlColumn* below_it = member->find(column.column.name);
      if (below_it == nullptr) continue;
      below_it->column.identity = below_it->column.has_default = below_it->column.not_null = true;
      below_it->column.identity_always = column.column.identity_always;
    }
  }
  child.parents.push_back(&parent);
  parent.children.push_back(&child);
  if (!partition) return;
  child.partition = true;
  share_keys(parent, child);
}

void Ddl::detach(DdlTable& parent, DdlTable& child) {
  if (std::erase(child.parents, &parent) == 0) return;
  std::erase(parent.children, &child);
  child.partition = false;
  for (const DdlColumn& column : parent.columns) {
    DdlColumn* own = child.find(column.column.name);
    if (own == nullptr) continue;
    own->local = true;
    --own->inherited;
  }
}

void Ddl::move_table(DdlTable& table, std::string schema, std::string name) {
  DdlTable*& slot = table_names_[{schema, name}];
  if (slot != nullptr && slot != &table) {
    problem(statement_, fmt::format("relation {} is there already", in_quotes(schema + "." + name)),
            "a name that is free");
    return;
  }
  slot = &table;
  if (table.schema == schema && table.name == name) return;
  table_names_.erase({table.schema, table.name});
  // Its row type and composite types go by the same name.
  const auto type = types_.find({table.schema, table.name});
  if (type != types_.end() && table.kind == RelationKind::kCompositeType) {
    Type moved = std::move(type->second);
    types_.erase(type);
    moved.schema = schema;
    moved.name = name;
    types_[{schema, name}] = std::move(moved);
  }
  follow_type(table.schema, table.name, schema, name);
  for (const DdlKey& key : table.keys) {
    if (index_names_.erase({table.schema, key.name}) > 0) index_names_.insert({schema, key.name});
  }
  table.schema = std::move(schema);
  table.name = std::move(name);
}

void Ddl::drop_table(DdlTable& table) {
  for (DdlTable* parent : table.parents) std::erase(parent->children, &table);
  table.parents.clear();
  // A partition goes with its parent; CASCADE takes other children too.
  const std::vector<DdlTable*> members = family(table);
  for (DdlTable* member : members) {
    for (DdlTable* parent : member->parents) std::erase(parent->children, member);
    table_names_.erase({member->schema, member->name});
    if (member->kind == RelationKind::kCompositeType) types_.erase({member->schema, member->name});
    for (const DdlKey& key : member->keys) index_names_.erase({member->schema, key.name});
    member->keys.clear();
    member->owner = nullptr;
    for (DdlTable* sequence : owned_sequences(*member)) {
      sequence->owner = nullptr;
      table_names_.erase({sequence->schema, sequence->name});
    }
  }
  for (const auto& other : tables_) {
    std::erase_if(other->keys, [&](const DdlKey& key) {
      return key.referenced != nullptr &&
             std::find(members.begin(), members.end(), key.referenced) != members.end();
    });
  }
}

void Ddl::drop_schema(const std::string& name) {
  schemas_.erase(name);
  std::vector<DdlTable*> tables;
  for (const auto& [key, table] : table_names_) {
    if (key.first == name) tables.push_back(table);
  }
  for (DdlTable* table : tables) {
    if (find_table(table->schema, table->name) == table) drop_table(*table);
  }
  const auto in_schema = [&](const auto& entry) { return entry.first.first == name; };
  std::erase_if(types_, in_schema);
  std::erase_if(functions_, in_schema);
  std::erase_if(operators_, in_schema);
  std::erase_if(domains_, in_schema);
  std::erase_if(index_names_, [&](const Name& index) { return index.first == name; });
  std::erase_if(extensions_, [&](const auto& entry) { return entry.second == name; });
}

void Ddl::drop_index(const parser::ObjectName& name, bool lenient) {
  std::vector<std::string> schemas = search_path_;
  if (!name.schema.empty()) schemas = {name.schema};
  for (const std::string& schema : schemas) {
    if (index_names_.erase({schema, name.name}) == 0) continue;
    for (const auto& table : tables_) {
      if (table->schema != schema) continue;
      std::erase_if(table->keys, [&](const DdlKey& key) { return key.name == name.name; });
    }
    return;
  }
  if (!lenient) {
    problem(name.offset, fmt::format("index {} does not exist", in_quotes(name.name)),
            "one that stands in front of this");
  }
}

void Ddl::rename_column(const parser::Rename& definition) {
  DdlTable* table = need_table(definition.object.name, definition.if_exists);
  if (table == nullptr || !check_columns(*table, {definition.part}, definition.object.name.offset)) return;
  if (table->find(definition.to) != nullptr) {
    problem(statement_,
            fmt::format("column {} of {} is there already", in_quotes(definition.to), in_quotes(table->name)),
            "a name that is free");
    return;
  }
  for (DdlTable* member : family(*table)) {
    if (DdlColumn* column = member->find(definition.part)) column->column.name = definition.to;
    for (DdlTable* sequence : owned_sequences(*member, definition.part))
      sequence->owner_column = definition.to;
    for (DdlKey& key : member->keys) {
      std::replace(key.columns.begin(), key.columns.end(), definition.part, definition.to);
    }
  }
}

void Ddl::rename_constraint(const parser::Rename& definition) {
  DdlTable* table = need_table(definition.object.name, definition.if_exists);
  if (table == nullptr) return;
  for (DdlKey& key : table->keys) {
    if (key.name != definition.part) continue;
    if (index_names_.erase({table->schema, key.name}) > 0)
      index_names_.insert({table->schema, definition.to});
    key.name = definition.to;
  }
}

void Ddl::on(const parser::Rename& definition) {
  const parser::ObjectName& name = definition.object.name;
  switch (definition.kind) {
    case ObjectClass::kRelation:
      // ALTER TABLE renames an index as well.
      if (find_table(name) == nullptr && rename_index(name, definition.to)) return;
      if (DdlTable* table = need_table(name, definition.if_exists)) {
        move_table(*table, table->schema, definition.to);
      }
      return;
    case ObjectClass::kIndex:
      rename_index(name, definition.to);
      return;
    case ObjectClass::kColumn:
      return rename_column(definition);
    case ObjectClass::kConstraint:
      return rename_constraint(definition);
    case ObjectClass::kSchema:
      return rename_schema(name, definition.to);
    case ObjectClass::kType:
      return move_type(name, definition.if_exists, nullptr, &definition.to);
    case ObjectClass::kRoutine:
      return move_routine(definition.object, definition.if_exists, nullptr, &definition.to);
    case ObjectClass::kDomainConstraint:
    case ObjectClass::kOperator:  // has no RENAME
    case ObjectClass::kExtension:
      return;
  }
}

bool Ddl::rename_index(const parser::ObjectName& name, const std::string& to) {
  std::vector<std::string> schemas = search_path_;
  if (!name.schema.empty()) schemas = {name.schema};
  for (const std::string& schema : schemas) {
    if (index_names_.erase({schema, name.name}) == 0) continue;
    index_names_.insert({schema, to});
    for (const auto& table : tables_) {
      for (DdlKey& key : table->keys) {
        if (table->schema == schema && key.name == name.name) key.name = to;
      }
    }
    return true;
  }
  return false;
}

void Ddl::rename_schema(const parser::ObjectName& name, const std::string& to) {
  if (is_reserved(to, statement_)) return;
  if (schemas_.contains(to)) {
    problem(statement_, fmt::format("schema {} is there already", in_quotes(to)), "a name that is free");
    return;
  }
  if (schemas_.erase(name.name) == 0) {
    problem(name.offset, fmt::format("schema {} does not exist", in_quotes(name.name)),
            "one that stands in front of this");
    return;
  }
  schemas_.insert(to);
  std::vector<DdlTable*> tables;
  for (const auto& [key, table] : table_names_) {
    if (key.first == name.name) tables.push_back(table);
  }
  for (DdlTable* table : tables) move_table(*table, to, table->name);
  rename_types_of_schema(name.name, to);
  for (auto& [extension, schema] : extensions_) {
    if (schema == name.name) schema = to;
  }
}

void Ddl::on(const parser::SetSchema& definition) {
  const parser::ObjectName& name = definition.object.name;
  if (is_reserved(definition.to, statement_)) return;
  need_schema(definition.to, statement_);
  switch (definition.kind) {
    case ObjectClass::kRelation:
      if (DdlTable* table = need_table(name, definition.if_exists)) {
        move_table(*table, definition.to, table->name);
        for (DdlTable* sequence : owned_sequences(*table))
          move_table(*sequence, definition.to, sequence->name);
      }
      return;
    case ObjectClass::kType:
      return move_type(name, definition.if_exists, &definition.to, nullptr);
    case ObjectClass::kRoutine:
      return move_routine(definition.object, definition.if_exists, &definition.to, nullptr);
    case ObjectClass::kOperator:
      return move_operator(name, definition.to);
    case ObjectClass::kExtension:
      return move_extension(name.name, definition.to);
    default:
      return;
  }
}

void Ddl::on(const parser::Drop& definition) {
  for (const parser::ObjectReference& object : definition.objects) {
    switch (definition.kind) {
      case ObjectClass::kRelation:
        if (DdlTable* table = need_table(object.name, definition.if_exists)) drop_table(*table);
        break;
      case ObjectClass::kIndex:
        drop_index(object.name, definition.if_exists);
        break;
      case ObjectClass::kSchema:
        if (!schemas_.contains(object.name.name) && !definition.if_exists) {
          problem(object.name.offset, fmt::format("schema {} does not exist", in_quotes(object.name.name)),
                  "one that stands in front of this, or IF EXISTS");
        }
        drop_schema(object.name.name);
        break;
      case ObjectClass::kType:
        drop_type(object.name, definition.if_exists);
        break;
      case ObjectClass::kRoutine:
        drop_routine(object, definition.if_exists);
        break;
      case ObjectClass::kOperator:
        drop_operator(object.name);
        break;
      case ObjectClass::kExtension:
        drop_extension(object.name.name);
        break;
      default:
        break;
    }
  }
}

}  // namespace chaperone::rules
