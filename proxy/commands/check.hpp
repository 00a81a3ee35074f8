#pragma once

#include <CLI/App.hpp>
#include <iosfwd>
#include <span>
#include <string>

#include "parser/parser.hpp"
#include "proxy/commands/check_report.hpp"
#include "proxy/commands/subjects.hpp"

namespace chaperone::commands {

/// Decides every statement of the files ("-": standard input), cut as psql cuts them, and reports.
/// `progress`: where to tell how far it is, or nullptr. Gives the exit status: 0 all allowed, 1 something
/// refused, 2 could not run.
int check_files(std::span<const std::string> files, const Subjects& subjects, const parser::Limits& limits,
                CheckReport& report, std::istream& input, std::ostream& errors, std::ostream* progress);

/// Registers the command.
void add_check(CLI::App& app, int& exit_status);

}  // namespace chaperone::commands
