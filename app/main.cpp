#include "app/program.hpp"

int main(int argc, char** argv) { return assay::Program().start_command_line(argc, argv); }
