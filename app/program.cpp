#include "app/program.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iostream>

#include "app/arguments.hpp"
#include "app/budget_check.hpp"
#include "app/extra_commands.hpp"
#include "app/extract_command.hpp"
#include "app/function_kind.hpp"
#include "app/judge_command.hpp"
#include "app/opening.hpp"
#include "app/pinned_models.hpp"
#include "app/signals.hpp"
#include "app/version.hpp"
#include "core/ledger/budget_book.hpp"
#include "core/store/sqlite_store.hpp"
#include "core/text/byte_size.hpp"
#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "experiments/annotation/annotation.hpp"
#include "experiments/arithmetic/arithmetic.hpp"
#include "experiments/debate/debate.hpp"
#include "experiments/discussion/discussion.hpp"
#include "experiments/judge/judge.hpp"
#include "experiments/peer_prediction/peer_prediction.hpp"
#include "experiments/qa/hub.hpp"
#include "experiments/qa/qa.hpp"
#include "repl/commands/budget.hpp"
#include "repl/commands/cache.hpp"
#include "repl/commands/replay.hpp"
#include "repl/plain_editor.hpp"
#include "repl/shell.hpp"
#include "runners/llm/batch_book.hpp"
#include "runners/llm/child_environment.hpp"
#include "runners/llm/http.hpp"
#include "runners/llm/local_models.hpp"
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

bool is_terminal(int fd) { return isatty(fd) == 1; }

/// Runs what the command line gave, or reads lines; true: go on to wind down.
void converse(Shell& shell, const ProgramArguments& arguments) {
  if (arguments.scripts.empty()) {
    shell.run_interactive();
    return;
  }
  for (const ProgramArguments::Script& script : arguments.scripts) {
    const std::string text = script.is_file ? read_file(script.text, 16U << 20) : script.text;
    if (!shell.run_script(text, script.is_file ? script.text : "-c")) return;
  }
}

}  // namespace

struct Program::Parts {
  std::vector<std::function<std::unique_ptr<Kind>(const Services&)>> kinds;
  std::vector<StartBatch> batches;

  int run(const ProgramArguments& arguments);
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
  const std::optional<ProgramArguments> arguments = parse_program_arguments(argc, argv, status);
  if (!arguments) return status;
  try {
    return parts_->run(*arguments);
  } catch (const Error& error) {
    std::cerr << "assay: " << safe(error.what(), false).text() << "\n";
    if (!error.hint().empty()) std::cerr << "       " << safe(error.hint(), false).text() << "\n";
  } catch (const std::exception& error) {
    std::cerr << "assay: " << safe(error.what(), false).text() << "\n";
  }
  return 1;
}

int Program::Parts::run(const ProgramArguments& arguments) {
  SystemClock clock;
  SystemEntropy entropy;
  Settings settings;
  for (auto& specs : {engine_settings(), llm_settings(), prompt_settings(), shell_settings(), opening_settings(),
                      pinned_settings(), hub_settings(), judge_kind_settings()}) {
    for (const SettingSpec& spec : specs) settings.declare(spec);
  }
  read_settings(settings);

  const bool interactive = arguments.scripts.empty() && is_terminal(0) && is_terminal(1) && !arguments.json;
  Shell* live_shell = nullptr;
  std::mutex shell_mutex;
  const auto tell = [&](const std::string& text) {
    const std::lock_guard lock(shell_mutex);
    if (live_shell != nullptr) {
      live_shell->notice(text);
    } else {
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
  std::unique_ptr<Store> store = open_sqlite_store(store_options);
  const auto print = [](const std::vector<std::string>& lines) {
    for (const std::string& line : lines) std::cerr << safe(line, false).text() << "\n";
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
  // Programs as models, in front of HTTP.
  const auto transport = std::make_unique<LocalModels>(
      *http, secrets,
      LocalOptions{environment,
                   [&secrets, environment, keys = key_variables(config)](const std::vector<std::string>& allowed) {
                     return environment_without_keys(keys, secrets, environment, allowed);
                   },
                   tell, [&entropy] { return entropy.next(); }});
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
      [&settings](std::string_view name) { return settings.get(name); }};
  KindRegistry registry;
  for (const auto& make : kinds) registry.add(make(services));

  Experiment* open_experiment = nullptr;
  Experiment experiment(
      {std::move(store), registry, clock, settings, arguments.threads,
       [&](const JobFacts& facts) {
         const std::lock_guard lock(shell_mutex);
         if (live_shell != nullptr) live_shell->job_ended(facts);
       },
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
         const std::lock_guard lock(shell_mutex);
         if (live_shell != nullptr) live_shell->notice(note);
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

  LineEditorOptions editor_options;
  std::unique_ptr<LineEditor> editor =
      interactive ? make_line_editor(editor_options) : std::make_unique<PlainEditor>(editor_options);
  const std::string history = history_path();
  if (interactive && !history.empty()) editor->open_history(history);

  int status = 0;
  {
    ShellOptions options;
    options.json = arguments.json;
    options.interactive = interactive;
    options.version = kVersion;
    Shell shell({experiment, registry, models, settings, *editor, &bulk}, options);
    add_extra_commands(shell.commands(), services);
    add_extract_command(shell.commands());
    add_judge_command(shell.commands());
    add_budget_command(shell.commands(), budget_book);
    add_cache_command(shell.commands(), cache);
    add_replay_command(shell.commands(), [&](const BatchInfo& batch) {
      const ModelRegistry::Offline offline(models);
      return registry.require(batch.kind).make_runner(batch, {});
    });
    {
      const std::lock_guard lock(shell_mutex);
      live_shell = &shell;
    }
    {
      const SignalThread signals([&](int signal) {
        if (signal == SIGINT) shell.interrupt();
        if (signal == SIGWINCH) editor->resized();
        if (signal == SIGTSTP) editor->suspend();
        if (signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT) shell.end_by_signal(signal);
      });
      if (interactive) shell.greet();
      converse(shell, arguments);
      shell.wind_down();
      if (!experiment.engine().has_lost_workers()) experiment.finish_milestones();
      keep_limits(opened, limiter.learned());
      for (const std::string& line : bulk.finish()) {
        if (!interactive) std::cerr << safe(line, false).text() << "\n";
      }
    }
    status = shell.exit_status();
    const std::lock_guard lock(shell_mutex);
    live_shell = nullptr;
  }
  if (experiment.engine().has_lost_workers()) {
    // A runner's code never came back: its thread still uses what is here. Everything is on disk; leave without it.
    bulk.finish();
    experiment.close_file();
    std::_Exit(status);
  }
  return status;
}

}  // namespace assay
