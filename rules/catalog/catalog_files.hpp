#pragma once

#include <string_view>

/// The files of rules/catalog/, as they are; part of the binary (cmake/embed.cmake).
namespace chaperone::rules::catalog_files {

extern const std::string_view kLiveQuery;
extern const std::string_view kExtensions;

}  // namespace chaperone::rules::catalog_files
