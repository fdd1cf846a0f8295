#include "experiments/exec/exec.hpp"

#include <filesystem>

#include "core/text/duration.hpp"
#include "core/text/embedded.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "experiments/exec/report.hpp"
#include "experiments/qa/rows.hpp"
#include "runners/exec_runner.hpp"
#include "runners/llm/local_target.hpp"

namespace assay {
namespace {

constexpr std::string_view kParameter = "param.";

class ExecKind final : public Kind {
 public:
  explicit ExecKind(ExecDependencies dependencies) : dependencies_(std::move(dependencies)) {}

  std::string name() const override { return "exec"; }
  std::string summary() const override { return "runs of a program of yours, in any language: JSON lines in and out"; }
  std::vector<Parameter> parameters() const override {
    using Type = Parameter::Type;
    return {
        {"command", Type::text, "", "the program and its arguments, as a shell splits them: \"python3 runner.py\"", {}},
        {"model", Type::text, "", "what its calls ask that name no model; none: the default model", {}},
        {"workers", Type::integer, "0", "processes at the same time, at most; 0: one for each run in flight", {}},
        {"timeout",
         Type::text,
         "0",
         "longest silence of the program (30s, 5m), beside timeout.step and timeout.run; 0: no limit",
         {}},
        {"max_steps", Type::integer, "1000", "steps after which a run FAILs", {}},
        {"env_keys", Type::text, "", "variables with keys that the program may see: \"HF_TOKEN OTHER_KEY\"", {}},
        {"id", Type::text, "id", "the column that holds the runs' ids, where there is one", {}},
        {std::string(kParameter) + "*", Type::text, "", "whatever the program wants to be told: run.params", {}}};
  }
  std::vector<std::string> samples() const override { return {"sample", "adder.sh"}; }
  std::string_view sample(const std::string& name) const override {
    return name == "sample" || name == "adder.sh" ? ASSAY_EMBEDDED(experiments_exec_samples_sums_jsonl)
                                                  : std::string_view();
  }

  LoadedBatch load(const Source& source, const ParameterTexts& params) const override;
  /// Any data could be: a save has to name its kind.
  bool accepts(const Json&) const override { return false; }
  std::shared_ptr<Runner> make_runner(const BatchInfo& batch, const ParameterTexts& overrides) const override {
    resolve_parameters({}, overrides, name());
    return make(batch, model_of(batch));
  }
  /// Its model is looked for when it asks: most evaluations ask none.
  std::shared_ptr<Runner> make_evaluator(const BatchInfo& batch, const ParameterTexts& overrides) const override {
    resolve_parameters({}, overrides, name());
    return make(batch, nullptr);
  }
  Report report(const BatchView& batch) const override { return exec_report(batch); }

 private:
  ModelHandle model_of(const BatchInfo& batch) const {
    const bool pinned = batch.pinned.is_object() && batch.pinned.contains("model");
    return pinned ? dependencies_.models.callable_pinned(batch.pinned.at("model"))
                  : dependencies_.models.callable(batch.model);
  }
  std::shared_ptr<Runner> make(const BatchInfo& batch, ModelHandle model) const;

