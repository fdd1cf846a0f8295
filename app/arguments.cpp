#include "app/arguments.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <thread>

#include "app/version.hpp"

namespace assay {

bool is_interactive(const ProgramArguments& arguments) {
  return arguments.scripts.empty() && isatty(0) == 1 && isatty(1) == 1 && !arguments.json;
}

std::optional<ProgramArguments> parse_program_arguments(int argc, char** argv, int& status) {
  ProgramArguments arguments;
  arguments.threads = std::max(2U, std::thread::hardware_concurrency());
  std::string experiment;
  CLI::App app("assay: an experiment shell for LLM research");
  app.set_version_flag("--version", std::string("assay ") + kVersion);
  app.add_option(
      "EXPERIMENT", experiment,
      "an experiment file; a bare name x means saves/x.assay; :memory: keeps nothing (default: saves/default.assay)");
  app.add_option_function<std::vector<std::string>>(
         "-c",
         [&](const std::vector<std::string>& texts) {
           for (const std::string& text : texts) arguments.scripts.push_back({false, text});
         },
         "run these COMMANDS (separated by ; or line ends) and leave; may repeat")
      ->type_name("COMMANDS")
      ->expected(1)
      ->trigger_on_parse()
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option_function<std::vector<std::string>>(
         "-f",
         [&](const std::vector<std::string>& paths) {
           for (const std::string& path : paths) arguments.scripts.push_back({true, path});
         },
         "the same from a SCRIPT file; - is standard input")
      ->type_name("SCRIPT")
      ->expected(1)
      ->trigger_on_parse()
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_flag("--json", arguments.json, "one JSON object per command on stdout");
  app.add_option("--threads", arguments.threads,
                 "worker threads that compute at the same time (default: hardware threads)")
      ->type_name("N")
      ->check(CLI::Range(1, 4096));
  app.add_flag("--read-only", arguments.read_only,
               "refuse every command that changes the experiment; works beside a writer");
  app.add_flag("--take-over", arguments.take_over, "open although another machine did not close the experiment");
  app.add_flag("--no-backup", arguments.no_backup, "migrate an older file without keeping a copy");
  app.add_option("--log-level", arguments.log_level, "debug, info, warn or error")
      ->type_name("L")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
  app.add_subcommand("attach",
                     "a second terminal on a program that has EXPERIMENT open, to see and steer it or, with "
                     "--read-only, to look; `detach` there and come back by this")
      ->fallthrough()
      ->callback([&] { arguments.attach = true; })
      ->footer("assay attach [EXPERIMENT] [--read-only] [--json] [-c COMMANDS].. [-f SCRIPT]..");
  app.footer("In the shell: `help`. First steps: assay :memory: -c \"load arithmetic sample; run_n 8; stats\"");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    status = app.exit(problem) == 0 ? 0 : 2;
    return {};
  }
  if (experiment.empty()) experiment = "default";
  if (experiment != ":memory:" && experiment.find('/') == std::string::npos && !experiment.ends_with(".assay")) {
    experiment = "saves/" + experiment + ".assay";
  }
  arguments.experiment = experiment;
  return arguments;
}

}  // namespace assay
