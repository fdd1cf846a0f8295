#include "experiments/discussion/document.hpp"

#include <algorithm>

#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/words.hpp"
#include "experiments/discussion/prompt_forms.hpp"
#include "experiments/discussion/result_file.hpp"
#include "runners/yaml/yaml.hpp"

namespace assay {
namespace {

constexpr std::size_t kMostConfigNodes = 100'000;

void find_lines(const YamlNode& node, const std::string& path, ConfigDocument& document) {
  for (const auto& [key, value] : node.entries) {
    const std::string here = path.empty() ? key.text : path + "." + key.text;
    document.lines[here] = key.line;
    if (value.kind == YamlNode::Kind::scalar && value.plain) document.written[here] = value.text;
    find_lines(value, here, document);
  }
}

bool is_persona(const Json& value) {
  if (!value.is_object()) return false;
  const auto& fields = persona_fields();
  return value.contains("intent") ||
         std::any_of(fields.begin(), fields.end(), [&](const std::string& field) { return value.contains(field); });
}

}  // namespace

std::size_t ConfigDocument::line_of(const std::string& key) const {
  const auto found = lines.find(key);
  return found == lines.end() ? 0 : found->second;
}

std::string read_source_text(const Source& source) {
  return source.embedded ? std::string(*source.embedded) : read_file(source.path.string());
}

ConfigDocument read_document(const std::string& text, const std::string& place) {
  const std::string clean = normalize_yaml(text);
  const auto first = clean.find_first_not_of(" \t\n\f\v");
  if (first == std::string::npos) {
    throw Error("file", text.empty() ? "the file is empty (0 bytes)" : "the file holds nothing but blanks", place,
                "skip_bad=true leaves such files of a results folder out");
  }
  ConfigDocument document;
  YamlLimits limits;
  limits.max_nodes = kMostConfigNodes;
  std::vector<YamlRepeatedKey> repeated;
  const auto lines_of = [&](const YamlNode& node) {
    find_lines(node, "", document);
    for (const YamlRepeatedKey& key : repeated) {
      std::vector<std::string> at;
      for (const std::size_t line : key.lines) at.push_back(std::to_string(line));
      document.repeated.push_back(key.key + " (lines " + joined(at, ", ") + ")");
    }
  };
  if (clean[first] != '{' && clean[first] != '[') {
    const YamlNode node = parse_yaml(clean, place, limits, &repeated);
    document.value = yaml_to_json(node);
    lines_of(node);
    return document;
  }
  JsonOptions options;
  options.allow_repeated_keys = true;
  JsonNotes notes;
  std::optional<Error> refused;
  try {
    document.value = parse_json(clean, place, options, &notes);
  } catch (const Error& error) {
    refused = error;
  }
  // Lists are personas or nothing; what JSON refuses may be a flow mapping of YAML.
  if (clean[first] == '{' && clean.size() <= limits.max_bytes) {
    try {
      const YamlNode node = parse_yaml(clean, place, limits, &repeated);
      if (refused) document.value = yaml_to_json(node);
      lines_of(node);
      return document;
    } catch (const Error&) {
      document.lines.clear();
    }
  }
  if (refused) throw *refused;
  if (notes.repeated_keys > 0) document.repeated.push_back(counted(notes.repeated_keys, "key", "keys"));
  return document;
}

std::optional<SourceShape> shape_of(const Json& value) {
  const auto has = [&](const char* key) { return value.contains(key); };
  if (value.is_array()) {
    const bool personas = std::all_of(value.begin(), value.end(), is_persona);
    return personas ? std::optional(SourceShape::personas) : std::nullopt;
  }
  if (!value.is_object()) return std::nullopt;
  if (has("assay_design")) return SourceShape::design;
  if (const ResultShape result = result_shape(value); result != ResultShape::none) {
    return result == ResultShape::annotation ? SourceShape::annotation_result : SourceShape::discussion_result;
  }
  if (has("discussions") || has("generate_conv_configs")) return SourceShape::configuration;
  if (has("user_names") && has("user_attributes")) return SourceShape::generated;
  if (has("turn_manager_type") && has("conv_len") && !has("user_names")) return SourceShape::configuration;
  if (has("attributes") && has("include_moderator_comments")) return SourceShape::annotator;
  if (is_persona(value)) return SourceShape::personas;
  return std::nullopt;
}

Generation generation_of(const Json& configuration) {
  const auto has = [&](const char* key) { return configuration.contains(key); };
  if (has("user_names")) return has("seed_opinion") ? Generation::g1 : Generation::g0;
  if (has("discussions")) {
    if (has("model_parameters")) return Generation::g2;
    return has("discussion_model") && !has("model") ? Generation::g4 : Generation::g3;
  }
  if (has("generate_conv_configs") || has("attributes")) return Generation::g1;
  return Generation::g0;
}

ReadSource read_source(const Source& source) {
  std::error_code none;
  ReadSource read;
  if (!source.embedded && std::filesystem::is_directory(source.path, none)) {
    read.shape = SourceShape::folder;
    return read;
  }
  ConfigDocument document = read_document(read_source_text(source), source.name);
  const auto shape = shape_of(document.value);
  if (!shape) {
    throw Error("file",
                "nothing that is known; looked for: discussions with model_parameters, model or discussion_model; "
                "generate_conv_configs; turn_manager_type with conv_len; user_names with user_attributes; attributes "
                "with include_moderator_comments; personas (" +
                    joined(persona_fields(), ", ") + "); logs with users or prompt; logs with conv_id; assay_design",
                source.name);
  }
  read.shape = *shape;
  read.generation = generation_of(document.value);
  read.value = std::move(document.value);
  return read;
}

}  // namespace assay
