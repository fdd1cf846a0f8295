#include "experiments/qa/hub.hpp"

#include <algorithm>

#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "runners/llm/hints.hpp"
#include "runners/llm/urls.hpp"

namespace assay {
namespace {

constexpr std::uint64_t kPageRows = 100;
constexpr std::uint64_t kMostRows = 10'000'000;
constexpr std::size_t kShownBytes = 300;

/// One reading: what every step of it needs.
class Reading {
 public:
  Reading(const WebReader& web, std::string base, const HubQuery& query) : web_(web), query_(query) {
    while (base.ends_with('/')) base.pop_back();
    base_ = std::move(base);
    dataset_ = query.name.substr(3);
    const auto slash = dataset_.find('/');
    const auto good = [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_' ||
             c == '.' || c == '/';
    };
    const bool named = slash != std::string::npos && slash > 0 && slash + 1 < dataset_.size() &&
                       dataset_.find('/', slash + 1) == std::string::npos &&
                       std::all_of(dataset_.begin(), dataset_.end(), good);
    if (!named) fail("usage", "no name of a data set", "hf:OWNER/NAME, like hf:tau/commonsense_qa");
    has_token_ = web.sends(kHubToken, base_);
  }

  HubRows read(std::vector<std::string>& warnings) {
    config_ = query_.config;
    split_ = query_.split;
    if (config_.empty() || split_.empty()) choose();
    read_pages({0});
    const std::uint64_t wanted = std::min(query_.limit.value_or(total_), total_);
    std::vector<std::uint64_t> more;
    for (std::uint64_t offset = kPageRows; offset < wanted; offset += kPageRows) more.push_back(offset);
    if (!more.empty()) read_pages(more);
    for (std::uint64_t i = 0; i < wanted; ++i) {
      if (i >= came_.size() || !came_[i]) {
        fail("data", "row " + std::to_string(i) + " of " + std::to_string(total_) +
                         " did not come: the page at offset " + std::to_string(i / kPageRows * kPageRows) +
                         " has not all of its rows");
      }
    }
    rows_.rows.resize(wanted);
    rows_.pin = {{"dataset", dataset_}, {"config", config_}, {"split", split_}, {"rows", total_}};
    if (partial_) {
      rows_.pin["partial"] = true;
      warnings.push_back(query_.name + ": the hub has only a part of this split (" + std::to_string(total_) +
                         " rows): the questions are not all of it");
    }
    return std::move(rows_);
  }

 private:
  [[noreturn]] void fail(const char* kind, const std::string& message, const std::string& hint = {}) const {
    throw Error(kind, message, query_.name, hint);
  }

  [[noreturn]] void bad_shape(const std::string& where, const std::string& message) const {
    fail("data", where + ": " + message, "is hf.base (" + base_ + ") the row API?");
  }

  std::string address(const char* path, const std::vector<std::pair<std::string, std::string>>& query) const {
    return page_address(base_ + path, query);
  }

  /// The document of a 200; an Error that tells what the hub says for anything else.
  Json document_of(const std::string& where, const WebReply& reply) const {
    const std::string tried = reply.tries > 1 ? " (" + std::to_string(reply.tries) + " tries)" : "";
    if (!reply.failure.empty()) {
      fail("network", where + ": no answer from " + base_ + tried + ": " + reply.failure,
           "`set hf.base` shows and changes the address");
    }
    if (reply.status == 200) {
      std::string why;
      auto document = parse_json_lenient(reply.body, {}, nullptr, &why);
      if (!document) bad_shape(where, "the answer is no whole JSON document: " + why);
      if (!document->is_object()) bad_shape(where, "the answer is no JSON object");
      return std::move(*document);
    }
    const auto document = parse_json_lenient(reply.body);
    std::string said;
    if (document && document->is_object() && document->contains("error")) {
      const Json& error = (*document)["error"];
      said = error.is_string() ? error.get<std::string>() : dump_json(error);
      if (said.size() > kShownBytes) said = said.substr(0, kShownBytes) + "..";
    }
    const auto code = find_header(reply.headers, "x-error-code");
    std::string hint;
    if (reply.status == 401 || reply.status == 403 || reply.status == 404) {
      hint = has_token_ ? "is the name right, and may the key in HF_TOKEN read it?"
                        : "is the name right? A private or gated data set needs a key: put it into HF_TOKEN";
    } else if (reply.status >= 300 && reply.status < 400) {
      hint = "hf.base (" + base_ + ") has moved";
    } else if (reply.status == 429) {
      hint = has_token_ ? "try again later" : "try again later; with a key in HF_TOKEN the hub allows more";
    } else if (reply.status >= 500) {
      hint = "try again later";
    }
    fail(reply.status == 404                          ? "not_found"
         : reply.status == 401 || reply.status == 403 ? "auth"
                                                      : "server",
         where + ": the hub answers " + std::to_string(reply.status) + tried + (said.empty() ? "" : ": " + said) +
             (code ? " (" + std::string(*code) + ")" : ""),
         hint);
  }

  static const Json* member(const Json& object, const char* name) {
    if (!object.is_object()) return nullptr;
    const auto found = object.find(name);
    return found == object.end() ? nullptr : &*found;
  }

  static std::string text_of(const Json& object, const char* name) {
    const Json* value = member(object, name);
    return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
  }

