#include <yaml-cpp/yaml.h>

#include "parser/facts.hpp"
#include "proxy/config.hpp"  // forbidden: rules may not use config
#include "rules/policy/load.hpp"
