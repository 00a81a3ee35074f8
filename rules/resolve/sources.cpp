#include "rules/resolve/sources.hpp"

#include <fmt/format.h>

#include "rules/resolve/denials.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {
namespace {

using parser::Facts;
using parser::Id;
using parser::kNone;

class Finder {
 public:
  Finder(const Facts& facts, const Catalog& catalog) : facts_(facts), catalog_(catalog) {}

  Sources find() {
    sources_.items.resize(facts_.from_items.size());
    sources_.uses.resize(facts_.relation_uses.size(), nullptr);
    map_queries();
    map_expressions();
    for (Id i = 0; i < facts_.from_items.size(); ++i) {
      const parser::FromItem& item = facts_.from_items[i];
      if (item.kind != parser::FromKind::kRelation) continue;
      Source& source = sources_.items[i];
      source.target = item.query != kNone && facts_.queries[item.query].target == i;
      // A target is never a CTE (parserOpenTable).
      if (!source.target && item.names.count == 1) source.cte = find_cte(item);
      if (source.cte == kNone) source.relation = find_relation(item.names, item.offset);
    }
    for (Id i = 0; i < facts_.relation_uses.size(); ++i) {
      sources_.uses[i] = find_relation(facts_.relation_uses[i].names, facts_.relation_uses[i].offset);
    }
    return std::move(sources_);
  }

 private:
  void map_queries() {
    if (facts_.ctes.empty()) return;
    sources_.cte_of.resize(facts_.queries.size(), kNone);
    for (Id i = 0; i < facts_.ctes.size(); ++i) sources_.cte_of[facts_.ctes[i].query] = i;
  }

  // What stands inside has a higher index than what it stands in.
  void map_expressions() {
    bool any = false;
    for (Id i = 0; i < facts_.from_items.size(); ++i) {
      const parser::FromItem& item = facts_.from_items[i];
      if (item.exprs.count == 0 && item.on == kNone) continue;
      if (!any) sources_.owners.resize(facts_.exprs.size(), kNone);
      any = true;
      for (Id e = item.exprs.first; e < item.exprs.first + item.exprs.count; ++e) sources_.owners[e] = i;
      if (item.on != kNone) sources_.owners[item.on] = i;
    }
    for (const parser::Query& query : facts_.queries) {
      const parser::Range keys = query.conflict_columns;
      if (keys.count == 0) continue;
      if (sources_.inference.empty()) sources_.inference.resize(facts_.exprs.size(), 0);
      for (Id e = keys.first; e < keys.first + keys.count; ++e) sources_.inference[e] = 1;
    }
    if (!any && sources_.inference.empty()) return;
    for (Id e = 0; e < facts_.exprs.size(); ++e) {
      const Id parent = facts_.exprs[e].parent;
      if (parent == kNone) continue;
      if (any) sources_.owners[e] = sources_.owners[parent];
      if (!sources_.inference.empty()) sources_.inference[e] = sources_.inference[parent];
    }
  }

  /// As scanNameSpaceForCTE: the innermost WITH that has the name. In a WITH without RECURSIVE a query sees
  /// only those in front of its own.
  Id find_cte(const parser::FromItem& item) {
    if (facts_.ctes.empty()) return kNone;
    const std::string_view name = facts_.names[item.names.first];
    Id from = kNone;  // the CTE out of whose body we come
    for (Id q = item.query; q != kNone; q = facts_.queries[q].parent) {
      const parser::Query& query = facts_.queries[q];
      for (Id i = query.ctes.first; i < query.ctes.first + query.ctes.count; ++i) {
        if (!query.recursive && i == from) break;
        if (++steps_ > kMaxSteps) {
          sources_.denial = too_complex();
          return kNone;
        }
        if (facts_.ctes[i].name == name) return i;
      }
      from = sources_.cte_of[q];
    }
    return kNone;
  }

  const Relation* find_relation(parser::Range range, std::uint32_t offset) {
    const auto names = facts_.at(range);
    if (names.size() == 1) return catalog_.find_relation(names[0]);
    if (names.size() == 2) {
      if (names[0] == "pg_temp" || names[0].starts_with("pg_temp_")) refuse_temporary(names[0], offset);
      return catalog_.find_relation(names[0], names[1]);
    }
    if (names.size() > 2 && !sources_.denial) {
      Denial denial;
      denial.rule = "tables";
      denial.message =
          fmt::format("may not name a database in front of a table; write {}",
                      in_quotes(fmt::format("{}.{}", names[names.size() - 2], names[names.size() - 1])));
      denial.offset = offset;
      sources_.denial = std::move(denial);
    }
    return nullptr;
  }

  void refuse_temporary(std::string_view schema, std::uint32_t offset) {
    if (sources_.denial) return;
    Denial denial;
    denial.rule = "tables";
    denial.message =
        fmt::format("may not use the schema {}: temporary objects are refused", in_quotes(schema));
    denial.offset = offset;
    denial.schema = schema;
    sources_.denial = std::move(denial);
  }

  const Facts& facts_;
  const Catalog& catalog_;
  Sources sources_;
  std::uint64_t steps_ = 0;
};

}  // namespace

Sources find_sources(const parser::Facts& facts, const Catalog& catalog) {
  return Finder(facts, catalog).find();
}

}  // namespace chaperone::rules