  /// config and split where they are not given.
  void choose() {
    Json answer;
    web_.get({address("/splits", {{"dataset", dataset_}})}, kHubToken, query_.interrupted,
             [&](std::size_t, WebReply&& reply) { answer = document_of("splits", reply); });
    const Json* list = member(answer, "splits");
    if (list == nullptr || !list->is_array()) bad_shape("splits", "there is no list 'splits' in the answer");
    std::vector<std::string> configs;
    for (const Json& one : *list) {
      const std::string config = text_of(one, "config");
      if (std::find(configs.begin(), configs.end(), config) == configs.end()) configs.push_back(config);
    }
    if (configs.empty()) {
      const Json* pending = member(answer, "pending");
      const bool soon = pending != nullptr && pending->is_array() && !pending->empty();
      fail("data", "the hub knows no split of it" + std::string(soon ? " yet: it is being prepared" : ""),
           soon ? "try again in a few minutes" : "");
    }
    config_ = pick("config", config_, configs, {"default"});
    std::vector<std::string> splits;
    for (const Json& one : *list) {
      if (text_of(one, "config") == config_) splits.push_back(text_of(one, "split"));
    }
    split_ = pick("split", split_, splits, {"test", "validation"});
  }

  std::string pick(const char* what, const std::string& given, const std::vector<std::string>& there,
                   const std::vector<std::string>& preferred) const {
    const auto is_there = [&](const std::string& name) {
      return std::find(there.begin(), there.end(), name) != there.end();
    };
    const std::string all = joined(there, ", ");
    if (!given.empty()) {
      if (is_there(given)) return given;
      const auto near = nearest(given, there);
      fail("usage", std::string("there is no ") + what + " '" + given + "': it has " + all,
           near ? "did you mean " + *near + "?" : "");
    }
    if (there.size() == 1) return there.front();
    for (const std::string& name : preferred) {
      if (is_there(name)) return name;
    }
    fail("usage", std::string("which ") + what + "? It has " + all, std::string(what) + "=NAME says it");
  }

  void read_pages(const std::vector<std::uint64_t>& offsets) {
    std::vector<std::string> addresses;
    for (const std::uint64_t offset : offsets) {
      addresses.push_back(address("/rows", {{"dataset", dataset_},
                                            {"config", config_},
                                            {"split", split_},
                                            {"offset", std::to_string(offset)},
                                            {"length", std::to_string(kPageRows)}}));
    }
    web_.get(addresses, kHubToken, query_.interrupted, [&](std::size_t index, WebReply&& reply) {
      const std::string where = "rows at offset " + std::to_string(offsets[index]);
      take_page(where, offsets[index], document_of(where, reply));
    });
  }

  void take_page(const std::string& where, std::uint64_t offset, Json&& page) {
    const Json* total = member(page, "num_rows_total");
    if (total == nullptr || !total->is_number_unsigned()) bad_shape(where, "there is no count 'num_rows_total'");
    if (total->get<std::uint64_t>() > kMostRows)
      bad_shape(where, "it says that there are " + dump_json(*total) + " rows");
    if (offset == 0) {
      total_ = total->get<std::uint64_t>();
      read_features(page);
    } else if (total->get<std::uint64_t>() != total_) {
      fail("data", where + ": there are " + dump_json(*total) + " rows now, there were " + std::to_string(total_),
           "the data set has changed meanwhile: load it again");
    }
    if (const Json* partial = member(page, "partial"); partial != nullptr && *partial == true) partial_ = true;
    const auto list = page.find("rows");
    if (list == page.end() || !list->is_array()) bad_shape(where, "there is no list 'rows'");
    for (Json& one : *list) take_row(where, offset, std::move(one));
  }

  void take_row(const std::string& where, std::uint64_t offset, Json&& one) {
    const Json* index = member(one, "row_idx");
    if (index == nullptr || !index->is_number_unsigned()) bad_shape(where, "a row without its 'row_idx'");
    const auto at = index->get<std::uint64_t>();
    if (at < offset || at >= offset + kPageRows || at >= total_) bad_shape(where, "it holds row " + std::to_string(at));
    const auto value = one.find("row");
    if (value == one.end()) bad_shape(where, "row " + std::to_string(at) + " is without its 'row'");
    if (at >= came_.size()) {
      came_.resize(at + 1);
      rows_.rows.resize(at + 1);
    }
    if (came_[at]) bad_shape(where, "it holds row " + std::to_string(at) + " twice");
    came_[at] = true;
    rows_.rows[at].value = std::move(*value);
    if (const Json* cut = member(one, "truncated_cells"); cut != nullptr && cut->is_array()) {
      for (const Json& column : *cut) {
        if (column.is_string()) rows_.rows[at].cut.push_back(column.get<std::string>());
      }
    }
  }

  void read_features(const Json& page) {
    const Json* features = member(page, "features");
    if (features == nullptr || !features->is_array()) return;
    for (const Json& feature : *features) {
      const Json* type = member(feature, "type");
      if (type == nullptr || text_of(*type, "_type") != "ClassLabel") continue;
      const Json* names = member(*type, "names");
      if (names == nullptr || !names->is_array()) continue;
      auto& into = rows_.classes[text_of(feature, "name")];
      for (const Json& name : *names) into.push_back(name.is_string() ? name.get<std::string>() : dump_json(name));
    }
  }

  const WebReader& web_;
  const HubQuery& query_;
  std::string base_, dataset_, config_, split_;
  bool has_token_ = false, partial_ = false;
  std::uint64_t total_ = 0;
  HubRows rows_;
  std::vector<bool> came_;
};

}  // namespace

std::vector<SettingSpec> hub_settings() {
  return {{"hf.base", "https://datasets-server.huggingface.co",
           "where hf:OWNER/NAME is read from: a row API like the hub's",
           [](const std::string& text) { split_url(text); }}};
}

HubRows Hub::read(const HubQuery& query, std::vector<std::string>& warnings) const {
  return Reading(web_, base_(), query).read(warnings);
}

}  // namespace assay
