#include "experiments/qa/asking.hpp"

#include <charconv>

#include "core/text/error.hpp"

namespace assay {
namespace {

template <typename T>
std::optional<T> optional_of(const Json& params, const char* name) {
  const auto found = params.find(name);
  if (found == params.end() || !found->is_number()) return std::nullopt;
  return found->get<T>();
}

}  // namespace

std::optional<Hint> hint_of(const Item& item) {
  if (item.answer.is_null()) return std::nullopt;
  Hint hint;
  hint.answer = item.answer.is_string() ? item.answer.get<std::string>() : dump_json(item.answer);
  if (item.n_options > 0) {
    hint.options = labels_of(item.n_options);
  } else if (item.answer.is_number_integer()) {
    const auto value = item.answer.get<std::int64_t>();
    hint.options = {hint.answer, std::to_string(value + 1), std::to_string(value - 1)};
  }
  return hint;
}

std::int64_t repeat_of(const std::string& run_id, const Item& item) {
  const std::string prefix = item.id + "@";
  if (!run_id.starts_with(prefix)) return 0;
  std::int64_t k = 0;
  const char* end = run_id.data() + run_id.size();
  const auto result = std::from_chars(run_id.data() + prefix.size(), end, k);
  return result.ec == std::errc() && result.ptr == end && k > 0 ? k - 1 : 0;
}

std::vector<std::string> stop_words(const Json& params) {
  const std::string text = params.value("stop_words", std::string());
  if (text.empty()) return {};
  if (!text.starts_with('[')) return {text};
  std::vector<std::string> words;
  for (const Json& word : parse_json(text, "stop_words")) {
    if (!word.is_string()) throw Error("usage", "found " + dump_json(word) + ", expected a text", "stop_words");
    words.push_back(word.get<std::string>());
  }
  return words;
}

ChatParams chat_params(const Json& params) {
  ChatParams chat;
  chat.temperature = optional_of<double>(params, "temperature");
  chat.top_p = optional_of<double>(params, "top_p");
  chat.max_tokens = optional_of<std::int64_t>(params, "max_tokens");
  chat.seed = optional_of<std::int64_t>(params, "seed_model");
  chat.stop = stop_words(params);
  return chat;
}

}  // namespace assay
