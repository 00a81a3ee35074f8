#include "rules/narrow/narrow_values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "rules/builtin/regex.hpp"

namespace chaperone::rules {

using parser::ConstantKind;
using parser::Expr;
using parser::ExprKind;
using parser::Form;
using parser::Id;
using parser::kNone;

namespace {

constexpr std::string_view kUnknown = "unknown";

bool is_match(std::string_view name) {
  return name == "~" || name == "~*" || name == "!~" || name == "!~*";
}

}  // namespace

std::string_view Values::keep(std::string name) {
  return kept_.emplace_back(std::move(name));
}

std::vector<Id> Values::children(const Expr& expr) const {
  std::vector<Id> ids(expr.children.count);
  for (std::uint32_t i = 0; i < expr.children.count; ++i) ids[i] = expr.children.first + i;
  return ids;
}

std::string_view Values::constant(Id id, ConstantKind kind) const {
  const Expr& expr = plan_.expr(id);
  return expr.kind == ExprKind::kConstant && expr.constant == kind ? expr.text : std::string_view();
}

std::string_view Values::name_of(const TypeName& type) {
  std::string_view name;
  if (type.schema == "pg_catalog") {
    name = type.name;
  } else {
    const auto found = plan_.catalog.types(type.schema, type.name);
    if (found.size() != 1) return {};
    if (found.front()->kind == TypeKind::kEnum) name = "anyenum";
    if (found.front()->kind == TypeKind::kDomain && !(found.front()->base == type)) {
      name = name_of(found.front()->base);
    }
  }
  if (name.empty() || type.dimensions == 0) return name;
  return name == "anyenum" ? std::string_view() : keep("_" + std::string(name));
}

std::string_view Values::named_type(const parser::TypeUse& use, bool& checked) {
  const auto names = plan_.facts.at(use.names);
  if (names.empty() || use.percent_type || use.set_of) return {};
  const bool own = names.size() == 1 || names[names.size() - 2] == "pg_catalog";
  std::string_view name;
  if (own && builtin().find_type(names.back()) != nullptr) {
    name = names.back();
  } else {
    const auto found = plan_.catalog.types(names.size() > 1 ? names[names.size() - 2] : "", names.back());
    if (found.size() != 1) return {};
    checked = found.front()->checked;
    name = name_of(TypeName{found.front()->schema, found.front()->name, "", 0});
  }
  if (name.empty() || use.array_dimensions == 0) return name;
  return name == "anyenum" ? std::string_view() : keep("_" + std::string(name));
}

bool Values::aggregates(const Expr& call) const {
  using namespace parser::flag;
  if (call.kind != ExprKind::kFunction) return false;
  if (call.has(kStar) || call.has(kDistinct) || call.has(kWithinGroup) || call.has(kOver) ||
      call.has(kFilter)) {
    return true;
  }
  const auto names = plan_.facts.at(call.names);
  const auto others = plan_.catalog.functions(names.size() > 1 ? names[names.size() - 2] : "", names.back());
  const bool theirs = std::all_of(others.begin(), others.end(),
                                  [](const Function* f) { return f->kind == FunctionKind::kAggregate; });
  const auto ours = names.size() == 1 || names[names.size() - 2] == "pg_catalog"
                        ? builtin().find_functions(names.back())
                        : std::span<const BuiltinFunction>();
  return theirs &&
         std::all_of(ours.begin(), ours.end(), [](const BuiltinFunction& f) { return f.kind == 'a'; }) &&
         (!others.empty() || !ours.empty());
}

std::string_view Values::common_type(const std::vector<Id>& ids) const {
  std::string_view common = kUnknown;
  for (const Id id : ids) {
    const std::string_view type = types_[id];
    if (type == kUnknown) continue;
    if (type.empty() || (common != kUnknown && common != type)) return {};
    common = type;
  }
  return common == kUnknown ? std::string_view("text") : common;
}

// A user-made operator may be what the name means, unless PostgreSQL has one for exactly these types.
bool Values::is_own_operator(Names names, std::string_view left, std::string_view right) const {
  if (names.size() > 1) return names[names.size() - 2] == "pg_catalog";
  if (!plan_.catalog.has_operator({}, names.back())) return true;
  if (left == kUnknown) left = right;
  if (right == kUnknown) right = left;
  const auto rows = builtin().find_operators(names.back());
  return std::any_of(rows.begin(), rows.end(),
                     [&](const BuiltinOperator& row) { return row.left == left && row.right == right; });
}

std::string_view Values::result_of_operator(std::string_view name, std::string_view left,
                                            std::string_view right) const {
  // The results of the operators that could be meant, if it is one.
  std::set<std::string_view> exact;
  std::set<std::string_view> near;
  std::set<std::string_view> all;
  for (const BuiltinOperator& row : builtin().find_operators(name)) {
    if (row.left.empty() != left.empty()) continue;
    const bool fits_left = row.left == left || (left == kUnknown && row.left == right);
    const bool fits_right = row.right == right || (right == kUnknown && row.right == left);
    if (fits_left && fits_right) exact.insert(row.result);
    if (fits_left || fits_right) near.insert(row.result);
    all.insert(row.result);
  }
  for (const auto& results : {exact, near, all}) {
    if (results.empty()) continue;
    return results.size() == 1 && !results.begin()->starts_with("any") ? *results.begin()
                                                                       : std::string_view();
  }
  return {};
}

std::string_view Values::result_of_function(std::string_view name,
                                            std::span<const std::string_view> types) const {
  std::set<std::string_view> exact;
  std::set<std::string_view> all;
  for (const BuiltinFunction& row : builtin().find_functions(name)) {
    if (row.returns_set) return {};
    if (row.arguments.size() != types.size() && row.variadic.empty()) continue;
    all.insert(row.result);
    const bool fits = std::equal(row.arguments.begin(), row.arguments.end(), types.begin(), types.end(),
                                 [](std::string_view wanted, std::string_view given) {
                                   return wanted == given || (wanted == "text" && given == "varchar");
                                 });
    if (fits) exact.insert(row.result);
  }
  const auto& results = exact.empty() ? all : exact;
  return results.size() == 1 && !results.begin()->starts_with("any") ? *results.begin() : std::string_view();
}

bool Values::operator_is_total(std::string_view name, std::string_view left, std::string_view right) const {
  const std::array<std::string_view, 1> names = {name};
  return !left.empty() && !right.empty() && is_own_operator(names, left, right) &&
         builtin().operator_totality(name, left, right) == Totality::kTotal;
}

bool Values::judge_pair(Names names, Id left, Id right) const {
  const std::string_view name = names.back();
  // Row constructors compare part by part.
  if (plan_.expr(left).kind == ExprKind::kRow || plan_.expr(right).kind == ExprKind::kRow) {
    const Expr& a = plan_.expr(left);
    const Expr& b = plan_.expr(right);
    if (a.kind != b.kind || a.children.count != b.children.count) return false;
    for (std::uint32_t i = 0; i < a.children.count; ++i) {
      const Id x = a.children.first + i;
      const Id y = b.children.first + i;
      if (plan_.expr(x).kind == ExprKind::kRow || plan_.expr(y).kind == ExprKind::kRow) return false;
      if (!judge_pair(names, x, y)) return false;
    }
    return true;
  }
  const std::string_view left_type = types_[left];
  const std::string_view right_type = types_[right];
  if (left_type.empty() || right_type.empty() || !is_own_operator(names, left_type, right_type)) return false;
  if (is_match(name)) {
    const std::string_view pattern = constant(right, ConstantKind::kString);
    return !pattern.empty() && always_compiles(pattern) &&
           (left_type == "text" || left_type == "varchar" || left_type == "bpchar" || left_type == "name");
  }
  const Totality totality = builtin().operator_totality(name, left_type, right_type);
  if (totality == Totality::kTotal || totality == Totality::kPartial) return totality == Totality::kTotal;
  const std::string_view operand =
      constant(right, totality == Totality::kPattern ? ConstantKind::kString : ConstantKind::kInteger);
  const bool empty_pattern = totality == Totality::kPattern &&
                             plan_.expr(right).kind == ExprKind::kConstant &&
                             plan_.expr(right).constant == ConstantKind::kString;
  return (empty_pattern || !operand.empty()) && total_with(totality, operand);
}

bool Values::judge_operator(Id id, const Expr& expr) {
  const auto names = plan_.facts.at(expr.names);
  const std::vector<Id> operands = children(expr);
  types_[id] = "bool";
  switch (expr.form) {
    case Form::kIn:
    case Form::kNotIn:
      return std::all_of(operands.begin() + 1, operands.end(),
                         [&](Id item) { return judge_pair(names, operands[0], item); });
    case Form::kBetween: {
      const std::array<std::string_view, 1> least = {">="};
      const std::array<std::string_view, 1> most = {"<="};
      return operands.size() == 3 && judge_pair(least, operands[0], operands[1]) &&
             judge_pair(most, operands[0], operands[2]);
    }
    case Form::kNullIf:
      types_[id] = types_[operands[0]];
      [[fallthrough]];
    case Form::kDistinct:
    case Form::kNotDistinct: {
      const std::array<std::string_view, 1> equal = {"="};
      return judge_pair(equal, operands[0], operands[1]);
    }
    case Form::kAny:
    case Form::kAll: {
      const Expr& array = plan_.expr(operands[1]);
      if (array.kind == ExprKind::kArray) {
        const std::vector<Id> elements = children(array);
        return std::all_of(elements.begin(), elements.end(),
                           [&](Id element) { return judge_pair(names, operands[0], element); });
      }
      const std::string_view type = types_[operands[1]];
      const std::string_view element = type == kUnknown        ? types_[operands[0]]
                                       : type.starts_with("_") ? type.substr(1)
                                                               : std::string_view();
      return !element.empty() && !types_[operands[0]].empty() &&
             is_own_operator(names, types_[operands[0]], element) && !is_match(names.back()) &&
             builtin().operator_totality(names.back(), types_[operands[0]], element) == Totality::kTotal;
    }
    case Form::kPlain:
    case Form::kLike:
    case Form::kILike:
    case Form::kSimilar:
      if (operands.size() == 1) {
        const std::string_view type = types_[operands[0]];
        types_[id] = type.empty() ? type : result_of_operator(names.back(), "", type);
        return !type.empty() && is_own_operator(names, "", type) &&
               builtin().operator_totality(names.back(), "", type) == Totality::kTotal;
      }
      if (types_[operands[0]].empty() || types_[operands[1]].empty()) {
        types_[id] = result_of_operator(names.back(), kUnknown, kUnknown);
      } else {
        types_[id] = result_of_operator(names.back(), types_[operands[0]], types_[operands[1]]);
      }
      return judge_pair(names, operands[0], operands[1]);
    default:
      types_[id] = {};
      return false;
  }
}

bool Values::judge_function(Id id, const Expr& expr) {
  const auto names = plan_.facts.at(expr.names);
  const bool own = names.size() == 1 || (names.size() == 2 && names[0] == "pg_catalog");
  if (!own || (names.size() == 1 && !plan_.catalog.functions({}, names.back()).empty()) ||
      expr.has(parser::flag::kVariadic)) {
    return false;
  }
  std::vector<std::string_view> arguments;
  for (const Id child : children(expr)) {
    if (plan_.expr(child).kind == ExprKind::kNamedArgument || types_[child].empty()) return false;
    arguments.push_back(types_[child]);
  }
  types_[id] = result_of_function(names.back(), arguments);
  const Totality totality = builtin().function_totality(names.back(), arguments);
  switch (totality) {
    case Totality::kTotal:
      return true;
    case Totality::kLength:
      return expr.children.count == 3 &&
             total_with(totality, constant(expr.children.first + 2, ConstantKind::kInteger));
    case Totality::kUnit:
      return expr.children.count == 2 &&
             total_with(totality, constant(expr.children.first, ConstantKind::kString));
    case Totality::kPattern:
    case Totality::kDivisor:
      return expr.children.count == 2 && plan_.expr(expr.children.first + 1).kind == ExprKind::kConstant &&
             total_with(totality, plan_.expr(expr.children.first + 1).text);
    case Totality::kPartial:
    case Totality::kLimits:
      break;
  }
  return false;
}

bool Values::judge_cast(Id id, const Expr& expr) {
  bool checked = false;
  const parser::TypeUse& use = plan_.facts.types[expr.type];
  const std::string_view target = named_type(use, checked);
  types_[id] = target;
  if (target.empty() || checked || expr.children.count != 1) return false;
  const std::string_view source = types_[expr.children.first];
  return !source.empty() &&
         builtin().cast_totality(source, target, use.modifiers.count != 0) == Totality::kTotal;
}

// More than one row is an error of a scalar subquery.
bool Values::judge_subquery(Id id, const Expr& expr) {
  const parser::Query& query = plan_.query(expr.subquery);
  types_[id] = expr.form == Form::kScalar || expr.form == Form::kArray ? std::string_view() : "bool";
  const Id only = query.outputs.count == 1 ? plan_.facts.targets[query.outputs.first].expr : kNone;
  const std::string_view output = only == kNone ? std::string_view() : types_[only];
  switch (expr.form) {
    case Form::kExists:
    case Form::kArray:
      return true;
    case Form::kScalar: {
      types_[id] = output;
      if (query.limit != kNone && !query.with_ties && constant(query.limit, ConstantKind::kInteger) == "1")
        return true;
      return query.kind == parser::QueryKind::kSelect && query.group_by.count == 0 && only != kNone &&
             aggregates(plan_.expr(only)) && !plan_.expr(only).has(parser::flag::kOver);
    }
    default: {
      if (expr.children.count != 1 || plan_.expr(expr.children.first).kind == ExprKind::kRow) return false;
      const std::string_view test = types_[expr.children.first];
      const auto names = plan_.facts.at(expr.names);
      return is_own_operator(names, test, output) && operator_is_total(names.back(), test, output);
    }
  }
}

bool Values::is_total(Id id) {
  const Expr& expr = plan_.expr(id);
  switch (expr.kind) {
    case ExprKind::kColumn:
      // What is known of no column may be a cast or a call of the value (Evaluation::check_functional).
      return expr.names.count < 2 || plan_.binding(id).kind != ColumnBinding::Kind::kDerived ||
             plan_.binding(id).column != kUnknownColumn;
    case ExprKind::kConstant:
      switch (expr.constant) {
        case ConstantKind::kInteger:
          types_[id] = "int4";
          break;
        case ConstantKind::kFloat: {
          std::int64_t value = 0;
          const char* end = expr.text.data() + expr.text.size();
          const auto read = std::from_chars(expr.text.data(), end, value);
          types_[id] = read.ec == std::errc() && read.ptr == end ? "int8" : "numeric";
          break;
        }
        case ConstantKind::kBoolean:
          types_[id] = "bool";
          break;
        case ConstantKind::kBitString:
          types_[id] = "bit";
          break;
        case ConstantKind::kString:
        case ConstantKind::kNull:
          types_[id] = kUnknown;
          break;
      }
      return true;
    case ExprKind::kParameter:
      types_[id] = kUnknown;
      return true;
    case ExprKind::kFunction:
      return judge_function(id, expr);
    case ExprKind::kOperator:
      return judge_operator(id, expr);
    case ExprKind::kAnd:
    case ExprKind::kOr:
    case ExprKind::kNot:
    case ExprKind::kNullTest:
    case ExprKind::kBooleanTest:
      types_[id] = "bool";
      return true;
    case ExprKind::kCast:
      return judge_cast(id, expr);
    case ExprKind::kCollate:
      types_[id] = expr.children.count == 1 ? types_[expr.children.first] : std::string_view();
      return true;
    case ExprKind::kSubquery:
      return judge_subquery(id, expr);
    case ExprKind::kCase: {
      std::vector<Id> parts = children(expr);
      std::size_t first = 0;
      bool total = true;
      if (expr.has(parser::flag::kHasArgument)) {
        first = 1;
        const std::array<std::string_view, 1> equal = {"="};
        for (std::size_t i = 1; i + 1 < parts.size(); i += 2) total &= judge_pair(equal, parts[0], parts[i]);
      }
      std::vector<Id> results;
      for (std::size_t i = first + 1; i < parts.size(); i += 2) results.push_back(parts[i]);
      if ((parts.size() - first) % 2 == 1) results.push_back(parts.back());
      types_[id] = common_type(results);
      return total && !types_[id].empty();
    }
    case ExprKind::kCoalesce:
      types_[id] = common_type(children(expr));
      return !types_[id].empty();
    case ExprKind::kMinMax: {
      types_[id] = common_type(children(expr));
      return !types_[id].empty() && operator_is_total("<", types_[id], types_[id]);
    }
    case ExprKind::kArray: {
      const std::string_view element = common_type(children(expr));
      if (!element.empty()) types_[id] = keep("_" + std::string(element));
      return !element.empty();
    }
    case ExprKind::kRow:
      return true;
    case ExprKind::kGrouping:
      types_[id] = "int4";
      return true;
    case ExprKind::kGroupingSet:
    case ExprKind::kDefault:
    case ExprKind::kMultiAssign:
      return true;
    case ExprKind::kSqlValue:
      types_[id] = expr.text == "current_date"        ? "date"
                   : expr.text == "current_timestamp" ? "timestamptz"
                   : expr.text == "localtimestamp"    ? "timestamp"
                                                      : "";
      return true;
    default:
      return false;
  }
}

}  // namespace chaperone::rules
