#pragma once
// `peer_prediction`: N agents answer the same tasks; a critic that can tell answers to one task from answers to two
// measures how much they share, without a right answer. Specs: peer_prediction.md. The folder's README tells the
// session.

#include <functional>
#include <memory>

#include "core/model/kind.hpp"
#include "runners/llm/client.hpp"
#include "runners/llm/names.hpp"
#include "runners/prompt/limits.hpp"

namespace assay {

struct PeerDependencies {
  ChatClient& client;
  const ModelRegistry& models;
  std::function<PromptLimits()> limits = [] { return PromptLimits(); };
};

/// The dependencies outlive the kind and its runners.
std::unique_ptr<Kind> make_peer_prediction_kind(PeerDependencies dependencies);

}  // namespace assay
