#include "experiments/judge/prompts.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "core/statistics/named_stream.hpp"
#include "core/text/embedded.hpp"
#include "core/text/error.hpp"
#include "core/text/hash.hpp"
#include "core/text/input.hpp"
#include "core/text/words.hpp"
#include "experiments/judge/prompt_fastchat.hpp"
#include "experiments/judge/prompt_format.hpp"
#include "experiments/judge/prompt_images.hpp"
#include "experiments/judge/prompt_values.hpp"
#include "runners/prompt/prompt_choice.hpp"

namespace assay {
namespace {

/// The variant that stands for all items: a prompt that was named.
constexpr const char* kOnlyVariant = "all";
constexpr std::size_t kNamed = 5;  // items in a message

class Draws final : public RandomSource {
 public:
  explicit Draws(std::string_view key) : stream_(key) {}
  std::uint64_t next() override { return stream_.next(); }

 private:
  NamedStream stream_;
};

/// prompt=: what it names, by the look of it.
struct PromptName {
  std::string path, entry;  ///< entry: of a FastChat file, after #
  enum class Form { yaml, format, fastchat } form = Form::yaml;
};

bool is_named(std::string_view path, std::string_view extension) {
  for (const std::string_view packed : {".gz", ".zst"}) {
    if (path.ends_with(packed)) path.remove_suffix(packed.size());
  }
  return path.ends_with(extension);
}

PromptName prompt_name(const std::string& prompt) {
  if (is_named(prompt, ".txt")) return {prompt, "", PromptName::Form::format};
  if (is_named(prompt, ".jsonl")) return {prompt, "", PromptName::Form::fastchat};
  const std::size_t sharp = prompt.rfind('#');
  if (sharp != std::string::npos && is_named(std::string_view(prompt).substr(0, sharp), ".jsonl")) {
    return {prompt.substr(0, sharp), prompt.substr(sharp + 1), PromptName::Form::fastchat};
  }
  return {prompt, "", PromptName::Form::yaml};
}

/// Ours, by mode, and which of them an item needs.
std::string our_variant(const JudgeSettings& settings, const JudgeItem& item) {
  const bool with_reference = shows_reference(settings, item);
  switch (settings.mode) {
    case JudgeMode::binary:
      return settings.correctness ? "correctness" : "binary";
    case JudgeMode::choice:
      return "choice";
    case JudgeMode::score:
      return with_reference ? "score_ref" : "score";
    case JudgeMode::rubric:
      return "rubric";
    case JudgeMode::pairwise:
      return judged_turn(item) > 1 ? "pairwise_multi" : with_reference ? "pairwise_ref" : "pairwise";
    case JudgeMode::compare:
      return "compare";
  }
  return "binary";
}

std::string fastchat_variant(const JudgeSettings& settings, const JudgeItem& item) {
  const bool with_reference =
      shows_reference(settings, item) && (settings.with_reference == "on" || is_reference_category(item.category));
  return fastchat_name(has_two_answers(settings.mode), with_reference, judged_turn(item) > 1);
}

std::string hash_of(const std::string& text) { return to_hex(xxh3_128(text)).substr(0, 12); }

[[noreturn]] void refuse_blind(const JudgeSettings& settings, const std::string& place, const std::string& missing) {
  throw Error("usage",
              "the prompt does not show what it should judge: mode=" + std::string(to_text(settings.mode)) + " needs " +
                  missing,
              place);
}

void check_yaml(const PromptFile& file, const JudgeSettings& settings, const std::string& place) {
  const auto used = file.variables();
  const auto uses = [&](const std::string& name) { return std::find(used.begin(), used.end(), name) != used.end(); };
  // The answers of turns are attributes: that they are shown is seen from the name alone.
  const auto shows = [&](const std::string& name) {
    return uses(name) ||
           (uses("turns") && std::any_of(file.messages.begin(), file.messages.end(), [&](const auto& one) {
              return one.content->source().find(name) != std::string::npos;
            }));
  };
  if (has_two_answers(settings.mode) ? !shows("response1") || !shows("response2") : !shows("prediction")) {
    refuse_blind(settings, place, has_two_answers(settings.mode) ? "response1 and response2" : "prediction");
  }
}

/// Names of a format string that are not columns of items.
const std::vector<std::string>& format_names() {
  static const std::vector<std::string> kNames = {"question",
                                                  "answer",
                                                  "pred",
                                                  "prediction",
                                                  "context",
                                                  "response1",
                                                  "response2",
                                                  "positive",
                                                  "negative",
                                                  "min_score",
                                                  "max_score",
                                                  "context_section",
                                                  "evaluation_instruction",
                                                  "id",
                                                  "reference",
                                                  "model",
                                                  "model_a",
                                                  "model_b",
                                                  "options",
                                                  "turns",
                                                  "category",
                                                  "cluster",
                                                  "turn",
                                                  "gold"};
  return kNames;
}

void check_format(const FormatString& format, const JudgeSettings& settings, const std::vector<JudgeItem>& items,
                  const std::string& place) {
  const ReadingRules rules = settings.reading(JudgeItem{});
  for (const auto& field : format.fields()) {
    const auto& known = format_names();
    const bool is_known =
        std::find(known.begin(), known.end(), field.name) != known.end() ||
        std::any_of(items.begin(), items.end(), [&](const JudgeItem& item) { return item.extra.contains(field.name); });
    if (!is_known) {
      std::set<std::string> names(known.begin(), known.end());
      for (const JudgeItem& item : items) {
        for (const auto& entry : item.extra.items()) names.insert(entry.key());
        if (names.size() > known.size()) break;
      }
      throw Error("unknown", "{" + field.name + "} is no field of these items", format.place_of(field.offset),
                  "known: " + joined({names.begin(), names.end()}, ", "));
    }
    if ((field.name == "positive" || field.name == "negative") && settings.mode != JudgeMode::binary) {
      throw Error("usage", "{" + field.name + "} is a word of mode=binary only", format.place_of(field.offset));
    }
    if ((field.name == "min_score" || field.name == "max_score") && !rules.scale) {
      throw Error("usage", "{" + field.name + "} with scale=none", format.place_of(field.offset),
                  "give a range: scale=1-10");
    }
  }
  const bool two = has_two_answers(settings.mode);
  if (two ? !format.uses("response1") || !format.uses("response2")
          : !format.uses("prediction") && !format.uses("pred")) {
    refuse_blind(settings, place, two ? "{response1} and {response2}" : "{prediction}");
  }
}

void check_fastchat(const FastchatEntry& entry, const FormatString& format, const JudgeSettings& settings) {
  const bool two = has_two_answers(settings.mode);
  if ((entry.type == "pairwise") != two) {
    throw Error("usage",
                "the judge prompt " + entry.name + " is of type " + entry.type +
                    ", not for mode=" + std::string(to_text(settings.mode)),
                entry.place);
  }
  const auto& known = fastchat_fields();
  for (const auto& field : format.fields()) {
    if (std::find(known.begin(), known.end(), field.name) != known.end()) continue;
    throw Error("unknown", "{" + field.name + "} is no field of FastChat's prompts", format.place_of(field.offset),
                "known: " + joined(known, ", "));
  }
  const bool shown = two ? (format.uses("answer_a") && format.uses("answer_b")) ||
                               (format.uses("answer_a_2") && format.uses("answer_b_2"))
                         : format.uses("answer") || format.uses("answer_2");
  if (!shown) {
    refuse_blind(settings, entry.place, two ? "{answer_a} and {answer_b} (or _2)" : "{answer} (or {answer_2})");
  }
}

Json fastchat_pin(const FastchatEntry& entry, const std::string& path) {
  const std::string text = dump_json(entry.row);
  return {{"name", entry.name}, {"path", path}, {"hash", hash_of(text)}, {"text", text}, {"form", "fastchat"}};
}

Json pin_fastchat(const PromptName& name, const JudgeSettings& settings, const std::vector<const JudgeItem*>& items,
                  const PromptLimits& limits, std::vector<std::string>& warnings) {
  const auto entries = read_fastchat_prompts(name.path, limits.max_template);
  std::map<std::string, std::string> needed;  // variant -> entry
  std::vector<std::string> bare;
  if (!name.entry.empty()) {
    needed[kOnlyVariant] = name.entry;
  } else if (settings.mode != JudgeMode::pairwise && settings.mode != JudgeMode::score) {
    throw Error("usage", "FastChat has no prompt of its own for mode=" + std::string(to_text(settings.mode)), name.path,
                "name an entry: prompt=" + name.path + "#NAME");
  } else {
    for (const JudgeItem* item : items) {
      const std::string variant = fastchat_variant(settings, *item);
      needed.emplace(variant, variant);
      if (settings.with_reference == "auto" && is_reference_category(item->category) &&
          !shows_reference(settings, *item)) {
        bare.push_back(item->id);
      }
    }
  }
  if (!bare.empty()) {
    const std::size_t shown = std::min(bare.size(), kNamed);
    warnings.push_back(counted(bare.size(), "item", "items") + " of reference categories without a reference: " +
                       joined({bare.begin(), bare.begin() + static_cast<std::ptrdiff_t>(shown)}, ", ") +
                       (shown < bare.size() ? ", .." : "") + "; judged without");
  }
  Json pin = Json::object();
  for (const auto& [variant, wanted] : needed) {
    const auto found = std::find_if(entries.begin(), entries.end(),
                                    [&, &want = wanted](const FastchatEntry& entry) { return entry.name == want; });
    if (found == entries.end()) {
      std::vector<std::string> names;
      for (const FastchatEntry& entry : entries) names.push_back(entry.name);
      throw Error("usage", "no judge prompt " + wanted, name.path, "it has: " + joined(names, ", "));
    }
    check_fastchat(*found, FormatString(found->prompt_template, found->place + " (" + found->name + ")"), settings);
    pin[variant] = fastchat_pin(*found, name.path);
  }
  return pin;
}

void check_references(const JudgeSettings& settings, const std::vector<const JudgeItem*>& items) {
  if (settings.with_reference != "on") return;
  std::vector<std::string> missing;
  for (const JudgeItem* item : items) {
    if (reference_of(*item).empty()) missing.push_back(item->id);
  }
  if (missing.empty()) return;
  const std::size_t shown = std::min(missing.size(), kNamed);
  throw Error("data",
              "with_reference=on, but " + counted(missing.size(), "item has", "items have") +
                  " none: " + joined({missing.begin(), missing.begin() + static_cast<std::ptrdiff_t>(shown)}, ", ") +
                  (shown < missing.size() ? ", .." : ""),
              "with_reference");
}

}  // namespace

std::vector<ShippedPrompt> judge_prompts() {
  return {{"binary", ASSAY_EMBEDDED(experiments_judge_prompts_binary_yaml)},
          {"choice", ASSAY_EMBEDDED(experiments_judge_prompts_choice_yaml)},
          {"compare", ASSAY_EMBEDDED(experiments_judge_prompts_compare_yaml)},
          {"correctness", ASSAY_EMBEDDED(experiments_judge_prompts_correctness_yaml)},
          {"pairwise", ASSAY_EMBEDDED(experiments_judge_prompts_pairwise_yaml)},
          {"pairwise_multi", ASSAY_EMBEDDED(experiments_judge_prompts_pairwise_multi_yaml)},
          {"pairwise_ref", ASSAY_EMBEDDED(experiments_judge_prompts_pairwise_ref_yaml)},
          {"rubric", ASSAY_EMBEDDED(experiments_judge_prompts_rubric_yaml)},
          {"score", ASSAY_EMBEDDED(experiments_judge_prompts_score_yaml)},
          {"score_ref", ASSAY_EMBEDDED(experiments_judge_prompts_score_ref_yaml)}};
}

Json pin_judge_prompt(const std::string& prompt, const JudgeSettings& settings, const std::vector<JudgeItem>& items,
                      const PromptLimits& limits, std::vector<std::string>& warnings) {
  std::vector<const JudgeItem*> asked;  // the others bring their messages
  for (const JudgeItem& item : items) {
    if (!item.messages.is_array()) asked.push_back(&item);
  }
  check_references(settings, asked);
  const PromptName name = prompt_name(prompt);
  if (name.form == PromptName::Form::fastchat) return pin_fastchat(name, settings, asked, limits, warnings);
  if (name.form == PromptName::Form::format) {
    const std::string text = read_file(name.path, limits.max_template);
    check_format(FormatString(text, name.path), settings, items, name.path);
    return {{kOnlyVariant,
             {{"name", name.path}, {"path", name.path}, {"hash", hash_of(text)}, {"text", text}, {"form", "format"}}}};
  }
  std::map<std::string, std::string> needed;  // variant -> name
  if (!prompt.empty()) needed[kOnlyVariant] = prompt;
  for (const JudgeItem* item : asked) {
    if (!prompt.empty()) break;
    const std::string variant = our_variant(settings, *item);
    needed.emplace(variant, variant);
  }
  PromptOverrides overrides;
  overrides.limits = limits;
  Json pin = Json::object();
  for (const auto& [variant, wanted] : needed) {
    PromptChoice choice = choose_prompt(wanted, judge_prompts(), "judge", "prompt", overrides);
    const std::string place = choice.pin["path"].get_ref<const std::string&>().empty() ? wanted : choice.file.place;
    check_yaml(choice.file, settings, place);
    warnings.insert(warnings.end(), choice.file.warnings.begin(), choice.file.warnings.end());
    pin[variant] = std::move(choice.pin);
    pin[variant]["form"] = "yaml";
  }
  return pin;
}

struct JudgePrompt::Impl {
  JudgeSettings settings;
  PromptLimits limits;
  struct Variant {
    std::string form, system;  ///< system: of a FastChat entry, or a YAML file's default
    PromptFile file;
    FormatString format;
  };
  std::map<std::string, Variant> variants;
  std::shared_ptr<const Template> printer;  ///< of what is no text in a format string: as Python shows it

