#include "proxy/wire/error.hpp"

#include <stdexcept>

namespace chaperone::wire {

void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw std::logic_error("unchecked error: " + error.message);
}

}  // namespace chaperone::wire
