#include "repl/commands/load.hpp"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <unordered_set>

#include "core/model/own_files.hpp"
#include "core/text/duration.hpp"
#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/words.hpp"
#include "repl/run_list.hpp"
#include "repl/save_file.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

struct LoadWords {
  std::vector<std::string> files;
  LoadGrid grid;
  ParameterTexts shared;  // as, limit, shuffle, epochs
};

/// key=value, where a quote anywhere in the value makes it one value whatever commas it holds.
LoadWords parse_load(const Arguments& arguments, std::size_t first) {
  LoadWords load;
  for (std::size_t i = first; i < arguments.size(); ++i) {
    const ShellWord& word = arguments.words[i];
    const auto equals = word.text.find('=');
    const bool key_like =
        equals != std::string::npos && equals > 0 && word.text.find_first_of("/\\ @") > equals && word.text[0] != '.';
    if (!key_like) {
      load.files.push_back(word.text);
      continue;
    }
    const std::string key = word.text.substr(0, equals), value = word.text.substr(equals + 1);
    if (key == "as" || key == "limit" || key == "shuffle" || key == "epochs") {
      load.shared[key] = value;
      continue;
    }
    std::vector<std::string> values;
    if (word.quoted || value.starts_with("[") || value.starts_with("{")) {
      values.push_back(value);
    } else {
      std::size_t from = 0;
      while (true) {
        const auto comma = value.find(',', from);
        values.push_back(value.substr(from, comma == std::string::npos ? comma : comma - from));
        if (comma == std::string::npos) break;
        from = comma + 1;
      }
    }
    auto& parameters = load.grid.parameters;
    if (std::any_of(parameters.begin(), parameters.end(), [&](const auto& p) { return p.first == key; })) {
      throw Error("usage", "the parameter " + key + " is given twice");
    }
    parameters.emplace_back(key, std::move(values));
  }
  return load;
}

/// Fisher-Yates with SplitMix64: the same order for the same seed on every machine.
void shuffle_runs(std::vector<NewRun>& runs, std::uint64_t seed) {
  RandomStream random(seed);
  for (std::size_t i = runs.size(); i > 1; --i) {
    const std::uint64_t bound = i;
    const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    std::uint64_t draw = random.next();
    while (draw >= limit) draw = random.next();
    std::swap(runs[i - 1], runs[draw % bound]);
  }
}

void apply_shared(const Kind& kind, LoadedBatch& batch, const ParameterTexts& shared) {
  const auto given = [&](const char* name) -> const std::string* {
    const auto found = shared.find(name);
    return found == shared.end() ? nullptr : &found->second;
  };
  if (const std::string* seed = given("shuffle")) shuffle_runs(batch.runs, parse_count(*seed, "shuffle", 0));
  if (const std::string* limit = given("limit")) {
    const std::uint64_t n = parse_count(*limit, "limit", 1);
    if (n < batch.runs.size()) batch.runs.resize(n);
  }
  if (const std::string* epochs = given("epochs")) {
    const std::uint64_t k = parse_count(*epochs, "epochs", 1);
    if (k > 1) {
      std::vector<NewRun> repeated;
      repeated.reserve(batch.runs.size() * k);
      for (const NewRun& run : batch.runs) {
        for (std::uint64_t e = 1; e <= k; ++e) {
          repeated.push_back(run);
          repeated.back().id += "@" + std::to_string(e);
          kind.make_repeat(repeated.back(), e);
        }
      }
      batch.runs = std::move(repeated);
    }
    batch.info.params["epochs"] = k;
  }
}

/// What was fixed at the loads of several files that become one batch (the examples of each one's categories, ..): of
/// both; where they differ, of the first.
void join_pinned(Json& into, const Json& more) {
  if (into.is_null()) into = more;
  if (!into.is_object() || !more.is_object()) return;
  for (const auto& [name, value] : more.items()) {
    if (const auto found = into.find(name); found != into.end()) {
      join_pinned(*found, value);
    } else {
      into[name] = value;
    }
  }
}

