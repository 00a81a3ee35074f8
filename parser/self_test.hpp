#pragma once

#include <string>

/// The parts of self_test() (parser.hpp).
namespace chaperone::parser {

/// Reads golden statements into facts and compares: what differs, or "".
std::string self_test_of_facts();

}  // namespace chaperone::parser
