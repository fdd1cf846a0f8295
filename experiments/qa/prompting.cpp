#include "experiments/qa/prompting.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "core/model/step.hpp"
#include "core/text/embedded.hpp"
#include "core/text/error.hpp"
#include "core/text/utf8.hpp"
#include "experiments/qa/loading.hpp"
#include "experiments/qa/python_random.hpp"
#include "runners/prompt/prompt_choice.hpp"

namespace assay {
namespace {

constexpr std::size_t kCharactersPerToken = 4;

std::string solution_of(const Item& item) {
  if (!item.cot.empty()) return item.cot;
  for (const char* column : {"cot_content", "solution"}) {
    if (item.extra.contains(column) && item.extra[column].is_string()) return item.extra[column].get<std::string>();
  }
  return {};
}

Json example_of(const Item& item) {
  return {{"question", question_block(item)},
          {"stem", item.question.value_or("")},
          {"options", item.options},
          {"labels", labels_of(item.options.size())},
          {"answer", item.answer},
          {"cot", solution_of(item)}};
}

std::size_t length_of(const std::vector<ContextMessage>& messages) {
  std::size_t characters = 0;
  for (const auto& message : messages) characters += count_code_points(message.content.get_ref<const std::string&>());
  return characters;
}

}  // namespace

std::vector<ShippedPrompt> qa_prompts() {
  return {{"qa_cot", ASSAY_EMBEDDED(experiments_qa_prompts_qa_cot_yaml)},
          {"qa_direct", ASSAY_EMBEDDED(experiments_qa_prompts_qa_direct_yaml)},
          {"qa_fewshot", ASSAY_EMBEDDED(experiments_qa_prompts_qa_fewshot_yaml)}};
}

PinnedPrompt pin_prompt(const Json& params, const PromptLimits& limits, std::vector<std::string>& warnings) {
  PromptChoice choice = choose_prompt(params.value("prompt", std::string("qa_cot")), qa_prompts(), "qa", "prompt",
                                      prompt_overrides(params, limits));
  const PromptFile& file = choice.file;
  warnings.insert(warnings.end(), file.warnings.begin(), file.warnings.end());
  PinnedPrompt pinned;
  pinned.pin = std::move(choice.pin);
  pinned.defaults = Json::object();
  if (file.system) pinned.defaults["system"] = *file.system;
  if (file.extract) pinned.defaults["extract"] = *file.extract;
  if (file.stop_words && !file.stop_words->empty()) pinned.defaults["stop_words"] = dump_json(Json(*file.stop_words));
  const auto used = file.variables();
  pinned.takes_examples = std::find(used.begin(), used.end(), "examples") != used.end();
  return pinned;
}

Json pin_examples(const Json& params, const std::vector<Item>& items, std::vector<std::string>& warnings) {
  const auto shots = static_cast<std::size_t>(params.value("shots", std::int64_t{0}));
  if (shots == 0) return nullptr;
  const std::string file = params.value("shots_file", std::string());
  if (file.empty()) throw Error("usage", "shots=" + std::to_string(shots) + " without shots_file", "shots_file");
  std::vector<std::string> notes;
  const auto rows = read_items({file, file, std::nullopt}, Json::object(), notes);

  const std::string by = params.value("shots_by", std::string("category"));
  const bool any = by == "all";
  std::map<std::string, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < rows.size(); ++i) groups[any ? "" : rows[i].category].push_back(i);
  std::set<std::string> wanted;
  for (const auto& item : items) wanted.insert(any ? "" : item.category);

  Json examples = Json::object();
  for (const auto& category : wanted) {
    auto positions = groups[category];
    if (params.value("shots_pick", std::string("first")) == "random") {
      PythonRandom random(params.value("seed", std::int64_t{12345}));
      random.shuffle(positions);
    }
    if (positions.size() < shots) {
      warnings.push_back(file + " has " + std::to_string(positions.size()) + " of " + std::to_string(shots) +
                         " examples" + (any ? "" : " for the category '" + category + "'"));
    }
    Json list = Json::array();
    for (std::size_t i = 0; i < std::min(shots, positions.size()); ++i) list.push_back(example_of(rows[positions[i]]));
    examples[category] = std::move(list);
  }
  return {{"by", by}, {"file", file}, {"examples", std::move(examples)}};
}

struct Prompting::Impl {
  PromptFile file;
  std::string system;
  Json examples = Json::object();
  bool any_category = false;
  std::size_t most_tokens = 0;  // 0: no limit
};

Prompting::Prompting(const Json& params, const Json& pinned, const PromptLimits& limits) {
  auto impl = std::make_unique<Impl>();
  std::vector<std::string> warnings;
  const bool kept = pinned.is_object() && pinned.contains("prompt");
  const Json pin = kept ? pinned["prompt"] : pin_prompt(params, limits, warnings).pin;
  impl->file = pinned_prompt(pin, prompt_overrides(params, limits));
  impl->system = params.value("system", std::string());
  impl->most_tokens = static_cast<std::size_t>(params.value("max_prompt_tokens", std::int64_t{0}));
  if (pinned.is_object() && pinned.contains("shots")) {
    impl->examples = pinned["shots"].at("examples");
    impl->any_category = pinned["shots"].at("by") == "all";
  }
  impl_ = std::move(impl);
}

Prompting::~Prompting() = default;

Prompting::Rendered Prompting::render(const Item& item, RandomSource& random) const {
  Json context{{"question", question_block(item)}, {"stem", item.question.value_or("")},
               {"options", item.options},          {"labels", labels_of(item.options.size())},
               {"category", item.category},        {"id", item.id},
               {"n_options", item.n_options},      {"examples", Json::array()}};
  const auto own = impl_->examples.find(impl_->any_category ? "" : item.category);
  if (own != impl_->examples.end()) context["examples"] = *own;
  while (true) {
    Rendered rendered;
    rendered.shots = context["examples"].size();
    if (!impl_->system.empty()) rendered.messages.push_back({"system", impl_->system});
    try {
      for (auto& message : impl_->file.render(prompt::from_json(context), random)) {
        rendered.messages.push_back({message.role, std::move(message.content)});
      }
    } catch (const TemplateError& error) {
      throw RunFailure(error.kind(), error.what());
    }
    const bool fits = impl_->most_tokens == 0 ||
                      length_of(rendered.messages) <= impl_->most_tokens * kCharactersPerToken || rendered.shots == 0;
    if (fits) return rendered;
    context["examples"].erase(context["examples"].size() - 1);
  }
}

}  // namespace assay
