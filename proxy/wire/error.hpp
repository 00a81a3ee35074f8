#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <string_view>

namespace chaperone::wire {

/// What went wrong, with the fields of PostgreSQL's ErrorResponse (manual, 55.8). A plain value: no error
/// class hierarchy, SQLSTATE is a property.
struct Error {
  std::string_view sqlstate;  ///< five characters with static lifetime, see sqlstate.hpp
  std::string message;
  std::string detail = {};
  std::string hint = {};
};

template <class T>
using Result = boost::system::result<T, Error>;

/// Called by Result::value() on an error; a bug in the caller, who should have looked first.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& where);

}  // namespace chaperone::wire
