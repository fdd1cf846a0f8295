#include "repl/payload_reader.hpp"

#include <algorithm>

namespace assay {
namespace {

constexpr RunId kGap = 512;                // runs that lie further apart are read by themselves
constexpr std::size_t kLookEvery = 2'048;  // runs between two calls of `advance`

}  // namespace

void StorePayloads::visit(const std::vector<RunId>& runs, const PayloadParts& parts,
                          const std::function<bool(RunId, const QueryPayload&)>& each) {
  Store& store = experiment_.store();
  std::size_t visited = 0;
  const auto show = [&](RunId run, const QueryPayload& payload) {
    if (advance_ && ++visited % kLookEvery == 0) advance_(visited, runs.size());
    return each(run, payload);
  };
  const auto logs_of = [&](RunId run) {
    std::vector<std::string> texts;
    if (parts.logs) {
      for (StoredLog& line : store.logs(run)) texts.push_back(std::move(line.text));
    }
    return texts;
  };
  if (!parts.data && !parts.answer && !parts.context) {
    for (const RunId run : runs) {
      if (!show(run, {{}, {}, {}, logs_of(run)})) return;
    }
    return;
  }
  bool go_on = true;
  for (std::size_t from = 0, to = 0; go_on && from < runs.size(); from = to) {
    for (to = from + 1; to < runs.size() && runs[to] - runs[to - 1] <= kGap;) ++to;
    std::size_t next = from;
    store.each_payload(
        runs[from], runs[to - 1] - runs[from] + 1,
        [&](RunId run) {  // asked in order
          while (next < to && runs[next] < run) ++next;
          return go_on && next < to && runs[next] == run;
        },
        [&](RunId run, const StoredPayloads& stored) {
          if (!go_on) return;
          const Status status = experiment_.table().read().row(run).status;
          const bool ended = status == Status::complete || status == Status::fail;
          QueryPayload payload{stored.data, {}, {}, logs_of(run)};
          if (ended) {  // a run that goes on has neither answer nor context yet
            payload.answer = stored.answer;
            payload.context = stored.context;
          }
          go_on = show(run, payload);
        });
  }
}

}  // namespace assay
