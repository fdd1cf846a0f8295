#pragma once
// Files that calls are put into instead of being sent: the cheap lane of those providers that answer a file within a
// day (models.md 7). Core knows that a call stands in a file of some name; what the file looks like is told in
// runners/llm.
//
// The promise: a call is committed as `in_file`, with the name of its file, before anything else happens to it, and the
// file is written from what is recorded. So no call is ever in a file and on the wire, and a file that a crash left
// unwritten can be written at any time.

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace assay {

/// The lane of a call that stands in a file: this and the file's name.
inline constexpr std::string_view kFileLane = "bulk:";

/// The files of one job. Any thread.
class CallFiles {
 public:
  virtual ~CallFiles() = default;
  /// A model as a file keeps it. `identity`: equal for the same model, and for nothing else while the job lasts.
  /// `entry`: all that must be known of it, a JSON text; asked for once.
  struct Model {
    const void* identity = nullptr;
    const std::string& name;
    std::function<std::string()> entry;
  };
  /// The name of the file that a call with `bytes` of body goes into; a new one begins where the last is full. nullopt:
  /// the job has ended, nothing is taken any more.
  virtual std::optional<std::string> assign(const Model& model, std::size_t bytes) = 0;
  /// The job has ended: the files are complete and may be written. Must not wait.
  virtual void close() = 0;
};

}  // namespace assay
