#include "proxy/session/reply_ledger.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace chaperone::session {

std::pair<const SqlText*, std::size_t> LedgerEntry::runs(std::size_t index) const {
  for (const auto& [at, what] : named) {
    if (at == index) return {what.get(), 0};
  }
  return {text.get(), index};
}

LedgerEntry::Bounds LedgerEntry::bounds(std::size_t index) const {
  const auto [what, at] = runs(index);
  if (what == nullptr || !what->decided || at >= what->decided->decision.bounds.size()) return {};
  const bool only_prepared =
      what == text.get() && what->script.statements[at].kind == parser::StatementKind::kPrepare;
  if (only_prepared) return {};
  return {&what->decided->decision.bounds[at], what->decided->decision.capability.get()};
}

namespace {

/// What an entry that was answered holds on to; the rest of it goes with its neighbours.
void let_go(LedgerEntry& entry) {
  entry.text.reset();
  entry.before.reset();
  entry.run.reset();
  entry.refusal.reset();
  if (!entry.name.empty()) entry.name = {};
  if (!entry.named.empty()) entry.named = {};
}

}  // namespace

LedgerEntry& ReplyLedger::push(Kind kind, std::size_t held) {
  auto& entry = entries_.emplace_back();
  entry.kind = kind;
  entry.held = held;
  pushed(entry);
  return entry;
}

LedgerEntry& ReplyLedger::push(LedgerEntry&& entry) {
  auto& kept = entries_.emplace_back(std::move(entry));
  pushed(kept);
  return kept;
}

void ReplyLedger::pushed(const LedgerEntry& entry) {
  held_ += entry.held;
  if (entry.ends_with_ready()) behind_ready_ = next_order();
}

bool ReplyLedger::is_uncertain(std::string_view statement) const {
  if (behind_ready_ <= popped_) return false;  // one segment is under way
  constexpr std::uint64_t kLookedAt = 256;
  const std::uint64_t end = next_order();
  for (std::uint64_t order = end; order-- > popped_;) {
    if (end - order > kLookedAt) return true;
    const auto& entry = entries_[head_ + (order - popped_)];
    if (entry.changes_statement && entry.name == statement) return is_uncertain(order);
  }
  return false;
}

void ReplyLedger::pop() {
  held_ -= entries_[head_].held;
  ++head_;
  ++popped_;
  if (head_ == entries_.size()) {
    entries_.clear();
    head_ = 0;
    constexpr std::size_t kKeep = 32;
    if (entries_.capacity() > kKeep) entries_.shrink_to_fit();
    return;
  }
  let_go(entries_[head_ - 1]);
  if (head_ >= 1024 && head_ * 2 >= entries_.size()) {
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

std::vector<LedgerEntry> ReplyLedger::take_skipped(StatementTable& statements, bool& sync_follows) {
  const auto first = entries_.begin() + static_cast<std::ptrdiff_t>(head_);
  const auto sync =
      std::find_if(first, entries_.end(), [](const auto& entry) { return entry.kind == Kind::kSync; });
  sync_follows = sync != entries_.end();

  // Changes stand on each other, so all are taken back, newest first, and those behind the Sync are made
  // again.
  const auto exchange = [&](LedgerEntry& entry) {
    if (entry.changes_statement)
      entry.before = statements.exchange_statement(entry.name, std::move(entry.before));
  };
  std::for_each(std::make_reverse_iterator(entries_.end()), std::make_reverse_iterator(first), exchange);
  // A Parse that fails has dropped the unnamed statement already (exec_parse_message, drop_unnamed_stmt).
  if (first != sync && first->kind == Kind::kParse && first->name.empty())
    statements.exchange_statement({}, nullptr);
  std::for_each(sync, entries_.end(), exchange);
  // What was put back may be a text that SQL behind the Sync is going to replace.
  if (std::any_of(sync, entries_.end(), [](const auto& entry) { return entry.changes_sql_names; })) {
    statements.clear_statements();
  }

  std::vector<LedgerEntry> skipped(std::make_move_iterator(first), std::make_move_iterator(sync));
  entries_.erase(entries_.begin(), sync);
  for (const auto& entry : skipped) held_ -= entry.held;
  popped_ += skipped.size();
  head_ = 0;
  return skipped;
}

std::vector<LedgerEntry> ReplyLedger::take_all() {
  std::vector<LedgerEntry> all(std::make_move_iterator(entries_.begin() + static_cast<std::ptrdiff_t>(head_)),
                               std::make_move_iterator(entries_.end()));
  popped_ += all.size();
  held_ = 0;
  entries_.clear();
  head_ = 0;
  return all;
}

}  // namespace chaperone::session
