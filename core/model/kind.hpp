#pragma once
// A kind of experiment: how a FILE becomes a batch, how its runs execute, what a batch reports. One folder under
// experiments/ and one row in the registry each; repl knows kinds only through this.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/model/batch.hpp"
#include "core/model/call.hpp"
#include "core/model/report.hpp"
#include "core/model/run_turn.hpp"
#include "core/model/runner.hpp"

namespace assay {

struct Parameter {
  enum class Type { text, integer, number, boolean, choice };
  std::string name;  // a trailing ".*" (map.*) takes any name with that prefix
  Type type = Type::text;
  std::string default_text;  // as shown and as parsed; "" means none
  std::string help;
  std::vector<std::string> choices;  // for Type::choice
};

/// Parameters of one load after the shell has split the grid: name -> text as typed (quotes removed).
using ParameterTexts = std::map<std::string, std::string>;

class BatchView;
class ExperimentView;

/// published: every run has published (Step::publish) or has ended; ended: every run is COMPLETE or FAIL.
enum class Milestone { published, ended };

/// One load with its grid (key=a,b,c): what all its cells have in common.
struct LoadGrid {
  /// Name -> values, in order; a name with several values is varied.
  std::vector<std::pair<std::string, std::vector<std::string>>> parameters;
};

/// Where a loader reads from. `embedded` is set for a sample shipped inside the program.
struct Source {
  std::string name;  // as typed
  std::filesystem::path path;
  std::optional<std::string_view> embedded;
  std::optional<std::uint64_t> limit = {};  // only the first so many of what is made of it are kept
  std::uint64_t epochs = 1;                 // how often each run will be repeated
  std::function<bool()> interrupted = {};   // Ctrl-C: polled by what takes long; may be empty
  /// The varied parameters of this cell of a grid, and a number that the cells of one load share; empty and 0 without.
  std::map<std::string, std::string> cell = {};
  std::int64_t grid = 0;
  /// The experiment that is loaded into; null: there is none (tests).
  const ExperimentView* experiment = nullptr;
  /// What a query (or "BATCH") selects of it, a batch each. Throws Error. May be empty, as `experiment` may be null.
  std::function<std::vector<std::unique_ptr<BatchView>>(const std::string&)> select = {};
};

/// One run as a report or a re-evaluation sees it.
struct RunView {
  RunId id = kNoRun;
  std::string run_id;
  Status status = Status::ready;
  Score score;
  RunError error;
  Json data, answer;
  std::vector<ContextMessage> context;
  UsageSum usage;
  double seconds = 0;
  WallTime ended_at = 0;  // of its newest attempt; 0: none has ended here
  std::uint32_t attempts = 0;
  bool damaged = false;  // a part of its record can't be read back: what is missing is null
};

/// The runs of a batch (or a selection of them), in order, read page by page.
class BatchView {
 public:
  virtual ~BatchView() = default;
  virtual const BatchInfo& info() const = 0;
  virtual std::uint32_t size() const = 0;
  /// Calls `visit` for each run in order. Reads payloads from the store only when `payloads`.
  virtual void each(bool payloads, const std::function<void(const RunView&)>& visit) const = 0;
  /// The recorded calls of a run, all attempts, in order of their making.
  virtual std::vector<CallRecord> calls(RunId) const { return {}; }
  /// The experiment it is a part of; null: it stands alone.
  virtual const ExperimentView* experiment() const { return nullptr; }
};

/// All batches, for kinds whose runs build on those of others (annotations of discussions) and for the cells of a grid.
class ExperimentView {
 public:
  virtual ~ExperimentView() = default;
  /// Those that are not dropped, in the order of their making.
  virtual std::vector<BatchInfo> batches() const = 0;
  /// The runs of a batch that are not dropped.
  virtual std::unique_ptr<BatchView> view(BatchId batch) const = 0;
  /// How often the run of that batch and id has been attempted; nullopt: there is none.
  virtual std::optional<std::uint32_t> attempts(const std::string&, const std::string&) const { return {}; }
};

/// A prompt that comes with a kind: a prompt file (specs/prompts.md 1) that is named without a path.
struct ShippedPrompt {
  std::string name;
  std::string_view text;
};

/// What a kind writes of runs in another program's form.
struct ExportedFile {
  std::string name;                      // as that program names it; without a folder
  std::string text;                      // the whole file
  std::uint64_t runs = 0, left_out = 0;  // left out: those that are not COMPLETE
};

/// A form that shows runs of several kinds together: one file, or a folder of files.
struct JointFormat {
  std::string name;                // "comments"; a variant follows a colon: "comments:legacy"
  std::vector<std::string> kinds;  // whose runs it takes
  bool folder = false;
  std::string help;  // one line
};
struct JointExport {
  struct File {
    std::string name;  // relative to the folder; of a single file: the path as given
    std::string text;
  };
  std::vector<File> files;
  std::vector<std::string> notes;  // for the person: what was left out, and why
  std::uint64_t runs = 0;
};

/// A scoring rule of others over a selection of runs: figures beside the score, the score itself only when `as_score`.
struct RuleOutcome {
  std::vector<std::pair<RunId, Score>> scores;  // the verdict counts only when as_score; metrics are added
  bool as_score = false;
  Report report;  // what it comes to, as its authors print it
};

/// User messages written again from prompts and recorded replies, compared byte by byte with those recorded.
struct RebuiltMessages {
  std::uint64_t compared = 0, equal = 0;
  struct Difference {
    std::string agent;
    std::uint32_t round = 0;
    std::size_t offset = 0;  // in bytes
    std::string want, got;   // from there on, shortened; want: recorded
  };
  std::optional<Difference> first;
};

class Kind {
 public:
  virtual ~Kind() = default;
  virtual std::string name() const = 0;
  virtual std::string summary() const = 0;  // one line
  virtual std::vector<Parameter> parameters() const = 0;
  /// Names of samples that `load KIND sample` offers; the text of one.
  virtual std::vector<std::string> samples() const { return {}; }
  virtual std::string_view sample(const std::string&) const { return {}; }

