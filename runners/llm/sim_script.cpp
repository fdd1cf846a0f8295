#include "runners/llm/sim_script.hpp"

#include <re2/re2.h>
#include <algorithm>

#include "core/text/error.hpp"
#include "core/text/hash.hpp"
#include "core/text/input.hpp"
#include "core/text/utf8.hpp"

namespace assay {
namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 30;
constexpr std::size_t kMostReadings = 4;  // jobs that use one script at the same time

[[noreturn]] void refuse(const std::string& message, const std::string& place = {}) {
  throw Error("bad_request", message, place);
}

std::string text_member(const Json& object, const char* name, std::string fallback = {}) {
  const auto found = object.find(name);
  if (found == object.end()) return fallback;
  return found->is_string() ? found->get<std::string>() : dump_json(*found);
}

void read_error(const Json& field, const std::string& place, ScriptedReply& to) {
  to.error_message = text_member(field, "message", "scripted");
  to.retry_after = text_member(field, "retry_after");
  if (const auto status = field.find("status"); status != field.end()) {
    if (!status->is_number_integer() || *status < 400 || *status > 599)
      refuse("the status of an error is a number from 400 to 599, not " + dump_json(*status), place);
    to.status = status->get<int>();
    return;
  }
  to.error = error_kind_from_text(text_member(field, "kind", "server"));
  if (!to.error) refuse("unknown kind of error \"" + text_member(field, "kind") + "\"", place);
}

/// Takes over one member of a line that says what is replied; false: it is none of those.
bool read_member(const Json& line, const std::string& name, const Json& field, const std::string& place,
                 ScriptedReply& to) {
  if (name == "reply" || name == "content") {
    to.text = text_member(line, name.c_str());
  } else if (name == "reasoning") {
    to.reasoning = text_member(line, "reasoning");
  } else if (name == "stop") {
    to.stop = text_member(line, "stop");
  } else if (name == "latency" && field.is_string()) {
    to.latency = parse_sim_latency(field.get<std::string>());
  } else if (name == "usage" && field.is_object()) {
    for (const auto& [part, count] : field.items()) {
      if (!count.is_number_integer()) refuse("usage holds numbers", place);
      if (part == "in") to.in = count.get<std::int64_t>();
      if (part == "out") to.out = count.get<std::int64_t>();
    }
  } else if (name == "error" && field.is_object()) {
    read_error(field, place, to);
  } else {
    return false;
  }
  return true;
}

void check_reply(const Json& line, const std::string& place) {
  if (!line.contains("reply") && !line.contains("content") && !line.contains("error"))
    refuse("a script line has a reply (content) or an error", place);
}

struct ListLine {
  std::string contains;
  std::unique_ptr<RE2> pattern;
  std::int64_t nth = 0, times = 0;  // 0: any, unlimited
  bool matches_all = true;
  ScriptedReply reply;

