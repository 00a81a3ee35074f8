#pragma once

#include <CLI/App.hpp>
#include <iosfwd>
#include <string>

#include "proxy/commands/doctor_report.hpp"

namespace chaperone::commands {

struct DoctorArguments {
  std::string config;
  std::string database;  ///< a name under `databases`; empty: all that have a name of their own
  std::string as;        ///< a connection string to ask with; empty: as pgchaperone itself logs in
  DoctorFormat format = DoctorFormat::kText;
  unsigned seconds = 60;  ///< to wait for each answer
};

/// `doctor`: prints what weakens the policy outside of pgchaperone. Gives the exit status.
int examine(const DoctorArguments& arguments, std::ostream& out, std::ostream& errors, bool color);

/// Registers the command.
void add_doctor(CLI::App& app, int& exit_status);

}  // namespace chaperone::commands
