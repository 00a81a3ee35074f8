#include <algorithm>
#include <set>

#include "rules/evaluate/projection.hpp"
#include "rules/rewrite/items.hpp"
#include "rules/rewrite/rewrite_parts.hpp"

namespace chaperone::rules {

namespace {

using parser::Facts;
using parser::FromKind;
using parser::Id;
using parser::kNone;
using parser::QueryKind;
using parser::QueryRole;

using Names = std::vector<std::string>;

Names names_of(const Facts& facts, parser::Range range) {
  const auto names = facts.at(range);
  return {names.begin(), names.end()};
}

// The relations of a text in its order.
struct Place {
  std::uint32_t offset = 0;
  Id item = kNone;
  Id use = kNone;  // of COPY
};

std::vector<Place> places_of(const Facts& facts) {
  std::vector<Place> places;
  for (Id id = 0; id < facts.from_items.size(); ++id) {
    if (facts.from_items[id].kind == FromKind::kRelation)
      places.push_back({facts.from_items[id].offset, id, kNone});
  }
  for (Id id = 0; id < facts.relation_uses.size(); ++id) {
    places.push_back({facts.relation_uses[id].offset, kNone, id});
  }
  std::stable_sort(places.begin(), places.end(),
                   [](const Place& a, const Place& b) { return a.offset < b.offset; });
  return places;
}

// The relations that the policy's own subqueries read.
void add_relations(const Expression& expression, std::set<Names>& relations) {
  if (!expression.has_subquery) return;
  std::string sql = "SELECT ";
  for (const Expression::Part& part : expression.parts) {
    sql += part.kind == Expression::PartKind::kParameter ? "'0'" : part.text;
  }
  const auto facts = parser::read_facts(sql);
  if (!facts) return;
  for (const parser::FromItem& item : facts->from_items) {
    if (item.kind == FromKind::kRelation) relations.insert(names_of(*facts, item.names));
  }
}

void add_relations(const TableRule& rule, std::set<Names>& relations) {
  if (rule.read && rule.read->rows) add_relations(rule.read->rows->expression, relations);
  if (rule.read) {
    for (const auto& [column, mask] : rule.read->masks) add_relations(mask.expression, relations);
  }
  if (rule.update && rule.update->rows) add_relations(rule.update->rows->expression, relations);
  if (rule.remove && rule.remove->rows) add_relations(rule.remove->rows->expression, relations);
  if (rule.insert) {
    for (const auto& [column, value] : rule.insert->set) add_relations(value, relations);
  }
}

class Comparison {
 public:
  Comparison(const Facts& before, const Facts& after, const Resolution& resolution,
             const Narrowing& narrowing)
      : before_(before),
        after_(after),
        resolution_(resolution),
        narrowing_(narrowing),
        wrapper_of_(before.from_items.size()) {
    for (const Wrapper& wrapper : narrowing.wrappers) wrapper_of_[wrapper.item] = &wrapper;
    for (const RelationBinding& bound : resolution.items) {
      if (bound.rule == nullptr) continue;
      if (bound.relation->system) {
        own_.insert(projection_relations().begin(), projection_relations().end());
      } else {
        add_relations(*bound.rule, own_);
      }
    }
    if (!narrowing.lookups.empty()) own_.insert(projection_relations().begin(), projection_relations().end());
    for (const CopySelect& copy : narrowing.copies) add_relations(*copy.rule, own_);
  }

  std::string run() {
    if (before_.script.statements.size() != after_.script.statements.size()) return "other statements";
    for (std::size_t i = 0; i < before_.script.statements.size(); ++i) {
      const bool answered = std::any_of(narrowing_.answers.begin(), narrowing_.answers.end(),
                                        [i](const Answer& answer) { return answer.statement == i; });
      if (answered) {
        if (after_.script.statements[i].kind != parser::StatementKind::kSelect)
          return "another kind of statement";
        continue;
      }
      if (before_.script.statements[i].kind != after_.script.statements[i].kind ||
          before_.statements[i].command != after_.statements[i].command) {
        return "another kind of statement";
      }
    }
    if (!relations_fit()) return "other relations";
    return targets_fit() ? "" : "a write without its filter";
  }

