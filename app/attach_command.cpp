#include "app/attach_command.hpp"

#include <signal.h>

#include "app/opening.hpp"
#include "app/signals.hpp"
#include "app/version.hpp"
#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "repl/plain_editor.hpp"
#include "repl/remote/socket_place.hpp"
#include "repl/remote_client.hpp"
#include "runners/llm/child_environment.hpp"
#include "runners/llm/models_file.hpp"

namespace assay {
namespace {

int connection(const std::string& experiment) {
  if (experiment == ":memory:")
    throw Error("attach", "an experiment in memory can't be attached to", experiment, "only those with a file");
  try {
    return connect_to(socket_path(experiment));
  } catch (const Error& error) {
    throw Error("attach", "can't be attached to: " + error.message(), experiment,
                "attach joins a program that has the experiment open; `assay " + experiment + "` opens it");
  }
}

/// Keys of models are for models.
std::vector<std::string> pager_variables() {
  const EnvironmentLookup environment = process_environment(".");
  ModelsConfig config;
  try {
    config = load_models(environment, ".");
  } catch (const Error&) {  // the program there has read its own; without ours, the built-in names of keys are known
  }
  return environment_without_keys(key_variables(config), SecretStore(), environment);
}

}  // namespace

std::string attach_hint(const std::string& experiment) {
  if (experiment == ":memory:" || !is_answered(socket_path(experiment))) return {};
  return "`assay attach " + experiment + "` joins it";
}

int attach(const ProgramArguments& arguments) {
  const bool interactive = is_interactive(arguments);
  const int fd = connection(arguments.experiment);
  const LineEditorOptions editor_options;
  const std::unique_ptr<LineEditor> editor =
      interactive ? make_line_editor(editor_options) : std::make_unique<PlainEditor>(editor_options);
  const std::string history = interactive ? state_file("history") : std::string();
  if (!history.empty()) editor->open_history(history);
  RemoteClientParts parts{arguments.experiment, *editor, interactive, arguments.json,
                          arguments.read_only,  {},      kVersion,    pager_variables};
  if (!arguments.scripts.empty()) {
    parts.scripts.emplace();
    for (const ProgramArguments::Script& script : arguments.scripts) {
      parts.scripts->push_back({script.is_file ? read_file(script.text, kMaxFrameBytes / 8) : script.text,
                                script.is_file ? script.text : "-c"});
    }
  }
  RemoteClient client(fd, std::move(parts));
  const SignalThread signals([&](int signal) {
    if (signal == SIGINT) client.interrupt();
    if (signal == SIGWINCH) client.resized();
    if (signal == SIGTSTP) editor->suspend();
    if (signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT) client.end_by_signal(signal);
  });
  return client.converse();
}

}  // namespace assay
