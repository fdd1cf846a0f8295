#include "app/program.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include "app/arguments.hpp"
#include "app/attach_command.hpp"
#include "app/budget_check.hpp"
#include "app/early_prompt.hpp"
#include "app/extra_commands.hpp"
#include "app/extract_command.hpp"
#include "app/front_process.hpp"
#include "app/function_kind.hpp"
#include "app/judge_command.hpp"
#include "app/opening.hpp"
#include "app/pinned_models.hpp"
#include "app/repair.hpp"
#include "app/signals.hpp"
#include "app/trusted_commands.hpp"
#include "app/version.hpp"
#include "app/without_terminal.hpp"
#include "core/ledger/budget_book.hpp"
#include "core/store/sqlite_store.hpp"
#include "core/text/byte_size.hpp"
#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "experiments/annotation/annotation.hpp"
#include "experiments/arithmetic/arithmetic.hpp"
#include "experiments/debate/debate.hpp"
#include "experiments/declared/declared.hpp"
#include "experiments/discussion/discussion.hpp"
#include "experiments/exec/exec.hpp"
#include "experiments/judge/judge.hpp"
#include "experiments/peer_prediction/peer_prediction.hpp"
#include "experiments/qa/hub.hpp"
#include "experiments/qa/qa.hpp"
#include "repl/commands/budget.hpp"
#include "repl/commands/cache.hpp"
#include "repl/commands/metrics.hpp"
#include "repl/commands/models.hpp"
#include "repl/commands/plot.hpp"
#include "repl/commands/replay.hpp"
#include "repl/plain_editor.hpp"
#include "repl/remote_server.hpp"
#include "repl/shell.hpp"
#include "runners/llm/batch_book.hpp"
#include "runners/llm/child_environment.hpp"
#include "runners/llm/http.hpp"
#include "runners/llm/local_models.hpp"
#include "runners/process/program_host.hpp"
#include "runners/prompt/settings.hpp"

namespace assay {
namespace {

struct StartBatch {
  std::string name, kind;
  std::vector<NewRun> runs;
};

std::vector<std::string> lines_of(const std::string& line) {
  return line.empty() ? std::vector<std::string>() : std::vector<std::string>{line};
}

/// Runs what the command line gave, or reads lines: of an early prompt first what is entered there.
void converse(Shell& shell, const ProgramArguments& arguments, EarlyPrompt* early) {
  if (arguments.scripts.empty()) {
    shell.run_interactive(early == nullptr ? std::nullopt : std::optional(early->first_line()));
    return;
  }
  for (const ProgramArguments::Script& script : arguments.scripts) {
    const std::string text = script.is_file ? read_file(script.text, 16U << 20) : script.text;
    if (!shell.run_script(text, script.is_file ? script.text : "-c")) return;
  }
}

/// What those who are attached are told when the program ends.
std::string why_it_ends(const Shell& shell, bool interactive) {
  const std::string begin = "the program has ended: ";
  switch (shell.exit_status()) {
    case 143:
      return begin + "it got SIGTERM; what is under way is recorded";
    case 129:
      return begin + "the terminal that began it was closed (`detach` there lets it go on)";
    case 131:
      return begin + "it got SIGQUIT";
    default:
      if (shell.detached()) return begin + "no job was left";
      return begin + (interactive ? "it was left at the terminal that began it (`detach` there lets it go on)"
                                  : "its script is done");
  }
}

/// Who is refused because another program writes the file is told how to join it.
std::unique_ptr<Store> open_store(const StoreOptions& options) {
  try {
    return open_sqlite_store(options);
  } catch (const Error& error) {
    const std::string join = options.read_only ? std::string() : attach_hint(options.path);
    if (join.empty()) throw;
    throw Error(error.kind(), error.message(), error.place(), join + "; " + error.hint());
  }
}

}  // namespace

struct Program::Parts {
  std::vector<std::function<std::unique_ptr<Kind>(const Services&)>> kinds;
  std::vector<StartBatch> batches;

