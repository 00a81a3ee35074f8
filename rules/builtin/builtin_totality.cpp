#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "rules/builtin/builtin.hpp"

namespace chaperone::rules {
namespace {

/// Units that dates, timestamps and intervals all have (extract, date_part).
constexpr std::array<std::string_view, 7> kUnits = {"century", "day",     "decade", "epoch",
                                                    "month",   "quarter", "year"};

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

constexpr std::string_view kUnknown = "unknown";

/// The type whose operators and functions serve this one, without a cast that does anything.
std::string_view served_by(const Builtin& tables, std::string_view type) {
  if (type == "varchar") return "text";
  if (!type.starts_with("information_schema.")) return type;
  const BuiltinType* domain = tables.find_type(type.substr(type.find('.') + 1), "information_schema");
  return domain == nullptr || domain->base.empty() ? type : served_by(tables, domain->base);
}

bool is_polymorphic(std::string_view type) {
  return type.starts_with("any");
}

/// What holds of both.
Totality both(Totality a, Totality b) {
  if (a == b || b == Totality::kTotal) return a;
  return a == Totality::kTotal ? b : Totality::kPartial;
}

const BuiltinOperator* find_exact(std::span<const BuiltinOperator> operators, std::string_view left,
                                  std::string_view right) {
  const auto found = std::find_if(operators.begin(), operators.end(), [&](const BuiltinOperator& row) {
    return row.left == left && row.right == right;
  });
  return found == operators.end() ? nullptr : &*found;
}

bool is_implicit(const BuiltinCast* cast) {
  return cast != nullptr && cast->context == 'i';
}

}  // namespace

bool Bound::admits(std::string_view text, bool string) const {
  if (kind == Kind::kNumber) {
    const auto value = number(text);
    return !string && value && *value <= most;
  }
  if (kind == Kind::kText) return string && text.size() <= most;
  if (kind != Kind::kFormat || !string) return false;
  // varlena.c text_format_parse_format: %[position$][flags][width]type; a width may be * or *position$.
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') continue;
    std::size_t type = text.find_first_not_of("0123456789$-", ++i);
    if (type == std::string_view::npos) return false;  // PostgreSQL refuses it, too
    if (text[type] == '*') return false;
    std::string_view width = text.substr(i, type - i);
    width.remove_prefix(std::min(width.find('$') + 1, width.size()));
    if (width.find('$') != std::string_view::npos) return false;
    width.remove_prefix(std::min(width.find_first_not_of('-'), width.size()));
    if (!width.empty()) {
      const auto value = number(width);
      if (!value || *value > most) return false;
    }
    i = type;
  }
  return true;
}

bool total_with(Totality value, std::string_view text) {
  switch (value) {
    case Totality::kTotal:
      return true;
    case Totality::kPartial:
    case Totality::kLimits:
      return false;
    case Totality::kPattern: {
      // like_match.c: a pattern may not end in an escape that escapes nothing.
      const std::size_t last = text.find_last_not_of('\\');
      const std::size_t run = last == std::string_view::npos ? text.size() : text.size() - last - 1;
      return run % 2 == 0;
    }
    case Totality::kDivisor: {
      const auto divisor = number(text);
      return divisor && *divisor != 0;
    }
    case Totality::kLength:
      return number(text).has_value();
    case Totality::kUnit:
      return std::find(kUnits.begin(), kUnits.end(), text) != kUnits.end();
  }
  return false;
}

