#include "runners/prompt/prompt_file.hpp"

#include <algorithm>
#include <array>

#include "core/text/hash.hpp"
#include "runners/prompt/fault.hpp"
#include "runners/yaml/yaml.hpp"

namespace assay {
namespace {

constexpr std::array<std::string_view, 15> kKnownKeys = {
    "name",       "template",  "messages",    "description",   "version",
    "autoescape", "undefined", "trim_blocks", "lstrip_blocks", "keep_trailing_newline",
    "defaults",   "variables", "extract",     "stop_words",    "system"};

class Loader {
 public:
  Loader(const YamlNode& root, PromptFile& file) : root_(root), file_(file) {}

  void run(const PromptOverrides& overrides) {
    if (root_.kind != YamlNode::Kind::map) refuse(root_, "a prompt file is a mapping of keys");
    file_.name = text("name").value_or("");
    if (file_.name.empty()) refuse(root_, "the key name is missing or empty");
    file_.description = text("description").value_or("");
    file_.version = text("version").value_or("");
    file_.extract = text("extract");
    file_.system = text("system");
    file_.stop_words = texts("stop_words");
    file_.declared = texts("variables");
    read_options(overrides);
    if (const YamlNode* defaults = root_.find("defaults")) {
      if (defaults->kind != YamlNode::Kind::map) refuse(*defaults, "defaults must be a mapping");
      file_.defaults = yaml_to_json(*defaults);
    }
    read_templates();
    check_variables();
    warn_of_other_keys();
  }

 private:
  [[noreturn]] void refuse(const YamlNode& node, const std::string& message, const std::string& hint = {}) const {
    throw Error("yaml", message, file_.place + ":" + std::to_string(node.line) + ":" + std::to_string(node.column),
                hint);
  }

  std::optional<std::string> text(const std::string& key) const {
    const YamlNode* node = root_.find(key);
    if (node == nullptr) return std::nullopt;
    return text_of(*node, key);
  }

  std::string text_of(const YamlNode& node, const std::string& key) const {
    if (node.kind == YamlNode::Kind::map) {
      refuse(node, key + " must be a text, not a mapping",
             "a value that begins with { must stand in quotes or in a block:\n" + key + ": |\n  {{ x }}");
    }
    if (node.kind != YamlNode::Kind::scalar) refuse(node, key + " must be a text, not a list");
    return node.text;
  }

  std::optional<std::vector<std::string>> texts(const std::string& key) const {
    const YamlNode* node = root_.find(key);
    if (node == nullptr) return std::nullopt;
    if (node->kind != YamlNode::Kind::list) refuse(*node, key + " must be a list of texts");
    std::vector<std::string> out;
    for (const YamlNode& item : node->items) out.push_back(text_of(item, key));
    return out;
  }

  bool flag(const std::string& key) const {
    const YamlNode* node = root_.find(key);
    if (node == nullptr) return false;
    const Json value = yaml_to_json(*node);
    if (!value.is_boolean()) refuse(*node, key + " must be true or false");
    return value.get<bool>();
  }

  void read_options(const PromptOverrides& overrides) {
    TemplateOptions& options = file_.options;
    options.name = file_.name;
    options.limits = overrides.limits;
    options.autoescape = overrides.autoescape.value_or(flag("autoescape"));
    options.trim_blocks = flag("trim_blocks");
    options.lstrip_blocks = flag("lstrip_blocks");
    options.keep_trailing_newline = flag("keep_trailing_newline");
    const std::string undefined = text("undefined").value_or("strict");
    if (undefined != "strict" && undefined != "lenient") {
      refuse(*root_.find("undefined"), "undefined must be strict or lenient");
    }
    options.strict = overrides.strict.value_or(undefined == "strict");
  }

  void read_templates() {
    const YamlNode* single = root_.find("template");
    const YamlNode* several = root_.find("messages");
    if (single != nullptr && several != nullptr) refuse(*several, "template and messages exclude each other");
    if (single == nullptr && several == nullptr) refuse(root_, "the key template (or messages) is missing");
    if (single != nullptr) {
      add_message("user", *single);
      return;
    }
    if (several->kind != YamlNode::Kind::list || several->items.empty()) {
      refuse(*several, "messages must be a list of {role, template}");
    }
    for (const YamlNode& item : several->items) {
      if (item.kind != YamlNode::Kind::map) refuse(item, "a message is a mapping of role and template");
      for (const auto& entry : item.entries) {
        if (entry.key.text != "role" && entry.key.text != "template") {
          refuse(entry.key, "a message has no key " + entry.key.text);
        }
      }
      const YamlNode* role = item.find("role");
      const YamlNode* content = item.find("template");
      if (role == nullptr || content == nullptr) refuse(item, "a message needs role and template");
      const std::string word = text_of(*role, "role");
      if (word != "system" && word != "user" && word != "assistant") {
        refuse(*role, "role must be system, user or assistant");
      }
      add_message(word, *content);
    }
  }

