#include "proxy/session/statement_table.hpp"

#include <utility>

namespace chaperone::session {

SharedText StatementTable::find_statement(std::string_view name) const {
  if (name.empty()) return unnamed_statement_;
  const auto found = statements_.find(name);
  return found != statements_.end() ? found->second : nullptr;
}

SharedText StatementTable::exchange_statement(std::string_view name, SharedText text) {
  if (name.empty()) return std::exchange(unnamed_statement_, std::move(text));
  const auto found = statements_.find(name);
  if (found == statements_.end()) {
    if (text) statements_.emplace(name, std::move(text));
    return nullptr;
  }
  if (!text) {
    SharedText before = std::move(found->second);
    statements_.erase(found);
    return before;
  }
  return std::exchange(found->second, std::move(text));
}

void StatementTable::clear_statements() {
  statements_.clear();
}

Portal* StatementTable::find_portal(std::string_view name) {
  if (name.empty()) return has_unnamed_portal_ ? &unnamed_portal_ : nullptr;
  const auto found = portals_.find(name);
  return found != portals_.end() ? &found->second : nullptr;
}

Portal& StatementTable::bind_portal(std::string_view name, std::uint64_t order) {
  has_unnamed_portal_ = has_unnamed_portal_ || name.empty();
  Portal& portal = name.empty() ? unnamed_portal_ : portals_.try_emplace(std::string(name)).first->second;
  // The strings keep their memory: the unnamed portal is bound again for each statement of a busy session.
  portal.text.reset();
  portal.values.clear();
  portal.formats.clear();
  portal.values_count = 0;
  portal.values_whole = true;
  portal.holdable = false;
  portal.order = order;
  portal.run.reset();
  return portal;
}

void StatementTable::close_portal(std::string_view name) {
  if (!name.empty()) {
    if (const auto found = portals_.find(name); found != portals_.end()) portals_.erase(found);
    return;
  }
  has_unnamed_portal_ = false;
  constexpr std::size_t kKeepCapacity = 1024;
  if (unnamed_portal_.values.capacity() > kKeepCapacity) unnamed_portal_.values = {};
  unnamed_portal_.text.reset();
  unnamed_portal_.run.reset();
}

void StatementTable::end_transaction(bool committed, std::uint64_t order) {
  if (has_unnamed_portal_ && unnamed_portal_.order < order) close_portal({});
  if (portals_.empty()) return;
  std::erase_if(portals_, [committed, order](const auto& entry) {
    return entry.second.order < order && !(committed && entry.second.holdable);
  });
}

void StatementTable::forget_portals(std::uint64_t first, std::uint64_t end) {
  const auto never_made = [=](const Portal& portal) { return portal.order >= first && portal.order < end; };
  if (has_unnamed_portal_ && never_made(unnamed_portal_)) close_portal({});
  std::erase_if(portals_, [&](const auto& entry) { return never_made(entry.second); });
}

void StatementTable::clear_portals() {
  close_portal({});
  portals_.clear();
}

}  // namespace chaperone::session