  const Variant& variant(const JudgeItem& item) const;
  std::string format_value(const std::string& name, const JudgeItem& shown, const Json& values) const;
  std::vector<Message> rendered(const Variant& variant, const JudgeItem& shown, const std::string& fence) const;
};

const JudgePrompt::Impl::Variant& JudgePrompt::Impl::variant(const JudgeItem& item) const {
  auto found = variants.find(kOnlyVariant);
  if (found == variants.end()) found = variants.find(our_variant(settings, item));
  if (found == variants.end()) found = variants.find(fastchat_variant(settings, item));
  if (found == variants.end()) throw Error("data", "the batch pinned no prompt for such an item", item.id);
  return found->second;
}

/// A format string's field. `values`: prompt_variables.
std::string JudgePrompt::Impl::format_value(const std::string& name, const JudgeItem& shown, const Json& values) const {
  const auto text = [&](const char* variable) { return values.at(variable).get<std::string>(); };
  const auto number = [&](const char* variable) { return dump_json(values.at(variable)); };
  if (name == "answer") return settings.with_reference == "off" ? "" : reference_of(shown);
  if (name == "pred") return text("prediction");
  if (name == "min_score") return number("lo");
  if (name == "max_score") return number("hi");
  if (name == "context_section") return shown.context.empty() ? "" : "[Context]\n" + shown.context + "\n\n";
  if (name == "evaluation_instruction") {
    if (!settings.instruction.empty()) return settings.instruction;
    if (values.at("lo").is_null()) return "Please provide scores.";
    return "Please provide scores from " + number("lo") + " to " + number("hi") + ".";
  }
  static constexpr std::array<const char*, 7> kTexts = {"question", "prediction", "response1", "response2",
                                                        "context",  "positive",   "negative"};
  if (std::find(kTexts.begin(), kTexts.end(), name) != kTexts.end()) return text(name.c_str());
  const Json data = to_data(shown);
  const auto found = data.find(name);
  if (found == data.end()) throw Error("data", "it has no " + name + ", which the prompt shows", shown.id);
  if (found->is_string()) return found->get<std::string>();
  Draws none("");
  return printer->render(prompt::from_json({{"value", *found}}), none);
}

std::vector<Message> JudgePrompt::Impl::rendered(const Variant& variant, const JudgeItem& shown,
                                                 const std::string& fence) const {
  if (variant.form == "fastchat") {
    return {{Role::user, variant.format.format([&](const std::string& name) { return *fastchat_field(shown, name); },
                                               limits.max_output)}};
  }
  const Json values = prompt_variables(settings, shown, fence);
  if (variant.form == "format") {
    return {
        {Role::user, variant.format.format([&](const std::string& name) { return format_value(name, shown, values); },
                                           limits.max_output)}};
  }
  Draws draws("prompt/" + fence);
  std::vector<Message> messages;
  for (RenderedMessage& message : variant.file.render(prompt::from_json(values), draws)) {
    const Role role = message.role == "system"      ? Role::system
                      : message.role == "assistant" ? Role::assistant
                                                    : Role::user;
    messages.emplace_back(role, std::move(message.content));
  }
  return messages;
}

JudgePrompt::JudgePrompt(const Json& pin, const JudgeSettings& settings, const PromptLimits& limits) {
  auto impl = std::make_unique<Impl>();
  impl->settings = settings;
  impl->limits = limits;
  impl->printer = Template::parse("{{ value }}");
  PromptOverrides overrides;
  overrides.limits = limits;
  for (const auto& entry : pin.items()) {
    Impl::Variant variant;
    const Json& value = entry.value();
    variant.form = value.at("form").get<std::string>();
    const std::string text = value.at("text").get<std::string>(), name = value.at("name").get<std::string>();
    if (variant.form == "fastchat") {
      const FastchatEntry row = fastchat_entry(parse_json(text, name), name);
      variant.format = FormatString(row.prompt_template, name);
      variant.system = row.system_prompt;
    } else if (variant.form == "format") {
      variant.format = FormatString(text, name);
    } else {
      variant.file = pinned_prompt(value, overrides);
      variant.system = variant.file.system.value_or("");
    }
    // What a person gives stands before a file's default; a FastChat entry's is a part of its prompt.
    if (!settings.system.empty() && (variant.form != "fastchat" || variant.system.empty())) {
      variant.system = settings.system;
    }
    impl->variants.emplace(entry.key(), std::move(variant));
  }
  impl_ = std::move(impl);
}

JudgePrompt::~JudgePrompt() = default;

std::vector<Message> JudgePrompt::messages(const JudgeItem& item, JudgeOrder order, const std::string& fence) const {
  std::vector<Message> messages;
  std::string system = impl_->settings.system;
  if (item.messages.is_array()) {
    messages = given_messages(item);
  } else {
    const Impl::Variant& variant = impl_->variant(item);
    messages = impl_->rendered(variant, displayed(item, order), fence);
    system = variant.system;
  }
  const bool has_system = std::any_of(messages.begin(), messages.end(), [](const Message& message) {
    return message.role == Role::system || message.role == Role::developer;
  });
  if (!has_system && !system.empty()) messages.insert(messages.begin(), Message(Role::system, system));
  add_images(messages, item);
  return messages;
}

std::string JudgePrompt::reminder() const {
  const JudgeSettings& settings = impl_->settings;
  const std::string form = verdict_form(settings);
  if (settings.mode != JudgeMode::rubric && settings.reply != "text") {
    return "Your verdict could not be read. Reply with one JSON object whose key \"verdict\" is " + form +
           ", and nothing else.";
  }
  return "Your verdict could not be read. Reply with one line only: " + form + ".";
}

std::string judge_fence(const JudgeItem& item) {
  const std::string text = dump_json(to_data(item));
  NamedStream stream("fence/" + to_hex(xxh3_128(text)));
  std::string fence;
  do {
    fence = to_hex(stream.next()).substr(0, 6);
  } while (text.find(fence) != std::string::npos);
  return fence;
}

}  // namespace assay
