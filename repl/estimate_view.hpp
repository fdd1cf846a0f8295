#pragma once
// `run_n --estimate`: what a job would take, as a person and a program are told. Pure functions; any thread.

#include "core/engine/estimate.hpp"
#include "repl/command.hpp"

namespace assay {

void show_estimate(const Estimate& made, Reply& reply);

}  // namespace assay
