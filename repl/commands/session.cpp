// help, exit, clear, set, kinds, models, history, source, !

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "repl/run_list.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

/// Lines broken at blanks, so that a terminal of `width` columns doesn't break them within a word; 0: one line.
void wrapped(std::string_view text, std::string_view indent, std::size_t width, Reply& reply,
             TextRole role = TextRole::plain) {
  std::string line(indent);
  bool empty = true;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string word(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!empty && width > 0 && StyledText().add(line + " " + word).width() > width) {
      reply.line(StyledText().add(line, role));
      line = indent;
      empty = true;
    }
    line += (empty ? "" : " ") + word;
    empty = false;
  }
  reply.line(StyledText().add(line, role));
}

void help(Shell& shell, const Arguments& arguments, Reply& reply) {
  reply.paged = true;
  if (arguments.size() > 0) {
    const Command& command = shell.commands().require(arguments.at(0));
    wrapped(command.usage, "", reply.width, reply, TextRole::title);
    wrapped(command.summary, "  ", reply.width, reply);
    std::string aliases;
    for (const std::string& alias : command.aliases) aliases += (aliases.empty() ? "" : ", ") + alias;
    if (!aliases.empty()) reply.line("  also: " + aliases);
    if (!command.flags.empty()) {
      Table table({{"", false, false}, {"", false, true}}, 2);
      for (const Flag& flag : command.flags) {
        table.row({cell(flag.name + (flag.value.empty() ? "" : " " + flag.value), TextRole::name), cell(flag.help)});
      }
      reply.table(table);
    }
    for (const std::string& example : command.examples) {
      reply.line(StyledText().add("  e.g. ", TextRole::dim).add(example));
    }
    reply.result["command"] = command.name;
    reply.result["usage"] = command.usage;
    reply.result["summary"] = command.summary;
    return;
  }
  Json list = Json::array();
  std::string group;
  Table table({{"", false, false}, {"", false, true}}, 2);
  const auto flush = [&] {
    if (table.size() > 0) {
      reply.line(StyledText().add(group, TextRole::title));
      reply.table(table);
    }
    table = Table({{"", false, false}, {"", false, true}}, 2);
  };
  for (const Command& command : shell.commands().all()) {
    if (!command.shown) continue;
    if (command.group != group) {
      flush();
      group = command.group;
    }
    table.row({cell(command.usage, TextRole::name), cell(command.summary)});
    list.push_back(Json::object({{"command", command.name}, {"usage", command.usage}, {"summary", command.summary}}));
  }
  flush();
  reply.line(
      "A QUERY is text of the name, r:REGEX, status:FAIL, 3, [2-5], data.k=3, steps>2 .. joined by blanks, |, !, ().");
  reply.line("`help COMMAND` tells more.");
  reply.result = std::move(list);
}

void set(Shell& shell, const Arguments& arguments, Reply& reply) {
  Settings& settings = shell.settings();
  if (arguments.size() == 1 && arguments.at(0) == "-e") {
    shell.stop_at_first_error(true);
    return;
  }
  // `set NAME VALUE`, and `set NAME=VALUE` as hints write it.
  std::string name = arguments.size() > 0 ? arguments.at(0) : "", text = arguments.size() == 2 ? arguments.at(1) : "";
  const std::size_t equals = name.find('=');
  const bool joined = arguments.size() == 1 && equals != std::string::npos;
  if (joined) {
    text = name.substr(equals + 1);
    name.resize(equals);
  }
  if (arguments.size() == 2 || joined) {
    if (name == "model") shell.models().describe(text);  // throws for one that can't be
    settings.set(name, text, "set");
    reply.line(name + " = " + settings.get(name));
    reply.result[name] = settings.get(name);
    return;
  }
  Table table({{"setting", false, false}, {"value", false, true}, {"from", false, false}, {"meaning", false, true}});
  for (const SettingSpec& spec : settings.all()) {
    if (arguments.size() == 1 && spec.name != arguments.at(0)) continue;
    const std::string value = settings.get(spec.name);
    table.row({cell(spec.name, TextRole::name), cell(value), cell(settings.origin(spec.name), TextRole::dim),
               cell(spec.help)});
    reply.result[spec.name] = Json::object({{"value", value}, {"from", settings.origin(spec.name)}});
  }
  if (table.size() == 0) settings.set(arguments.at(0), "", "set");  // refuses an unknown name, with the nearest
  reply.table(table);
}

