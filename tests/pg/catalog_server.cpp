#include "tests/pg/catalog_server.hpp"

#include <fmt/format.h>

#include "rules/catalog/catalog.hpp"
#include "tests/pg/messages.hpp"

namespace chaperone::pg {
namespace {

std::string rows(const std::vector<std::string>& values) {
  std::string answer = message('T', int16(1) + zero_ended("line") + int32(0) + int16(0) + int32(25) +
                                        int16(-1) + int32(-1) + int16(0));
  for (const auto& value : values) {
    answer += message('D', int16(1) + int32(static_cast<std::int64_t>(value.size())) + value);
  }
  return answer + message('C', zero_ended(fmt::format("SELECT {}", values.size()))) + message('Z', "I");
}

}  // namespace

void CatalogOfOneTable::rename_column(std::string name) {
  const std::lock_guard guard(mutex_);
  column_ = std::move(name);
  ++version_;
}

std::string CatalogOfOneTable::column() const {
  const std::lock_guard guard(mutex_);
  return column_;
}

void CatalogOfOneTable::serve(Peer& peer) {
  let_in(peer);
  while (true) {
    const Message asked = peer.read();
    if (asked.type() == 'X') return;
    if (asked.type() != 'Q') continue;
    std::string name;
    int version = 0;
    {
      const std::lock_guard guard(mutex_);
      name = column_;
      version = version_;
    }
    if (asked.body() == zero_ended(rules::live_catalog_query())) {
      ++loads;
      before_answer();
      peer.send(rows({R"({"catalog":1,"server_major":15,"search_path":["public"],"schemas":["public"]})",
                      fmt::format(R"({{"relation":"item","schema":"public","kind":"table","columns":[)"
                                  R"({{"name":"id","type":{{"schema":"pg_catalog","name":"int4"}}}},)"
                                  R"({{"name":"{}","type":{{"schema":"pg_catalog","name":"text"}}}}]}})",
                                  name)}));
    } else if (asked.body().find("pg_db_role_setting") != std::string_view::npos) {
      ++checks;
      before_answer();
      peer.send(rows({std::to_string(version)}));
    } else {
      peer.send(rows({}));
    }
  }
}

}  // namespace chaperone::pg
