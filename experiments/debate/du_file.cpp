#include "experiments/debate/du_file.hpp"

#include <algorithm>

#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "experiments/qa/numbers.hpp"

namespace assay {
namespace {

const char* const kHint = "format=du reads {\"question\": [[[{\"role\",\"content\"}..]..], gold]}";

void read_gold(const Json& gold, std::size_t n_options, const std::string& place, Item& item) {
  const auto refuse = [&](const std::string& expected) {
    throw Error("data", "the right answer is " + dump_json(gold) + ", expected " + expected, place, kHint);
  };
  if (gold.is_structured()) refuse("a text, a number or null");
  item.answer = gold;
  if (gold.is_string()) {
    constexpr std::string_view kMark = "####";
    const auto& text = gold.get_ref<const std::string&>();
    if (const auto at = text.rfind(kMark); at != std::string::npos) {
      const auto number = number_value(trim(std::string_view(text).substr(at + kMark.size())));
      if (!number) refuse("a number after ####");
      item.answer = *number;
      item.extra["solution"] = text;
    }
  }
  if (n_options == 0) return;
  const auto labels = labels_of(n_options);
  if (!item.answer.is_null() && std::find(labels.begin(), labels.end(), item.answer) == labels.end()) {
    refuse("one of A to " + labels.back() + " (n_options=" + std::to_string(n_options) + ")");
  }
  item.n_options = n_options;
}

}  // namespace

std::vector<ImportedDebate> read_du_file(const Source& source, std::size_t n_options,
                                         std::vector<std::string>& warnings) {
  const Json document = read_debates(source, "du", warnings);
  std::vector<ImportedDebate> debates;
  debates.reserve(document.size());
  std::size_t letters = 0;
  for (const auto& [question, value] : document.items()) {
    ImportedDebate debate;
    debate.item.id = std::to_string(debates.size() + 1);
    const std::string place = source.name + ", debate " + debate.item.id;
    if (!value.is_array() || value.size() < 2) {
      throw Error("data", "it is no list of chats and right answer", place, kHint);
    }
    debate.item.question = question;
    debate.item.format = "du";
    debate.item.source = source.name + ":" + debate.item.id;
    read_gold(value[1], n_options, place, debate.item);
    if (debate.item.answer.is_string() && debate.item.answer.get_ref<const std::string&>().size() == 1) ++letters;
    debate.context = flat_context(value[0], false, place);
    debate.agents = value[0].size();
    mark_imported(debate, nullptr);
    debates.push_back(std::move(debate));
  }
  if (n_options == 0 && letters == debates.size()) {
    warnings.push_back(source.name +
                       ": the right answers are single letters; n_options=4 reads replies for letters A to D");
  }
  return debates;
}

}  // namespace assay
