#pragma once
// `arithmetic`, the origin's example and the smallest whole kind: pairs of numbers, one model call, the last number of
// the reply against their sum. Specs: shell.md 9.

#include <memory>

#include "core/model/kind.hpp"
#include "runners/llm/client.hpp"

namespace assay {

struct ArithmeticDependencies {
  ChatClient& client;
  const ModelRegistry& models;
};

/// The dependencies outlive the kind and its runners.
std::unique_ptr<Kind> make_arithmetic_kind(ArithmeticDependencies dependencies);

/// The last number in a text as it stands there, without commas: "1,007." -> "1007". "" when there is none.
std::string last_number(const std::string& text);

/// Whether a number as a text equals a + b: exactly when both are whole, else to 12 digits (0.1 + 0.2 is 0.3).
bool is_sum(const std::string& number, const Json& a, const Json& b);

}  // namespace assay
