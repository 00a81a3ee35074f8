#pragma once

#include <string_view>

/// The files of rules/broker/, as they are; part of the binary (cmake/embed.cmake).
namespace chaperone::rules::broker_files {

extern const std::string_view kLease;

}  // namespace chaperone::rules::broker_files
