// export comments, convokit ..: the forms that take runs of several kinds

#include <algorithm>
#include <filesystem>

#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "repl/commands/files.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

bool takes(const JointChoice& choice, const std::string& kind) {
  const std::vector<std::string>& kinds = choice.format.kinds;
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

/// The one whose kinds the selected runs are of; the first where none is.
const JointChoice& fitting(const std::vector<JointChoice>& choices,
                           const std::vector<std::unique_ptr<BatchView>>& views) {
  std::vector<const JointChoice*> fit;
  std::vector<std::string> kinds;
  for (const JointChoice& choice : choices) {
    if (std::any_of(views.begin(), views.end(), [&](const auto& view) { return takes(choice, view->info().kind); })) {
      fit.push_back(&choice);
      kinds.push_back(joined(choice.format.kinds, " and "));
    }
  }
  if (fit.size() > 1) {
    throw Error(
        "usage",
        "export " + choices.front().format.name + " writes runs of " + joined(kinds, ", or of ") +
            ", not both in one file",
        {},
        "select one kind: export " + choices.front().format.name + " PATH kind:" + fit.front()->format.kinds.front());
  }
  return fit.empty() ? choices.front() : *fit.front();
}

}  // namespace

void export_joint(Shell& shell, const std::vector<JointChoice>& choices, const Arguments& arguments, Reply& reply) {
  const std::string& path = arguments.at(1);
  if (arguments.has("--spreadsheet"))
    throw Error("usage", "--spreadsheet goes with csv; " + choices.front().format.name +
                             " is written as other programs read it");
  const std::string query = arguments.rest(2);
  const Selection selection = shell.select(query.empty() ? "*" : query, query.empty());
  const auto views = shell.views(selection.runs);
  const JointChoice& choice = fitting(choices, views);
  const JointFormat& format = choice.format;
  std::vector<const BatchView*> batches;
  std::size_t others = 0;
  for (const auto& view : views) {
    if (takes(choice, view->info().kind)) {
      batches.push_back(view.get());
    } else {
      others += view->size();
    }
  }
  std::string kinds = joined(format.kinds, ", ");
  if (batches.empty()) {
    for (const JointChoice& other : choices) {
      if (&other != &choice) kinds += ", " + joined(other.format.kinds, ", ");
    }
  }
  if (batches.empty()) {
    throw Error("empty", "export " + format.name + ": none of the " + count_text(selection.runs.size()) +
                             " selected runs is of kind " + kinds);
  }
  const JointExport exported = choice.kind->export_joint(format.name, path, batches);
  if (exported.files.empty()) {
    throw Error("empty", "export " + format.name + ": there is nothing to write", {}, joined(exported.notes, "; "));
  }
  for (const JointExport::File& file : exported.files)
    refuse_experiment_file(shell, format.folder ? (std::filesystem::path(path) / file.name).string() : path);
  const WrittenFiles done = write_exported(exported, path, format.folder, arguments.has("--force"));

  std::string line = count_text(exported.runs) + (exported.runs == 1 ? " run" : " runs") + " exported to " + path;
  if (format.folder) line += " (" + counted(exported.files.size(), "file", "files") + ")";
  if (done.unchanged > 0) {
    line += done.written == 0 ? "; all of it was there already, byte for byte"
                              : "; " + count_text(done.unchanged) + " of them there already, byte for byte";
  }
  reply.line(line);
  for (const std::string& note : exported.notes) reply.line("note: " + note);
  if (others > 0)
    reply.line((others == 1 ? "1 selected run is of a kind that has"
                            : count_text(others) + " selected runs are of kinds that have") +
               " no such format (" + format.name + " is of " + kinds + ")");
  Json files = Json::array();
  for (const JointExport::File& file : exported.files)
    files.push_back(
        Json::object({{"file", format.folder ? (std::filesystem::path(path) / file.name).string() : path}}));
  reply.result = Json::object({{"format", format.name},
                               {"files", std::move(files)},
                               {"runs", exported.runs},
                               {"written", done.written},
                               {"unchanged", done.unchanged},
                               {"notes", exported.notes},
                               {"of_other_kinds", others}});
}

}  // namespace assay
