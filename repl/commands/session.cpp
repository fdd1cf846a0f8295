// help, exit, clear, set, kinds, history, source, !

#include <algorithm>

#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "repl/help_pages.hpp"
#include "repl/run_list.hpp"
#include "repl/shell.hpp"
#include "repl/shell_line.hpp"
#include "repl/views.hpp"
#include "repl/wrapped.hpp"

namespace assay {
namespace {

void help_page(const HelpPage& page, Reply& reply) {
  Json examples = Json::array();
  std::string_view text = page.text;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.starts_with("> ")) {
      reply.line(line);
      continue;
    }
    line.remove_prefix(2);
    const std::size_t remark = line.find("  #");
    const std::string_view command = line.substr(0, remark);
    examples.push_back(command);
    const std::size_t column = 44;
    StyledText shown;
    shown.add("  ").add(command, TextRole::name);
    if (remark != std::string_view::npos) {
      shown.add(std::string(command.size() < column ? column - command.size() : 2, ' '));
      shown.add(line.substr(remark + 2), TextRole::dim);
    }
    reply.line(shown);
  }
  reply.result = Json::object({{"topic", page.name}, {"summary", page.summary}, {"examples", std::move(examples)}});
}

/// A usage as far as a list has room for it.
std::string short_usage(const std::string& usage) {
  constexpr std::size_t room = 30;
  if (usage.size() <= room) return usage;
  std::size_t end = usage.find(' ');  // a blank outside of brackets
  int open = 0;
  for (std::size_t i = 0; i + 3 < room; ++i) {
    if (usage[i] == '[') ++open;
    if (usage[i] == ']') --open;
    if (usage[i] == ' ' && open == 0 && usage[i + 1] != '|') end = i;
  }
  std::string text = usage.substr(0, end);
  if (text.ends_with(" |")) text.resize(text.size() - 2);
  return text.ends_with("..") ? text : text + " ..";
}

/// For somebody who sees the program for the first time.
void first_lines(Reply& reply) {
  Table table({{"", false, false}, {"", false, true}}, 2);
  const auto row = [&](const char* line, const char* does) { table.row({cell(line, TextRole::name), cell(does)}); };
  reply.line(StyledText().add("to begin with, each line as it stands (no key, no network)", TextRole::title));
  row("load qa sample", "40 questions that come with the program");
  row("run_n 8", "asks a model, 8 at a time");
  row("ls score:INCORRECT", "what was answered wrong, as a numbered list");
  row("detail 1", "everything about the first of them");
  row("report", "the results; report qa results.html makes a page of them");
  reply.table(table);
  reply.line(StyledText().add("topics", TextRole::title));
  table = Table({{"", false, false}, {"", false, true}}, 2);
  for (const HelpPage& page : help_pages()) {
    table.row({cell("help " + std::string(page.name), TextRole::name), cell(page.summary)});
  }
  table.row({cell("help COMMAND", TextRole::name), cell("one command with its arguments and examples")});
  reply.table(table);
}

void help(Shell& shell, const Arguments& arguments, Reply& reply) {
  reply.paged = true;
  if (arguments.size() > 0) {
    const std::string topic = arguments.rest(0);
    // `status` is a command, its words are a page.
    if (const HelpPage* page = find_help_page(topic == "words" ? "status words" : topic)) {
      help_page(*page, reply);
      return;
    }
    const Command& command = shell.commands().require(topic);
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
    // A command without arguments is its own example.
    const std::vector<std::string> examples = command.examples.empty() ? std::vector{command.name} : command.examples;
    for (const std::string& example : examples) reply.line(StyledText().add("  e.g. ", TextRole::dim).add(example));
    reply.result["command"] = command.name;
    reply.result["usage"] = command.usage;
    reply.result["summary"] = command.summary;
    reply.result["examples"] = examples;
    return;
  }
  first_lines(reply);
  Json list = Json::array();
  std::vector<std::string> groups;
  for (const Command& command : shell.commands().all()) {
    if (std::find(groups.begin(), groups.end(), command.group) == groups.end()) groups.push_back(command.group);
  }
  for (const std::string& group : groups) {
    Table table({{"", false, false}, {"", false, true}}, 2);
    for (const Command& command : shell.commands().all()) {
      if (!command.shown || command.group != group) continue;
      table.row({cell(short_usage(command.usage), TextRole::name), cell(command.summary)});
      list.push_back(Json::object({{"command", command.name}, {"usage", command.usage}, {"summary", command.summary}}));
    }
    if (table.size() == 0) continue;
    reply.line(StyledText().add(group, TextRole::title));
    reply.table(table);
  }
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
    // Elsewhere than at an attached terminal a setting is one's own.
    if (shell.options().attached) shell.require_writable("set changes settings of the whole program");
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

void history(Shell& shell, const Arguments&, Reply& reply) {
  reply.result = shell.history();
  std::size_t k = 0;
  for (const std::string& line : shell.history()) reply.line(std::to_string(++k) + "  " + line);
  reply.paged = true;
}

/// Runs where the person sits who typed it.
void shell_line(Shell& shell, const Arguments& arguments, Reply& reply) {
  const std::string line = arguments.line.substr(1);
  const ShellOptions& options = shell.options();
  int code = 0;
  shell.work([&] {
    code = options.port != nullptr
               ? options.port->run_shell_line(line)
               : run_shell_line(line, shell.models().child_environment(), options.json ? options.error : 1);
  });
  reply.result["status"] = code;
  if (code != 0) throw Error("shell", "the command ended with status " + std::to_string(code));
}

std::vector<Candidate> command_names(Shell& shell, std::string_view word) {
  std::vector<Candidate> names;
  for (const HelpPage& page : help_pages()) {
    if (page.name.starts_with(word)) names.push_back({std::string(page.name), std::string(page.summary)});
  }
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
             "help [COMMAND | TOPIC]",
             "the commands; one with its arguments and examples; a topic: first, query, keys, scripts, status words",
             {"help first", "help run_n", "help status words"},
             {},
             0,
             2,
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
             [](Shell& shell, const Arguments&, Reply&) { shell.clear_screen(); },
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
