#include "rules/rewrite/items.hpp"

namespace chaperone::rules {

std::string_view name_of_item(const parser::Facts& facts, parser::Id item) {
  const parser::FromItem& one = facts.from_items[item];
  if (!one.alias.empty()) return one.alias;
  return one.names.count == 0 ? std::string_view() : facts.at(one.names).back();
}

std::string_view name_of_column(const parser::Facts& facts, const Resolution& resolution, parser::Id item,
                                std::uint16_t column) {
  const RelationBinding& bound = resolution.items[item];
  const auto aliases = facts.at(facts.from_items[item].column_aliases);
  std::size_t place = 0;
  for (std::uint16_t before = 0; before < column && !aliases.empty(); ++before) {
    const ColumnSet& shown = bound.rule->read->columns;
    if (shown.all || shown.has(bound.relation->columns[before].name)) ++place;
  }
  return place < aliases.size() ? aliases[place] : std::string_view(bound.relation->columns[column].name);
}

}  // namespace chaperone::rules
