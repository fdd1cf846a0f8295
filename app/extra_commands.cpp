#include "app/extra_commands.hpp"

#include <filesystem>
#include <fstream>

#include "core/model/own_files.hpp"
#include "core/text/atomic_file.hpp"
#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/words.hpp"
#include "repl/run_list.hpp"
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

/// What comes with the kinds, and the files of a person, under the bounds that are set.
class Prompts {
 public:
  Prompts(const Shell& shell, PromptLimits limits) : shell_(shell), limits_(limits) {}

  PromptFile open(const std::string& name, PromptOverrides overrides = {}) const {
    std::vector<ShippedPrompt> shipped;
    for (const Kind* kind : shell_.kinds().all()) {
      for (ShippedPrompt& prompt : kind->prompts()) shipped.push_back(std::move(prompt));
    }
    overrides.limits = limits_;
    return choose_prompt(name, shipped, "any kind", "prompt", overrides).file;
  }
  PromptFile open(const ShippedPrompt& prompt) const {
    PromptOverrides overrides;
    overrides.limits = limits_;
    return load_prompt(std::string(prompt.text), prompt.name, overrides);
  }

 private:
  const Shell& shell_;
  PromptLimits limits_;
};

void list(const Shell& shell, const Prompts& prompts, const Arguments& arguments, Reply& reply) {
  std::vector<const Kind*> kinds = shell.kinds().all();
  if (arguments.size() > 1) kinds = {&shell.kinds().require(arguments.at(1))};
  Table table(
      {{"kind", false, false}, {"prompt", false, false}, {"variables", false, true}, {"description", false, true}});
  reply.result = Json::array();
  for (const Kind* kind : kinds) {
    for (const ShippedPrompt& shipped : kind->prompts()) {
      const PromptFile prompt = prompts.open(shipped);
      table.row({cell(kind->name()), cell(shipped.name, TextRole::name), cell(joined(prompt.variables())),
                 cell(prompt.description)});
      reply.result.push_back(Json::object({{"kind", kind->name()},
                                           {"name", shipped.name},
                                           {"description", prompt.description},
                                           {"variables", prompt.variables()}}));
    }
  }
  if (table.size() == 0) {
    reply.line(arguments.size() > 1 ? "kind " + arguments.at(1) + " comes without prompts" : "no kind has prompts");
    return;
  }
  reply.table(table);
}

void show(const Prompts& prompts, const std::string& name, Reply& reply) {
  const PromptFile prompt = prompts.open(name);
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

/// What a file of a kind's own is; "" : it is none.
std::string check_own_file(const Shell& shell, const std::string& name) {
  if (!name.ends_with(".yaml") && !name.ends_with(".yml")) return {};
  if (!std::filesystem::exists(name)) return {};
  const std::string text = read_file(name, std::size_t{1} << 20);
  for (const Kind* kind : shell.kinds().all()) {
    const auto* own = dynamic_cast<const OwnFiles*>(kind);
    if (own == nullptr || !own->claims(text)) continue;
    Source source;
    source.name = name;
    source.path = name;
    return own->check_file(source);
  }
  return {};
}

void check(const Shell& shell, const Prompts& prompts, const Arguments& arguments, Reply& reply) {
  std::string problems;
  reply.result = Json::array();
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string& name = arguments.at(i);
    try {
      if (const std::string study = check_own_file(shell, name); !study.empty()) {
        reply.line(name + ": good, " + study);
        reply.result.push_back(Json::object({{"file", name}, {"ok", true}}));
        continue;
      }
      const PromptFile prompt = prompts.open(name);
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

void render(const Prompts& prompts, const Arguments& arguments, Reply& reply) {
  if (arguments.size() < 2)
    throw Error("usage", "prompt render: which file?", {}, "usage: prompt render FILE data=CONTEXT.json");
  PromptOverrides overrides;
  if (const std::string text = parameter(arguments, "autoescape"); !text.empty())
    overrides.autoescape = text == "true" || text == "yes";
  if (const std::string text = parameter(arguments, "undefined"); !text.empty()) overrides.strict = text == "strict";
  const PromptFile prompt = prompts.open(arguments.at(1), overrides);
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

void prompt_command(Shell& shell, const PromptLimits& limits, const Arguments& arguments, Reply& reply) {
  const std::string& what = arguments.at(0);
  const Prompts prompts(shell, limits);
  reply.paged = true;
  if (what == "list" && arguments.size() <= 2) return list(shell, prompts, arguments, reply);
  if (what == "check" && arguments.size() > 1) return check(shell, prompts, arguments, reply);
  if (what == "render") return render(prompts, arguments, reply);
  if (what == "test") return test(arguments, reply);
  if (what == "show" && arguments.size() == 2) return show(prompts, arguments.at(1), reply);
  if (what == "list" || what == "check" || what == "show") {
    throw Error("usage", "prompt " + what + (what == "list" ? " takes one kind" : ": which one?"), {},
                "usage: prompt list [KIND] | show NAME|FILE | check FILE..");
  }
  throw Error(
      "usage", "prompt " + what + ": there is no such thing", {},
      "usage: prompt list [KIND] | show NAME|FILE | check FILE.. | render FILE data=CONTEXT.json | test CASES.json");
}

std::vector<Candidate> complete(Shell& shell, const std::vector<std::string>& before, std::string_view word) {
  std::vector<Candidate> found;
  if (before.size() == 1) {
    for (const char* what : {"list", "show", "check", "render", "test"}) {
      if (std::string_view(what).starts_with(word)) found.push_back({what, ""});
    }
    return found;
  }
  for (const Kind* kind : shell.kinds().all()) {
    if (before[1] == "list" && kind->name().starts_with(word)) found.push_back({kind->name(), kind->summary()});
    if (before[1] == "list" || before[1] == "test") continue;
    for (const ShippedPrompt& prompt : kind->prompts()) {
      if (prompt.name.starts_with(word)) found.push_back({prompt.name, "comes with " + kind->name()});
    }
  }
  if (before[1] == "list") return found;
  for (Candidate& file : complete_file(word)) found.push_back(std::move(file));
  return found;
}

}  // namespace

void add_extra_commands(CommandTable& table, const Services& services) {
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
             [limits = services.prompt_limits](Shell& shell, const Arguments& arguments, Reply& reply) {
               prompt_command(shell, limits(), arguments, reply);
             },
             complete});
}

}  // namespace assay