  /// Reads a file. Throws Error (file, line or row, what was found, what was expected); then nothing is loaded.
  virtual LoadedBatch load(const Source& source, const ParameterTexts& params) const = 0;
  /// Whether the sources of one `load` become one batch by load_sources; else each is loaded alone.
  virtual bool joins_sources() const { return false; }
  /// At least one source. As it stands here: throws std::logic_error.
  virtual LoadedBatch load_sources(const std::vector<Source>& sources, const ParameterTexts& params) const;
  /// Called once a load, before it is split into the cells of its grid: what the source says to vary is added, what all
  /// cells must share (a seed that nobody gave) is drawn. Throws Error.
  virtual void complete_grid(const Source&, LoadGrid&) const {}
  /// With epochs=K: a copy becomes the repeat number `epoch` (1 .. K) of its item. Its id has got its "@epoch" already.
  virtual void make_repeat(NewRun&, std::uint64_t) const {}
  /// Could run.data of an unknown save be of this kind? Used when a save names no kind.
  virtual bool accepts(const Json& data) const = 0;
  /// The runner of a stored batch. `overrides`: parameters given to `evaluate`. Throws Error when something it needs
  /// (a model, a key) is missing: before any run starts.
  virtual std::shared_ptr<Runner> make_runner(const BatchInfo& batch, const ParameterTexts& overrides) const = 0;
  /// The runner for `evaluate` with these parameters: nothing is set up and no step is made, so that it needs no model
  /// that could be called, unless its scoring asks one. As it stands here: make_runner.
  virtual std::shared_ptr<Runner> make_evaluator(const BatchInfo& batch, const ParameterTexts& overrides) const {
    return make_runner(batch, overrides);
  }
  virtual Report report(const BatchView& batch) const = 0;
  /// What `detail` shows of a run before its data: what a person would otherwise have to find in its answer. Nothing:
  /// the answer says it.
  virtual Report detail(const BatchInfo&, const RunView&) const { return {}; }
  /// A word that `ls` shows beside a run ("stale"); "" : none. Asked of the runs that are shown only.
  virtual std::string mark(const RunView&, const ExperimentView&) const { return {}; }
  /// Something that is true of the whole batch for the first time since a run of it began: files may be written. Called
  /// on a thread of the engine that may take its time, with the whole batch; also at opening, for what was reached just
  /// before the program died. Says what it did, mostly nothing. Only for batches that `wants_milestones`.
  virtual std::vector<std::string> reached(const BatchView&, Milestone) const { return {}; }
  virtual bool wants_milestones(const BatchInfo&) const { return false; }
  virtual std::vector<ShippedPrompt> prompts() const { return {}; }

