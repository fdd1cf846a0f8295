#include "tests/mock_server/server/rules.hpp"

#include <algorithm>

#include "core/text/error.hpp"
#include "tests/mock_server/server/scan.hpp"

namespace assay::mock {

Rules::Rule Rules::parse_rule(const Json& spec, const Behaviour& base) {
  Rule rule;
  if (!spec.is_object() || !spec.contains("do"))
    throw Error("usage", "a rule is {\"match\":{..},\"do\":{..}}", "rules");
  for (const auto& [key, value] : spec.items()) {
    if (key != "match" && key != "do") throw Error("usage", "unknown key of a rule: " + key, "rules");
  }
  const Json match = spec.value("match", Json::object());
  for (const auto& [key, value] : match.items()) {
    if (key == "path") {
      rule.path = value.get<std::string>();
    } else if (key == "key") {
      rule.key = value.get<std::string>();
    } else if (key == "model") {
      rule.model = json_escape(value.get<std::string>());
    } else if (key == "contains") {
      rule.contains = json_escape(value.get<std::string>());
    } else if (key == "nth") {
      rule.nth = value.get<std::uint64_t>();
    } else if (key == "every") {
      rule.every = value.get<std::uint64_t>();
    } else if (key == "first") {
      rule.first = value.get<std::uint64_t>();
    } else if (key == "share") {
      rule.share = value.get<double>();
    } else {
      throw Error("usage", "unknown key of a match: " + key, "rules",
                  "path, key, model, contains, nth, every, first, share");
    }
  }
  rule.how = parse_behaviour(spec.at("do"), base);
  return rule;
}

void Rules::configure(const Json& keys) {
  if (!keys.is_object()) throw Error("usage", "the defaults are an object", "config");
  Json merged = config_;
  for (const auto& [key, value] : keys.items()) {
    if (value.is_null()) {
      merged.erase(key);
    } else {
      merged[key] = value;
    }
  }
  Rule defaults;
  defaults.how = parse_behaviour(merged, defaults.how, true);
  std::vector<Rule> rules;
  for (const Json& one : list_) rules.push_back(parse_rule(one, defaults.how));
  if (merged.contains("seed")) seed_ = merged["seed"].get<std::uint64_t>();
  config_ = std::move(merged);
  defaults_ = std::move(defaults);
  rules_ = std::move(rules);
}

void Rules::set_rules(const Json& list) {
  if (!list.is_array()) throw Error("usage", "the rules are a list", "rules");
  std::vector<Rule> rules;
  for (const Json& one : list) rules.push_back(parse_rule(one, defaults_.how));
  list_ = list;
  rules_ = std::move(rules);
}

void Rules::reset(bool all) {
  if (all) config_ = Json::object(), list_ = Json::array();
  configure(Json::object());
}

bool Rules::matches(Rule& rule, std::size_t number, const Asked& asked) const {
  if (!rule.path.empty() && asked.path.find(rule.path) == std::string_view::npos) return false;
  if (!rule.key.empty() && asked.key != rule.key) return false;
  if (!rule.model.empty() && asked.model != rule.model) return false;
  if (!rule.contains.empty() && asked.body.find(rule.contains) == std::string_view::npos) return false;
  if (rule.share < 1) {
    const std::uint64_t own = draw(seed_ ^ asked.fingerprint, 0x5ca1ab1eULL + number);
    if (draw_unit(own, asked.try_no) >= rule.share) return false;
  }
  ++rule.seen;
  if (rule.nth > 0 && rule.seen != rule.nth) return false;
  if (rule.every > 0 && rule.seen % rule.every != 0) return false;
  return rule.first == 0 || rule.seen <= rule.first;
}

const Behaviour& Rules::of_try(Rule& rule, std::uint64_t fingerprint) {
  if (rule.how.then.empty()) return rule.how;
  const std::uint64_t before = rule.tries[fingerprint]++;
  return rule.how.then[std::min<std::uint64_t>(before, rule.how.then.size() - 1)];
}

const Behaviour* Rules::choose_side(const Asked& asked) {
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    if (!rules_[i].path.empty() && matches(rules_[i], i, asked)) return &of_try(rules_[i], asked.fingerprint);
  }
  return nullptr;
}

const Behaviour& Rules::choose(const Asked& asked) {
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    if (matches(rules_[i], i, asked)) return of_try(rules_[i], asked.fingerprint);
  }
  return of_try(defaults_, asked.fingerprint);
}

}  // namespace assay::mock
