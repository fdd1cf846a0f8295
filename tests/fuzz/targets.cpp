#include "tests/fuzz/targets.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/text/error.hpp"
#include "core/text/json.hpp"
#include "experiments/qa/parquet.hpp"
#include "runners/llm/batch_line.hpp"
#include "runners/llm/hints.hpp"
#include "runners/llm/models_file.hpp"
#include "runners/llm/names.hpp"
#include "runners/llm/provider.hpp"
#include "runners/llm/secret.hpp"
#include "runners/llm/sse.hpp"

namespace assay::fuzz {
namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

std::uint8_t take_byte(std::string_view& bytes) {
  if (bytes.empty()) return 0;
  const auto first = static_cast<std::uint8_t>(bytes.front());
  bytes.remove_prefix(1);
  return first;
}

template <typename Parser>
std::vector<std::string> events(std::string_view bytes, std::size_t piece) {
  std::vector<std::string> out;
  Parser parser([&](const StreamEvent& event) { out.push_back(event.type + "\n" + event.data); }, 1U << 16);
  while (!bytes.empty()) {
    const std::size_t length = std::min(piece, bytes.size());
    if (!parser.feed(bytes.substr(0, length))) break;
    bytes.remove_prefix(length);
  }
  parser.finish();
  return out;
}

std::string told(const tl::expected<ChatReply, CallError>& outcome) {
  if (!outcome) return "error " + outcome.error().name();
  return outcome->text + "\n" + outcome->reasoning + "\n" + std::string(to_text(outcome->stop)) + "\n" +
         std::to_string(outcome->usage ? outcome->usage->out.value_or(-1) : -2);
}

ModelEntry entry_of(std::size_t which) {
  static constexpr std::array<std::array<const char*, 2>, 12> kProviders = {{{"openai", "openai"},
                                                                             {"azure", "azure"},
                                                                             {"anthropic", "anthropic"},
                                                                             {"cohere", "cohere"},
                                                                             {"together", "together"},
                                                                             {"gemini", "gemini"},
                                                                             {"ollama", "ollama"},
                                                                             {"llama", "llama"},
                                                                             {"openrouter", "openai"},
                                                                             {"groq", "openai"},
                                                                             {"deepinfra", "openai"},
                                                                             {"vllm", "openai"}}};
  const auto& row = kProviders[which % kProviders.size()];
  ModelEntry entry;
  entry.provider = row[0];
  entry.type = row[1];
  entry.model = "m";
  entry.name = entry.provider + "/m";
  entry.api = which >= 128 ? "v1" : "v2";
  return entry;
}

}  // namespace

void sse(std::string_view bytes) {
  const std::size_t piece = take_byte(bytes) + 1U;
  require(events<SseParser>(bytes, bytes.size() + 1) == events<SseParser>(bytes, piece), "events of any split");
  require(events<JsonLinesParser>(bytes, bytes.size() + 1) == events<JsonLinesParser>(bytes, piece),
          "lines of any split");
}

void replies(std::string_view bytes) {
  const ModelEntry entry = entry_of(take_byte(bytes));
  const std::uint8_t how = take_byte(bytes);
  const Provider* provider = find_provider(entry.type);
  require(provider != nullptr, "every provider of the list is built in");
  const auto whole = provider->parse(bytes, entry, true);
  if (whole) {
    require(!whole->usage || whole->usage->out.value_or(0) >= 0, "no negative usage");
    require(told(provider->parse(bytes, entry, true)) == told(whole), "the same bytes read the same");
  }
  // What is whole when cut was whole before it was cut.
  if (provider->parse(bytes, entry, false)) require(whole.has_value(), "a cut reply is never better than a whole one");
  const CallError error = provider->classify(400 + how, parse_json_lenient(bytes).value_or(Json()), entry);
  require(!error.name().empty(), "an error has a kind");

  std::string at_once, in_pieces;
  for (const std::size_t piece : {bytes.size() + 1, static_cast<std::size_t>(how % 64 + 1)}) {
    const auto stream = provider->open_stream(entry);
    for (std::string_view rest = bytes; !rest.empty();) {
      const std::size_t length = std::min(piece, rest.size());
      stream->feed(rest.substr(0, length));
      rest.remove_prefix(length);
    }
    (piece > bytes.size() ? at_once : in_pieces) = told(stream->finish());
  }
  require(at_once == in_pieces || bytes.size() < static_cast<std::size_t>(how % 64 + 1), "streams of any split");
}

