#include "app/extra_commands.hpp"

#include <fstream>

#include "core/text/atomic_file.hpp"
#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/words.hpp"
#include "experiments/qa/prompting.hpp"
#include "repl/shell.hpp"
#include "runners/prompt/cases.hpp"
#include "runners/prompt/prompt_choice.hpp"

namespace assay {
namespace {

class SeededSource final : public RandomSource {
 public:
  std::uint64_t next() override { return stream_.next(); }

 private:
  RandomStream stream_{0};
};

std::string parameter(const Arguments& arguments, const std::string& name) {
  for (const ShellWord& word : arguments.words) {
    if (word.text.starts_with(name + "=")) return word.text.substr(name.size() + 1);
  }
  return {};
}

PromptFile open_prompt(const std::string& name, const PromptOverrides& overrides = {}) {
  return choose_prompt(name, qa_prompts(), "qa", "prompt", overrides).file;
}

void list(Reply& reply) {
  Table table({{"prompt", false, false}, {"variables", false, true}, {"description", false, true}});
  reply.result = Json::array();
  for (const auto& [name, text] : qa_prompts()) {
    const PromptFile prompt = open_prompt(name);
    table.row({cell(name, TextRole::name), cell(joined(prompt.variables())), cell(prompt.description)});
    reply.result.push_back(Json::object(
        {{"kind", "qa"}, {"name", name}, {"description", prompt.description}, {"variables", prompt.variables()}}));
  }
  reply.table(table);
}

void show(const std::string& name, Reply& reply) {
  const PromptFile prompt = open_prompt(name);
  reply.line(
      StyledText().add(prompt.name, TextRole::title).add(prompt.description.empty() ? "" : "  " + prompt.description));
  reply.line("hash " + prompt.hash + ", variables: " + joined(prompt.variables()));
  for (const std::string& warning : prompt.warnings)
    reply.line(StyledText().add("warning: " + warning, TextRole::warn));
  reply.block(prompt.text, "  ");
  reply.result = Json::object({{"name", prompt.name},
                               {"hash", prompt.hash},
                               {"variables", prompt.variables()},
                               {"warnings", prompt.warnings},
                               {"text", prompt.text}});
}

void check(const Arguments& arguments, Reply& reply) {
  std::string problems;
  reply.result = Json::array();
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string& name = arguments.at(i);
    try {
      const PromptFile prompt = open_prompt(name);
      reply.line(name + ": good, variables " + joined(prompt.variables()));
      for (const std::string& warning : prompt.warnings)
        reply.line(StyledText().add("  warning: " + warning, TextRole::warn));
      reply.result.push_back(Json::object({{"file", name}, {"ok", true}}));
    } catch (const Error& error) {
      problems += (problems.empty() ? "" : "\n") + std::string(error.what());
    }
  }
  if (!problems.empty()) throw Error("prompt", problems);
}

void render(const Arguments& arguments, Reply& reply) {
  if (arguments.size() < 2)
    throw Error("usage", "prompt render: which file?", {}, "usage: prompt render FILE data=CONTEXT.json");
  PromptOverrides overrides;
  if (const std::string text = parameter(arguments, "autoescape"); !text.empty())
    overrides.autoescape = text == "true" || text == "yes";
  if (const std::string text = parameter(arguments, "undefined"); !text.empty()) overrides.strict = text == "strict";
  const PromptFile prompt = open_prompt(arguments.at(1), overrides);
  const std::string data = parameter(arguments, "data");
  const Json context = data.empty() ? Json::object() : parse_json(read_file(data), data);
  SeededSource random;
  Json messages = Json::array();
  for (const RenderedMessage& message : prompt.render(prompt::from_json(context), random)) {
    if (prompt.messages.size() > 1) reply.line(StyledText().add(message.role, TextRole::name));
    reply.block(message.content);
    messages.push_back(Json::object({{"role", message.role}, {"content", message.content}}));
  }
  reply.result = Json::object({{"messages", std::move(messages)}});
}

void test(const Arguments& arguments, Reply& reply) {
  if (arguments.size() < 2)
    throw Error("usage", "prompt test: which cases?", {}, "usage: prompt test CASES.json [root=DIR] [out=FILE]");
  const Json cases = parse_json(read_file(arguments.at(1)), arguments.at(1));
  const std::string root = parameter(arguments, "root"), out = parameter(arguments, "out");
  std::ostringstream outcomes;
  reply.result = run_prompt_cases(cases, root.empty() ? "." : root, out.empty() ? nullptr : &outcomes);
  if (!out.empty()) write_file(out, outcomes.str());
  reply.line(dump_json(reply.result.at("passed")) + " of " + dump_json(reply.result.at("n")) + " cases passed");
  for (const Json& failed : reply.result.at("failed")) reply.line("failed: " + dump_json(failed));
}

void prompt_command(Shell&, const Arguments& arguments, Reply& reply) {
  const std::string& what = arguments.at(0);
  reply.paged = true;
  if (what == "list") return list(reply);
  if (what == "check") return check(arguments, reply);
  if (what == "render") return render(arguments, reply);
  if (what == "test") return test(arguments, reply);
  if (what == "show" && arguments.size() == 2) return show(arguments.at(1), reply);
  throw Error("usage", "prompt " + what + ": there is no such thing", {},
              "usage: prompt list | show NAME|FILE | check FILE.. | render FILE data=CONTEXT.json | test CASES.json");
}

}  // namespace

void add_extra_commands(CommandTable& table, const Services&) {
  table.add({"prompt",
             {},
             "files",
             "prompt list|show|check|render|test ..",
             "prompt files and templates: look, check, render, test",
             {"prompt show qa_cot", "prompt render my.yaml data=context.json"},
             {},
             1,
             SIZE_MAX,
             false,
             true,
             prompt_command,
             {}});
}

}  // namespace assay
