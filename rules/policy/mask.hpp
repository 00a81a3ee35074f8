#pragma once

#include <boost/system/result.hpp>
#include <string>

#include "rules/catalog/catalog.hpp"
#include "rules/policy/expression.hpp"
#include "rules/policy/policy.hpp"

namespace chaperone::rules {

/// What the mask `hash` needs of a salt: letters, digits and -._~+/=, so many of them.
inline constexpr std::size_t kShortestSalt = 16;
inline constexpr std::size_t kLongestSalt = 128;
bool is_salt(std::string_view text);

/// The expression that stands in place of a column under one of the mask kinds (not kExpression): total, of
/// the column's exact type and typmod, domains replaced by what they are made of. A kind that has no sound
/// form for the type is an error that names those that have.
///
/// - null: NULL.
/// - redact: the same value in each row, whatever the column holds, NULL too: '***', 0, false, 1970-01-01,
///   an empty array ..
/// - hash: a digest of salt and value; equal values give equal digests, NULL stays NULL.
/// - email: the first character and what stands behind the last @; '***' for what is no address.
boost::system::result<Expression, ExpressionError> mask_expression(MaskKind kind, const Relation& relation,
                                                                   std::uint16_t column,
                                                                   const Catalog& catalog,
                                                                   std::string_view salt);

}  // namespace chaperone::rules