void warn_of_repeated_ids(LoadedBatch& batch) {
  std::unordered_set<std::string_view> ids;
  std::size_t repeats = 0;
  for (const NewRun& run : batch.runs) repeats += ids.insert(run.id).second ? 0 : 1;
  if (repeats == 0) return;
  batch.warnings.push_back(counted(repeats, "run has an id", "runs have ids") +
                           " that another file has too: they are named ID.2, ID.3 ..");
}

/// What the person is told of a batch that has been loaded.
struct Told {
  std::vector<std::string> warnings, notes;
  Json facts;

  explicit Told(LoadedBatch& batch)
      : warnings(batch.warnings), notes(std::move(batch.notes)), facts(std::move(batch.facts)) {}

  void say(Reply& reply, Json row) {
    for (const std::string& note : notes) reply.line("  " + note);
    for (const std::string& warning : warnings)
      reply.line(StyledText().add("  warning: ", TextRole::warn).add(warning));
    row["warnings"] = warnings;
    if (facts.is_object()) {
      row.update(facts);
      // Of the first batch they stand beside the list, too.
      for (const auto& [name, value] : facts.items()) {
        if (!reply.result.contains(name)) reply.result[name] = value;
      }
      if (!reply.result.contains("warnings")) reply.result["warnings"] = std::move(warnings);
    }
    reply.result["batches"].push_back(std::move(row));
  }
};

/// `named`: the person gave the name (as=).
void add_batch(Shell& shell, LoadedBatch&& batch, bool named, Reply& reply, std::vector<RunLabels> labels = {}) {
  for (LoadedBatch& first : batch.before) add_batch(shell, std::move(first), false, reply);
  Told told(batch);
  if (batch.runs.empty() && batch.may_be_empty) {
    return told.say(reply, Json::object({{"batch", nullptr}, {"kind", batch.info.kind}, {"runs", 0}}));
  }
  const std::string wanted = batch.info.name;
  const BatchInfo info = shell.experiment().add(std::move(batch), std::move(labels));
  reply.line(StyledText()
                 .add(info.name, TextRole::name)
                 .add(": " + format_count(info.count) + (info.count == 1 ? " run, kind " : " runs, kind ") +
                      (info.kind.empty() ? "unknown" : info.kind) +
                      (info.model.empty() ? "" : ", model " + info.model)));
  if (named && info.name != wanted) reply.line("  another batch is named " + wanted + ": this one is " + info.name);
  told.say(reply,
           Json::object({{"batch", info.name}, {"kind", info.kind}, {"runs", info.count}, {"model", info.model}}));
}

Source find_source(const Kind& kind, const std::string& name, std::vector<std::string>& keep) {
  const std::vector<std::string> samples = kind.samples();
  Source source{name, name, {}};
  if (!std::filesystem::exists(name) && std::find(samples.begin(), samples.end(), name) != samples.end()) {
    keep.emplace_back(kind.sample(name));
    source.embedded = kind.sample(name);
  }
  return source;
}

/// Every combination of the values.
std::vector<ParameterTexts> cells_of(const LoadGrid& grid) {
  std::vector<ParameterTexts> cells(1);
  for (const auto& [name, values] : grid.parameters) {
    std::vector<ParameterTexts> next;
    for (const ParameterTexts& base : cells) {
      for (const std::string& value : values) {
        next.push_back(base);
        next.back()[name] = value;
      }
    }
    cells = std::move(next);
    if (cells.size() > 1000) throw Error("usage", "the grid has more than 1,000 combinations");
  }
  return cells;
}

/// The batch of that name, else what the query selects.
std::vector<std::unique_ptr<BatchView>> named_views(Shell& shell, const std::string& query) {
  std::vector<std::unique_ptr<BatchView>> views;
  if (const auto batch = shell.table().read().find_batch(query)) {
    views.push_back(shell.experiment().view(*batch, {}));
    return views;
  }
  return shell.views(shell.select(query, true).runs);
}

