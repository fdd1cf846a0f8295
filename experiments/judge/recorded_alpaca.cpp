#include <algorithm>
#include <cmath>
#include <filesystem>
#include <unordered_map>

#include "core/text/error.hpp"
#include "core/text/utf8.hpp"
#include "core/text/words.hpp"
#include "experiments/judge/recorded_parts.hpp"
#include "runners/judge/reading.hpp"

namespace assay {
namespace {

/// Python's json writes NaN, which is no JSON: null. Everything else passes as it is.
class NanAsNull final : public InputBytes {
 public:
  explicit NanAsNull(InputBytes& from) : from_(from) {}

  std::size_t read(char* to, std::size_t size) override {
    std::size_t made = 0;
    while (made < size) {
      if (at_ < ready_.size()) {
        const std::size_t n = std::min(size - made, ready_.size() - at_);
        std::copy_n(ready_.data() + at_, n, to + made);
        made += n;
        at_ += n;
      } else if (!fill()) {
        break;
      }
    }
    return made;
  }
  const std::string& name() const override { return from_.name(); }

 private:
  bool fill() {
    constexpr std::size_t kChunk = std::size_t{64} << 10;
    chunk_.resize(kChunk);
    const std::size_t n = from_.read(chunk_.data(), kChunk);
    ready_.clear();
    at_ = 0;
    for (std::size_t i = 0; i < n; ++i) step(chunk_[i]);
    if (n == 0) {
      ready_ += pending_;
      pending_.clear();
    }
    return n > 0 || !ready_.empty();
  }
  void step(char c) {
    if (quoted_) {
      quoted_ = escaped_ || c != '"';
      escaped_ = !escaped_ && c == '\\';
      ready_ += c;
      return;
    }
    constexpr std::string_view kNan = "NaN";
    if (c == kNan[pending_.size()]) {
      pending_ += c;
      if (pending_ != kNan) return;
      ready_ += "null";
      pending_.clear();
      return;
    }
    ready_ += pending_;
    pending_.clear();
    if (c == 'N') {
      pending_ = c;
      return;
    }
    quoted_ = c == '"';
    ready_ += c;
  }