 private:
  bool relations_fit() const {
    const auto sent = places_of(after_);
    auto place = sent.begin();
    // What the policy's subqueries read may stand in between.
    const auto matches = [&](const auto& fits) {
      for (; place != sent.end(); ++place) {
        if (fits(*place)) {
          ++place;
          return true;
        }
        if (!is_own(*place)) return false;
      }
      return false;
    };
    for (const Place& asked : places_of(before_)) {
      if (asked.item == kNone) {
        const auto copy =
            std::find_if(narrowing_.copies.begin(), narrowing_.copies.end(),
                         [&asked](const CopySelect& one) { return one.relation_use == asked.use; });
        const bool same = copy == narrowing_.copies.end();
        if (same ? !matches([&](const Place& p) { return is_same_use(asked, p); })
                 : !matches([&](const Place& p) { return is_copy(*copy, p); })) {
          return false;
        }
        continue;
      }
      const Wrapper* wrapper = wrapper_of_[asked.item];
      for (int arm = 0; arm < (wrapper != nullptr && wrapper->fence ? 2 : 1); ++arm) {
        if (wrapper == nullptr ? !matches([&](const Place& p) { return is_same(asked, p); })
                               : !matches([&](const Place& p) { return is_wrapped(*wrapper, p); })) {
          return false;
        }
      }
    }
    return std::all_of(place, sent.end(), [this](const Place& rest) { return is_own(rest); });
  }

  bool is_own(const Place& place) const {
    return place.item != kNone && own_.contains(names_of(after_, after_.from_items[place.item].names));
  }

  bool is_same(const Place& asked, const Place& sent) const {
    if (sent.item == kNone) return false;
    const parser::FromItem& old_item = before_.from_items[asked.item];
    const parser::FromItem& new_item = after_.from_items[sent.item];
    return names_of(before_, old_item.names) == names_of(after_, new_item.names) &&
           old_item.alias == new_item.alias && old_item.only == new_item.only &&
           (old_item.query == kNone) == (new_item.query == kNone) &&
           (old_item.query == kNone ||
            before_.queries[old_item.query].kind == after_.queries[new_item.query].kind);
  }

  bool is_same_use(const Place& asked, const Place& sent) const {
    return sent.use != kNone &&
           before_.relation_uses[asked.use].action == after_.relation_uses[sent.use].action &&
           names_of(before_, before_.relation_uses[asked.use].names) ==
               names_of(after_, after_.relation_uses[sent.use].names);
  }

  bool is_relation(const Relation& relation, const Place& sent) const {
    return sent.item != kNone &&
           names_of(after_, after_.from_items[sent.item].names) == Names{relation.schema, relation.name};
  }

  bool is_copy(const CopySelect& copy, const Place& sent) const {
    return is_relation(*copy.relation, sent) && after_.from_items[sent.item].only;
  }

  // (SELECT .. FROM schema.relation ..) name
  bool is_wrapped(const Wrapper& wrapper, const Place& sent) const {
    if (!is_relation(*resolution_.items[wrapper.item].relation, sent)) return false;
    Id query = after_.from_items[sent.item].query;
    if (query == kNone || after_.queries[query].from.count != 1 ||
        after_.queries[query].kind != QueryKind::kSelect ||
        after_.queries[query].outputs.count != wrapper.columns.size() + wrapper.system_columns.size()) {
      return false;
    }
    const RelationBinding& bound = resolution_.items[wrapper.item];
    const bool filtered = bound.rule->read->rows && !bound.rule->read->rows->row_security;
    if (filtered && after_.queries[query].where == kNone) return false;
    if (wrapper.fence) {
      if (after_.queries[query].role != QueryRole::kArm) return false;
      query = after_.queries[query].parent;
    }
    const parser::Query& outer = after_.queries[query];
    return outer.role == QueryRole::kFromItem && outer.parent_item != kNone &&
           after_.from_items[outer.parent_item].alias == name_of_item(before_, wrapper.item);
  }

