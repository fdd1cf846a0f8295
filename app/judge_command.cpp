#include "app/judge_command.hpp"

#include <algorithm>

#include "core/text/error.hpp"
#include "experiments/judge/settings.hpp"
#include "repl/run_list.hpp"
#include "repl/shell.hpp"

namespace assay {
namespace {

constexpr const char* kUsage = "usage: judge QUERY [vs QUERY] [key=value ..]";

/// Whether a word is a parameter of the load, not a part of a query (data.category=math).
bool is_parameter(const std::string& word) {
  const auto equals = word.find('=');
  if (equals == std::string::npos || equals == 0) return false;
  const std::string name = word.substr(0, equals);
  for (const char* shared : {"as", "limit", "shuffle", "epochs"}) {
    if (name == shared) return true;
  }
  static const std::vector<Parameter> parameters = judge_parameters();
  return std::any_of(parameters.begin(), parameters.end(), [&](const Parameter& parameter) {
    if (!parameter.name.ends_with(".*")) return parameter.name == name;
    return name.starts_with(parameter.name.substr(0, parameter.name.size() - 1));
  });
}

void judge(Shell& shell, const Arguments& arguments, Reply& reply) {
  std::vector<std::string> queries(1), parameters;
  bool mode = false;
  for (const ShellWord& word : arguments.words) {
    const std::string typed = arguments.line.substr(word.begin, word.end - word.begin);
    if (!word.quoted && word.text == "vs") {
      queries.emplace_back();
    } else if (is_parameter(word.text)) {
      parameters.push_back(typed);
      mode = mode || word.text.starts_with("mode=");
    } else {
      queries.back() += (queries.back().empty() ? "" : " ") + typed;
    }
  }
  std::string line = "load judge";
  for (const std::string& query : queries) {
    if (query.empty())
      throw Error("usage", queries.size() == 1 ? "judge: which runs?" : "judge: a query is missing beside vs", {},
                  kUsage);
    // A quoted query is one word whose quotes were for this line.
    const std::vector<ShellWord> words = split_shell_words(query);
    line += " " + quote_shell_word("@" + (words.size() == 1 ? words.front().text : query));
  }
  if (queries.size() > 1 && !mode) line += " mode=pairwise";
  for (const std::string& parameter : parameters) line += " " + parameter;
  const Command& load = shell.commands().require("load");
  load.run(shell, parse_arguments(load, line), reply);
  reply.line("run_n N judges them, N at a time; report shows what they come to");
}

}  // namespace

void add_judge_command(CommandTable& table) {
  table.add({"judge",
             {},
             "batches and runs",
             "judge QUERY [vs QUERY] [key=value ..]",
             "judge the answers of runs: a new batch of kind judge; `vs` compares two answers to each item",
             {"judge batch:qa", "judge batch:a vs batch:b judge=openai/gpt-4o swap=both",
              "judge \"batch:qa score:INCORRECT\" mode=score scale=1-5"},
             {},
             1,
             SIZE_MAX,
             true,
             true,
             judge,
             complete_query});
}

}  // namespace assay
