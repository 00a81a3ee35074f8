#pragma once

/// Mutation testing of the rules. CHAPERONE_MUTANT(7, expression, mutated) is `expression`; in the build of
/// tests/mutants, with CHAPERONE_MUTANTS, it is `mutated` while mutant 7 is switched on.
/// The numbers run from 1 to kMutants, each is used once, and nearly each has a test that fails with it.
namespace chaperone::rules {

inline constexpr int kMutants = 50;

#ifdef CHAPERONE_MUTANTS
inline int active_mutant = 0;
#define CHAPERONE_MUTANT(number, expression, mutated) \
  (::chaperone::rules::active_mutant == (number) ? (mutated) : (expression))
#else
#define CHAPERONE_MUTANT(number, expression, mutated) (expression)
#endif

}  // namespace chaperone::rules
