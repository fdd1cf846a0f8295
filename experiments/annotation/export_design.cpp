// design: who takes part, what discussions begin with, and in which turns they spoke

#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "experiments/annotation/export_forms.hpp"
#include "experiments/discussion/batch_runs.hpp"
#include "experiments/discussion/speakers.hpp"

namespace assay {

JointExport export_design(const std::string& path, const std::vector<const BatchView*>& batches) {
  std::vector<std::pair<std::string, DiscussionDesign>> designs;
  std::vector<std::string> names;  // of the batches
  std::uint64_t without = 0;
  for (const BatchView* batch : batches) {
    if (batch->info().kind != "discussion") continue;
    const std::size_t before = designs.size();
    batch->each(true, [&](const RunView& run) {
      if (run.data.contains("source")) {
        ++without;
        return;
      }
      DiscussionParts parts = parts_of(run.data);
      if (run.status == Status::complete) {
        parts.design.speakers.clear();
        for (const DiscussionEvent& event : discussion_record(batch->info(), run).events) {
          if (event.kind == DiscussionEvent::Kind::user) parts.design.speakers.push_back(event.name);
        }
      }
      designs.emplace_back(run.run_id, std::move(parts.design));
    });
    if (designs.size() > before) names.push_back(batch->info().name);
  }
  if (designs.empty()) {
    throw Error("empty", "none of the selected discussions has a design: result files tell none", {},
                "designs are of discussions loaded from a configuration");
  }
  if (names.size() > 1) {
    throw Error("usage", "a design file is of one batch; selected are runs of " + joined(names, ", "), path,
                "name one of them: export design FILE batch:NAME");
  }
  JointExport out{{{path, dump_json(design_file(designs), 2) + "\n"}}, {}, designs.size()};
  if (without > 0) {
    out.notes.push_back(counted(without, "discussion comes", "discussions come") +
                        " from a result file, which tells no design: left out");
  }
  return out;
}

}  // namespace assay
