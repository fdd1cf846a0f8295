#include "repl/commands/models.hpp"

#include "core/text/error.hpp"
#include "repl/run_list.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"
#include "repl/wrapped.hpp"

namespace assay {
namespace {

/// Every lane of the model: its keys share nothing.
void forget_limits(Shell& shell, const std::string& name, const ForgetLane& forget, Reply& reply) {
  const ModelFacts model = shell.models().resolve(name);
  Json list = Json::array();
  for (const ModelFacts& lane : shell.models().list()) {
    const bool of_model = lane.details.contains("in_flight") && lane.address == model.address &&
                          Json(lane.name) == model.details.at("model");
    if (!of_model) continue;
    forget(lane.key + " " + lane.address + " " + lane.name);
    bool learned = false;
    for (const Json& limit : lane.details.at("limits"))
      learned = learned || limit.at("source").get<std::string>() == "learned";
    reply.line(lane.name + " at " + lane.address + ": " +
               (learned ? "what was learned of its limits is forgotten; it had "
                        : "no limit of it had been learned; it has ") +
               lane.limits);
    list.push_back(lane.name);
  }
  if (list.empty()) reply.line("nothing has been learned of " + name + ": it has not been called");
  reply.result = Json::object({{"name", name}, {"forgotten", std::move(list)}});
}

void models(Shell& shell, const Arguments& arguments, const ForgetLane& forget, Reply& reply) {
  if (arguments.size() == 2 && arguments.at(0) == "import-prices") {
    const std::vector<std::string> lines = shell.models().import_prices(arguments.at(1));
    for (const std::string& line : lines) reply.line(line);
    reply.result["lines"] = lines;
    return;
  }
  if (arguments.size() == 2 && arguments.at(0) == "forget") return forget_limits(shell, arguments.at(1), forget, reply);
  if (arguments.size() == 2 && arguments.at(0) == "log") {
    const std::vector<std::string> lines = shell.models().log(arguments.at(1));
    reply.paged = true;
    for (const std::string& line : lines) reply.line(line);
    if (lines.empty()) reply.line(StyledText().add(arguments.at(1) + " has said nothing yet", TextRole::dim));
    reply.result = Json::object({{"name", arguments.at(1)}, {"lines", lines}});
    return;
  }
  if (arguments.size() == 2 && arguments.at(0) != "show") {
    throw Error("usage", "models " + arguments.at(0) + ": there is no such thing", {},
                "usage: models | models show|log|forget MODEL | models import-prices FILE");
  }
  if (arguments.size() > 0) {
    const std::string& word = arguments.at(arguments.size() - 1);
    if (arguments.size() == 1 && (word == "show" || word == "forget" || word == "import-prices"))
      throw Error(
          "usage", "models " + word + ": " + (word == "import-prices" ? "which file?" : "which model?"), {},
          word == "import-prices" ? "e.g. models import-prices prices.json" : "e.g. models " + word + " openai/gpt-4o");
    const Report report = shell.models().describe(word);
    draw_report(report, reply);
    reply.result = report.figures;
    reply.paged = true;
    return;
  }
  const auto [name, origin] = shell.models().default_model();
  reply.line(StyledText().add("default: ").add(name, TextRole::name).add(" (" + origin + ")", TextRole::dim));
  Table table({{"model", false, false},
               {"address", false, true},
               {"key", false, false},
               {"limits", false, true},
               {"state", false, true}});
  Json list = Json::array();
  constexpr std::size_t kRoom = 12;  // for a state, where the table is cut to a terminal
  std::vector<std::string> long_states;
  for (const ModelFacts& facts : shell.models().list()) {
    table.row({cell(facts.name, TextRole::name), cell(facts.address), cell(facts.key), cell(facts.limits),
               cell(facts.state)});
    if (reply.width > 0 && facts.state.size() > kRoom) long_states.push_back(facts.name + ": " + facts.state);
    list.push_back(Json::object({{"name", facts.name},
                                 {"provider", facts.provider},
                                 {"address", facts.address},
                                 {"key", facts.key},
                                 {"limits", facts.limits},
                                 {"state", facts.state}}));
  }
  reply.table(table);
  for (const std::string& state : long_states) wrapped(state, "", reply.width, reply);
  const std::vector<std::string> notes = shell.models().notes();
  for (const std::string& note : notes) reply.line(StyledText().add(note, TextRole::warn));
  reply.result = Json::object({{"default", name}, {"from", origin}, {"models", std::move(list)}, {"notes", notes}});
}

std::vector<Candidate> complete_models(Shell& shell, const std::vector<std::string>& before, std::string_view word) {
  std::vector<Candidate> found;
  if (before.size() == 1) {
    for (const auto& [name, help] :
         {std::pair("show", "where each value of one is from"), std::pair("log", "what a local program has said"),
          std::pair("forget", "drop the limits that were learned"),
          std::pair("import-prices", "prices from a price map")}) {
      if (std::string_view(name).starts_with(word)) found.push_back({name, help});
    }
    return found;
  }
  if (before.size() > 2) return found;
  if (before[1] == "import-prices") return complete_file(word);
  for (const ModelFacts& facts : shell.models().list()) {
    if (facts.name.starts_with(word)) found.push_back({facts.name, facts.state});
  }
  return found;
}

}  // namespace

void add_models_command(CommandTable& table, ForgetLane forget) {
  table.add(
      {"models",
       {},
       "session",
       "models | models show|log|forget MODEL | models import-prices FILE",
       "models that can be named, with keys (set or missing), limits and state; one with where each value is "
       "from; what a local program has said; drops the limits that were learned; prices from a price map",
       {"models show openai/gpt-4o", "models log qwen", "models forget openai/gpt-4o",
        "models import-prices model_prices.json"},
       {},
       0,
       2,
       false,
       true,
       [forget](Shell& shell, const Arguments& arguments, Reply& reply) { models(shell, arguments, forget, reply); },
       complete_models});
}

}  // namespace assay