void kinds(Shell& shell, const Arguments& arguments, Reply& reply) {
  reply.result = Json::array();
  for (const Kind* kind : shell.kinds().all()) {
    if (arguments.size() > 0 && kind->name() != arguments.at(0)) continue;
    reply.line(StyledText().add(kind->name(), TextRole::title).add("  " + kind->summary()));
    Json parameters = Json::array();
    Table table(
        {{"parameter", false, false}, {"type", false, false}, {"default", false, true}, {"meaning", false, true}}, 2);
    for (const Parameter& parameter : kind->parameters()) {
      std::string type;
      switch (parameter.type) {
        case Parameter::Type::text:
          type = "text";
          break;
        case Parameter::Type::integer:
          type = "whole number";
          break;
        case Parameter::Type::number:
          type = "number";
          break;
        case Parameter::Type::boolean:
          type = "yes|no";
          break;
        case Parameter::Type::choice:
          for (const std::string& choice : parameter.choices) type += (type.empty() ? "" : "|") + choice;
          break;
      }
      table.row({cell(parameter.name, TextRole::name), cell(type), cell(parameter.default_text), cell(parameter.help)});
      parameters.push_back(Json::object(
          {{"name", parameter.name}, {"type", type}, {"default", parameter.default_text}, {"help", parameter.help}}));
    }
    if (arguments.size() > 0) {
      reply.table(table);
      std::string samples;
      for (const std::string& sample : kind->samples()) samples += (samples.empty() ? "" : ", ") + sample;
      if (!samples.empty()) reply.line("  samples that come with it: " + samples);
      reply.line("  for every kind: as=NAME limit=N shuffle=SEED epochs=K; key=a,b,c makes one batch per value");
    }
    reply.result.push_back(
        Json::object({{"kind", kind->name()}, {"summary", kind->summary()}, {"parameters", std::move(parameters)}}));
  }
  if (arguments.size() > 0 && reply.lines.empty()) shell.kinds().require(arguments.at(0));
  if (arguments.size() == 0) reply.line(StyledText().add("`kinds KIND` shows its parameters", TextRole::dim));
  reply.paged = true;
}