  bool fits(std::string_view prompt, std::int64_t call) const {
    return matches_all || (!contains.empty() && prompt.find(contains) != std::string_view::npos) ||
           (pattern && RE2::PartialMatch(re2::StringPiece(prompt.data(), prompt.size()), *pattern)) ||
           (nth > 0 && call == nth);
  }
};

void read_match(const Json& match, const std::string& place, ListLine& to) {
  if (!match.is_object()) refuse("match is an object", place);
  for (const auto& [how, what] : match.items()) {
    to.matches_all = false;
    if (how == "contains" && what.is_string()) {
      to.contains = what.get<std::string>();
    } else if (how == "re" && what.is_string()) {
      to.pattern = std::make_unique<RE2>(what.get<std::string>(), RE2::Quiet);
      if (!to.pattern->ok()) refuse("bad pattern: " + to.pattern->error(), place);
    } else if (how == "nth" && what.is_number_integer()) {
      to.nth = what.get<std::int64_t>();
    } else if (how == "key" || how == "run") {
      refuse("match has no " + how + ": address the line by \"id\", \"step\" and \"key\"", place);
    } else {
      refuse("unknown match \"" + how + "\": contains, re, nth", place);
    }
  }
}

ListLine list_line(const Json& value, const std::string& place) {
  ListLine line;
  for (const auto& [name, field] : value.items()) {
    if (name == "match") {
      read_match(field, place, line);
    } else if (name == "times" && field.is_number_integer()) {
      line.times = field.get<std::int64_t>();
    } else if (!read_member(value, name, field, place, line.reply)) {
      refuse("unknown key \"" + name + "\" or wrong type", place);
    }
  }
  check_reply(value, place);
  return line;
}

std::string address_of(std::string_view id, std::uint64_t step, std::string_view key) {
  std::string address(id);
  address += '\0';
  address += std::to_string(step);
  address += '\0';
  address += key;
  return address;
}

ScriptedReply addressed_reply(const Json& value, const std::string& place, std::string* address = nullptr) {
  ScriptedReply reply;
  reply.addressed = true;
  std::uint64_t step = 1;
  for (const auto& [name, field] : value.items()) {
    if (name == "id" && (field.is_string() || field.is_number_integer())) continue;
    if (name == "key" && field.is_string()) continue;
    if (name == "step" && field.is_number_unsigned()) {
      step = field.get<std::uint64_t>();
    } else if (!read_member(value, name, field, place, reply)) {
      refuse("unknown key \"" + name + "\" or wrong type: id, step, key, content or error", place);
    }
  }
  check_reply(value, place);
  if (address) *address = address_of(text_member(value, "id"), step, text_member(value, "key"));
  return reply;
}

/// "5825" of "5825@2", a repeat of an item; the id itself otherwise.
std::string_view item_of(std::string_view id) {
  const std::size_t at = id.rfind('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == id.size()) return id;
  return id.find_first_not_of("0123456789", at + 1) == std::string_view::npos ? id.substr(0, at) : id;
}

}  // namespace

struct SimScript::Text {
  std::string raw;  // lines by address are kept as they stand and read again when their turn comes
  Hash128 hash;
  struct Span {
    std::uint64_t begin = 0;
    std::uint32_t size = 0, line = 0;
  };
  std::vector<ListLine> list;
  std::unordered_map<std::string, std::vector<Span>> by_address;
  Json by_run;  // {"RUN ID": [texts]}; null: another form
};

std::shared_ptr<const SimScript::Text> SimScript::read() const {
  auto text = std::make_shared<Text>();
  text->raw = read_file(path_, kMostBytes);
  text->hash = xxh3_128(text->raw);
  for (const auto& [job, reading] : readings_) {
    if (reading.text->hash == text->hash) return reading.text;
  }
  const std::string_view all = text->raw;
  std::uint32_t number = 0;
  bool first = true;
  for (std::size_t begin = 0; begin < all.size();) {
    const std::size_t end = std::min(all.find('\n', begin), all.size());
    const std::string_view line = all.substr(begin, end - begin);
    const Text::Span span{begin, static_cast<std::uint32_t>(line.size()), ++number};
    begin = end + 1;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string place = path_ + ":" + std::to_string(number);
    if (first) {  // one object over several lines?
      std::optional<Json> whole;
      if (line.find("\"replies\"") != std::string_view::npos || !parse_json_lenient(line)) {
        JsonLimits limits;
        limits.max_bytes = kMostBytes;
        whole = parse_json_lenient(all, limits);
      }
      if (whole && whole->is_object() && whole->contains("replies")) {
        text->by_run = whole->at("replies");
        if (!text->by_run.is_object()) refuse("\"replies\" is an object: {\"RUN ID\": [..]}", path_);
        for (const auto& [id, replies] : text->by_run.items()) {
          if (!replies.is_array()) refuse("the replies of \"" + id + "\" are an array of texts", path_);
        }
        text->raw.clear();
        return text;
      }
    }
    const Json value = parse_json(line, place);
    if (!value.is_object()) refuse("a script line is an object", place);
    const bool addressed = value.contains("id");
    if (!first && addressed == text->by_address.empty())
      refuse("lines with an address (\"id\") and lines of a list can't stand in one script", place);
    first = false;
    if (!addressed) {
      text->list.push_back(list_line(value, place));
      continue;
    }
    std::string address;
    addressed_reply(value, place, &address);
    text->by_address[std::move(address)].push_back(span);
  }
  if (text->by_address.empty()) text->raw.clear();
  return text;
}

SimScript::Reading& SimScript::reading_of(std::uint64_t job) {
  if (const auto found = readings_.find(job); found != readings_.end()) {
    found->second.asked = ++asked_;
    return found->second;
  }
  Reading fresh;
  fresh.text = read();
  fresh.used.assign(fresh.text->list.size(), 0);
  fresh.asked = ++asked_;
  if (readings_.size() >= kMostReadings) {
    readings_.erase(std::min_element(readings_.begin(), readings_.end(),
                                     [](const auto& a, const auto& b) { return a.second.asked < b.second.asked; }));
  }
  return readings_[job] = std::move(fresh);
}

ScriptedReply SimScript::next(const SimPlace& place, std::string_view prompt) {
  Reading& reading = reading_of(place.origin.job);
  ++reading.calls;
  if (!reading.text->by_run.is_null()) return by_run(reading, place);
  if (!reading.text->by_address.empty()) return by_address(reading, place);
  return by_list(reading, prompt);
}

ScriptedReply SimScript::by_list(Reading& reading, std::string_view prompt) {
  const std::vector<ListLine>& list = reading.text->list;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i].times > 0 && reading.used[i] >= list[i].times) continue;
    if (!list[i].fits(prompt, reading.calls)) continue;
    ++reading.used[i];
    return list[i].reply;
  }
  std::string quoted(prompt.substr(0, 80));
  while (!quoted.empty() && !is_valid_utf8(quoted)) quoted.pop_back();
  refuse("no line of the script matches: " + quoted);
}

