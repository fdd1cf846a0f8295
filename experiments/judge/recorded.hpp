#pragma once
// Judgements that others recorded, as COMPLETE runs: our own lines, FastChat's model_judgment, AlpacaEval's
// annotations.json; and human verdicts. Specs: judge.md 2 (human), 9. One thread.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/model/kind.hpp"
#include "experiments/judge/item.hpp"
#include "experiments/judge/settings.hpp"

namespace assay {

struct RecordedSource {
  std::vector<JudgeItem> items;  ///< with `recorded`; ids unique
  std::vector<std::string> warnings, notes;
  std::optional<JudgeMode> mode;  ///< what the lines say, where no mode was given
  /// Parameters that the files settle where the person gave none: `swap` (both, where every judge was asked in both
  /// orders; else off, so that one order makes a verdict), `labels` (alpaca: mM), of exported judgements `baseline` and
  /// carried_settings; and `judges`, all of the files: one that lacks an item is missing there.
  Json defaults = Json::object();
};
/// `format`: judgements, fastchat, alpaca. `params`: only what the person gave; with a `baseline` items without that
/// model are left out. Lines of one item in several files make one item. Throws Error with file, line, column; then
/// nothing is loaded.
///
/// judgements: `raw` is read by the rules of the batch; a line without it keeps what its `verdict` (a label as
/// displayed), `value`, `values`, `scores` say, `logprobs` alone weigh the labels; `status` says why there is none. Of
/// `value` and `verdict` together the verdict is the label, the value its probability. Columns beyond those of judge.md
/// 9 stay with the item, from the first line that has them.
/// fastchat: items ID/TURN/MODEL and ID/TURN/MODEL_1/MODEL_2, a game each order; what is there twice becomes ".2".
/// alpaca: items MODEL/ROW, rows from 0, those of several annotators are one item; the order in which the answers were
/// shown is the one in which the log-probabilities give the preference; `generator_2` = example: the file's name, of
/// annotations.json its folder's. The outputs are not kept, their lengths are.
RecordedSource read_recorded(const std::string& format, const std::vector<Source>& sources, const Json& params);

/// Which format= a row of a file is a judgement of; "": it is none.
std::string recorded_format_of(const Json& row);

/// item id -> rater -> verdict or number. CSV or JSON lines {item, rater, verdict | score}; empty cells are missing,
/// without a rater it is "human". Where a or b name the models that were compared: {"verdict", "a", "b"}, which
/// JudgeRecords turns to the item's own order. Throws Error "file", also where a rater judges an item twice.
std::map<std::string, std::map<std::string, Json>> read_human(const std::string& path);

}  // namespace assay
