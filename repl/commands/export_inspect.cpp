// export inspect: batches in the log form of Inspect, a zip each

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "core/text/atomic_file.hpp"
#include "core/text/error.hpp"
#include "repl/commands/files.hpp"
#include "repl/inspect_log.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"
#include "repl/zip_file.hpp"

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPage = 256;

/// The samples of a batch, a page of runs read when the first of them is asked for, and their summaries, which are
/// kept in a file without a name until all samples are written.
class InspectSamples {
 public:
  InspectSamples(Experiment& experiment, const BatchInfo& batch, std::vector<RunId> runs)
      : experiment_(experiment), batch_(batch), runs_(std::move(runs)), summaries_(std::tmpfile(), std::fclose) {
    if (summaries_ == nullptr) throw Error("file", "no temporary file can be made", fs::temp_directory_path().string());
  }

  /// The sample of runs[index]; asked for in order.
  std::string sample(std::size_t index) {
    if (index >= first_ + page_.size()) read_page(index);
    const Json sample = inspect_sample(batch_, page_.at(index - first_));
    std::string summary = index == 0 ? "[" : ",\n";
    summary += dump_json(inspect_summary(sample));
    if (std::fwrite(summary.data(), 1, summary.size(), summaries_.get()) != summary.size()) {
      throw Error("file", "no room for summaries", fs::temp_directory_path().string());
    }
    return dump_json(sample);
  }

  /// The next part of the list of summaries.
  bool summaries(std::string& out) {
    if (ended_) return false;
    if (!rewound_) {
      rewound_ = true;
      if (runs_.empty()) out += "[";
      std::rewind(summaries_.get());
    }
    std::string part(std::size_t{1} << 16, '\0');
    const std::size_t size = std::fread(part.data(), 1, part.size(), summaries_.get());
    out += std::string_view(part).substr(0, size);
    if (size < part.size()) {
      out += "]";
      ended_ = true;
    }
    return true;
  }

 private:
  void read_page(std::size_t index) {
    first_ = index;
    page_.clear();
    const auto begin = runs_.begin() + static_cast<std::ptrdiff_t>(index);
    const std::vector<RunId> part(begin, begin + static_cast<std::ptrdiff_t>(std::min(kPage, runs_.size() - index)));
    experiment_.view(batch_.id, part)->each(true, [&](const RunView& run) { page_.push_back(run); });
  }

  Experiment& experiment_;
  const BatchInfo& batch_;
  const std::vector<RunId> runs_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> summaries_;
  std::vector<RunView> page_;
  std::size_t first_ = 0;
  bool rewound_ = false, ended_ = false;
};

struct InspectFile {
  std::string path;
  std::uint64_t samples = 0, left_out = 0, bytes = 0;
};

InspectFile write_log(Shell& shell, const BatchView& view, const std::string& path) {
  const BatchInfo& batch = view.info();
  InspectHeader header(batch, shell.store().experiment_id());
  std::vector<RunId> runs;
  std::vector<std::string> names;
  view.each(false, [&](const RunView& run) {
    header.add(run);
    if (!is_inspect_sample(run)) return;
    runs.push_back(run.id);
    names.push_back(inspect_sample_name(inspect_place(batch, run.run_id)));
  });
  InspectFile file{path, header.samples(), view.size() - header.samples(), 0};
  const auto samples = std::make_shared<InspectSamples>(shell.experiment(), batch, std::move(runs));
  ZipFile zip;
  zip.add("_journal/start.json", dump_json(header.start(), 2));
  for (std::size_t i = 0; i < names.size(); ++i) {
    zip.add(names[i], [samples, &shell, i, given = false](std::string& out) mutable {
      if (given) return false;
      given = true;
      if (shell.interrupted()) throw Error("interrupted", "interrupted: nothing was written");
      out += samples->sample(i);
      return true;
    });
  }
  zip.add("summaries.json", [samples](std::string& out) { return samples->summaries(out); });
  zip.add("header.json", dump_json(header.log(), 2));
  constexpr WallTime kMicros = 1'000'000;
  file.bytes = zip.write(path, batch.created_at / kMicros);
  return file;
}

}  // namespace

void export_inspect(Shell& shell, const Arguments& arguments, Reply& reply) {
  const std::string& path = arguments.at(1);
  const std::string query = arguments.rest(2);
  if (arguments.has("--spreadsheet")) throw Error("usage", "--spreadsheet goes with csv");
  const Selection selection = shell.select(query.empty() ? "*" : query, query.empty());
  const auto views = shell.views(selection.runs);
  const bool single = path.ends_with(".eval");
  if (single && views.size() > 1) {
    throw Error("usage", std::to_string(views.size()) + " batches don't fit one log", path,
                "name a folder, or one batch: export inspect " + path + " batch:NAME");
  }
  if (!single && fs::exists(path) && !fs::is_directory(path)) {
    throw Error("file", "that is a file, not a folder", path, "a path that ends in .eval is the log of one batch");
  }
  std::vector<std::string> paths;
  for (const auto& view : views) {
    paths.push_back(single ? path : (fs::path(path) / (safe_file_name(view->info().name) + ".eval")).string());
    refuse_experiment_file(shell, paths.back());
    if (!arguments.has("--force") && fs::exists(paths.back())) {
      throw Error("file", "there is such a file already; nothing was written", paths.back(), "--force writes over it");
    }
  }
  if (!single) fs::create_directories(path);
  Json files = Json::array();
  std::uint64_t samples = 0, left_out = 0;
  for (std::size_t i = 0; i < views.size(); ++i) {
    const InspectFile file = write_log(shell, *views[i], paths[i]);
    samples += file.samples;
    left_out += file.left_out;
    reply.line(count_text(file.samples) + (file.samples == 1 ? " run" : " runs") + " exported to " + file.path +
               (file.left_out > 0 ? "; " + count_text(file.left_out) + " left out (not run to their end)" : ""));
    files.push_back(Json::object({{"file", file.path},
                                  {"batch", views[i]->info().name},
                                  {"runs", file.samples},
                                  {"left_out", file.left_out},
                                  {"bytes", file.bytes}}));
  }
  reply.result =
      Json::object({{"format", "inspect"}, {"files", std::move(files)}, {"runs", samples}, {"left_out", left_out}});
}

}  // namespace assay