void headers(std::string_view bytes) {
  std::vector<Header> list;
  while (!bytes.empty()) {
    const std::string_view line = bytes.substr(0, bytes.find('\n'));
    bytes.remove_prefix(std::min(bytes.size(), line.size() + 1));
    if (line.empty()) break;
    const std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos) continue;
    list.push_back({std::string(line.substr(0, colon)), std::string(line.substr(colon + 2)), ""});
  }
  const Json document = parse_json_lenient(bytes).value_or(Json());
  const double now_s = 1'750'000'000;
  if (const auto hint = find_wait_hint(list, document, now_s)) {
    require(std::isfinite(hint->wait_ms) && hint->wait_ms >= 0, "a wait is a time");
  }
  for (const char* vendor : {"openai", "anthropic", "together", "groq", "cohere", "openrouter"}) {
    for (const LimitHeader& limit : read_limit_headers(vendor, list, now_s)) {
      require(std::isfinite(limit.limit) && limit.limit > 0 && std::isfinite(limit.remaining) && limit.window_s > 0,
              "a limit is a number");
      require(!limit.reset_ms || (std::isfinite(*limit.reset_ms) && *limit.reset_ms >= 0), "a reset is a time");
    }
  }
}

void models_yaml(std::string_view bytes) {
  ModelsConfig config;
  try {
    config = parse_models_text(bytes, "models.yaml", "");
    check_references(config);
  } catch (const Error& error) {
    require(!error.message().empty(), "a refusal says why");
    return;
  }
  std::vector<std::string> names;
  for (const auto& [alias, fields] : config.models) {
    if (fields.contains("key_file")) return;  // files of this machine are not to be read
    names.push_back(alias);
  }
  for (const auto& [provider, fields] : config.providers) {
    if (fields.contains("key_file")) return;
  }
  SecretStore secrets;
  const ModelRegistry registry([](std::string_view) { return std::optional<std::string>(); }, secrets, config);
  for (const std::string& name : names) {
    try {
      const ModelHandle entry = registry.entry(name);
      const Json pinned = to_json(*entry);
      require(to_json(*model_from_json(pinned)) == pinned, "a pinned entry comes back as it was");
    } catch (const Error&) {
      continue;
    }
  }
}

void batch_line(std::string_view bytes) {
  const ModelEntry entry = entry_of(take_byte(bytes));
  using Action = BatchOutcome::Action;
  const BatchOutcome known = read_batch_line(bytes, [&](const std::string&) { return &entry; });
  require(known.action != Action::answered || known.reply.has_value(), "an answer has a reply");
  require(known.action != Action::failed || known.error.has_value(), "a failure has an error");
  require(known.action != Action::skipped || !known.why.empty(), "a line left out has a reason");
  const BatchOutcome unknown = read_batch_line(bytes, [](const std::string&) { return nullptr; });
  require(unknown.action == Action::skipped, "nobody waits for it");
  batch_call_of("0123456789abcdef", bytes);
}

void parquet(std::string_view bytes) {
  std::uint64_t last = 0;
  try {
    read_parquet(bytes, "file", [&](Json&& row, std::uint64_t number) {
      require(row.is_object() && number == ++last, "rows come in order");
    });
  } catch (const Error& error) {
    require(error.kind() == "data" && !error.message().empty() && !error.hint().empty(), "a refusal says why");
  }
}

}  // namespace assay::fuzz
