#include "runners/prompt/cases.hpp"

#include <map>
#include <memory>

#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "runners/prompt/prompt_file.hpp"
#include "runners/prompt/sha256.hpp"
#include "runners/yaml/yaml.hpp"

namespace assay {
namespace {

/// Cases must be repeatable: a fixed stream (SplitMix64, Steele et al. 2014).
class FixedRandom : public RandomSource {
 public:
  std::uint64_t next() override {
    state_ += 0x9E3779B97F4A7C15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
  }

 private:
  std::uint64_t state_ = 0;
};

class Cases {
 public:
  Cases(const Json& document, const std::string& root) : root_(root) {
    if (document.contains("context")) only_ = prompt::from_json(document["context"]);
    if (document.contains("contexts")) {
      for (const auto& [id, context] : document["contexts"].items()) contexts_[id] = prompt::from_json(context);
    }
  }

  /// {"text"}, {"value"} or {"error", "line", "column", "message"}
  Json run(const Json& one) const {
    Json got = Json::object();
    try {
      if (one.contains("yaml")) {
        got["value"] = yaml_to_json(one["yaml"].get<std::string>(), "yaml");
      } else {
        got["text"] = render(one);
      }
    } catch (const TemplateError& error) {
      got = {{"error", error.kind()}, {"line", error.line()}, {"column", error.column()}, {"message", error.message()}};
    } catch (const Error& error) {
      got = {{"error", error.kind()}, {"message", error.what()}};
    }
    return got;
  }

 private:
  std::string render(const Json& one) const {
    const auto flag = [&](const char* key) { return one.contains(key) && one[key].get<bool>(); };
    const bool strict = one.value("undefined", "lenient") == "strict";
    FixedRandom random;
    prompt::Value context = only_;
    if (one.contains("context")) {
      const Json& id = one["context"];
      const auto found = contexts_.find(id.is_string() ? id.get<std::string>() : id.dump());
      if (found == contexts_.end()) throw Error("usage", "there is no context " + id.dump());
      context = found->second;
    }
    if (one.contains("file")) {
      PromptOverrides overrides;
      overrides.autoescape = flag("autoescape");
      overrides.strict = strict;
      const std::string path =
          root_.empty() ? one["file"].get<std::string>() : root_ + "/" + one["file"].get<std::string>();
      const PromptFile file = load_prompt(read_file(path), path, overrides);
      std::string text;
      for (const RenderedMessage& message : file.render(context, random)) text += message.content;
      return text;
    }
    TemplateOptions options;
    options.strict = strict;
    options.autoescape = flag("autoescape");
    options.trim_blocks = flag("trim_blocks");
    options.lstrip_blocks = flag("lstrip_blocks");
    options.keep_trailing_newline = flag("keep_trailing_newline");
    return Template::parse(one["template"].get<std::string>(), options)->render(context, random);
  }

  const std::string& root_;
  prompt::Value only_ = prompt::Value::map({});
  std::map<std::string, prompt::Value> contexts_;
};

bool passes(const Json& one, const Json& got) {
  if (one.contains("error")) {
    if (!got.contains("error") || got["error"] != one["error"]) return false;
    if (one.contains("line") && (!got.contains("line") || got["line"] != one["line"])) return false;
    return !one.contains("column") || (got.contains("column") && got["column"] == one["column"]);
  }
  if (got.contains("error")) return false;
  if (one.contains("sha256")) return sha256_hex(got["text"].get<std::string>()) == one["sha256"];
  return one.contains("yaml") ? got["value"] == one["expected"] : got["text"] == one["expected"];
}

}  // namespace

Json run_prompt_cases(const Json& cases, const std::string& root, std::ostream* out) {
  if (!cases.is_object() || !cases.contains("cases") || !cases["cases"].is_array()) {
    throw Error("usage", "a cases file is an object with the list \"cases\"");
  }
  const Cases runner(cases, root);
  Json failed = Json::array();
  std::size_t index = 0, passed = 0;
  for (const Json& one : cases["cases"]) {
    const bool known = one.is_object() && (one.contains("template") || one.contains("file") || one.contains("yaml")) &&
                       (one.contains("expected") || one.contains("sha256") || one.contains("error"));
    if (!known) throw Error("usage", "case " + std::to_string(index) + " has nothing to run or nothing to expect");
    const Json id = one.contains("id") ? one["id"] : Json(index);
    ++index;
    Json got;
    try {
      got = runner.run(one);
    } catch (const Json::exception& error) {
      throw Error("usage", "case " + id.dump() + " has a value of the wrong type: " + error.what());
    }
    if (passes(one, got)) {
      ++passed;
    } else {
      Json want = Json::object();
      for (const char* key : {"expected", "sha256", "error", "line", "column"}) {
        if (one.contains(key)) want[key] = one[key];
      }
      failed.push_back({{"id", id}, {"got", got}, {"want", want}});
    }
    if (out != nullptr) {
      Json line = {{"id", id}};
      line.update(got);
      *out << dump_json(line) << "\n";
    }
  }
  return {{"n", index}, {"passed", passed}, {"failed", failed}};
}

}  // namespace assay
