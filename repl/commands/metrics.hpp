#pragma once
// metrics: figures for Prometheus, on request or written to a file again and again.

#include <functional>
#include <memory>
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

/// Collects the figures, and writes them again and again on a thread of its own, which ends with it. One for all
/// terminals of a program; used by the command, whose turn it is.
class MetricsWriter;
/// The parts outlive it.
std::shared_ptr<MetricsWriter> make_metrics_writer(MetricsParts parts);

void add_metrics_command(CommandTable& table, std::shared_ptr<MetricsWriter> writer);

}  // namespace assay
