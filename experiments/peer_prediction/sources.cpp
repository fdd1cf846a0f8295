#include "experiments/peer_prediction/sources.hpp"

#include <algorithm>

#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/json_values.hpp"
#include "core/text/words.hpp"
#include "runners/yaml/yaml.hpp"

namespace assay {
namespace {

namespace fs = std::filesystem;

/// Results files keep a prompt with every comparison.
constexpr std::size_t kMostBytes = std::size_t{1} << 30, kMostValues = 50'000'000;
constexpr std::size_t kMostConfigNodes = 500'000;
constexpr const char* kForms[] = {"an exp_config", "a data file", "cs329", "items", "comparisons"};

JsonOptions large_json() {
  JsonOptions options;
  options.limits.max_bytes = kMostBytes;
  options.limits.max_values = kMostValues;
  return options;
}

/// A dictionary as Python writes it: single quotes, True, None, an assignment before it.
bool looks_like_python(std::string_view text) {
  text = trim(text);
  const auto brace = text.find('{');
  if (brace == std::string_view::npos) return false;
  const std::string_view before = trim(text.substr(0, brace));
  if (before.ends_with("=")) return true;
  if (!before.empty()) return false;
  const std::string_view rest = trim(text.substr(brace + 1));
  if (rest.starts_with("'")) return true;
  const auto has_word = [&](std::string_view word) {
    for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
      const std::string_view after = text.substr(at + word.size());
      if (at > 0 && (text[at - 1] == ' ' || text[at - 1] == ':') &&
          (after.empty() || std::string_view(",}\n ]").find(after[0]) != std::string_view::npos)) {
        return true;
      }
    }
    return false;
  };
  return has_word("None") || has_word("True") || has_word("False");
}

/// Python writes what is no number as NaN and Infinity, which JSON hasn't: null stands for it, as it is missing.
std::string without_nan(std::string text) {
  if (text.find("NaN") == std::string::npos && text.find("Infinity") == std::string::npos) return text;
  std::string out;
  out.reserve(text.size());
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = std::string_view(text).substr(i);
    if (quoted && text[i] == '\\') {
      out += text.substr(i++, 2);
      continue;
    }
    if (text[i] == '"') quoted = !quoted;
    std::size_t word = 0;
    for (const std::string_view name : {"NaN", "Infinity", "-Infinity"}) {
      if (!quoted && rest.starts_with(name)) word = name.size();
    }
    out += word > 0 ? std::string("null") : std::string(1, text[i]);
    if (word > 0) i += word - 1;
  }
  return out;
}

[[noreturn]] void refuse_python(const std::string& place, const std::string& why) {
  throw Error("file", "a Python dictionary is no JSON" + (why.empty() ? "" : " (" + why + ")"), place,
              "write \"double quotes\", true, false and null, no comma after the last entry, and nothing before the {");
}

Json read_one(const std::string& text, const std::string& place) {
  const std::string_view body = trim(text);
  if (body.empty()) throw Error("file", "there is nothing in it", place, "an exp_config, a data file, a results file");
  if (body[0] == '{' || body[0] == '[') {
    try {
      return parse_json(text, place, large_json(), nullptr);
    } catch (const Error& error) {
      if (looks_like_python(text)) refuse_python(place, error.message());
      throw;
    }
  }
  if (looks_like_python(text)) refuse_python(place, "");
  YamlLimits limits;
  limits.max_bytes = std::size_t{16} << 20;
  limits.max_nodes = kMostConfigNodes;
  return yaml_to_json(parse_yaml(normalize_yaml(text), place, limits));
}

void refuse_archive(std::string_view text, const std::string& place) {
  constexpr std::size_t kMagicAt = 257;  // of a POSIX or GNU header
  if (text.size() > kMagicAt && text.substr(kMagicAt).starts_with("ustar")) {
    throw Error("file", "a tar archive is not read", place, "unpack it and name the folder");
  }
}

/// A first line that is a value by itself, with more behind it.
bool is_lines(std::string_view text, const std::string& place) {
  text = trim(text);
  const auto end = text.find('\n');
  if (text.empty() || text[0] != '{') return false;
  if (end == std::string_view::npos) return false;
  try {
    parse_json(text.substr(0, end), place, large_json(), nullptr);
    return true;
  } catch (const Error&) {
    return false;
  }
}

bool is_comparison(const Json& value) {
  return value.is_object() && value.contains("comparison_type") &&
         (value.contains("agent_pair") || value.contains("agents"));
}

PeerForm form_of(const Json& value, const std::string& place) {
  const char* hint =
      "an exp_config has exp_type and agent_perspectives, a data file tasks, a results file comparisons, an item "
      "tvd_mi_matrix, win_matrix or combined_avgs";
  if (value.is_array()) {
    throw Error("file", "a list is what data_config.data_path names, not an experiment", place,
                "write an exp_config and name this file in it");
  }
  if (!value.is_object()) throw Error("file", "nothing that peer prediction knows", place, hint);
  if (value.contains("comparisons")) return PeerForm::cs329;
  if (value.contains("tasks")) return PeerForm::data;
  if (!item_mechanism(value).empty()) return PeerForm::items;
  if (is_comparison(value)) return PeerForm::comparisons;
  for (const char* key : {"exp_type", "num_agents", "agent_perspectives", "data_config", "task_type", "synthetic",
                          "model_config", "task_description"}) {
    if (value.contains(key)) return PeerForm::config;
  }
  throw Error("file", "nothing that peer prediction knows", place, hint);
}

