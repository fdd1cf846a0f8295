#pragma once
// What a kind is beside, when `load FILE` needs no name of a kind for its files: they say themselves whose they are.

#include <string>
#include <string_view>

#include "core/model/kind.hpp"

namespace assay {

class OwnFiles {
 public:
  virtual ~OwnFiles() = default;
  /// Whether this text (its first megabyte) is a YAML file of the kind's, also one with faults that its load will name.
  /// Never throws.
  virtual bool claims(std::string_view text) const = 0;
  /// What a file must have for that, in a few words.
  virtual std::string claim_rule() const = 0;
  /// Reads a file as a load would, and stores nothing; what it is, in a few words; "" : that can't be told without a
  /// load. Throws Error.
  virtual std::string check_file(const Source&) const { return {}; }
  /// What a file says of limit, shuffle and epochs: as typed, where the person typed none. Throws Error.
  virtual ParameterTexts file_defaults(const Source&) const { return {}; }
};

}  // namespace assay
