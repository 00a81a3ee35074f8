#include <postgres.h>        // forbidden: postgres is not for this file
#include <utils/memutils.h>  // forbidden: postgres is not for this file

#include "parser/tokens.hpp"
