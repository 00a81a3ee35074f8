#pragma once

#include <string>
#include <string_view>

namespace chaperone::rules {

/// In lower-case hexadecimal.
std::string sha256(std::string_view bytes);

}  // namespace chaperone::rules
