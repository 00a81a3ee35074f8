#include "parser/parser.hpp"

#include <pg_query.h>

#include <nodes/parsenodes.h>

#include "proxy/wire/error.hpp"     // forbidden: parser may not use wire
#include "rules/policy/policy.hpp"  // forbidden: parser may not use rules