  // The n-th write is the n-th write, and its filter a conjunct.
  bool targets_fit() const {
    const auto writes = [](const Facts& facts) {
      std::vector<std::pair<std::uint32_t, Id>> found;
      for (Id id = 0; id < facts.queries.size(); ++id) {
        if (facts.queries[id].target != kNone) {
          found.emplace_back(facts.from_items[facts.queries[id].target].offset, id);
        }
      }
      std::sort(found.begin(), found.end());
      return found;
    };
    const auto asked = writes(before_);
    const auto sent = writes(after_);
    if (asked.size() != sent.size()) return false;
    for (std::size_t i = 0; i < asked.size(); ++i) {
      const parser::Query& query = after_.queries[sent[i].second];
      if (query.kind != before_.queries[asked[i].second].kind) return false;
      for (const InsertColumns& insert : narrowing_.inserts) {
        if (insert.query == asked[i].second && !insert_fits(insert, query)) return false;
      }
      const bool filtered =
          std::any_of(narrowing_.filters.begin(), narrowing_.filters.end(),
                      [&](const TargetFilter& filter) { return filter.query == asked[i].second; });
      if (!filtered) continue;
      const bool conjunction =
          before_.queries[asked[i].second].where == kNone ||
          (query.where != kNone && after_.exprs[query.where].kind == parser::ExprKind::kAnd);
      if (query.where == kNone || !conjunction) return false;
    }
    return true;
  }

  // Behind each row of each arm of the source stand the policy's values: where one arm were left as it was,
  // what it gives itself would count for them.
  bool insert_fits(const InsertColumns& insert, const parser::Query& sent) const {
    const parser::Query& asked = before_.queries[insert.query];
    const std::size_t more = insert.rule == nullptr ? 0 : insert.rule->set.size();
    const std::size_t named = asked.columns.count == 0 ? insert.names.size() : asked.columns.count;
    if (sent.columns.count != named + more) return false;
    if (asked.default_values && more > 0) {
      return sent.source != kNone && after_.queries[sent.source].kind == QueryKind::kValues &&
             after_.queries[sent.source].values.count == 1 &&
             after_.exprs[after_.queries[sent.source].values.first].children.count == more;
    }
    std::vector<std::pair<Id, Id>> open = {{asked.source, sent.source}};
    while (!open.empty()) {
      const auto [from, to] = open.back();
      open.pop_back();
      if (from == kNone || to == kNone) {
        if (from != to) return false;
        continue;
      }
      const parser::Query& old_arm = before_.queries[from];
      const parser::Query& new_arm = after_.queries[to];
      if (old_arm.kind != new_arm.kind || old_arm.values.count != new_arm.values.count) return false;
      if (old_arm.kind == QueryKind::kSetOperation) {
        open.emplace_back(old_arm.left, new_arm.left);
        open.emplace_back(old_arm.right, new_arm.right);
        continue;
      }
      for (std::uint32_t row = 0; row < old_arm.values.count; ++row) {
        if (before_.exprs[old_arm.values.first + row].children.count + more !=
            after_.exprs[new_arm.values.first + row].children.count) {
          return false;
        }
      }
      if (old_arm.kind != QueryKind::kValues && old_arm.outputs.count + more != new_arm.outputs.count)
        return false;
    }
    return true;
  }

  const Facts& before_;
  const Facts& after_;
  const Resolution& resolution_;
  const Narrowing& narrowing_;
  std::vector<const Wrapper*> wrapper_of_;
  std::set<Names> own_;
};

}  // namespace

std::string check_rewritten(const Facts& before, const Facts& after, const Resolution& resolution,
                            const Narrowing& narrowing) {
  return Comparison(before, after, resolution, narrowing).run();
}

}  // namespace chaperone::rules
