#pragma once
// A kind made of a load function and a runner (Program::add_load_function). Any thread, as Kind.

#include <memory>

#include "app/program.hpp"

namespace assay {

struct FunctionKindParts {
  std::string name, summary;
  LoadFunction load;
  RunnerFactory make_runner;
  std::vector<Parameter> parameters;
};

/// `services` outlive it.
std::unique_ptr<Kind> make_function_kind(FunctionKindParts parts, const Services& services);

}  // namespace assay
