#pragma once

namespace chaperone::commands {

/// The whole program: reads the arguments and runs one command. Gives the exit status: 0 fine, 1 the answer
/// is no, 2 could not run.
int run(int argc, char** argv);

}  // namespace chaperone::commands