  /// Export forms of its own, e.g. "tiger".
  virtual std::vector<std::string> export_formats() const { return {}; }
  /// One file of these batches (or selections of them), not empty. Throws Error: a form it has not, batches that can't
  /// stand in one file.
  virtual ExportedFile export_runs(const std::string& format, const std::vector<const BatchView*>& batches) const;

  /// Forms that take runs of this and other kinds; of one name, those of one kind only.
  virtual std::vector<JointFormat> joint_formats() const { return {}; }
  /// `format` with its variant. `path` as the person gave it. Throws Error; then nothing is written.
  virtual JointExport export_joint(const std::string& format, const std::string& path,
                                   const std::vector<const BatchView*>& batches) const;

  /// The rule of others that the parameters of `evaluate` name; nullopt: they name none, and each run is evaluated by
  /// its runner. Throws Error for a parameter that the rule does not take.
  virtual std::optional<RuleOutcome> apply_rule(const BatchView&, const ParameterTexts&) const { return std::nullopt; }

  /// Writes the user messages of a run again. nullopt: this kind can't.
  virtual std::optional<RebuiltMessages> rebuild(const BatchInfo&, const RunView&) const { return std::nullopt; }

  /// The batch of forks that share the first `step` steps with runs of `parent` and go on with `changes`: parameters
  /// and pinned texts. Throws Error naming a parameter that would have changed what is shared. As it stands here: no
  /// parameter can be changed.
  virtual LoadedBatch fork_batch(const BatchInfo& parent, std::uint32_t step, const ParameterTexts& changes) const;
  /// Where such a fork of `run` begins. nullopt: at the checkpoint that the engine took after that step. Throws Error
  /// when the run has not come so far.
  virtual std::optional<NewRun::Start> fork_start(const BatchInfo&, const RunView&, std::uint32_t) const {
    return std::nullopt;
  }
  /// The fork's data are a copy of its parent's: what must be its own (an id) is given to it here.
  virtual void make_fork(NewRun&) const {}

  /// What was said in a run, in order, for people to read. `calls`: its recorded calls, as BatchView::calls gives them.
  /// As it stands here: its context, each reply with the call behind it where there are as many of one as of the
  /// other. Never throws for data of an odd shape: what can't be read is left out, or shown as it is.
  virtual std::vector<RunTurn> transcript(const BatchInfo&, const RunView&, const std::vector<CallRecord>& calls) const;
};

/// Kinds by name. Filled by app at start, constant afterwards: any thread.
class KindRegistry {
 public:
  void add(std::unique_ptr<Kind> kind);
  /// nullptr when there is none of that name.
  const Kind* find(const std::string& name) const;
  /// Throws Error "unknown kind" with the nearest name.
  const Kind& require(const std::string& name) const;
  std::vector<const Kind*> all() const;

 private:
  std::vector<std::unique_ptr<Kind>> kinds_;
};

/// Checks names and types, fills defaults: the resolved parameters as JSON values of their type. Throws Error naming
/// the parameter, what was given, what is expected, and the nearest name of an unknown one.
Json resolve_parameters(const std::vector<Parameter>& specs, const ParameterTexts& given, const std::string& kind);

}  // namespace assay
