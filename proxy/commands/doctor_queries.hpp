#pragma once

#include <string_view>

/// The files of proxy/commands/doctor/, as they are; part of the binary (cmake/embed.cmake).
namespace chaperone::commands::doctor_queries {

extern const std::string_view kBroker;
extern const std::string_view kDba;
extern const std::string_view kGrants;
extern const std::string_view kLeases;
extern const std::string_view kLeasesDba;
extern const std::string_view kPublic;
extern const std::string_view kRows;
extern const std::string_view kServer;

}  // namespace chaperone::commands::doctor_queries