ScriptedReply SimScript::by_address(Reading& reading, const SimPlace& place) {
  const EffectOrigin& origin = place.origin;
  const Text& text = *reading.text;
  std::string address = address_of(origin.id, origin.step, place.key);
  auto found = text.by_address.find(address);
  if (found == text.by_address.end())
    found = text.by_address.find(address_of(item_of(origin.id), origin.step, place.key));
  const std::string shown = "id \"" + std::string(origin.id) + "\", step " + std::to_string(origin.step) + ", key \"" +
                            std::string(place.key) + "\"";
  if (found == text.by_address.end()) refuse("the script has no line for " + shown);
  std::uint32_t& taken = reading.taken[std::to_string(origin.run) + '/' + address];
  const std::vector<Text::Span>& lines = found->second;
  if (taken >= lines.size()) {
    refuse("the script has no further line for " + shown + ": " + std::to_string(lines.size()) +
           (lines.size() == 1 ? " was used" : " were used"));
  }
  const Text::Span& span = lines[taken++];
  const std::string_view line = std::string_view(text.raw).substr(span.begin, span.size);
  const std::string where = "line " + std::to_string(span.line);
  return addressed_reply(parse_json(line, where), where);
}

ScriptedReply SimScript::by_run(const Reading& reading, const SimPlace& place) {
  const Json& all = reading.text->by_run;
  const EffectOrigin& origin = place.origin;
  for (const std::string& id : {std::string(origin.id), std::string(item_of(origin.id)), std::string("*")}) {
    const auto found = all.find(id);
    if (found == all.end()) continue;
    if (origin.call > found->size()) refuse("script exhausted at call " + std::to_string(origin.call));
    ScriptedReply reply;
    const Json& text = found->at(origin.call - 1);
    reply.text = text.is_string() ? text.get<std::string>() : dump_json(text);
    reply.addressed = true;
    return reply;
  }
  refuse("the script has no replies for the run " + std::string(origin.id));
}

}  // namespace assay
