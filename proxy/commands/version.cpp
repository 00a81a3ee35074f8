#include "proxy/commands/version.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

namespace chaperone::commands {

std::string_view version_number() {
  return CHAPERONE_VERSION;
}

std::string_view version_line() {
  return "pgchaperone " CHAPERONE_VERSION " (SQL grammar of PostgreSQL " CHAPERONE_GRAMMAR ")";
}

void add_version(CLI::App& app, int& exit_status) {
  CLI::App* command = app.add_subcommand("version", "Print the version, and whose SQL grammar it reads.");
  command->footer("Example: pgchaperone version");
  command->callback([&exit_status] {
    fmt::print("{}\n", version_line());
    exit_status = 0;
  });
}

}  // namespace chaperone::commands
