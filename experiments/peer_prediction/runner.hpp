#pragma once
// One task: responses, comparisons, judgements. Shared by all runs of its batch; any thread. Specs: peer_prediction.md
// 3, 5, 6.
//
// Steps, each with a checkpoint (those that have nothing to do are left out; what needs no call is done in the step
// before):
//   responses    calls reading/i, then response/i; given ones are copied. Publishes {"responses": [text|null ..]} under
//                "responses": the texts as they are compared, after the attack. FAIL "no_response" when there is none.
//                A judge without a model judges at once.
//   pairing      no call: waits until the tasks that pairing.hpp names have published or ended, then keeps in run.state
//                whom x_i meets and the text of each x_j. A critic without a model compares at once
//   comparisons  calls critic/p/i/j and critic/q/i/j (several partners: critic/q/i/j/TASK; a panel:
//   critic/MODEL/p/i/j),
//                logp/base/i and logp/cond/i/j (A_i after A_j)
//   judgements   calls judge/with/i/j, judge/without/i/j
// Agents count from 1 in keys. run.state is {"phase": the step to come, "texts": [..], "q": [[i, j, partner, text]..]}
// (agents from 0, `text` a place in texts or null): a run that is stopped or killed among its comparisons goes on with
// the same partners and the same texts, whatever others have published since.

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "core/model/runner.hpp"
#include "experiments/peer_prediction/settings.hpp"
#include "runners/llm/client.hpp"
#include "runners/llm/names.hpp"
#include "runners/prompt/prompt_file.hpp"

namespace assay {

/// What the runner calls and asks with, as the kind pinned it. `models`: by name as the settings name them; a critic or
/// judge without a name of its own has the batch's.
struct PeerTools {
  std::map<std::string, ModelHandle> models;
  std::shared_ptr<const PromptFile> critic, judge_with, judge_without;
  std::uint64_t tasks = 0;  ///< of the batch: for the calls that a run plans under all and all_other
};
/// `client` outlives the runner. Tools of a runner that only evaluates may be empty.
std::shared_ptr<Runner> make_peer_runner(ChatClient& client, PeerSettings settings, PeerTools tools);

}  // namespace assay
