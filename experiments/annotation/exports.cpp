#include "experiments/annotation/exports.hpp"

#include "core/text/error.hpp"
#include "experiments/annotation/export_forms.hpp"
#include "experiments/discussion/generation.hpp"

namespace assay {

std::vector<JointFormat> annotation_joint_formats() {
  const std::vector<std::string> both = {"discussion", "annotation"}, discussions = {"discussion"};
  std::vector<JointFormat> formats = {{"syndisco", both, true, "a folder of result files, as SynDisco reads them"}};
  for (const std::string_view generation : kGenerations) {
    const std::string name(generation);
    formats.push_back({"syndisco:" + name, both, true, "the same in the form " + name + " of SynDisco"});
  }
  for (const JointFormat& format : {
           JointFormat{"comments", both, false, "a table, .csv or .jsonl: a row per comment and annotation"},
           JointFormat{"comments:legacy", both, false, "the data set CSV of SynDisco g2 and g3, its faults included"},
           JointFormat{"comments:legacy20", discussions, false, "the discussion CSV of SynDisco 2.0"},
           JointFormat{"convokit", both, true, "a ConvoKit corpus"},
           JointFormat{"prompts", both, false, "JSON lines: the two messages of every call"},
           JointFormat{"design", discussions, false, "a design file: load discussion FILE design=.."},
           JointFormat{"transcript", both, false, "Markdown to be read"},
       }) {
    formats.push_back(format);
  }
  return formats;
}

JointExport export_discussions(const std::string& format, const std::string& path,
                               const std::vector<const BatchView*>& batches) {
  const std::size_t colon = format.find(':');
  if (format.substr(0, colon) == "syndisco")
    return export_result_files(colon == std::string::npos ? "" : format.substr(colon + 1), batches);
  if (format == "comments") return export_comments(path, batches);
  if (format == "comments:legacy") return export_legacy_comments(path, batches);
  if (format == "comments:legacy20") return export_legacy20_comments(path, batches);
  if (format == "convokit") return export_convokit(batches);
  if (format == "prompts") return export_prompts(path, batches);
  if (format == "design") return export_design(path, batches);
  if (format == "transcript") return export_transcript(path, batches);
  throw Error("usage", "discussions have no export format " + format);
}

}  // namespace assay
