#pragma once
// `assay attach`: this process is a terminal of a program that runs already. Main thread.

#include <string>

#include "app/arguments.hpp"

namespace assay {

/// The exit status. Throws Error when no program has the experiment open.
int attach(const ProgramArguments& arguments);

/// What to say to who wants to open an experiment that another program writes; "" when that one can't be joined.
std::string attach_hint(const std::string& experiment);

}  // namespace assay
