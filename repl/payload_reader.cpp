#include "repl/payload_reader.hpp"

#include <algorithm>

namespace assay {

void StorePayloads::visit(const std::vector<RunId>& runs, const PayloadParts& parts,
                          const std::function<bool(RunId, const QueryPayload&)>& each) {
  if (runs.empty()) return;
  Store& store = experiment_.store();
  const auto logs_of = [&](RunId run) {
    std::vector<std::string> texts;
    if (parts.logs) {
      for (StoredLog& line : store.logs(run)) texts.push_back(std::move(line.text));
    }
    return texts;
  };
  if (!parts.data && !parts.answer && !parts.context) {
    for (const RunId run : runs) {
      if (!each(run, {{}, {}, {}, logs_of(run)})) return;
    }
    return;
  }
  bool go_on = true;
  store.each_payload(
      runs.front(), runs.back() - runs.front() + 1,
      [&](RunId run) { return go_on && std::binary_search(runs.begin(), runs.end(), run); },
      [&](RunId run, const StoredPayloads& stored) {
        if (!go_on) return;
        const Status status = experiment_.table().read().row(run).status;
        const bool ended = status == Status::complete || status == Status::fail;
        QueryPayload payload{stored.data, {}, {}, logs_of(run)};
        if (ended) {  // a run that goes on has neither answer nor context yet
          payload.answer = stored.answer;
          payload.context = stored.context;
        }
        go_on = each(run, payload);
      });
}

}  // namespace assay
