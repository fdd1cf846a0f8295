#include "experiments/debate/imported.hpp"

#include <algorithm>
#include <memory>

#include "core/model/context_text.hpp"
#include "core/text/error.hpp"
#include "core/text/hash.hpp"
#include "core/text/input.hpp"
#include "core/text/words.hpp"

namespace assay {
namespace {

/// Files of others are one object, however many debates: more than parse_json takes by default.
constexpr JsonLimits kFileLimits{200, std::size_t{1} << 30, 50'000'000};

constexpr const char* kMark = "imported";

std::string context_hash(const std::vector<ContextMessage>& context) { return to_hex(xxh3_64(context_text(context))); }

}  // namespace

Json read_document(const Source& source, std::vector<std::string>& warnings) {
  std::unique_ptr<InputBytes> input;
  if (source.embedded) {
    input = std::make_unique<InputText>(*source.embedded, source.name);
  } else {
    input = std::make_unique<InputFile>(source.path.string());
  }
  const std::string text = read_all(*input, kFileLimits.max_bytes);
  JsonOptions options;
  options.limits = kFileLimits;
  options.allow_repeated_keys = true;
  JsonNotes notes;
  Json document = parse_json(text, input->name(), options, &notes);
  if (notes.repeated_keys > 0) {
    warnings.push_back(source.name + ": " + counted(notes.repeated_keys, "key stands", "keys stand") +
                       " in it twice; the last one counts");
  }
  if (notes.lone_surrogates > 0) {
    warnings.push_back(source.name + ": " +
                       counted(notes.lone_surrogates, "half of a character", "halves of characters") +
                       " read as U+FFFD");
  }
  return document;
}

std::vector<ContextMessage> flat_context(const Json& chats, bool judged, const std::string& place) {
  const auto refuse = [&](const std::string& what, const std::string& expected) {
    throw Error("data", what + ", expected " + expected, place);
  };
  if (!chats.is_array()) refuse("the chats are no list", "a list with one chat for each agent");
  struct Placed {
    std::uint32_t round;
    ContextMessage message;
  };
  std::vector<Placed> all;
  for (std::size_t agent = 0; agent < chats.size(); ++agent) {
    const Json& chat = chats[agent];
    if (!chat.is_array()) refuse("the chat of agent " + std::to_string(agent) + " is no list", "a list of messages");
    const auto from_user = [&](std::size_t i) {
      return i < chat.size() && chat[i].is_object() && chat[i].value("role", Json()) == "user";
    };
    const bool opening = judged && agent + 1 == chats.size() && from_user(0) && from_user(1);
    std::uint32_t round = 0;
    for (std::size_t i = 0; i < chat.size(); ++i) {
      const Json& message = chat[i];
      const bool whole =
          message.is_object() && message.contains("content") && message.contains("role") && message["role"].is_string();
      if (!whole) {
        refuse("message " + std::to_string(i + 1) + " of agent " + std::to_string(agent) + " is none",
               R"({"role","content"})");
      }
      if (from_user(i) && !(opening && i == 0)) ++round;
      all.push_back(
          {round, {message["role"].get<std::string>(), message["content"], Json{{"agent", agent}, {"round", round}}}});
    }
  }
  // Chats were taken agent by agent: within a round that order stays.
  std::stable_sort(all.begin(), all.end(), [](const Placed& a, const Placed& b) { return a.round < b.round; });
  std::vector<ContextMessage> context;
  context.reserve(all.size());
  for (Placed& one : all) context.push_back(std::move(one.message));
  return context;
}

void mark_imported(ImportedDebate& debate, Json more) {
  Json mark{{"agents", debate.agents}, {"context", context_hash(debate.context)}};
  if (more.is_object()) mark.update(more);
  debate.item.extra[kMark] = std::move(mark);
}

const Json* imported_mark(const Json& data) {
  if (!data.is_object()) return nullptr;
  const auto mark = data.find(kMark);
  return mark != data.end() && mark->is_object() ? &*mark : nullptr;
}

bool is_as_imported(const Json& data, const std::vector<ContextMessage>& context) {
  const Json* mark = imported_mark(data);
  return mark != nullptr && mark->value("context", std::string()) == context_hash(context);
}

std::size_t agent_count(const BatchInfo& batch, const Json& data, const Transcript& transcript) {
  std::size_t agents = 0;
  const auto number = [](const Json& object, const char* key) -> std::size_t {
    if (!object.is_object() || !object.contains(key) || !object[key].is_number_integer()) return 0;
    return static_cast<std::size_t>(std::clamp<std::int64_t>(object[key].get<std::int64_t>(), 0, 1000));
  };
  if (const Json* mark = imported_mark(data)) {
    agents = number(*mark, "agents");
  } else if (batch.pinned.is_object() && batch.pinned.contains("agents") && batch.pinned["agents"].is_array()) {
    agents = batch.pinned["agents"].size();
  } else {
    agents = number(batch.params, "agents");
  }
  return std::max(agents, transcript.agents());
}

}  // namespace assay
