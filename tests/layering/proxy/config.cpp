#include <yaml-cpp/yaml.h>

#include "proxy/config.hpp"
#include "rules/policy/policy.hpp"
