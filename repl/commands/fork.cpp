// fork

#include <algorithm>

#include "core/engine/fork.hpp"
#include "core/query/field.hpp"
#include "core/text/error.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

constexpr const char* kUsage = "usage: fork RUN.. step=K [key=value ..] [message=TEXT] [as=NAME]";

/// key=value, where the key is no field of a query (steps=3, data.k=3).
bool is_parameter_word(const ShellWord& word) {
  const std::string_view key = std::string_view(word.text).substr(0, word.text.find('='));
  if (key.size() == word.text.size() || key.empty()) return false;
  if (key.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.") != std::string_view::npos) return false;
  for (const std::string_view path : {"data.", "answer.", "metric."}) {
    if (key.starts_with(path)) return false;
  }
  const auto rows = fields();
  return std::none_of(rows.begin(), rows.end(), [&](const FieldRow& row) {
    return row.name == key && (row.type == FieldRow::Type::number || row.type == FieldRow::Type::path);
  });
}

/// The words that name runs, and the others: key=value.
ForkRequest read_words(const Arguments& arguments, Arguments& query) {
  ForkRequest request;
  bool step = false;
  query = arguments;
  query.words.clear();
  for (const ShellWord& word : arguments.words) {
    if (!is_parameter_word(word)) {
      query.words.push_back(word);
      continue;
    }
    const auto equals = word.text.find('=');
    const std::string name = word.text.substr(0, equals), value = word.text.substr(equals + 1);
    if (name == "step") {
      request.step = static_cast<std::uint32_t>(std::min<std::uint64_t>(parse_count(value, "step", 0), 1'000'000));
      step = true;
    } else if (name == "message") {
      request.message = value;
    } else if (name == "as") {
      request.name = value;
    } else if (!request.changes.emplace(name, value).second) {
      throw Error("usage", "the parameter " + name + " is given twice");
    }
  }
  if (query.words.empty()) throw Error("usage", "fork: which runs?", {}, std::string(kUsage) + "; `ls` lists runs");
  if (!step) {
    throw Error("usage", "fork: after which step?", {},
                std::string(kUsage) + "; step=1 shares the first step, step=0 begins anew");
  }
  return request;
}

void fork(Shell& shell, const Arguments& arguments, Reply& reply) {
  Arguments query;
  ForkRequest request = read_words(arguments, query);
  const Selection selection = shell.select(query.rest(0));
  request.runs = selection.runs;
  const Forks forks = fork_runs(shell.experiment(), request);

  reply.result["batches"] = Json::array();
  std::string names;
  for (const BatchInfo& batch : forks.batches) {
    std::string line = ": " + count_text(batch.count) + (batch.count == 1 ? " run" : " runs") + ", kind " + batch.kind;
    if (!batch.model.empty()) line += ", model " + batch.model;
    reply.line(StyledText().add(batch.name, TextRole::name).add(line));
    names += (names.empty() ? "batch:" : " | all batch:") + quote_shell_word(batch.name);
    reply.result["batches"].push_back(
        Json::object({{"batch", batch.name}, {"kind", batch.kind}, {"runs", batch.count}, {"step", request.step}}));
  }
  for (const std::string& warning : forks.warnings)
    reply.line(StyledText().add("  warning: ", TextRole::warn).add(warning));
  const bool one = forks.runs == 1;
  const std::string who = one ? "it" : "they";
  const std::string shared = request.step == 1 ? "step 1" : "steps 1 to " + std::to_string(request.step);
  reply.line((request.step == 0 ? who + (one ? " begins" : " begin") + " anew, with the same data"
                                : who + (one ? " shares " : " share ") + shared + " with " +
                                      (one ? "its parent" : "their parents") + ", at no cost") +
             "; `run_n 8 all " + names + "` goes on");
  reply.result["runs"] = forks.runs;
  reply.result["step"] = request.step;
}

std::vector<Candidate> runs_and_parameters(Shell& shell, const std::vector<std::string>& before,
                                           std::string_view word) {
  std::vector<Candidate> found;
  const auto offer = [&](const std::string& name, const std::string& help) {
    const bool known = std::any_of(found.begin(), found.end(), [&](const Candidate& one) { return one.text == name; });
    if (!known && name.starts_with(word)) found.push_back({name, help, ""});
  };
  if (before.size() > 1) {
    offer("step=", "how many steps are shared; 0: none");
    offer("message=", "for the runner, at its next step");
    offer("name=", "discussion: who says the message");
    offer("reseed=", "discussion: new draws of who speaks");
    offer("as=", "name of the new batch");
    std::vector<std::string> kinds;
    {
      const RunTable::Reader table = shell.table().read();
      for (const BatchInfo& batch : table.batches()) {
        if (!batch.dropped) kinds.push_back(batch.kind);
      }
    }
    for (const std::string& name : kinds) {
      const Kind* kind = shell.kinds().find(name);
      if (kind == nullptr) continue;
      for (const Parameter& parameter : kind->parameters()) {
        if (!parameter.name.ends_with(".*")) offer(parameter.name + "=", parameter.help);
      }
    }
  }
  for (Candidate& one : complete_query(shell, before, word)) found.push_back(std::move(one));
  return found;
}

}  // namespace

void add_fork_command(CommandTable& table) {
  table.add({"fork",
             {},
             "batches and runs",
             "fork RUN.. step=K [key=value ..] [message=TEXT] [as=NAME]",
             "new runs that share the first K steps of these and go on differently; what is shared costs nothing",
             {"fork all step=1 collaborative_prompt=other.yaml", "fork gen:17 step=2 message=\"Think again.\" as=again",
              "fork all batch:forum step=7 mod_instructions=kind.txt"},
             {},
             1,
             SIZE_MAX,
             true,
             true,
             fork,
             runs_and_parameters});
}

}  // namespace assay
