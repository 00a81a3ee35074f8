#include "proxy/commands/commands.hpp"

int main(int argc, char** argv) {
  return chaperone::commands::run(argc, argv);
}
