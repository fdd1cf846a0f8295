#pragma once
// A script of replies for `sim/script:FILE`, in one of three forms (models.md 2.14, debate.md 8, discussion.md 13.6):
//
//   {"match":{"contains":"red"},"reply":"apple","times":1}           a list: the first line that matches
//   {"id":"5825","step":2,"key":"agent/1","content":".."}            by address: where the call stands
//   {"replies":{"RUN ID":["first",".."],"*":[..]}}                   by run, in the order of its calls
//
// Lines of one address are used in order, one per try at the call; "error" {"status","message"} in place of the content
// is an HTTP status. `id` is a run's ID, or that of its item: "5825" is also that of "5825@2". Plain, .gz or .zst.
// The file is read anew by each job, where its lines start over.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runners/llm/errors.hpp"
#include "runners/llm/sim.hpp"

namespace assay {

struct ScriptedReply {
  std::string text, reasoning, stop = "stop";
  std::optional<std::int64_t> in, out;  // tokens
  std::optional<SimLatency> latency;
  // An error instead, by kind or by status; 0: none.
  std::optional<ErrorKind> error;
  int status = 0;
  std::string error_message, retry_after;
  bool addressed = false;  // it was meant for this call and no other
};

/// Not for several threads at a time.
class SimScript {
 public:
  explicit SimScript(std::string path) : path_(std::move(path)) {}

  /// What the script has for this try of a call. Throws Error "bad_request": nothing (naming the address), or the file
  /// can't be read or has a bad line (naming it).
  ScriptedReply next(const SimPlace& place, std::string_view prompt);

 private:
  struct Text;
  /// How far a job has got. `taken`: lines used, by run and address; `used`: by line of a list.
  struct Reading {
    std::shared_ptr<const Text> text;
    std::unordered_map<std::string, std::uint32_t> taken;
    std::vector<std::int64_t> used;
    std::int64_t calls = 0;
    std::uint64_t asked = 0;  // when last, for dropping the reading that nobody asks any more
  };
  Reading& reading_of(std::uint64_t job);
  std::shared_ptr<const Text> read() const;
  static ScriptedReply by_list(Reading& reading, std::string_view prompt);
  static ScriptedReply by_address(Reading& reading, const SimPlace& place);
  static ScriptedReply by_run(const Reading& reading, const SimPlace& place);

  std::string path_;
  std::map<std::uint64_t, Reading> readings_;  // by job
  std::uint64_t asked_ = 0;
};

}  // namespace assay
