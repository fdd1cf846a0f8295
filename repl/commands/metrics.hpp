#pragma once
// metrics: figures for Prometheus, on request or written to a file again and again.

#include <functional>
#include <string>

#include "core/engine/experiment.hpp"
#include "core/ledger/budget_book.hpp"
#include "core/model/models.hpp"
#include "repl/command.hpp"

namespace assay {

struct MetricsParts {
  Experiment& experiment;
  const ModelCatalog& models;
  const BudgetBook& budget;
  std::function<void(const std::string&)> notice;  // any thread: what went wrong while writing
};

/// The parts outlive the table; the thread that writes again and again ends with it.
void add_metrics_command(CommandTable& table, MetricsParts parts);

}  // namespace assay