  int run(const ProgramArguments& arguments, FrontProcess* front);
};

Program::Program() : parts_(std::make_unique<Parts>()) {
  add_kind([](const Services& services) { return make_arithmetic_kind({services.chat, services.models}); });
  add_kind([](const Services& services) {
    return make_qa_kind({services.chat, services.models, services.hub, services.prompt_limits});
  });
  add_kind([](const Services& services) {
    return make_debate_kind({services.chat, services.models, services.hub, services.prompt_limits});
  });
  add_kind([](const Services& services) {
    return make_discussion_kind({services.chat, services.models, services.budget_left});
  });
  add_kind([](const Services& services) {
    return make_annotation_kind({services.chat, services.models, services.budget_left});
  });
  add_kind([](const Services& services) {
    return make_judge_kind({services.chat, services.models, services.prompt_limits,
                            [setting = services.setting] { return setting ? setting("judge") : std::string(); }});
  });
  add_kind([](const Services& services) {
    return make_peer_prediction_kind({services.chat, services.models, services.prompt_limits});
  });
  add_kind([](const Services& services) {
    return make_exec_kind({services.chat, services.models, *services.programs, services.child_environment,
                           services.redact, services.tell,
                           [trusted = services.trusted](const std::string& command) { trusted->add(command); },
                           [trusted = services.trusted](const std::string& command) { return trusted->has(command); }});
  });
  add_kind([](const Services& services) {
    return make_declared_kind({services.chat, services.models, services.hub, services.prompt_limits});
  });
}

Program::~Program() = default;

Program& Program::add_kind(std::function<std::unique_ptr<Kind>(const Services&)> make) {
  parts_->kinds.push_back(std::move(make));
  return *this;
}

Program& Program::add_load_function(const std::string& name, const std::string& summary, LoadFunction load,
                                    RunnerFactory make_runner, std::vector<Parameter> parameters) {
  return add_kind([=](const Services& services) {
    return make_function_kind({name, summary, load, make_runner, parameters}, services);
  });
}

Program& Program::add_batch(const std::string& name, const std::string& kind, std::vector<NewRun> runs) {
  parts_->batches.push_back({name, kind, std::move(runs)});
  return *this;
}

int Program::start_command_line(int argc, char** argv) {
  prepare_process();
  int status = 0;
  if (argc > 1 && std::string_view(argv[1]) == "repair") return repair_from_command_line(argc, argv);
  const std::optional<ProgramArguments> arguments = parse_program_arguments(argc, argv, status);
  if (!arguments) return status;
  try {
    if (arguments->attach) return attach(*arguments);
    const std::unique_ptr<FrontProcess> front =
        is_interactive(*arguments) && !arguments->read_only ? FrontProcess::start() : nullptr;
    return parts_->run(*arguments, front.get());
  } catch (const Error& error) {
    std::cerr << "assay: " << safe(error.what(), false).text() << "\n";
    if (!error.hint().empty()) std::cerr << "       " << safe(error.hint(), false).text() << "\n";
  } catch (const std::exception& error) {
    std::cerr << "assay: " << safe(error.what(), false).text() << "\n";
  }
  return 1;
}

int Program::Parts::run(const ProgramArguments& arguments, FrontProcess* front) {
  SystemClock clock;
  SystemEntropy entropy;
  Settings settings;
  for (auto& specs : {engine_settings(), llm_settings(), prompt_settings(), shell_settings(), opening_settings(),
                      pinned_settings(), hub_settings(), judge_kind_settings()}) {
    for (const SettingSpec& spec : specs) settings.declare(spec);
  }
  read_settings(settings);

  const bool interactive = is_interactive(arguments);
  LineEditorOptions editor_options;
  std::unique_ptr<LineEditor> editor =
      interactive ? make_line_editor(editor_options) : std::make_unique<PlainEditor>(editor_options);
  const std::string history = state_file("history");
  if (interactive && !history.empty()) editor->open_history(history);
  std::optional<EarlyPrompt> early;
  if (editor->is_interactive())
    early.emplace(*editor, shell_title(kVersion, arguments.experiment), front == nullptr ? 0 : front->pid());

  Terminals terminals;
  std::atomic<bool> has_terminals{false};
  const auto tell = [&](const std::string& text) {
    if (has_terminals) {
      terminals.tell(text);
    } else if (!early || !early->tell(text)) {
      std::cerr << safe(text, false).text() << "\n";
    }
  };

  make_folder_for(arguments.experiment);
  StoreOptions store_options;
  store_options.path = arguments.experiment;
  store_options.read_only = arguments.read_only;
  store_options.take_over = arguments.take_over;
  store_options.backup_on_migration = !arguments.no_backup;
  store_options.version = kVersion;
  store_options.disk_reserve = parse_bytes(settings.get("disk_reserve"));
  store_options.notice = tell;
  std::unique_ptr<Store> store = open_store(store_options);
  const auto print = [&](const std::vector<std::string>& lines) {
    for (const std::string& line : lines) tell(line);
  };
  print(recovery_lines(*store));
  print(sibling_lines(*store));

  // The model client. Declared before what uses it, so that it outlives it.
  SecretStore secrets;
  Limiter limiter(clock);
  limiter.restore(stored_pauses(*store), same_boot(*store));
  limiter.restore(stored_limits(*store));
  HttpOptions http_options;
  http_options.notice = tell;
  const auto http = std::make_unique<InProcessTransport>(secrets, http_options);
  const EnvironmentLookup environment = process_environment(".");
  ModelsConfig config = load_models(environment, ".");
  const auto child_environment = [&secrets, environment,
                                  keys = key_variables(config)](const std::vector<std::string>& allowed) {
    for (const std::string& name : allowed) {
      if (auto value = environment(name)) secrets.put(name, std::move(*value));
    }
    return environment_without_keys(keys, secrets, environment, allowed);
  };
  // Programs as models, in front of HTTP.
  const auto transport = std::make_unique<LocalModels>(
      *http, secrets, LocalOptions{environment, child_environment, tell, [&entropy] { return entropy.next(); }});
  Store& opened = *store;
  Budget budget;
  ResponseCache cache(opened);
  ChatClient chat({clock, entropy, *transport, secrets, limiter,
                   [&settings](std::string_view name) { return settings.get(name); }, opened.experiment_id(), kVersion,
                   [&](const PauseInfo& pause) {
                     keep_pause(opened, pause);
                     keep_limits(opened, limiter.learned());
                   },
                   &budget, &cache, [&settings] { return settings.version(); }});
  ModelRegistry models(
      environment, secrets, std::move(config), &limiter, [&settings] { return settings.get("model"); },
      [&chat] { return chat.target_states(); },
      {[&settings](std::string_view name) { return settings.get(name); },
       [&http] { return lines_of(width_line(http->statistics())); }, transport.get()});
  print(models.warnings());
  if (const auto token = environment(kHubToken); token && !token->empty()) secrets.put(kHubToken, *token);
  const WebReader web({*transport, [&opened] { return opened.reserve_call(); }, secrets, kVersion});
  const Hub hub(web, [&settings] { return settings.get("hf.base"); });
  ProgramHost programs;
  TrustedCommands trusted(state_file("trusted"));
  const Services services{
      chat,
      models,
      &hub,
      [&settings] { return prompt_limits([&](std::string_view name) { return settings.get(name); }); },
      [&budget]() -> std::optional<Pico> {
        const BudgetState all = budget.tally({});
        if (all.cap < 0) return std::nullopt;
        return std::max<Pico>(0, all.cap - all.settled - all.possible - all.reserved);
      },
      [&settings](std::string_view name) { return settings.get(name); },
      &programs,
      &trusted,
      child_environment,
      [&secrets](std::string_view text) { return secrets.redact(text); },
      tell};
  KindRegistry registry;
  for (const auto& make : kinds) registry.add(make(services));

  Experiment* open_experiment = nullptr;
  Experiment experiment(
      {std::move(store), registry, clock, settings, arguments.threads,
       [&](const JobFacts& facts) { terminals.job_ended(facts); },
       [&](std::vector<BatchInfo>& batches_of_job) {
         take_changes(models, settings.get("models") == "refresh", batches_of_job, tell,
                      [&](BatchId batch, const Json& pinned) { open_experiment->set_pinned(batch, pinned); });
       },
       [&](const std::vector<BatchInfo>& batches_of_job) { check_priced(budget, models, batches_of_job); },
       [&chat, &transport] {
         chat.try_targets_again();
         transport->try_again();
       },
       [&](const std::string& note) {
         if (has_terminals) terminals.tell(note);
       },
       [&](std::size_t done, std::size_t all) {
         if (early) early->at(done, all);
       }});
  open_experiment = &experiment;
  print(doubt_lines(opened, experiment.table()));
  BudgetBook budget_book(budget, opened, experiment.table());
  BatchBook bulk({opened, experiment.table(), clock, models, secrets, *transport, &budget, kVersion,
                  interactive ? std::function<void(const std::string&)>(tell) : nullptr});
  for (StartBatch& batch : batches) {
    if (experiment.table().read().find_batch(batch.name)) continue;
    LoadedBatch loaded;
    loaded.info.name = batch.name;
    loaded.info.kind = batch.kind;
    loaded.info.params = resolve_parameters(registry.require(batch.kind).parameters(), {}, batch.kind);
    loaded.runs = batch.runs;
    experiment.add(std::move(loaded));
  }

  const std::shared_ptr<MetricsWriter> metrics_writer = make_metrics_writer({experiment, models, budget_book, tell});
  const auto make_shell = [&](LineEditor& of_terminal, const ShellOptions& options) {
    auto shell = std::make_unique<Shell>(
        ShellParts{experiment, registry, models, settings, of_terminal, terminals, &bulk}, options);
    add_extra_commands(shell->commands(), services);
    add_extract_command(shell->commands());
    add_judge_command(shell->commands());
    add_trust_command(shell->commands(), trusted);
    add_budget_command(shell->commands(), budget_book);
    add_cache_command(shell->commands(), cache);
    add_models_command(shell->commands(), [&](const std::string& lane) {
      limiter.restore({LearnedLimits{lane}});
      keep_limits(opened, limiter.learned());
    });
    add_plot_command(shell->commands());
    add_metrics_command(shell->commands(), metrics_writer);
    add_replay_command(shell->commands(), [&](const BatchInfo& batch) {
      const ModelRegistry::Offline offline(models);
      return registry.require(batch.kind).make_runner(batch, {});
    });
    return shell;
  };
  std::string no_server = "nobody could come back to an experiment in memory, or open for reading only";
  std::unique_ptr<RemoteServer> server;
  if (arguments.experiment != ":memory:" && !arguments.read_only) {
    try {
      server = std::make_unique<RemoteServer>(RemoteServerParts{arguments.experiment, terminals, make_shell, kVersion});
    } catch (const Error& error) {
      no_server = error.what();
      if (interactive) print({"no other terminal can attach: " + no_server});
    }
  }

  int status = 0;
  {
    ShellOptions options;
    options.json = arguments.json;
    options.interactive = interactive;
    options.version = kVersion;
    if (interactive)
      options.cannot_detach = server == nullptr ? no_server : front == nullptr ? "no process is left" : "";
    const std::unique_ptr<Shell> shell = make_shell(*editor, options);
    shell->join_terminals();
    has_terminals = true;
    {
      const bool prompted = early && early->opened();
      const SignalThread signals(
          [&](int signal) {
            if (signal == SIGINT) shell->interrupt();
            if (signal == SIGWINCH) editor->resized();
            if (signal == SIGTSTP) editor->suspend();
            if (signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT) shell->end_by_signal(signal);
          },
          front == nullptr ? 0 : front->pid());
      if (early && early->ended_by() != 0) shell->end_by_signal(early->ended_by());
      if (interactive) shell->greet(prompted);
      converse(*shell, arguments, prompted ? &*early : nullptr);
      if (shell->detached()) {
        shell->leave_terminals();
        front->leave_terminal();
        editor->let_go();
        go_on_without_terminal(*shell, *server);
      }
      if (server) server->stop(why_it_ends(*shell, interactive));
      shell->wind_down();
      if (!experiment.engine().has_lost_workers()) experiment.finish_milestones();
      keep_limits(opened, limiter.learned());
      for (const std::string& line : bulk.finish()) {
        if (!interactive) std::cerr << safe(line, false).text() << "\n";
      }
    }
    status = shell->exit_status();
    has_terminals = false;
  }
  server.reset();
  if (experiment.engine().has_lost_workers()) {
    // A runner's code never came back: its thread still uses what is here. Everything is on disk; leave without it.
    bulk.finish();
    experiment.close_file();
    std::_Exit(status);
  }
  return status;
}

}  // namespace assay
