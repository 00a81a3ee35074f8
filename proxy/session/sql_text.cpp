#include "proxy/session/sql_text.hpp"

#include <algorithm>
#include <utility>

namespace chaperone::session {
namespace {

SharedText weighed(std::shared_ptr<SqlText> text) {
  text->bytes = sizeof(SqlText) + text->sql.capacity() + text->reason.capacity() + text->script.bytes();
  return text;
}

}  // namespace

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
  return weighed(std::move(made));
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
  return weighed(std::move(text));
}

SharedText cut_sql(std::string_view sql, std::uint64_t whole_bytes) {
  constexpr std::size_t kRecordedBeginning = 64U << 10;
  auto text = std::make_shared<SqlText>();
  text->sql = sql.substr(0, kRecordedBeginning);
  text->whole_bytes = whole_bytes;
  text->reason = "the statement is too long to be read whole; it passes in parts";
  return weighed(std::move(text));
}

SharedText SqlCache::get(std::string_view sql, const parser::Limits& limits) {
  return cache_.get(
      0, sql, [&] { return read_sql(sql, limits); },
      [](const SharedText& text) { return std::string_view(text->sql); },
      [](const SharedText& text) { return text->bytes; });
}

}  // namespace chaperone::session
