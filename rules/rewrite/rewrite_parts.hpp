#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "parser/edit.hpp"
#include "rules/rewrite/rewrite.hpp"
#include "rules/rewrite/sql_text.hpp"

/// What the parts of rewrite() share.
namespace chaperone::rules {

using Pieces = std::vector<parser::EditScript::Piece>;

/// A text that is made of SQL, names, and expressions of the policy's author.
class Composer {
 public:
  Composer& sql(std::string_view text);
  /// Qualified where `qualifier` is not empty.
  Composer& column(std::string_view qualifier, std::string_view name);
  Composer& add(const Composer& other);
  bool empty() const { return pieces_.empty(); }
  Pieces take() { return std::move(pieces_); }

 private:
  friend class Rewriter;
  Composer& slot(std::string_view parameter, const TypeName& type);
  Pieces pieces_;
};

/// Raised inside rewrite() alone, where the text is not what was expected: the statement is refused.
struct CannotRewrite {
  const char* why;
};

/// The edits of one script. Parts may run in the order of rewrite() alone: of edits at one place, the first
/// made stands first.
class Rewriter {
 public:
  Rewriter(std::string_view sql, const parser::Facts& facts, const Resolution& resolution,
           const Narrowing& narrowing)
      : text_(sql), facts_(facts), resolution_(resolution), narrowing_(narrowing) {}

  parser::EditScript run();

 private:
  // rewrite_items.cpp: FROM items and names
  void wrap(const Wrapper& wrapper);
  void copy_query(const CopySelect& copy);
  void cut_schema(parser::Id expr);
  Composer select_list(const Relation& relation, const ReadRule& read,
                       const std::vector<std::uint16_t>& columns, std::string_view qualifier) const;
  std::size_t item_token(parser::Id item) const;

  // rewrite_conditions.cpp: WHERE, GROUP BY
  void narrow_where(parser::Id query);
  void group_columns(const GroupColumns& group);
  Composer filter_of(parser::Id item) const;
  /// A WHERE cut into its conjuncts; `ranges` is empty where tree and text are not cut alike.
  struct Condition {
    TokenRange whole;
    std::map<parser::Id, TokenRange> ranges;
  };
  const Condition& condition_of(parser::Id query);
  TokenRange where_of(parser::Id query) const;
  TokenRange conjunct_range(parser::Id expr);

  // rewrite_writes.cpp: INSERT and RETURNING
  void insert_columns(const InsertColumns& insert);
  void add_values(TokenRange source, const Composer& values);
  void expand(const Expansion& expansion);
  void mask_returning(const ReturningMask& returning);

  // rewrite_lookups.cpp
  void begin_lookup(const Lookup& lookup);
  void end_lookup(const Lookup& lookup);
  TokenRange lookup_range(const Lookup& lookup) const;
  TokenRange argument_range(std::size_t call, std::uint32_t argument) const;
  void session_name(const SessionName& one);

  // rewrite_limits.cpp
  void limit(const RowLimit& limit);
  TokenRange statement_query(parser::Id statement) const;

  Composer expression(const Expression& expression, std::string_view qualifier, parser::Id item) const;
  std::string_view name_of(parser::Id item) const;
  /// Where an expression's nodes stand: the first and the last of their places; kNone: none has one.
  struct Extent {
    std::uint32_t first = parser::kNone;
    std::uint32_t last = 0;
  };
  std::vector<Extent> find_extents() const;
  /// Behind the last token of the query that `token` is part of.
  std::size_t query_end(std::size_t token) const;
  void put(std::uint32_t offset, Composer text) { edits_.insert(offset, text.take()); }
  void replace(TokenRange range, Composer text);

  SqlText text_;
  const parser::Facts& facts_;
  const Resolution& resolution_;
  const Narrowing& narrowing_;
  parser::EditScript edits_;
  std::vector<Extent> extents_;   // by expr
  std::set<std::size_t> tables_;  // tokens of TABLE t that are SELECT already
  std::map<parser::Id, Condition> conditions_;
  std::map<parser::Id, std::vector<const Guard*>> guards_;       // by query
  std::map<parser::Id, std::vector<const RowFilter*>> filters_;  // by query
};

/// What the rewritten text has to be, parsed again; empty, or what is wrong with it.
std::string check_rewritten(const parser::Facts& before, const parser::Facts& after,
                            const Resolution& resolution, const Narrowing& narrowing);

}  // namespace chaperone::rules