void models(Shell& shell, const Arguments& arguments, Reply& reply) {
  if (arguments.size() == 2 && arguments.at(0) == "import-prices") {
    const std::vector<std::string> lines = shell.models().import_prices(arguments.at(1));
    for (const std::string& line : lines) reply.line(line);
    reply.result["lines"] = lines;
    return;
  }
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
                "usage: models | models show MODEL | models log MODEL | models import-prices FILE");
  }
  if (arguments.size() > 0) {
    const std::string& word = arguments.at(arguments.size() - 1);
    if (arguments.size() == 1 && (word == "show" || word == "import-prices"))
      throw Error("usage", "models " + word + ": " + (word == "show" ? "which model?" : "which file?"), {},
                  word == "show" ? "e.g. models show openai/gpt-4o" : "e.g. models import-prices prices.json");
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

void history(Shell& shell, const Arguments&, Reply& reply) {
  reply.result = shell.history();
  std::size_t k = 0;
  for (const std::string& line : shell.history()) reply.line(std::to_string(++k) + "  " + line);
  reply.paged = true;
}

/// The one shell there is: a line typed by a person. The child gets signals as it would from any shell.
void shell_line(Shell& shell, const Arguments& arguments, Reply& reply) {
  std::string command = arguments.line.substr(1);
  std::string name = "sh", option = "-c";
  char* argv[] = {name.data(), option.data(), command.data(), nullptr};
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (shell.options().json) posix_spawn_file_actions_adddup2(&actions, shell.options().error, 1);
  pid_t child = 0;
  // Keys of models are for models.
  std::vector<std::string> variables = shell.models().child_environment();
  std::vector<char*> environment;
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  const int problem = posix_spawn(&child, "/bin/sh", &actions, &attributes, argv, environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (problem != 0) throw Error("shell", "/bin/sh can't be started: " + std::string(strerrordesc_np(problem)));
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  reply.result["status"] = code;
  if (code != 0) throw Error("shell", "the command ended with status " + std::to_string(code));
}

std::vector<Candidate> complete_models(Shell& shell, const std::vector<std::string>& before, std::string_view word) {
  std::vector<Candidate> found;
  if (before.size() == 1) {
    for (const auto& [name, help] :
         {std::pair("show", "where each value of one is from"), std::pair("log", "what a local program has said"),
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

std::vector<Candidate> command_names(Shell& shell, std::string_view word) {
  std::vector<Candidate> names;
  for (const Command& command : shell.commands().all()) {
    if (command.shown && command.name.starts_with(word)) names.push_back({command.name, command.summary});
  }
  return names;
}

}  // namespace

void add_session_commands(CommandTable& table) {
  const std::string group = "session";
  table.add({"help",
             {"h", "?"},
             group,
             "help [COMMAND]",
             "the commands, or one with its arguments and examples",
             {"help run_n"},
             {},
             0,
             1,
             false,
             true,
             help,
             [](Shell& shell, const std::vector<std::string>&, std::string_view word) {
               return command_names(shell, word);
             }});
  table.add({"exit",
             {"quit", "q"},
             group,
             "exit",
             "leave; with runs in flight it asks (drain, stop, cancel)",
             {},
             {},
             0,
             0,
             false,
             true,
             [](Shell& shell, const Arguments&, Reply&) { shell.ask_before_leaving(); },
             {}});
  table.add({"clear",
             {"c"},
             group,
             "clear",
             "clear the screen",
             {},
             {},
             0,
             0,
             false,
             true,
             [](Shell& shell, const Arguments&, Reply&) {
               if (shell.options().interactive)
                 Screen(shell.options().out, terminal_facts(shell.options().out)).clear();
             },
             {}});
  table.add({"set",
             {},
             group,
             "set [NAME [VALUE]]",
             "settings, with where each value comes from; `set -e` stops a script at its first error",
             {"set timeout.step 10m", "set in_doubt hold"},
             {},
             0,
             2,
             false,
             true,
             set,
             [](Shell& shell, const std::vector<std::string>& before, std::string_view word) {
               std::vector<Candidate> names;
               if (before.size() > 1) return names;
               for (const SettingSpec& spec : shell.settings().all()) {
                 if (spec.name.starts_with(word)) names.push_back({spec.name, spec.help});
               }
               return names;
             }});
  table.add({"kinds",
             {},
             group,
             "kinds [KIND]",
             "the kinds of experiment, or the parameters of one",
             {"kinds qa"},
             {},
             0,
             1,
             false,
             true,
             kinds,
             [](Shell& shell, const std::vector<std::string>&, std::string_view word) {
               std::vector<Candidate> names;
               for (const Kind* kind : shell.kinds().all()) {
                 if (kind->name().starts_with(word)) names.push_back({kind->name(), kind->summary()});
               }
               return names;
             }});
  table.add({"models",
             {},
             group,
             "models | models show MODEL | models log MODEL | models import-prices FILE",
             "models that can be named, with keys (set or missing), limits and state; one with where each value is "
             "from; what a local program has said; prices from a price map",
             {"models show openai/gpt-4o", "models log qwen", "models import-prices model_prices.json"},
             {},
             0,
             2,
             false,
             true,
             models,
             complete_models});
  table.add({"history", {}, group, "history", "what was typed before", {}, {}, 0, 0, false, true, history, {}});
  table.add({"source",
             {},
             group,
             "source FILE",
             "run the commands of a file",
             {"source night.assay"},
             {},
             1,
             1,
             false,
             true,
             [](Shell& shell, const Arguments& arguments, Reply&) {
               shell.run_script(read_file(arguments.at(0), 16U << 20), arguments.at(0));
             },
             {}});
  table.add({"!",
             {},
             group,
             "! COMMAND",
             "a command of the system's shell",
             {"! ls saves"},
             {},
             0,
             SIZE_MAX,
             false,
             true,
             shell_line,
             {}});
}

}  // namespace assay
