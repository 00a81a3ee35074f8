#pragma once

#include <string_view>

/// The files of rules/builtin/, as they are; part of the binary (cmake/embed.cmake).
namespace chaperone::rules::tables {

extern const std::string_view kSets;
extern const std::string_view kFunctions;
extern const std::string_view kOperators;
extern const std::string_view kTypes;
extern const std::string_view kCasts;
extern const std::string_view kRelations;
extern const std::string_view kRows;
extern const std::string_view kSettings;

}  // namespace chaperone::rules::tables
