#include "proxy/session/statement_table.hpp"

#include <utility>

namespace chaperone::session {
namespace {

constexpr std::size_t kNameBytes = 128;  // what an entry takes beside its name and text

}  // namespace

std::string_view kept_name(std::string_view name) {
  constexpr std::size_t kMostBytes = 63;
  return name.substr(0, kMostBytes);
}

SharedText StatementTable::find_statement(std::string_view name) const {
  if (name.empty()) return unnamed_statement_;
  const auto found = statements_.find(kept_name(name));
  return found != statements_.end() ? found->second : nullptr;
}

SharedText StatementTable::exchange_statement(std::string_view name, SharedText text) {
  if (name.empty()) return std::exchange(unnamed_statement_, std::move(text));
  name = kept_name(name);
  const auto weight = [name](const SharedText& of) { return kNameBytes + name.size() + of->bytes; };
  auto found = statements_.find(name);
  SharedText before;
  if (found != statements_.end()) {
    before = std::move(found->second);
    bytes_ -= weight(before);
  }
  if (text && bytes_ + weight(text) <= kMaxBytes &&
      (found != statements_.end() || statements_.size() < kMaxStatements)) {
    bytes_ += weight(text);
    if (found == statements_.end()) found = statements_.emplace(name, nullptr).first;
    found->second = std::move(text);
  } else if (found != statements_.end()) {
    statements_.erase(found);
  }
  return before;
}

void StatementTable::clear_statements() {
  for (const auto& [name, text] : statements_) bytes_ -= kNameBytes + name.size() + text->bytes;
  statements_.clear();
}

Portal* StatementTable::find_portal(std::string_view name) {
  if (name.empty()) return has_unnamed_portal_ ? &unnamed_portal_ : nullptr;
  const auto found = portals_.find(kept_name(name));
  return found != portals_.end() ? &found->second : nullptr;
}

Portal* StatementTable::bind_portal(std::string_view name, std::uint64_t order, SharedText text,
                                    std::size_t values_bytes) {
  Portal* portal = &unnamed_portal_;
  if (name.empty()) {
    has_unnamed_portal_ = true;
  } else {
    close_portal(name);
    name = kept_name(name);
    const std::size_t bytes = kNameBytes + name.size() + (text ? text->bytes : 0) + values_bytes;
    if (portals_.size() >= kMaxPortals || bytes_ + bytes > kMaxBytes) return nullptr;
    portal = &portals_[std::string(name)];
    portal->bytes = bytes;
    bytes_ += bytes;
  }
  // The strings keep their memory: the unnamed portal is bound again for each statement of a busy session.
  portal->text = std::move(text);
  portal->values.clear();
  portal->formats.clear();
  portal->values_count = 0;
  portal->values_whole = true;
  portal->holdable = false;
  portal->order = order;
  portal->run.reset();
  return portal;
}

void StatementTable::close_portal(std::string_view name) {
  if (!name.empty()) {
    const auto found = portals_.find(kept_name(name));
    if (found == portals_.end()) return;
    bytes_ -= found->second.bytes;
    portals_.erase(found);
    return;
  }
  has_unnamed_portal_ = false;
  constexpr std::size_t kKeepCapacity = 1024;
  if (unnamed_portal_.values.capacity() > kKeepCapacity) unnamed_portal_.values = {};
  unnamed_portal_.text.reset();
  unnamed_portal_.run.reset();
}

template <class Predicate>
void StatementTable::erase_portals(Predicate&& predicate) {
  std::erase_if(portals_, [&](const auto& entry) {
    const bool goes = predicate(entry.second);
    if (goes) bytes_ -= entry.second.bytes;
    return goes;
  });
}

void StatementTable::end_transaction(bool committed, std::uint64_t order) {
  if (has_unnamed_portal_ && unnamed_portal_.order < order) close_portal({});
  erase_portals([committed, order](const Portal& portal) {
    return portal.order < order && !(committed && portal.holdable);
  });
}

void StatementTable::forget_portals(std::uint64_t first, std::uint64_t end) {
  const auto never_made = [=](const Portal& portal) { return portal.order >= first && portal.order < end; };
  if (has_unnamed_portal_ && never_made(unnamed_portal_)) close_portal({});
  erase_portals(never_made);
}

void StatementTable::clear_portals() {
  close_portal({});
  erase_portals([](const Portal&) { return true; });
}

}  // namespace chaperone::session