void read_lines(const std::string& text, PeerSource& source) {
  InputText input(text, source.name);
  JsonValuesOptions options;
  options.json = large_json();
  bool first = true;
  read_json_values(input, options, [&](Json&& value, const JsonPlace& place) {
    const std::string where = source.name + ":" + std::to_string(place.line);
    if (first && value.is_object() && value.contains("condition_keys") && item_mechanism(value).empty()) {
      source.condition_keys = value["condition_keys"];
      source.form = PeerForm::items;
    } else if (first || source.parts.empty()) {
      if (source.condition_keys.is_null()) source.form = form_of(value, where);
      if (source.form != PeerForm::items && source.form != PeerForm::comparisons) {
        throw Error("file", "lines of JSON that are neither items nor comparisons", where,
                    "a configuration is one object");
      }
      source.parts.push_back({where, std::move(value)});
    } else {
      source.parts.push_back({where, std::move(value)});
    }
    first = false;
  });
}

void read_folder(const fs::path& path, PeerSource& source) {
  source.form = PeerForm::items;
  std::vector<fs::path> files;
  std::error_code problem;
  for (fs::recursive_directory_iterator at(path, problem), end; !problem && at != end; at.increment(problem)) {
    if (at->is_regular_file(problem)) files.push_back(at->path());
  }
  if (problem) throw Error("file", problem.message(), path.string());
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    const std::string shown = file.lexically_relative(path).string();
    std::string name = file.filename().string();
    for (const char* packed : {".gz", ".zst"}) {
      if (name.ends_with(packed)) name.resize(name.size() - std::string_view(packed).size());
    }
    if (!name.ends_with(".json") && !name.ends_with(".jsonl")) {
      source.ignored.push_back(shown);
      continue;
    }
    const std::string text = without_nan(read_file(file.string(), kMostBytes));
    if (trim(text).empty()) throw Error("file", "there is nothing in it", file.string(), "remove it, or write it anew");
    if (is_lines(text, file.string())) {
      PeerSource lines;
      lines.name = file.string();
      read_lines(text, lines);
      for (PeerPart& part : lines.parts) {
        // Packed files say once what single ones say each.
        if (part.value.is_object() && !part.value.contains("condition_keys") && !lines.condition_keys.is_null()) {
          part.value["condition_keys"] = lines.condition_keys;
        }
        source.parts.push_back(std::move(part));
      }
      continue;
    }
    Json value = parse_json(text, file.string(), large_json(), nullptr);
    if (item_mechanism(value).empty()) {
      source.ignored.push_back(shown);
    } else {
      source.parts.push_back({file.string(), std::move(value)});
    }
  }
  if (source.parts.empty()) {
    throw Error("file", "no item is in this folder" + (files.empty() ? std::string(", it is empty") : std::string()),
                path.string(), "items are JSON objects with tvd_mi_matrix, win_matrix or combined_avgs");
  }
}

}  // namespace

std::string_view to_text(PeerForm form) { return kForms[static_cast<std::size_t>(form)]; }

std::string item_mechanism(const Json& value) {
  if (!value.is_object()) return {};
  if (value.contains("tvd_mi_matrix")) return "tvd_mi";
  if (value.contains("win_matrix") && value.contains("with_context") && value["with_context"].is_boolean()) {
    return value["with_context"].get<bool>() ? "judge_with_context" : "judge_without_context";
  }
  if ((value.contains("combined_avgs") && value.contains("gppm")) || value.contains("logp_cond")) return "log";
  return {};
}

PeerSource read_peer_source(const Source& from, const std::string& format) {
  PeerSource source;
  source.name = from.name;
  source.folder = from.embedded ? fs::path() : from.path.parent_path();
  std::error_code problem;
  if (!from.embedded && fs::is_directory(from.path, problem)) {
    read_folder(from.path, source);
  } else {
    const std::string text =
        from.embedded ? std::string(*from.embedded) : without_nan(read_file(from.path.string(), kMostBytes));
    refuse_archive(text, from.name);
    if (is_lines(text, from.name)) {
      read_lines(text, source);
    } else {
      Json value = read_one(text, from.name);
      source.form = form_of(value, from.name);
      if (source.form == PeerForm::items || source.form == PeerForm::comparisons) {
        source.parts.push_back({from.name, std::move(value)});
      } else {
        source.value = std::move(value);
      }
    }
  }
  if (!format.empty() && format != to_text(source.form)) {
    throw Error("usage", "format=" + format + ", but it holds " + std::string(to_text(source.form)), from.name,
                "leave format= out: it is told by content");
  }
  return source;
}

}  // namespace assay
