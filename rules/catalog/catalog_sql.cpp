#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "parser/definitions.hpp"
#include "parser/script_reader.hpp"
#include "rules/catalog/catalog.hpp"
#include "rules/catalog/ddl.hpp"
#include "rules/file.hpp"
#include "rules/text.hpp"

namespace chaperone::rules {
namespace {

constexpr std::size_t kMaxFileBytes = 256U << 20;

bool starts_with_word(std::string_view sql, std::string_view upper_case) {
  if (sql.size() < upper_case.size()) return false;
  for (std::size_t i = 0; i < upper_case.size(); ++i) {
    const char c = sql[i];
    if ((c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c) != upper_case[i]) return false;
  }
  return true;
}

/// Data, which may be long and tells nothing of the schema.
bool is_data(std::string_view sql) {
  return starts_with_word(sql, "INSERT") || starts_with_word(sql, "COPY");
}

std::uint32_t byte_offset(std::string_view text, std::uint32_t character) {
  std::size_t i = 0;
  for (std::uint32_t n = 1; n < character && i < text.size(); ++n) {
    ++i;
    while (i < text.size() && (static_cast<unsigned char>(text[i]) & 0xc0) == 0x80) ++i;
  }
  return static_cast<std::uint32_t>(i);
}

/// Of the line "-- Dumped from database version 15.4"; 0: there is none in the first lines.
int dumped_version(std::string_view sql) {
  constexpr std::string_view kLine = "-- Dumped from database version ";
  constexpr std::size_t kHead = 2000;
  const std::string_view head = sql.substr(0, kHead);
  const std::size_t at = head.find(kLine);
  int version = 0;
  if (at != std::string_view::npos) {
    const std::string_view rest = head.substr(at + kLine.size());
    std::from_chars(rest.data(), rest.data() + rest.size(), version);
  }
  return version;
}

class SqlFile {
 public:
  SqlFile(std::string_view text, const std::string& file, Problems& problems, std::vector<std::string>* notes)
      : text_(text),
        file_(file),
        problems_(problems),
        notes_(notes),
        lines_(text),
        ddl_({[this](std::uint32_t offset, std::string what, std::string expected) {
                problem(offset, what, expected);
              },
              [this](std::uint32_t offset, std::string what) { note(offset, what); }}) {
    ddl_.set_server_major(dumped_version(text));
  }

  std::shared_ptr<const Catalog> load() {
    parser::ScriptReader reader(text_);
    for (parser::ScriptPiece piece; reader.next(piece);) {
      base_ = piece.span.offset;
      const std::string_view sql = text_.substr(piece.span.offset, piece.span.length);
      if (piece.kind == parser::ScriptPiece::Kind::kCommand) {
        note(0, fmt::format("{} is psql's; passed over", in_quotes(sql.substr(0, sql.find_first_of(" \t")))));
      } else if (piece.kind == parser::ScriptPiece::Kind::kStatement && !is_data(sql)) {
        statement(piece.sql(text_));
      }
    }
    return ddl_.build();
  }

 private:
  void statement(const std::string& sql) {
    const auto definitions = parser::read_definitions(sql, kFileLimits);
    if (!definitions) {
      const parser::Error& error = definitions.error();
      problem(byte_offset(sql, error.position), error.message, "SQL that PostgreSQL's grammar reads");
      return;
    }
    for (const parser::Definition& definition : *definitions) ddl_.apply(definition, sql);
  }

  Mark mark(std::uint32_t offset) {
    lines_.at(base_);
    // Places in a statement come in any order: the counter itself only goes forward.
    const parser::LineColumn place = parser::LineCounter(lines_).at(std::size_t{base_} + offset);
    return {place.line, place.column};
  }
  void problem(std::uint32_t offset, std::string_view what, std::string_view expected) {
    problems_.add(file_, mark(offset), what, expected);
  }
  void note(std::uint32_t offset, std::string_view what) {
    if (notes_ == nullptr) return;
    const Mark place = mark(offset);
    notes_->push_back(fmt::format("{}:{}:{}: {}", file_, place.line, place.column, what));
  }

  std::string_view text_;
  const std::string& file_;
  Problems& problems_;
  std::vector<std::string>* notes_;
  parser::LineCounter lines_;
  std::uint32_t base_ = 0;  ///< of the statement in the file
  Ddl ddl_;
};

}  // namespace

std::shared_ptr<const Catalog> load_catalog_sql(std::string_view sql, const std::string& file,
                                                Problems& problems, std::vector<std::string>* notes) {
  return SqlFile(sql, file, problems, notes).load();
}

std::shared_ptr<const Catalog> load_catalog(const std::string& path, Problems& problems,
                                            std::vector<std::string>* notes) {
  const File file = read_file(path, kMaxFileBytes);
  if (!file.error.empty()) {
    problems.add(path, {}, fmt::format("can't be read: {}", file.error), "a file of DDL or a snapshot");
    return std::make_shared<Catalog>();
  }
  const std::size_t first = file.text.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && file.text[first] == '{') {
    return load_catalog_snapshot(file.text, path, problems);
  }
  return load_catalog_sql(file.text, path, problems, notes);
}

}  // namespace chaperone::rules
