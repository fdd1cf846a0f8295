#include "experiments/discussion/fork.hpp"

#include <algorithm>

#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "experiments/discussion/config_file.hpp"
#include "experiments/discussion/loading.hpp"
#include "experiments/discussion/parameters.hpp"

namespace assay {
namespace {

const std::vector<std::string>& changeable() {
  static const std::vector<std::string> names = {
      "mod_instructions", "mod_model",   "include_mod",     "mod_every",     "model",       "temperature",
      "num_turns",        "stop_phrase", "stop_silent",     "stop_comments", "stop_tokens", "stop_repeat",
      "ban_phrase",       "silence",     "history_ctx_len", "turn_policy",   "p_respond"};
  return names;
}

std::string read_instructions(const std::string& path) {
  try {
    return read_input_text(path);
  } catch (const Error& error) {
    throw Error(error.kind(), error.what(), "mod_instructions", error.hint());
  }
}

std::uint32_t turns_in(const std::vector<ContextMessage>& context) {
  std::uint32_t turns = 0;
  for (const ContextMessage& message : context) {
    if (message.more.is_object()) turns = std::max(turns, message.more.value("turn", 0U));
  }
  return turns;
}

}  // namespace

ForkedDiscussions read_fork(std::uint32_t step, const ParameterTexts& changes) {
  ForkedDiscussions forked;
  forked.fork.step = step;
  std::vector<std::string> refused;
  ParameterTexts typed;
  for (const auto& [name, text] : changes) {
    if (name == "name") {
      forked.fork.inserted_by = text;
    } else if (name == "reseed") {
      typed["seed"] = text;
    } else if (find_row(discussion_rows(), name) == nullptr) {
      const auto near = nearest(name, changeable());
      throw Error("usage", "there is no parameter " + name + (near ? "; did you mean " + *near + "?" : ""), "fork",
                  "a fork may change " + joined(changeable(), ", ") + ", reseed");
    } else if (std::find(changeable().begin(), changeable().end(), name) == changeable().end()) {
      refused.push_back(name);
    } else {
      typed[name] = text;
    }
  }
  if (!refused.empty()) {
    throw Error("usage",
                joined(refused, ", ") +
                    " can't change in a fork: who takes part, what was said first and how texts "
                    "are written is shared with the parent",
                {}, "a fork may change " + joined(changeable(), ", ") + ", reseed; load anew for the rest");
  }
  ParameterSheet sheet(discussion_rows());
  put_typed(sheet, typed);
  Problems problems;
  sheet.check(problems);
  problems.refuse("fork", "nothing was forked");
  if (sheet.values().value("turn_policy", Json()) == "fixed") {
    throw Error("usage", "turn_policy=fixed needs speakers, which a fork can't name", "turn_policy",
                "a design file with speakers, loaded anew, fixes them");
  }
  Json& settings = forked.fork.settings;
  for (const auto& [name, value] : sheet.values().items()) {
    if (name == "seed") {
      forked.fork.reseed = value.get<std::uint64_t>();
    } else if (name == "model") {
      forked.model = value.get<std::string>();
    } else if (name == "mod_model") {
      forked.mod_model = value.get<std::string>();
    } else if (name == "mod_instructions") {
      settings[name] = read_instructions(value.get<std::string>());
    } else if (name == "history_ctx_len") {
      settings["history"] = value == "all" ? Json() : value;
    } else {
      settings[name] = value;  // named as in the settings
    }
  }
  return forked;
}

NewRun::Start discussion_start(const RunView& run, std::uint32_t step) {
  const std::uint32_t turns = turns_in(run.context);
  if (step > turns) {
    throw Error("usage", run.run_id + " has come to turn " + std::to_string(turns) +
                             ": it can't be forked after turn " + std::to_string(step));
  }
  parts_of(run.data);  // refuses what can't go on: files without users and prompts
  NewRun::Start start{step, nullptr, Json::object(), {}};
  for (ContextMessage message : run.context) {
    if (!message.more.is_object() || message.more.value("turn", 0U) > step) continue;
    message.more.erase("stop");
    message.more.erase("at");
    start.context.push_back(std::move(message));
  }
  return start;
}

}  // namespace assay
