#pragma once
// The one exception that ends a command (or the load of a file): what went wrong, where, and what to do about it.
// Expected outcomes of a model call are values, not exceptions; a bug is an assertion. Any thread.

#include <stdexcept>
#include <string>
#include <utility>

namespace assay {

class Error : public std::runtime_error {
 public:
  /// `kind`: one word for programs (`--json`: error.kind), e.g. "usage", "file", "json", "query", "store", "internal".
  /// `message`: one line for people, without the place. `place`: "FILE:LINE", a key, or "". `hint`: what to do, or "".
  Error(std::string kind, std::string message, std::string place = {}, std::string hint = {})
      : std::runtime_error(place.empty() ? message : place + ": " + message),
        kind_(std::move(kind)),
        message_(std::move(message)),
        place_(std::move(place)),
        hint_(std::move(hint)) {}

  const std::string& kind() const { return kind_; }
  const std::string& message() const { return message_; }
  const std::string& place() const { return place_; }
  const std::string& hint() const { return hint_; }

 private:
  std::string kind_, message_, place_, hint_;
};

}  // namespace assay
