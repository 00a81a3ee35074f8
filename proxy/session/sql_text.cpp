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
  for (auto declaration : text.declarations()) {
    if (&text.script.statements[std::exchange(declaration.statement, 0)] == &statement)
      made->own_declarations.push_back(std::move(declaration));
  }
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
    text->own_declarations = declarations_of(sql, text->script, limits);
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
  const Cache::Key key(kExact, sql);
  if (const auto* known = cache_.find(key)) return *known;
  auto text = read_sql(sql, limits);
  if (cache_.seen_before(key)) cache_.keep(key, text, text->bytes);
  return text;
}

SharedText SqlCache::get_alike(std::string_view sql, const parser::Limits& limits) {
  const std::string_view shape = shape_.of(sql);
  if (shape.empty()) return get(sql, limits);
  const Cache::Key key(kShape, shape);
  if (const auto* known = cache_.find(key)) return *known;
  auto text = get(sql, limits);
  if (is_query_text(text->script) && cache_.seen_before(key)) {
    auto alike = read_sql(shape, limits);
    if (alike->script == text->script) cache_.keep(key, alike, alike->bytes);
  }
  return text;
}

}  // namespace chaperone::session
