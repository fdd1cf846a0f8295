#include "runners/prompt/template.hpp"

#include <algorithm>

#include "core/text/utf8.hpp"
#include "runners/prompt/evaluator.hpp"
#include "runners/prompt/parser.hpp"

namespace assay {
namespace {

using prompt::Fault;

constexpr std::size_t kExcerptColumns = 160;

[[noreturn]] void raise(const Fault& fault, const std::string& source, const std::string& name) {
  const std::size_t offset = std::min(fault.offset, source.size());
  const std::string_view before = std::string_view(source).substr(0, offset);
  const auto line = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')) + 1;
  const std::size_t begin = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  const std::size_t column = count_code_points(before.substr(begin)) + 1;
  std::string_view text = std::string_view(source).substr(begin, source.find('\n', begin) - begin);
  std::size_t shown_column = column;
  if (text.size() > kExcerptColumns) {
    // The part of a long line around the place, cut between code points.
    std::size_t from = offset - begin > kExcerptColumns / 2 ? offset - begin - kExcerptColumns / 2 : 0;
    while (from > 0 && (static_cast<unsigned char>(text[from]) & 0xC0) == 0x80) --from;
    std::size_t to = std::min(text.size(), from + kExcerptColumns);
    while (to < text.size() && (static_cast<unsigned char>(text[to]) & 0xC0) == 0x80) ++to;
    shown_column = count_code_points(text.substr(from, offset - begin - from)) + 1;
    text = text.substr(from, to - from);
  }
  const std::string excerpt = std::string(text) + "\n" + std::string(shown_column - 1, ' ') + "^";
  throw TemplateError(fault.kind, fault.message, name, line, column, excerpt, fault.advice);
}

}  // namespace

Template::Template(std::unique_ptr<prompt::ParsedTemplate> parsed, TemplateOptions options)
    : parsed_(std::move(parsed)), options_(std::move(options)), variables_(prompt::find_free_names(*parsed_)) {}

Template::~Template() = default;

const std::string& Template::source() const { return parsed_->source; }

std::shared_ptr<const Template> Template::parse(std::string text, TemplateOptions options) {
  if (!is_valid_utf8(text)) text = repair_utf8(text);
  auto parsed = std::make_unique<prompt::ParsedTemplate>();
  parsed->source = prompt::normalize_source(text, options.keep_trailing_newline);
  try {
    if (text.size() > options.limits.max_template) {
      prompt::fail(
          "limit",
          "the template has more than " + std::to_string(options.limits.max_template) + " bytes (prompt.max_template)",
          0);
    }
    const prompt::LexerOptions lexing{options.trim_blocks, options.lstrip_blocks, options.keep_trailing_newline};
    prompt::parse_template(*parsed, lexing, options.limits);
  } catch (const Fault& fault) {
    raise(fault, parsed->source, options.name);
  }
  return std::shared_ptr<const Template>(new Template(std::move(parsed), std::move(options)));
}

std::string Template::render(const prompt::Value& context, RandomSource& random) const {
  return render(context, prompt::Value(), random);
}

std::string Template::render(const prompt::Value& context, const prompt::Value& fallbacks, RandomSource& random) const {
  prompt::Runtime runtime(options_.limits, options_.strict, options_.autoescape, random);
  try {
    prompt::Evaluator evaluator(*parsed_, runtime, context, fallbacks);
    return evaluator.run();
  } catch (Fault& fault) {
    if (fault.offset == prompt::kNoOffset) fault.offset = runtime.here();
    if (fault.kind == "undefined" && fault.advice.empty()) {
      for (const prompt::Value* map : {&context, &fallbacks}) {
        if (!map->is_map()) continue;
        for (const auto& entry : map->as_map().entries) {
          fault.advice += (fault.advice.empty() ? "variables here: " : ", ") + entry.first.as_text();
          if (fault.advice.size() > 500) break;
        }
      }
    }
    raise(fault, parsed_->source, options_.name);
  }
}

}  // namespace assay