  InputBytes& from_;
  std::string chunk_, ready_, pending_;
  std::size_t at_ = 0;
  bool quoted_ = false, escaped_ = false;
};

const Json* at(const Json* object, const char* name) {
  if (object == nullptr || !object->is_object()) return nullptr;
  const auto found = object->find(name);
  return found == object->end() || found->is_null() ? nullptr : &*found;
}

/// The alternatives of the first token: OpenAI's chat form {"content": [{"top_logprobs": [..]}]}, and the older
/// {"top_logprobs": [{token: logprob}]}.
std::vector<std::pair<std::string, double>> first_alternatives(const Json& row) {
  std::vector<std::pair<std::string, double>> out;
  const Json* logprobs = at(at(&row, "raw_completion"), "logprobs");
  if (const Json* content = at(logprobs, "content"); content != nullptr && content->is_array() && !content->empty()) {
    const Json* tops = at(&content->front(), "top_logprobs");
    if (tops == nullptr || !tops->is_array()) return out;
    for (const Json& top : *tops) {
      const Json *token = at(&top, "token"), *logprob = at(&top, "logprob");
      if (token != nullptr && token->is_string() && logprob != nullptr && logprob->is_number())
        out.emplace_back(token->get<std::string>(), logprob->get<double>());
    }
  } else if (const Json* tops = at(logprobs, "top_logprobs"); tops != nullptr && tops->is_array() && !tops->empty()) {
    if (!tops->front().is_object()) return out;
    for (const auto& [token, logprob] : tops->front().items()) {
      if (logprob.is_number()) out.emplace_back(token, logprob.get<double>());
    }
  }
  return out;
}

/// P(m) of m and M: of the output shown first. NaN: neither is there.
double first_probability(const std::vector<std::pair<std::string, double>>& alternatives) {
  double first = 0, second = 0;
  for (const auto& [token, logprob] : alternatives) {
    if (token == "m") first = std::exp(logprob);
    if (token == "M") second = std::exp(logprob);
  }
  return first + second > 0 ? first / (first + second) : kUndefined;
}

/// `example` is what AlpacaEval calls outputs whose model it was not told.
std::string model_of(const std::string& generator, const std::string& judge, const Source& source) {
  if (generator != "example" && !generator.empty()) return generator;
  std::filesystem::path path = source.embedded ? std::filesystem::path(source.name) : source.path;
  std::string stem = path.filename().string();
  for (const char* packed : {".gz", ".zst", ".json"}) {
    if (stem.ends_with(packed)) stem.resize(stem.size() - std::string_view(packed).size());
  }
  if (stem != "annotations") return stem;
  // results/MODEL/JUDGE/annotations.json
  path = path.parent_path();
  if (path.filename() == judge) path = path.parent_path();
  return path.filename().empty() ? stem : path.filename().string();
}

/// Preference 1 to 2 for the second output; 0 and 1.5: none of both; NaN: there is none.
double preference_of(const Json& row, const std::string& place) {
  const Json* found = at(&row, "preference");
  if (found == nullptr || (found->is_string() && ascii_lower(found->get<std::string>()) == "nan")) return kUndefined;
  if (!found->is_number()) refuse_field(row, "preference", "a number from 1 to 2, 0, or null", place);
  const double preference = found->get<double>();
  if (preference == 0) return 1.5;
  constexpr double kRounding = 1e-9;
  if (preference < 1 - kRounding || preference > 2 + kRounding)
    refuse_field(row, "preference", "a number from 1 to 2, 0, or null", place);
  return std::clamp(preference, 1.0, 2.0);
}

}  // namespace

void read_alpaca(const std::vector<Source>& sources, RecordedItems& into, RecordedSource& result) {
  constexpr double kSame = 1e-6;
  std::unordered_map<std::string, std::size_t> instructions;
  std::unordered_map<std::string, std::uint64_t> rows_of;
  // Which row it is of its model and instruction, per annotator; the item that annotators of the same one share.
  std::unordered_map<std::string, std::uint64_t> repeats;
  std::unordered_map<std::string, std::string> shared;
  std::uint64_t different = 0, weighed = 0, unweighed = 0;
  for (const Source& source : sources) {
    const auto input = open_source(source);
    NanAsNull plain(*input);
    std::string before;
    each_object(plain, [&](Json&& row, const std::string& place) {
      const std::string judge = line_text(row, "annotator", place);
      const std::string model = model_of(line_text(row, "generator_2", place), judge, source);
      const std::string instruction = line_text(row, "instruction", place);
      if (!row.contains("preference") || !row.contains("instruction"))
        throw Error("file", "no annotation of AlpacaEval: it has an instruction and a preference", place,
                    "format=alpaca takes annotations.json");
      const std::string baseline = line_text(row, "generator_1", place);
      const std::string what = dump_json(Json::array({model, baseline, instruction}));
      std::string& id = shared[what + std::to_string(repeats[what + '\n' + judge]++)];
      if (id.empty()) id = into.free_id(model + "/" + std::to_string(rows_of[model]++));
      JudgeItem& item = into.item(id, place);
      item.question = instruction;
      item.model_a = baseline;
      item.model_b = model;
      item.category = line_text(row, "dataset", place);
      // The same question put to several models.
      item.cluster = instructions.try_emplace(instruction, instructions.size()).first->second;
      const auto length = [&](const char* name) {
        const Json* output = at(&row, name);
        return output != nullptr && output->is_string()
                   ? static_cast<double>(count_code_points(output->get_ref<const std::string&>()))
                   : kUndefined;
      };
      item.len_a = length("output_1");
      item.len_b = length("output_2");

      Json kept = Json::object();
      if (!judge.empty()) kept["judge"] = judge;
      const double preference = preference_of(row, place);
      const auto alternatives = first_alternatives(row);
      const double first = first_probability(alternatives);
      bool swapped = false;
      if (preference == preference && first == first) {
        // Shown first: output_1, then the preference is 1 + P(M); or output_2, then it is 1 + P(m).
        const double off_ab = std::abs(2 - first - preference), off_ba = std::abs(1 + first - preference);
        swapped = off_ba < off_ab && off_ab > kSame;
        ++weighed;
        if (std::min(off_ab, off_ba) > kSame) ++different;
      } else if (preference == preference) {
        ++unweighed;
      }
      kept["order"] = swapped ? "ba" : "ab";
      if (preference == preference) {
        kept["value"] = swapped ? preference - 1 : 2 - preference;
      } else {
        kept["status"] = "failed";
      }
      if (!alternatives.empty()) {
        Json& logprobs = kept["logprobs"] = Json::array();
        for (const auto& [token, logprob] : alternatives) logprobs.push_back(Json::array({token, logprob}));
      }
      into.judgement(item, std::move(kept), place);
    });
  }
  result.mode = JudgeMode::pairwise;
  result.defaults["labels"] = "mM";
  if (different > 0)
    result.warnings.push_back(counted(different, "preference is", "preferences are") +
                              " not what the log-probabilities say; the preference counts");
  if (weighed > different)
    result.notes.push_back(counted(weighed - different, "preference", "preferences") +
                           " as the log-probabilities say, to 1e-6");
  if (unweighed > 0)
    result.notes.push_back(counted(unweighed, "preference", "preferences") + " without log-probabilities");
}

}  // namespace assay