  ExecDependencies dependencies_;
};

std::chrono::milliseconds limit_of(const Json& params) {
  const std::string text = params.value("timeout", std::string("0"));
  if (text == "0" || text.empty()) return {};
  try {
    return std::chrono::ceil<std::chrono::milliseconds>(parse_duration(text));
  } catch (const Error& error) {
    throw Error("usage", error.message(), "timeout", "30s, 5m, 1h; 0: no limit");
  }
}

std::int64_t count_of(const Json& params, const char* name, std::int64_t least) {
  const auto value = params.at(name).get<std::int64_t>();
  if (value < least)
    throw Error("usage",
                std::string(name) + "=" + std::to_string(value) + ", expected " + std::to_string(least) + " or more");
  return value;
}

std::string id_of(const Json& data, const std::string& column) {
  if (!data.is_object()) return {};
  const auto found = data.find(column);
  if (found == data.end() || found->is_null() || found->is_structured()) return {};
  return found->is_string() ? found->get<std::string>() : dump_json(*found);
}

LoadedBatch ExecKind::load(const Source& source, const ParameterTexts& params) const {
  LoadedBatch batch;
  batch.info.kind = name();
  batch.info.params = resolve_parameters(parameters(), params, name());
  limit_of(batch.info.params);
  count_of(batch.info.params, "workers", 0);
  count_of(batch.info.params, "max_steps", 1);
  const std::string typed = batch.info.params.value("command", std::string());
  const bool is_sample = typed.empty() && source.embedded && !sample(source.name).empty();
  const PinnedCommand command =
      is_sample ? pin_sample(source.name) : pin_command(typed, batch.info.params.value("env_keys", std::string()));
  const auto model = dependencies_.models.entry(batch.info.params.value("model", std::string()));
  batch.info.model = model->name;
  batch.info.params["model"] = model->name;
  batch.info.pinned = {{"model", to_json(*model)}, {"command", to_json(command)}};
  batch.info.source = source.name;

  RowOptions options;
  options.limit = source.limit;
  read_rows(source, options, batch.warnings, [&](Row&& row) {
    NewRun run;
    run.id = id_of(row.value, batch.info.params.value("id", std::string()));
    if (run.id.empty()) run.id = std::to_string(batch.runs.size() + 1);
    run.data = std::move(row.value);
    batch.runs.push_back(std::move(run));
  });
  if (batch.runs.empty()) throw Error("data", "no runs: expected rows, each the data of one run", source.name);
  dependencies_.trust(identity(command));
  if (is_sample) batch.notes.push_back("each run is executed by " + shown(command) + ", which comes with assay");
  return batch;
}

/// The path of the program; relative ones count from the command's folder.
std::string program_path(const PinnedCommand& command, const std::string& batch) {
  std::string name = command.words.front();
  if (name.find('/') != std::string::npos) name = (std::filesystem::path(command.folder) / name).string();
  const auto refuse = [&](const std::string& why, const std::string& hint) {
    return Error("exec/absent", "batch " + batch + " can't start its program `" + shown(command) + "`: " + why, {},
                 hint);
  };
  std::error_code problem;
  if (!std::filesystem::is_directory(command.folder, problem))
    throw refuse("its folder " + command.folder + " is not there",
                 "`load exec FILE command=..` again, from where the program is now");
  try {
    return find_program(name, [](std::string_view variable) -> std::optional<std::string> {
      const char* value = std::getenv(std::string(variable).c_str());
      return value == nullptr ? std::nullopt : std::optional<std::string>(value);
    });
  } catch (const Error& error) {
    throw refuse(error.message(), name.find('/') == std::string::npos
                                      ? "install it, or name its path: command=/usr/bin/" + name
                                      : "a program is an executable file (chmod +x); a script may be run by its "
                                        "interpreter: command=\"python3 runner.py\"");
  }
}

std::shared_ptr<Runner> ExecKind::make(const BatchInfo& batch, ModelHandle model) const {
  const PinnedCommand command = command_of(batch);
  if (!dependencies_.is_trusted(identity(command))) {
    throw Error("untrusted",
                "batch " + batch.name + " would start `" + shown(command) + "` in " + command.folder +
                    ", which was not typed here",
                {}, "`trust " + batch.name + "` shows it and lets it run");
  }
  const std::string program = program_path(command, batch.name);
  if (const auto changed = changed_files(command); !changed.empty()) {
    dependencies_.tell("batch " + batch.name + ": " + joined(changed, ", ") +
                       " changed since it was loaded; its runs go on with what is there now");
  }
  ExecRunnerParts parts{nullptr, dependencies_.client, {}, Json::object(), limit_of(batch.params),
                        1000,    dependencies_.redact};
  parts.max_steps = static_cast<std::uint32_t>(count_of(batch.params, "max_steps", 1));
  for (const auto& [parameter, value] : batch.params.items()) {
    if (parameter.starts_with(kParameter)) parts.params[parameter.substr(kParameter.size())] = value;
  }
  parts.model = [this, batch, model](const std::string& named) -> ModelHandle {
    if (!named.empty()) return dependencies_.models.callable(named);
    return model ? model : model_of(batch);
  };
  parts.programs = std::make_unique<ProgramPool>(
      dependencies_.programs, shown(command),
      [this, command, program] {
        ChildCommand child;
        child.program = program;
        child.argv = command.words;
        child.environment = dependencies_.environment(command.env_keys);
        child.folder = command.folder;
        return child;
      },
      static_cast<std::size_t>(count_of(batch.params, "workers", 0)));
  return std::make_shared<ExecRunner>(std::move(parts));
}

}  // namespace

std::unique_ptr<Kind> make_exec_kind(ExecDependencies dependencies) {
  return std::make_unique<ExecKind>(std::move(dependencies));
}

}  // namespace assay
