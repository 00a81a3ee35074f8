#include "proxy/session/sql_text.hpp"

#include <algorithm>

namespace chaperone::session {

bool SqlText::may_copy_in() const {
  if (!readable()) return true;
  return std::ranges::any_of(script.statements, [](const parser::Statement& statement) {
    return statement.kind == parser::StatementKind::kCopyFromStdin;
  });
}

SharedText statement_of(const SqlText& text, const parser::Statement& statement) {
  auto made = std::make_shared<SqlText>();
  made->sql = text.sql.substr(statement.span.offset, statement.span.length);
  auto& only = made->script.statements.emplace_back();
  only.span = {0, statement.span.length};
  only.carries_secret = statement.carries_secret;
  return made;
}

SharedText function_call_text() {
  static const SharedText text = [] {
    auto made = std::make_shared<SqlText>();
    made->script.statements.emplace_back();
    return made;
  }();
  return text;
}

SharedText read_sql(std::string_view sql, const parser::Limits& limits) {
  auto text = std::make_shared<SqlText>();
  text->sql = sql;
  auto script = parser::parse(sql, limits);
  if (script) {
    text->script = std::move(*script);
  } else {
    text->reason = script.error().message;
  }
  return text;
}

SharedText SqlCache::get(std::string_view sql, const parser::Limits& limits) {
  if (sql.size() > kMaxTextBytes) {
    ++misses_;
    return read_sql(sql, limits);
  }
  if (auto found = young_.find(sql); found != young_.end()) {
    ++hits_;
    return found->second;
  }
  if (auto found = old_.find(sql); found != old_.end()) {
    ++hits_;
    SharedText text = found->second;
    insert(text);
    return text;
  }
  ++misses_;
  SharedText text = read_sql(sql, limits);
  const std::size_t hash = Hash{}(sql);
  std::size_t& seen = seen_once_[hash % seen_once_.size()];
  if (seen == hash) {
    insert(text);
  } else {
    seen = hash;
  }
  return text;
}

void SqlCache::insert(const SharedText& text) {
  if (young_bytes_ > kMaxBytes / 2) {
    old_ = std::move(young_);
    young_ = {};
    young_bytes_ = 0;
  }
  young_.emplace(text->sql, text);
  young_bytes_ += sizeof(SqlText) + text->sql.size() + text->script.bytes() + 64;
}

}  // namespace chaperone::session
