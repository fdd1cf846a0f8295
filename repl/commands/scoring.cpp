// evaluate, cost

#include <algorithm>
#include <chrono>
#include <iterator>
#include <map>

#include "core/text/duration.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "repl/commands/report.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

/// A rule of others that has read the selected runs of a batch.
struct AppliedRule {
  std::string batch;
  std::size_t selected = 0;
  RuleOutcome outcome;
};

/// Asks the kind of each selected batch for the rule that the parameters name; takes the runs of those that have one
/// out of the selection. Nothing is written yet: a refusal by one leaves all as it was.
std::vector<AppliedRule> apply_rules(Shell& shell, Selection& selection, const ParameterTexts& parameters) {
  std::vector<std::pair<BatchId, std::vector<RunId>>> batches;
  std::map<BatchId, std::size_t> at;
  {
    const RunTable::Reader table = shell.table().read();
    for (const RunId run : selection.runs) {
      const BatchId batch = table.row(run).batch;
      const auto [found, fresh] = at.try_emplace(batch, batches.size());
      if (fresh) batches.emplace_back(batch, std::vector<RunId>());
      batches[found->second].second.push_back(run);
    }
  }
  std::vector<AppliedRule> applied;
  std::vector<RunId> rest;
  for (auto& [batch, runs] : batches) {
    std::sort(runs.begin(), runs.end());  // in batch order, whatever the listing's
    const std::unique_ptr<BatchView> view = shell.experiment().view(batch, runs);
    const Kind* kind = shell.kinds().find(view->info().kind);
    std::optional<RuleOutcome> outcome;
    if (kind != nullptr) outcome = kind->apply_rule(*view, parameters);
    if (outcome) {
      applied.push_back({view->info().name, runs.size(), std::move(*outcome)});
    } else {
      rest.insert(rest.end(), runs.begin(), runs.end());
    }
  }
  if (!applied.empty()) selection.runs = std::move(rest);
  return applied;
}

void keep_rules(Shell& shell, std::vector<AppliedRule> rules, SteadyTime began, Reply& reply) {
  Json list = Json::array();
  for (AppliedRule& rule : rules) {
    const std::size_t scored = shell.experiment().add_scores(rule.outcome.scores, rule.outcome.as_score);
    draw_report(rule.outcome.report, reply);
    const std::size_t skipped = rule.selected - scored;
    reply.line(count_text(scored) + " runs of " + rule.batch + " have " +
               (rule.outcome.as_score ? "this as their score" : "this as metrics beside their score") +
               (skipped > 0 ? "; " + count_text(skipped) + " left out (not COMPLETE, or nothing to read)" : ""));
    Json one = Json::object({{"batch", rule.batch}});
    for (const auto& [name, value] : rule.outcome.report.figures.items()) one[name] = value;
    list.push_back(std::move(one));
    for (const auto& [name, count] :
         {std::pair("selected", rule.selected), std::pair("skipped", skipped), std::pair("complete", scored)}) {
      reply.result[name] = reply.result.at(name).get<std::size_t>() + count;
    }
  }
  reply.result["rules"] = std::move(list);
  const auto took = shell.experiment().clock().steady() - began;
  reply.result["seconds"] = std::chrono::duration<double>(took).count();
}

void evaluate(Shell& shell, const Arguments& arguments, Reply& reply) {
  Arguments query = arguments;
  JobRequest request;
  request.type = JobType::evaluate;
  std::vector<ShellWord> words;
  for (const ShellWord& word : query.words) {
    const auto equals = word.text.find('=');
    const bool parameter = equals != std::string::npos && equals > 0 && !word.text.starts_with("data.") &&
                           !word.text.starts_with("answer.") && !word.text.starts_with("metric.") &&
                           word.text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.") == equals;
    if (parameter) {
      request.overrides[word.text.substr(0, equals)] = word.text.substr(equals + 1);
    } else {
      words.push_back(word);
    }
  }
  query.words = std::move(words);
  if (query.words.empty())
    throw Error("usage", "evaluate: which runs?", {}, "usage: evaluate QUERY [key=value ..]   e.g. evaluate all");
  Selection selection = shell.select(query.rest(0));
  const auto began = shell.experiment().clock().steady();
  std::vector<AppliedRule> rules;
  if (!request.overrides.empty()) rules = apply_rules(shell, selection, request.overrides);
  if (rules.empty() || !selection.runs.empty()) {  // what no rule of others has taken, each run by its runner
    request.runs = selection.runs;
    request.width = 16;
    try {
      shell.run_job(request, selection, reply);
    } catch (const Error& error) {
      if (rules.empty() || error.kind() != "usage") throw;
      throw Error(error.kind(), error.message(), error.place(),
                  "nothing was changed; name the runs it is meant for: batch:NAME, or their kind");
    }
  } else {
    reply.result = Json::object({{"job", nullptr},
                                 {"selected", 0},
                                 {"skipped", 0},
                                 {"complete", 0},
                                 {"fail", 0},
                                 {"incomplete", 0},
                                 {"seconds", 0.0}});
  }
  if (!rules.empty()) keep_rules(shell, std::move(rules), began, reply);
}

