#include "repl/commands/budget.hpp"

#include "core/text/duration.hpp"
#include "core/text/error.hpp"
#include "repl/shell.hpp"

namespace assay {
namespace {

using Of = BudgetScope::Of;
constexpr const char* kUsage = "usage: budget [AMOUNT | off] [for BATCH | model:NAME | run | day]";

/// "$0.10", "12": USD, exact to a pico-USD.
Pico parse_usd(const std::string& text) {
  constexpr std::size_t kDecimals = 12, kMostWhole = 6;
  const std::string digits = text.starts_with("$") ? text.substr(1) : text;
  const std::size_t point = std::min(digits.find('.'), digits.size());
  std::string whole = digits.substr(0, point), part = digits.substr(std::min(point + 1, digits.size()));
  const bool plain = (whole + part).find_first_not_of("0123456789") == std::string::npos && !(whole + part).empty();
  if (!plain || whole.size() > kMostWhole || part.size() > kDecimals)
    throw Error("usage", "\"" + text + "\" is no amount in USD", {}, kUsage + std::string("; budget $2.50"));
  part.resize(kDecimals, '0');
  return static_cast<Pico>(std::stoll(whole + part));
}

BudgetScope parse_scope(Shell& shell, const std::string& text) {
  if (text == "run") return {Of::run, 0, {}};
  if (text == "day") return {Of::day, 0, {}};
  if (text.starts_with("model:")) return {Of::model, 0, text.substr(6)};
  const RunTable::Reader table = shell.table().read();
  if (const auto batch = table.find_batch(text)) return {Of::batch, *batch, {}};
  throw Error("usage", "budget: there is no batch \"" + text + "\"", {}, kUsage);
}

std::string scope_text(Shell& shell, const BudgetScope& scope) {
  switch (scope.of) {
    case Of::experiment:
      return "experiment";
    case Of::batch: {
      const RunTable::Reader table = shell.table().read();
      return scope.batch < table.batches().size() ? table.batch(scope.batch).name : "a batch";
    }
    case Of::model:
      return "model:" + scope.model;
    case Of::run:
      return "run";
    case Of::day:
      return "day";
  }
  return {};
}

void show(Shell& shell, const BudgetBook& book, Reply& reply) {
  Table table({{"budget for", false, true},
               {"cap", true, false},
               {"spent", true, false},
               {"possibly", true, false},
               {"reserved", true, false},
               {"left", true, false},
               {"waiting", true, false}});
  Json list = Json::array();
  for (const BudgetState& state : book.states(shell.experiment().clock().wall())) {
    const std::string name = scope_text(shell, state.scope);
    const Pico left = state.cap - state.settled - state.possible - state.reserved;
    table.row({cell(name, TextRole::name), cell(format_usd(state.cap)), cell(format_usd(state.settled)),
               cell(state.possible > 0 ? format_usd(state.possible) : "-"),
               cell(state.reserved > 0 ? format_usd(state.reserved) : "-"),
               cell(format_usd(left), left <= 0 ? TextRole::warn : TextRole::plain),
               count_cell(static_cast<std::int64_t>(state.waiting))});
    list.push_back(Json::object({{"for", name},
                                 {"cap_usd", to_usd(state.cap)},
                                 {"spent_usd", to_usd(state.settled)},
                                 {"possible_usd", to_usd(state.possible)},
                                 {"reserved_usd", to_usd(state.reserved)},
                                 {"waiting", state.waiting}}));
  }
  reply.result = Json::object({{"budgets", std::move(list)}});
  if (table.size() == 0) {
    reply.line("no budget is set: `budget $5` caps the experiment");
  } else {
    reply.table(table);
  }
  const Budget::Overruns over = book.budget().overruns();
  if (over.bills > 0) {
    reply.line(StyledText().add(format_count(static_cast<std::int64_t>(over.bills)) +
                                    " bills were above what a call could cost by its own bound, by " +
                                    format_usd(over.amount) + " in all",
                                TextRole::warn));
  }
}

void budget(Shell& shell, BudgetBook& book, const Arguments& arguments, Reply& reply) {
  const bool scoped = arguments.size() == 3;
  if (arguments.size() == 2 || (scoped && arguments.at(1) != "for"))
    throw Error("usage", "budget: for what?", {}, kUsage);
  if (arguments.size() > 0) {
    shell.require_writable("budget " + arguments.at(0) + " changes the experiment");
    const bool off = arguments.at(0) == "off";
    if (off && !scoped) {
      book.clear();
    } else {
      const std::optional<Pico> cap = off ? std::nullopt : std::optional<Pico>(parse_usd(arguments.at(0)));
      book.set_cap(scoped ? parse_scope(shell, arguments.at(2)) : BudgetScope{}, cap);
    }
  }
  show(shell, book, reply);
}

std::vector<Candidate> complete(Shell& shell, const std::vector<std::string>& before, std::string_view word) {
  std::vector<Candidate> all;
  if (before.size() == 1) all = {{"off", "no cap"}};
  if (before.size() == 2) all = {{"for", "a batch, a model, each run, each day"}};
  if (before.size() == 3) {
    all = {{"run", "each run"}, {"day", "each day (UTC)"}};
    const RunTable::Reader table = shell.table().read();
    for (const BatchInfo& batch : table.batches()) all.push_back({batch.name, "batch"});
    for (const ModelFacts& facts : shell.models().list()) {
      if (!facts.provider.empty() && facts.name != facts.provider) all.push_back({"model:" + facts.name, facts.state});
    }
  }
  std::erase_if(all, [word](const Candidate& one) { return !one.text.starts_with(word); });
  return all;
}

}  // namespace

void add_budget_command(CommandTable& table, BudgetBook& book) {
  table.add({"budget",
             {},
             "running",
             "budget [AMOUNT | off] [for BATCH | model:NAME | run | day]",
             "what may be spent, in USD: of the experiment, a batch, a model, each run or each day (UTC)",
             {"budget $5", "budget 0.50 for model:judge", "budget off for day"},
             {},
             0,
             3,
             false,
             true,
             [&book](Shell& shell, const Arguments& arguments, Reply& reply) { budget(shell, book, arguments, reply); },
             complete});
}

}  // namespace assay
