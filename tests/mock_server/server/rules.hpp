#pragma once
// The defaults and the ordered list of rules; which behaviour a request meets. First match wins; a rule's `do` is laid
// over the defaults. Used by the server's one thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/text/json.hpp"
#include "tests/mock_server/server/behaviour.hpp"

namespace assay::mock {

class Rules {
 public:
  explicit Rules(std::uint64_t seed) : seed_(seed) {}

  /// Lays the keys over those that were set before; null takes one back. Throws Error("usage") and changes nothing.
  void configure(const Json& keys);
  /// Replaces the list. Throws Error("usage") and changes nothing.
  void set_rules(const Json& list);
  /// Counters and limits begin again; with `all` the defaults and rules of the start, too.
  void reset(bool all);

  struct Asked {
    std::string_view path, key, model, body;  // model and body as in the JSON text
    std::uint64_t fingerprint = 0, try_no = 1;
  };
  /// The behaviour for this request; counts it. Valid until the next change.
  const Behaviour& choose(const Asked& asked);
  /// The same for a path that generates nothing: only rules that name a path count, and there may be none.
  const Behaviour* choose_side(const Asked& asked);

  const Json& config() const { return config_; }
  const Json& rules() const { return list_; }
  const Behaviour& defaults() const { return defaults_.how; }
  std::uint64_t seed() const { return seed_; }

 private:
  struct Rule {
    std::string path, key, model, contains;  // "": any
    std::uint64_t nth = 0, every = 0, first = 0;
    double share = 1;
    Behaviour how;
    std::uint64_t seen = 0;
    std::unordered_map<std::uint64_t, std::uint64_t> tries;  // per fingerprint, for `then`
  };
  static Rule parse_rule(const Json& spec, const Behaviour& base);
  bool matches(Rule& rule, std::size_t number, const Asked& asked) const;
  static const Behaviour& of_try(Rule& rule, std::uint64_t fingerprint);

  std::uint64_t seed_;
  Json config_ = Json::object(), list_ = Json::array();
  Rule defaults_;
  std::vector<Rule> rules_;
};

}  // namespace assay::mock