/// `words_from`: the first of the words that is none of the command's own.
void load_kind(Shell& shell, const Kind& kind, const Arguments& arguments, std::size_t words_from, Reply& reply) {
  LoadWords load = parse_load(arguments, words_from);
  if (load.files.empty()) {
    std::string hint = "usage: load KIND FILE.. [key=value ..]";
    for (const std::string& sample : kind.samples()) hint += "; try `load " + kind.name() + " " + sample + "`";
    throw Error("usage", "load " + kind.name() + ": which file?", {}, hint);
  }
  // Nothing is stored before everything is read: one bad file of three loads nothing.
  std::vector<LoadedBatch> batches;
  std::vector<std::string> keep;
  if (const auto* own = dynamic_cast<const OwnFiles*>(&kind)) {
    for (const std::string& file : load.files) load.shared.merge(own->file_defaults(find_source(kind, file, keep)));
  }
  const auto source_of = [&](const std::string& file) {
    Source source = find_source(kind, file, keep);
    source.interrupted = [&shell] { return shell.interrupted(); };
    if (load.shared.contains("limit") && !load.shared.contains("shuffle")) {
      source.limit = parse_count(load.shared.at("limit"), "limit", 1);
    }
    if (load.shared.contains("epochs")) source.epochs = parse_count(load.shared.at("epochs"), "epochs", 1);
    source.experiment = &shell.experiment();
    source.select = [&shell](const std::string& query) { return named_views(shell, query); };
    return source;
  };
  for (const std::string& file : load.files) kind.complete_grid(source_of(file), load.grid);
  const std::vector<ParameterTexts> cells = cells_of(load.grid);
  const std::int64_t grid = cells.size() > 1 ? shell.experiment().clock().wall() : 0;
  for (const ParameterTexts& parameters : cells) {
    std::string suffix;
    std::map<std::string, std::string> cell;
    for (const auto& [name, values] : load.grid.parameters) {
      if (values.size() < 2) continue;
      suffix += " " + name + "=" + parameters.at(name);
      cell.emplace(name, parameters.at(name));
    }
    std::vector<LoadedBatch> parts;
    std::vector<Source> sources;
    for (const std::string& file : load.files) {
      sources.push_back(source_of(file));
      sources.back().cell = cell;
      sources.back().grid = grid;
    }
    if (kind.joins_sources()) {
      parts.push_back(kind.load_sources(sources, parameters));
      if (parts.back().info.source.empty()) parts.back().info.source = joined(load.files, " ");
    } else {
      for (const Source& source : sources) {
        parts.push_back(kind.load(source, parameters));
        if (parts.back().info.source.empty()) parts.back().info.source = source.name;
      }
    }
    for (LoadedBatch& part : parts) part.info.kind = kind.name();
    const auto as = load.shared.find("as");
    if (as != load.shared.end()) {  // one name joins several files into one batch
      for (std::size_t i = 1; i < parts.size(); ++i) {
        auto& first = parts.front();
        if (first.info.model != parts[i].info.model) {
          throw Error("usage",
                      load.files[i] + " is to be asked of " + parts[i].info.model + ", " + load.files[0] + " of " +
                          first.info.model + ": they can't become one batch",
                      {}, "load them one by one, or with one model=");
        }
        first.runs.insert(first.runs.end(), std::make_move_iterator(parts[i].runs.begin()),
                          std::make_move_iterator(parts[i].runs.end()));
        first.warnings.insert(first.warnings.end(), parts[i].warnings.begin(), parts[i].warnings.end());
        first.notes.insert(first.notes.end(), parts[i].notes.begin(), parts[i].notes.end());
        std::move(parts[i].before.begin(), parts[i].before.end(), std::back_inserter(first.before));
        first.info.source += " " + parts[i].info.source;
        join_pinned(first.info.pinned, parts[i].info.pinned);
      }
      warn_of_repeated_ids(parts.front());
      parts.resize(1);
      parts.front().info.name = as->second;
    }
    for (LoadedBatch& part : parts) {
      if (part.info.name.empty()) {
        part.info.name =
            std::filesystem::path(load.files.at(std::min<std::size_t>(&part - parts.data(), load.files.size() - 1)))
                .filename()
                .string();
        for (const char* ending : {".gz", ".zst", ".jsonl", ".json", ".csv", ".tsv", ".parquet", ".yml", ".yaml"}) {
          if (part.info.name.ends_with(ending))
            part.info.name.resize(part.info.name.size() - std::string_view(ending).size());
        }
        if (part.info.name == "sample" || part.info.name.empty()) part.info.name = kind.name();
      }
      part.info.name += suffix;
      apply_shared(kind, part, load.shared);
      if (part.runs.empty() && !part.may_be_empty) throw Error("file", "there is no item in it", part.info.source);
      batches.push_back(std::move(part));
    }
  }
  reply.result["batches"] = Json::array();
  for (LoadedBatch& batch : batches) add_batch(shell, std::move(batch), load.shared.contains("as"), reply);
}

