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
  return cache_.get(
      0, sql, [&] { return read_sql(sql, limits); },
      [](const SharedText& text) { return std::string_view(text->sql); },
      [](const SharedText& text) { return sizeof(SqlText) + text->sql.size() + text->script.bytes(); });
}

}  // namespace chaperone::session