Totality Builtin::operator_totality(std::string_view name, std::string_view left,
                                    std::string_view right) const {
  const auto candidates = find_operators(name);
  left = served_by(*this, left);
  right = served_by(*this, right);
  // oper(): an exact match; with one operand of unknown type one that takes the other's type twice.
  const bool prefix = left.empty();
  const std::string_view known = left == kUnknown ? right : left;
  const BuiltinOperator* exact = find_exact(candidates, left, right);
  if (exact == nullptr && !prefix && (left == kUnknown || right == kUnknown)) {
    exact = find_exact(candidates, known, known);
    if (exact == nullptr) {
      Totality all = Totality::kTotal;
      bool any = false;
      for (const BuiltinOperator& row : candidates) {
        if ((left == kUnknown ? row.right : row.left) != known || row.left.empty()) continue;
        any = true;
        all = both(all, row.totality);
      }
      if (any) return all;
    }
  }
  if (exact != nullptr) return exact->totality;
  if (prefix) return Totality::kPartial;

  // Arrays, ranges and multiranges of one kind; an array compares its elements.
  const BuiltinType* type = find_type(known);
  if (type != nullptr && (left == right || left == kUnknown || right == kUnknown)) {
    const std::string_view general = type->kind == 'r'                               ? "anyrange"
                                     : type->kind == 'm'                             ? "anymultirange"
                                     : type->category == 'A' && known.front() == '_' ? "anyarray"
                                                                                     : "";
    const BuiltinOperator* row = find_exact(candidates, general, general);
    if (row != nullptr && general == "anyarray") {
      const bool ordered =
          name.find_first_of("<>") != std::string_view::npos && name != "<>" && name != "@>" && name != "<@";
      return both(row->totality, operator_totality(ordered ? "<" : "=", type->element, type->element));
    }
    if (row != nullptr) return row->totality;
  }

  // One implicit cast to the other operand's type.
  Totality all = Totality::kTotal;
  bool any = false;
  for (const auto& [from, to] : {std::pair(left, right), std::pair(right, left)}) {
    const BuiltinCast* cast = find_cast(from, to);
    const BuiltinOperator* row = find_exact(candidates, to, to);
    if (!is_implicit(cast) || row == nullptr) continue;
    any = true;
    all = both(all, both(cast->totality, row->totality));
  }
  return any ? all : Totality::kPartial;
}

Totality Builtin::function_totality(std::string_view name, std::span<const std::string_view> arguments,
                                    std::string_view schema) const {
  Totality exact = Totality::kTotal;
  Totality reachable = Totality::kTotal;
  bool any_exact = false;
  bool any = false;
  for (const BuiltinFunction& row : find_functions(name, schema)) {
    const std::size_t most = row.arguments.size();
    const std::size_t least = most - row.defaults - (row.variadic.empty() ? 0 : 1);
    if (arguments.size() < least || (arguments.size() > most && row.variadic.empty())) continue;
    bool is_exact = true;
    bool is_reachable = true;
    Totality totality = row.totality;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const std::string_view given = served_by(*this, arguments[i]);
      const std::string_view wanted =
          !row.variadic.empty() && i + 1 >= most ? row.variadic : row.arguments[i];
      if (given == wanted || given == kUnknown || is_polymorphic(wanted)) continue;
      is_exact = false;
      const BuiltinCast* cast = find_cast(given, wanted);
      if (is_implicit(cast)) {
        totality = both(totality, cast->totality);
      } else {
        is_reachable = false;
      }
    }
    if (is_exact) {
      any_exact = true;
      exact = both(exact, totality);
    }
    if (is_reachable) {
      any = true;
      reachable = both(reachable, totality);
    }
  }
  if (any_exact) return exact;
  return any ? reachable : Totality::kPartial;
}

Totality Builtin::cast_totality(std::string_view source, std::string_view target, bool modified) const {
  if (source == kUnknown) return Totality::kTotal;
  const bool text = target == "text" || target == "varchar" || target == "bpchar";
  if (modified && !text) return Totality::kPartial;
  source = served_by(*this, source);
  if (source == served_by(*this, target)) return Totality::kTotal;
  const BuiltinCast* cast = find_cast(source, target);
  if (cast != nullptr) return cast->totality;
  // Through the type's output; what reads the text can refuse it, unless it is text again.
  const BuiltinType* type = find_type(source);
  if (!text || type == nullptr || type->kind == 'p') return Totality::kPartial;
  return type->category == 'A' ? Totality::kLimits : Totality::kTotal;
}

}  // namespace chaperone::rules