  void add_message(const std::string& role, const YamlNode& node) {
    const std::string source = text_of(node, "template");
    if (source.empty()) refuse(node, "the template is empty");
    try {
      file_.messages.push_back({role, Template::parse(source, file_.options)});
    } catch (const TemplateError& error) {
      const auto first = line_before_block(file_.text, node);
      const std::string where =
          first ? " (line " + std::to_string(*first + error.line()) + " of " + file_.place + ")" : "";
      std::string advice = error.hint().substr(std::min(error.excerpt().size() + 1, error.hint().size()));
      throw TemplateError(error.kind(), error.message() + where, error.prompt(), error.line(), error.column(),
                          error.excerpt(), advice);
    }
  }

  void check_variables() {
    if (!file_.declared) return;
    for (const PromptMessage& message : file_.messages) {
      for (const std::string& name : message.content->variables()) {
        const auto& declared = *file_.declared;
        if (std::find(declared.begin(), declared.end(), name) != declared.end() || file_.defaults.contains(name))
          continue;
        std::string known;
        for (const std::string& other : declared) known += (known.empty() ? "" : ", ") + other;
        const auto [line, column] = place_of(message.content->source(), name);
        throw TemplateError("undefined", "the variable " + name + " is neither in variables nor in defaults",
                            file_.name, line, column, "", "variables: " + known);
      }
    }
  }

  /// Where a name first stands as a word within a tag: line and column.
  static std::pair<std::size_t, std::size_t> place_of(const std::string& source, const std::string& name) {
    const auto is_part = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
    for (std::size_t at = 0; (at = source.find(name, at)) != std::string::npos; ++at) {
      const bool word = (at == 0 || (!is_part(source[at - 1]) && source[at - 1] != '.')) &&
                        (at + name.size() >= source.size() || !is_part(source[at + name.size()]));
      const std::size_t open = std::max(source.rfind("{{", at) + 1, source.rfind("{%", at) + 1);
      const std::size_t shut = std::max(source.rfind("}}", at) + 1, source.rfind("%}", at) + 1);
      if (!word || open <= shut) continue;
      const auto end = source.begin() + static_cast<std::ptrdiff_t>(at);
      const auto line = static_cast<std::size_t>(std::count(source.begin(), end, '\n')) + 1;
      const std::size_t begin =
          at == 0 || source.rfind('\n', at - 1) == std::string::npos ? 0 : source.rfind('\n', at - 1) + 1;
      const auto column = std::count_if(source.begin() + static_cast<std::ptrdiff_t>(begin), end,
                                        [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; });
      return {line, static_cast<std::size_t>(column) + 1};
    }
    return {1, 1};
  }

  void warn_of_other_keys() {
    std::string others;
    for (const auto& entry : root_.entries) {
      const std::string& key = entry.key.text;
      if (std::find(kKnownKeys.begin(), kKnownKeys.end(), key) == kKnownKeys.end()) {
        others += (others.empty() ? "" : ", ") + key;
      }
    }
    if (!others.empty()) file_.warnings.push_back("keys without a meaning here: " + others);
  }

  const YamlNode& root_;
  PromptFile& file_;
};

}  // namespace

std::vector<std::string> PromptFile::variables() const {
  std::vector<std::string> used;
  for (const PromptMessage& message : messages) {
    for (const std::string& word : message.content->variables()) {
      if (!defaults.contains(word) && std::find(used.begin(), used.end(), word) == used.end()) used.push_back(word);
    }
  }
  return used;
}

std::vector<RenderedMessage> PromptFile::render(const prompt::Value& context, RandomSource& random) const {
  std::vector<RenderedMessage> out;
  for (const PromptMessage& message : messages) {
    out.push_back({message.role, message.content->render(context, default_values_, random)});
  }
  return out;
}

PromptFile load_prompt(std::string yaml_text, std::string place, const PromptOverrides& overrides) {
  PromptFile file;
  file.place = std::move(place);
  file.text = std::move(yaml_text);
  file.hash = to_hex(xxh3_128(file.text)).substr(0, 12);
  YamlLimits limits;
  limits.max_bytes = overrides.limits.max_template;
  YamlNode root;
  try {
    root = parse_yaml(file.text, file.place, limits);
  } catch (const Error& error) {
    if (!error.hint().empty() || error.kind() != "yaml" || file.text.find(": {{") == std::string::npos) throw;
    throw Error(error.kind(), error.message(), error.place(),
                "a value that begins with {{ must stand in quotes or in a block:\ntemplate: |\n  {{ x }}");
  }
  Loader(root, file).run(overrides);
  file.default_values_ = prompt::from_json(file.defaults);
  return file;
}

}  // namespace assay
