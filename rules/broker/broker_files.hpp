#pragma once

#include <string_view>

/// The files of rules/broker/, as they are; part of the binary (cmake/embed.cmake).
namespace chaperone::rules::broker_files {

extern const std::string_view kLease;
extern const std::string_view kTakeBack;
extern const std::string_view kRoles;
extern const std::string_view kBroker;
extern const std::string_view kCapabilities;
extern const std::string_view kDrop;
extern const std::string_view kHarden;

}  // namespace chaperone::rules::broker_files