bool is_yaml_name(std::string name) {
  for (const char* packed : {".gz", ".zst"}) {
    if (name.ends_with(packed)) name.resize(name.size() - std::string_view(packed).size());
  }
  return name.ends_with(".yaml") || name.ends_with(".yml");
}

/// Whose YAML file this is, by what stands in it; one that is not there may be a sample of a kind's.
const Kind& kind_of_file(const KindRegistry& kinds, const std::string& name) {
  if (!std::filesystem::exists(name)) {
    for (const Kind* kind : kinds.all()) {
      const std::vector<std::string> samples = kind->samples();
      if (std::find(samples.begin(), samples.end(), name) != samples.end()) return *kind;
    }
  }
  constexpr std::size_t kMostBytes = std::size_t{1} << 20;
  InputFile file(name);
  std::string text(kMostBytes, '\0');
  std::size_t size = 0;
  while (size < kMostBytes) {
    const std::size_t got = file.read(text.data() + size, kMostBytes - size);
    if (got == 0) break;
    size += got;
  }
  text.resize(size);
  std::vector<std::string> rules;
  for (const Kind* kind : kinds.all()) {
    const auto* own = dynamic_cast<const OwnFiles*>(kind);
    if (own == nullptr) continue;
    if (own->claims(text)) return *kind;
    rules.push_back(own->claim_rule() + " (kind " + kind->name() + ")");
  }
  throw Error("usage", "no kind of experiment knows this YAML file", name,
              "load KIND " + name + " names one; by itself: " + joined(rules, "; "));
}

/// The kind that these YAML files are of; null: they are none.
const Kind* kind_of_files(const KindRegistry& kinds, const std::vector<std::string>& names) {
  if (!std::all_of(names.begin(), names.end(), is_yaml_name)) return nullptr;
  const Kind* kind = nullptr;
  for (const std::string& name : names) {
    const Kind& of = kind_of_file(kinds, name);
    if (kind != nullptr && kind != &of) {
      throw Error("usage", name + " is of kind " + of.name() + ", " + names.front() + " of kind " + kind->name(), {},
                  "load them one after the other");
    }
    kind = &of;
  }
  return kind;
}

std::string kind_names(const Shell& shell) {
  std::vector<std::string> names;
  for (const Kind* kind : shell.kinds().all()) names.push_back(kind->name());
  return joined(names, ", ");
}

/// All runs of another experiment file.
std::vector<SavedBatch> read_whole_experiment(Shell& shell, const std::string& path) {
  std::error_code problem;
  if (std::filesystem::equivalent(path, shell.store().path(), problem)) {
    throw Error("usage", path + " is the experiment that is open: its runs are here", {}, "`batches` lists them");
  }
  return read_experiment(path, {shell.kinds(), shell.experiment().clock(), shell.settings()});
}