void cost(Shell& shell, const Arguments& arguments, Reply& reply) {
  std::string by = "model";
  if (arguments.size() > 0) {
    if (arguments.at(0) != "by" || arguments.size() != 2)
      throw Error("usage", "cost: by what?", {}, "usage: cost [by model|batch|kind|agent|day]");
    by = arguments.at(1);
  }
  if (by != "model" && by != "batch" && by != "kind" && by != "agent" && by != "day") {
    throw Error("usage", "cost by " + by + ": there is no such group", {},
                "usage: cost [by model|batch|kind|agent|day]");
  }
  const bool agents = by == "agent";  // their groups are "KEY MODEL"
  std::vector<Column> columns{{by, false, true}};
  if (agents) columns.push_back({"model", false, true});
  for (const char* name : {"calls", "in", "cached", "out", "reasoning", "cost", "possibly"})
    columns.push_back({name, true, false});
  Table table(std::move(columns));
  Json list = Json::array();
  std::vector<std::string> models;
  Pico sum = 0, possible = 0, saved = 0;
  std::uint64_t unpriced = 0, from_cache = 0;
  for (const Store::CostRow& row : shell.store().cost(by)) {
    const std::size_t blank = agents ? row.group.find(' ') : std::string::npos;
    const std::string group = row.group.substr(0, blank);
    const std::string model = blank == std::string::npos ? "" : row.group.substr(blank + 1);
    std::vector<StyledText> cells{cell(group, TextRole::name)};
    if (agents) cells.push_back(cell(model));
    for (const std::int64_t count :
         {static_cast<std::int64_t>(row.calls), row.in, row.cached, row.out, row.reasoning}) {
      cells.push_back(count_cell(count));
    }
    cells.push_back(cell(format_usd(row.cost)));
    cells.push_back(cell(row.possible > 0 ? format_usd(row.possible) : "-"));
    table.row(std::move(cells));
    models.push_back(model);
    list.push_back(Json::object({{"group", group},
                                 {"calls", row.calls},
                                 {"input_tokens", row.in},
                                 {"cached_tokens", row.cached},
                                 {"output_tokens", row.out},
                                 {"reasoning_tokens", row.reasoning},
                                 {"cost_usd", to_usd(row.cost)},
                                 {"possible_usd", to_usd(row.possible)},
                                 {"unpriced", row.unpriced},
                                 {"from_cache", row.from_cache},
                                 {"saved_usd", to_usd(row.saved)}}));
    sum += row.cost;
    possible += row.possible;
    unpriced += row.unpriced;
    from_cache += row.from_cache;
    saved += row.saved;
  }
  if (agents) {
    for (std::size_t i = 0; i < list.size(); ++i) list[i]["model"] = models[i];
  }
  reply.result = Json::object({{"groups", std::move(list)}});
  if (table.size() == 0) {
    reply.line("no call has been made");
    return;
  }
  reply.table(table);
  reply.line("in all " + format_usd(sum) +
             (possible > 0 ? ", possibly " + format_usd(possible) + " more (`calls --in-doubt`, `bulk list`)" : ""));
  if (from_cache > 0) {
    reply.line(format_count(static_cast<std::int64_t>(from_cache)) +
               " of the calls were served from the cache or an earlier attempt: " + format_usd(saved) + " saved");
  }
  if (unpriced > 0) {
    reply.line(StyledText().add(counted(static_cast<std::uint64_t>(unpriced), "call", "calls") +
                                    " unpriced: no price is known for " + (unpriced == 1 ? "its" : "their") + " model",
                                TextRole::warn));
  }
}

}  // namespace

void add_scoring_commands(CommandTable& table) {
  const std::string group = "results";
  table.add({"evaluate",
             {"rescore"},
             group,
             "evaluate QUERY [key=value ..]",
             "score recorded answers again, with other parameters or by rules of others; no model call",
             {"evaluate all extract=tiger_l2", "evaluate batch:jamba scheme=tiger"},
             {},
             1,
             SIZE_MAX,
             true,
             true,
             evaluate,
             complete_query});
  add_report_command(table);
  table.add({"cost",
             {},
             group,
             "cost [by model|batch|kind|agent|day]",
             "spend: tokens, money, and what is possibly paid twice",
             {"cost by batch", "cost by agent"},
             {},
             0,
             2,
             false,
             true,
             cost,
             {}});
}

}  // namespace assay
