#include "experiments/annotation/pairing.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "core/text/error.hpp"
#include "core/text/hash.hpp"
#include "core/text/words.hpp"
#include "experiments/annotation/runner.hpp"
#include "experiments/discussion/batch_runs.hpp"
#include "experiments/discussion/discussion.hpp"
#include "experiments/discussion/prompt_forms.hpp"
#include "experiments/discussion/result_file.hpp"

namespace assay {
namespace {

bool same_file(const std::string& a, const std::string& b) {
  if (a == b) return true;
  std::error_code problem;
  return std::filesystem::equivalent(a, b, problem) && !problem;
}

void take_view(const BatchView& view, FoundDiscussions& found) {
  if (view.info().kind != "discussion") return;
  view.each(true, [&](const RunView& run) {
    if (run.status != Status::complete) {
      ++found.unfinished;
      return;
    }
    found.complete.push_back({view.info().name + ":" + run.run_id, run.run_id, discussion_record(view.info(), run)});
  });
}

/// Result files of the experiment by their name.
std::multimap<std::string, std::pair<std::string, DiscussionRecord>> loaded_results(const ExperimentView* experiment) {
  std::multimap<std::string, std::pair<std::string, DiscussionRecord>> results;
  if (experiment == nullptr) return results;
  for (const BatchInfo& info : experiment->batches()) {
    if (info.kind != "discussion" || !info.params.is_object() || !info.params.contains("results")) continue;
    experiment->view(info.id)->each(true, [&](const RunView& run) {
      if (run.data.contains("source"))
        results.emplace(run.run_id, std::pair(info.name + ":" + run.run_id, discussion_record(run)));
    });
  }
  return results;
}

void take_files(const Source& source, const std::filesystem::path& path, bool skip_bad, FoundDiscussions& found) {
  LoadedBatch batch;
  const auto known = loaded_results(source.experiment);
  for (NewRun& run : load_discussion_results(path, skip_bad, batch.warnings)) {
    DiscussionRecord record = discussion_record(loaded_view(run));
    const auto [from, to] = known.equal_range(run.id);
    const auto there =
        std::find_if(from, to, [&](const auto& one) { return one.second.second.source == record.source; });
    if (there != to) {
      found.complete.push_back({there->second.first, run.id, std::move(record)});
      continue;
    }
    found.complete.push_back({run.id, run.id, std::move(record)});  // its batch has no name yet
    batch.runs.push_back(std::move(run));
  }
  found.where = "the files below " + path.string();
  found.warnings.insert(found.warnings.end(), batch.warnings.begin(), batch.warnings.end());
  if (batch.runs.empty()) return;
  batch.warnings.clear();
  batch.info.kind = "discussion";
  batch.info.source = path.string();
  batch.info.params = Json::object({{"results", path.string()}});
  batch.info.name = path.filename().empty() ? path.parent_path().filename().string() : path.stem().string();
  found.before.push_back(std::move(batch));
}

[[noreturn]] void refuse(const FoundDiscussions& found) {
  std::string message = "there is no finished discussion to annotate: looked at " + found.where;
  if (found.unfinished > 0) message += "; " + counted(found.unfinished, "is", "are") + " not COMPLETE";
  throw Error("usage", message, "discussions",
              found.unfinished > 0 ? "run_n them first" : "discussions=@BATCH, or a folder of result files");
}

/// What makes two annotations the same: annotator, what is judged, model, and the settings that shape a call.
std::string identity(const Json& data, const std::string& model) {
  Json asked = data.value("settings", Json::object());
  for (const char* name : {"write_dir", "parse", "scale", "scales", "drop_all_malformed", "pseudoname"})
    asked.erase(name);
  Json discussion = data.value("discussion", Json::object());
  discussion.erase("run");
  return data.value("conv_id", std::string()) + "\n" + std::to_string(data.at("annotator").value("index", 0U)) + "\n" +
         model + "\n" + to_hex(xxh3_128(dump_json(asked) + dump_json(discussion)));
}

}  // namespace

FoundDiscussions find_discussions(const Source& source, const AnnotationPlan& plan, bool skip_bad) {
  FoundDiscussions found;
  if (!plan.query.empty()) {
    found.where = "@" + plan.query;
    if (!source.select) throw Error("usage", "@" + plan.query + " needs an experiment", "discussions");
    for (const auto& view : source.select(plan.query)) take_view(*view, found);
  } else if (!plan.path.empty()) {
    take_files(source, plan.path, skip_bad, found);
  } else {
    found.where = "the batches of this experiment that were loaded from " + source.name;
    if (source.experiment != nullptr) {
      for (const BatchInfo& info : source.experiment->batches()) {
        if (info.kind == "discussion" && same_file(info.source, source.name))
          take_view(*source.experiment->view(info.id), found);
      }
    }
    if (found.complete.empty() && found.unfinished == 0 && !plan.fallback.empty()) {
      found.where += " and below " + plan.fallback.string();
      std::error_code problem;
      if (std::filesystem::exists(plan.fallback, problem)) {
        const std::string looked = std::move(found.where);
        take_files(source, plan.fallback, skip_bad, found);
        found.where = looked;
      } else {
        found.where += " (there is no such folder)";
      }
    }
  }
  if (found.complete.empty()) refuse(found);
  return found;
}

Pairing pair_up(const Source& source, const AnnotationPlan& plan, const FoundDiscussions& found,
                const std::string& model) {
  std::set<std::string> there;
  if (source.experiment != nullptr) {
    for (const BatchInfo& info : source.experiment->batches()) {
      if (info.kind != "annotation" || !same_file(info.source, source.name)) continue;
      source.experiment->view(info.id)->each(true, [&](const RunView& run) {
        if (!run.data.contains("annotator")) return;
        there.insert(identity(run.data, info.model));
      });
    }
  }
  Pairing pairing;
  for (const FoundDiscussions::One& one : found.complete) {
    AnnotationTask task;
    task.conv_id = one.record.id;
    task.moderator = one.record.moderator;
    for (const DiscussionEvent* entry : one.record.log()) task.log.push_back({entry->name, entry->text});
    task.settings = plan.settings;
    if (one.record.format == Generation::g5) task.settings.moderator_by_name = true;  // its files name no moderator
    task.seed = plan.seed;
    for (std::size_t i = 0; i < plan.annotators.size(); ++i) {
      const Participant& annotator = plan.annotators[i];
      task.annotator = i;
      task.annotator_name = annotator_name(task.settings.format);
      task.persona = annotator.persona;
      task.attributes = annotator.attributes;
      NewRun run;
      run.data = to_json(task);
      if (there.contains(identity(run.data, model))) {
        ++pairing.skipped;
        continue;
      }
      std::string number = std::to_string(i);
      if (number.size() < 2) number.insert(0, "0");
      run.id = one.id + "-a" + number;
      run.data["discussion"]["run"] = one.run;
      run.data["inputs"] = plan.inputs;
      run.facets.emplace_back("discussion", one.id);
      run.facets.emplace_back("annotator", "a" + number);
      pairing.runs.push_back(std::move(run));
    }
  }
  return pairing;
}

}  // namespace assay