void load_any(Shell& shell, const Arguments& arguments, Reply& reply) {
  const std::string& first = arguments.at(0);
  if (const Kind* kind = shell.kinds().find(first); kind != nullptr && !arguments.words.front().quoted) {
    load_kind(shell, *kind, arguments, 1, reply);
    return;
  }
  if (const Kind* kind = kind_of_files(shell.kinds(), parse_load(arguments, 0).files)) {
    load_kind(shell, *kind, arguments, 0, reply);
    return;
  }
  const bool table = first.ends_with(".csv") || first.ends_with(".tsv") || first.ends_with(".parquet");
  if (table) {
    throw Error("usage", "load " + first + ": which kind of experiment is it?", {},
                "e.g. load qa " + first + "   kinds: " + kind_names(shell) + " (`kinds KIND` tells more)");
  }
  if (arguments.size() > 1 && !std::filesystem::exists(first)) shell.kinds().require(first);
  if (!std::filesystem::exists(first) && first != "-" && first.find_first_of("./") == std::string::npos) {
    shell.kinds().require(first);
  }
  const LoadWords words = parse_load(arguments, 0);
  if (!words.grid.parameters.empty()) {
    throw Error("usage", "load FILE takes a save as it is; " + words.grid.parameters.front().first +
                             "= needs a kind: load KIND FILE ..");
  }
  reply.result["batches"] = Json::array();
  for (const std::string& file : words.files) {
    std::vector<SavedBatch> batches =
        is_experiment_file(file) ? read_whole_experiment(shell, file) : read_save(file, shell.kinds());
    for (SavedBatch& saved : batches) {
      if (const auto as = words.shared.find("as"); as != words.shared.end()) saved.batch.info.name = as->second;
      add_batch(shell, std::move(saved.batch), words.shared.contains("as"), reply, std::move(saved.labels));
    }
  }
}

/// A file that is not there is told with where it was looked for.
void load(Shell& shell, const Arguments& arguments, Reply& reply) {
  try {
    load_any(shell, arguments, reply);
  } catch (const Error& error) {
    std::error_code problem;
    if (error.kind() != "file" || !error.hint().empty() || error.place().empty() ||
        std::filesystem::exists(error.place(), problem) || error.place().find(':') != std::string::npos)
      throw;
    const auto& words = arguments.words;
    for (std::size_t i = 1; i + 1 < words.size(); ++i) {
      if (words[i].text == error.place() && words[i].text.find_first_of("./") == std::string::npos)
        throw Error(error.kind(), error.message(), error.place(),
                    "a parameter is written NAME=VALUE, as in " + words[i].text + "=" + words[i + 1].text);
    }
    std::string hint =
        "looked for in " + std::filesystem::current_path(problem).string() + "; `! ls` shows what is there";
    if (const Kind* kind = shell.kinds().find(arguments.at(0)); kind != nullptr && !kind->samples().empty())
      hint += "; a sample comes with it: `load " + kind->name() + " " + kind->samples().front() + "`";
    throw Error(error.kind(), error.message(), error.place(), hint);
  }
}

std::vector<Candidate> kinds_and_files(Shell& shell, const std::vector<std::string>& before, std::string_view word) {
  std::vector<Candidate> found;
  if (before.size() == 1) {
    for (const Kind* kind : shell.kinds().all()) {
      if (kind->name().starts_with(word)) found.push_back({kind->name(), kind->summary()});
    }
  } else if (const Kind* kind = shell.kinds().find(before.at(1))) {
    for (const std::string& sample : kind->samples()) {
      if (before.size() == 2 && sample.starts_with(word)) found.push_back({sample, "comes with " + kind->name()});
    }
    for (const Parameter& parameter : kind->parameters()) {
      if (before.size() > 2 && parameter.name.starts_with(word) && !parameter.name.ends_with(".*")) {
        found.push_back({parameter.name + "=", parameter.help, ""});
      }
    }
  }
  for (Candidate& file : complete_file(word)) found.push_back(std::move(file));
  return found;
}

}  // namespace

void add_load_command(CommandTable& table, const std::string& group) {
  table.add({"load",
             {},
             group,
             "load KIND FILE.. [key=value ..] | load FILE",
             "make a batch of runs from a file with that kind; or bring in a save file as it was",
             {"load qa questions.jsonl model=openai/gpt-4o-mini", "load arithmetic sample", "load study.yaml",
              "load saves/night.json"},
             {},
             1,
             SIZE_MAX,
             true,
             true,
             load,
             kinds_and_files});
}

}  // namespace assay
