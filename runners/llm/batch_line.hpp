#pragma once
// One line of an OpenAI Batch file: written from a recorded request, read from what a provider sends back.
// Specs: models.md 7; OpenAI API reference, "Batch". Pure functions: any thread.

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/model/ids.hpp"
#include "runners/llm/errors.hpp"
#include "runners/llm/model_entry.hpp"
#include "runners/llm/reply.hpp"

namespace assay {

inline constexpr std::size_t kBatchFileLines = 50'000, kBatchFileBytes = 200'000'000;
/// What a line may have beside the request's body.
inline constexpr std::size_t kBatchLineExtra = 512;
/// A longer line of an output file is no line.
inline constexpr std::size_t kBatchLineMaxBytes = 17U << 20;

/// Whether a model's requests have the shape of these lines.
bool fits_batch_file(const ModelEntry& entry);

/// "assay-3f9a1c02-000000000017": the first 8 digits of the experiment, the call.
std::string batch_custom_id(const std::string& experiment_id, CallId call);
/// nullopt: not of this experiment.
std::optional<CallId> batch_call_of(const std::string& experiment_id, std::string_view custom_id);

/// The line (with its LF) of a request as it was recorded (PreparedRequest::canonical): its body, `stream` never set.
/// `model` is put in where the body names none (azure). Throws Error "store" when that is no recorded request.
std::string batch_line(std::string_view custom_id, std::string_view canonical, const std::string& model);

struct BatchOutcome {
  enum class Action {
    answered,  // `reply` is set
    failed,    // `error` says why, and a second try would not mend it
    to_pool,   // to be sent again; `error` when the provider gave a reason
    skipped    // `why` says what is wrong with the line
  };
  Action action = Action::skipped;
  std::string custom_id;           // "" when none could be read
  std::string why;                 // for people: "not JSON: ..", "expired"
  int http_status = 0;             // 0: none came
  std::string body;                // of the response, to be stored; "" none
  std::optional<ChatReply> reply;  // cost not set
  std::optional<CallError> error;
};

/// Reads one line, without its end. `entry_of`: the model that a custom_id was written for; nullptr when nobody waits
/// for it. Whatever the bytes are, it returns.
BatchOutcome read_batch_line(std::string_view line,
                             const std::function<const ModelEntry*(const std::string& custom_id)>& entry_of);

}  // namespace assay
